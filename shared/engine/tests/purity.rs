//! The language and the engine decide; they don't do. Nothing in them is async, reads a clock, does I/O or draws
//! randomness, and neither does anything that they depend on for that purpose.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// All that stepladder-engine and stepladder-asl may be built from. A new name needs a reason: does it stay pure?
const ALLOWED: [&str; 41] = [
    "annotate-snippets",
    "anstyle",
    "base64",
    "block-buffer",
    "cfg-if",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "digest",
    "equivalent",
    "foldhash",
    "generic-array",
    "hashbrown",
    "hybrid-array",
    "indexmap",
    "itoa",
    "jiff",
    "jiff-core",
    "jsonc-parser",
    "libc",
    "md-5",
    "memchr",
    "proc-macro2",
    "quote",
    "regex-lite",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "sha1",
    "sha2",
    "stepladder-asl",
    "stepladder-engine",
    "syn",
    "thiserror",
    "thiserror-impl",
    "typenum",
    "unicode-ident",
    "unicode-width",
    "version_check",
    "zmij",
];

/// What the JSONata library brings along. Some of it could read a clock or draw randomness; the library does so in `$now`,
/// `$millis`, `$random` and `$shuffle` only, and our functions of the same names take their places (and in its own time
/// limit, whose end is no outcome).
const OF_JSONATA: [&str; 15] = [
    "aho-corasick",
    "chacha20",
    "chrono",
    "getrandom",
    "iana-time-zone",
    "jsonata-core",
    "num-traits",
    "percent-encoding",
    "psm",
    "rand",
    "rand_core",
    "regex",
    "regex-automata",
    "regex-syntax",
    "stacker",
];

#[test]
fn the_engine_is_built_from_what_is_allowed_and_nothing_else() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", "stepladder-engine", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("stepladder-asl") && names.contains("serde_json"), "{tree}");
    let strangers: Vec<&&str> =
        names.iter().filter(|name| !ALLOWED.contains(name) && !OF_JSONATA.contains(name)).collect();
    assert!(strangers.is_empty(), "not allowed in the engine: {strangers:?}");
}

/// What has no place in a pure crate.
const IMPURE: [&str; 12] = [
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "async ",
    "rand::",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
];

#[test]
fn no_line_reads_a_clock_does_io_or_draws_randomness() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [engine.join("src"), engine.join("../asl/src")] {
        collect(&folder, &mut files);
    }
    assert!(files.len() > 20, "{files:?}");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap();
            for impure in IMPURE {
                // There JSON is written into a counter.
                let counts = impure == "std::io" && file.ends_with("engine/src/size.rs");
                if names(code, impure) && !counts {
                    found.push(format!("{}:{}: {impure}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Whether it stands in the line as a word of its own.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.to_string_lossy().ends_with(".rs") && !path.to_string_lossy().ends_with("_test.rs") {
            files.push(path);
        }
    }
}
