//! Which crate may know which: the arrows of ARCHITECTURE.md, as `cargo metadata` sees them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::Value;
use std::{collections::BTreeSet, process::Command};

/// What each crate's own code may use of the workspace; its tests may use more. A new edge belongs here only with a
/// reason in its commit.
const KNOWS: [(&str, &[&str]); 25] = [
    ("stepladder-asl", &[]),
    ("stepladder-codes", &[]),
    ("stepladder-graph", &["stepladder-asl"]),
    ("stepladder-engine", &["stepladder-asl"]),
    ("stepladder-items", &[]),
    // Parquet is larger than all the other formats, so that only who asks for it links it.
    ("stepladder-parquet", &["stepladder-items"]),
    ("stepladder-protocol", &["stepladder-asl", "stepladder-engine", "stepladder-items"]),
    ("stepladder-aws", &["stepladder-engine", "stepladder-parquet", "stepladder-protocol"]),
    (
        "stepladder-api",
        &[
            "stepladder-asl",
            "stepladder-codes",
            "stepladder-engine",
            "stepladder-graph",
            "stepladder-protocol",
        ],
    ),
    ("stepladder-local", &[]),
    ("stepladder", &["stepladder-aws", "stepladder-protocol"]),
    ("data-import", &["stepladder"]),
    ("data-pipeline", &["stepladder"]),
    ("employee-onboarding", &["stepladder"]),
    ("order-processing", &["stepladder"]),
    ("user-registration", &["stepladder"]),
    ("stepladder-system", &["stepladder", "stepladder-api"]),
    (
        "stepladder-cli",
        &[
            "stepladder-api",
            "stepladder-asl",
            "stepladder-aws",
            "stepladder-codes",
            "stepladder-engine",
            "stepladder-graph",
            "stepladder-infra",
            "stepladder-local",
            "stepladder-protocol",
        ],
    ),
    ("stepladder-infra", &[]),
    ("stepladder-conformance", &[]),
    (
        "stepladder-simulation",
        &["stepladder-asl", "stepladder-engine", "stepladder-parquet", "stepladder-protocol"],
    ),
    (
        "stepladder-tests",
        &[
            "stepladder",
            "stepladder-asl",
            "stepladder-aws",
            "stepladder-engine",
            "stepladder-local",
            "stepladder-protocol",
            "stepladder-simulation",
        ],
    ),
    (
        "stepladder-bench",
        &[
            "stepladder",
            "stepladder-asl",
            "stepladder-aws",
            "stepladder-engine",
            "stepladder-local",
            "stepladder-protocol",
        ],
    ),
    (
        "stepladder-cost",
        &[
            "stepladder",
            "stepladder-asl",
            "stepladder-aws",
            "stepladder-engine",
            "stepladder-local",
            "stepladder-protocol",
        ],
    ),
    (
        "stepladder-aws-tests",
        &[
            "stepladder",
            "stepladder-asl",
            "stepladder-aws",
            "stepladder-engine",
            "stepladder-protocol",
            "stepladder-tests",
        ],
    ),
];

/// The crates that call no AWS service, and so may use no crate of the AWS SDK.
const WITHOUT_AWS: [&str; 12] = [
    "stepladder-asl",
    "stepladder-codes",
    "stepladder-graph",
    "stepladder-engine",
    "stepladder-items",
    "stepladder-parquet",
    "stepladder-protocol",
    "stepladder-api",
    "stepladder-local",
    "stepladder-infra",
    "stepladder-conformance",
    "stepladder-simulation",
];

/// A package of the workspace, and what its own code depends on.
struct Package {
    name: String,
    dependencies: BTreeSet<String>,
}

fn packages() -> Vec<Package> {
    let answer = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let metadata: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let package = |package: &Value| Package {
        name: name(package),
        dependencies: package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            // `kind` is null, "dev" or "build".
            .filter(|dependency| dependency["kind"] != "dev")
            .map(name)
            .collect(),
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn a_crate_knows_only_what_lies_below_it() {
    let packages = packages();
    let members: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let listed: BTreeSet<&str> = KNOWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, listed, "the list above names every crate of the workspace, and no other");
    for package in &packages {
        let (_, may) = KNOWS.iter().find(|(name, _)| *name == package.name).unwrap();
        let known: BTreeSet<&str> =
            package.dependencies.iter().map(String::as_str).filter(|name| members.contains(name)).collect();
        let may: BTreeSet<&str> = may.iter().copied().collect();
        let more: Vec<_> = known.difference(&may).collect();
        assert!(more.is_empty(), "{} must not depend on {more:?}", package.name);
        let fewer: Vec<_> = may.difference(&known).collect();
        assert!(fewer.is_empty(), "{} does not depend on {fewer:?} any more: strike it off", package.name);
    }
}

#[test]
fn only_those_who_name_an_aws_service_use_its_sdk() {
    for package in packages().iter().filter(|package| WITHOUT_AWS.contains(&package.name.as_str())) {
        let aws =
            package.dependencies.iter().find(|name| name.starts_with("aws-") || *name == "lambda_runtime");
        assert_eq!(aws, None, "{}", package.name);
    }
}

/// How many functions of each crate are in a program: what nothing calls is left out of it, also in a debug build.
fn functions_of(program: &str, crates: &[&str]) -> Vec<usize> {
    let answer = Command::new("nm").arg(program).output().expect("nm, of binutils, as the linker is");
    let symbols = String::from_utf8_lossy(&answer.stdout).into_owned();
    crates.iter().map(|name| symbols.lines().filter(|symbol| symbol.contains(name)).count()).collect()
}

#[test]
fn a_step_holds_no_client_that_it_never_calls() {
    let crates = ["aws_sdk_dynamodb", "aws_sdk_scheduler", "aws_sdk_eventbridge", "aws_sdk_lambda"];
    let found = functions_of(env!("CARGO_BIN_EXE_test-step"), &crates);
    assert!(found[0] > 100, "the program has no symbols");
    assert_eq!(found[1..3], [0, 0], "of {crates:?}");
    // How to drop a client that was never made.
    assert!(found[3] < 20, "{} functions of {}", found[3], crates[3]);
}
