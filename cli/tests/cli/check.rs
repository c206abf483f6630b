//! `stepladder check` on definitions of every kind.

use crate::{fixtures, stepladder};

macro_rules! snapshot {
    ($name:ident, $args:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(stepladder(&$args).transcript());
        }
    };
}

snapshot!(a_good_definition, ["check", "--no-functions", "good/workflow.asl.json"]);
snapshot!(
    all_faults_are_shown_at_once,
    ["check", "--no-functions", "faulty.asl.json", "good/workflow.asl.json"]
);
snapshot!(faults_in_json, ["check", "--no-functions", "-o", "json", "faulty.asl.json"]);
snapshot!(what_this_version_leaves_out_is_named, ["check", "--no-functions", "unsupported.asl.json"]);
snapshot!(what_is_no_json_says_where, ["check", "--no-functions", "not-json.asl.json"]);
snapshot!(a_file_that_is_not_there, ["check", "--no-functions", "nowhere.asl.json"]);
snapshot!(
    a_file_that_is_not_there_beside_others,
    ["check", "--no-functions", "nowhere.asl.json", "faulty.asl.json", "good/workflow.asl.json"]
);
snapshot!(bytes_that_are_no_text, ["check", "--no-functions", "not-utf8.asl.json"]);
snapshot!(control_characters_are_escaped, ["check", "--no-functions", "hostile.asl.json"]);

snapshot!(warnings_are_told_and_pass, ["check", "warned.asl.json"]);
snapshot!(warnings_can_be_denied, ["check", "--deny-warnings", "warned.asl.json", "try/order.asl.json"]);
snapshot!(warnings_in_json, ["check", "-o", "json", "warned.asl.json"]);
snapshot!(a_folder_is_searched, ["check", "workspace", "try", "good"]);
snapshot!(an_express_workflow_has_rules_of_its_own, ["check", "--type", "express", "try/order.asl.json"]);
snapshot!(a_type_that_is_none, ["check", "--type", "FAST", "try/order.asl.json"]);

#[test]
fn a_definition_is_read_from_stdin() {
    let shown = stepladder(&["check", "-"]).stdin("try/order.asl.json").transcript();
    assert!(
        shown.starts_with("exit code: 0\n----- stdout -----\n✓ <stdin>  7 states, 2 functions\n"),
        "{shown}"
    );
}

#[test]
fn a_folder_without_definitions_says_what_it_looked_for() {
    let shown = stepladder(&["check", "workspace/functions/system"]).transcript();
    assert!(shown.starts_with("exit code: 3"), "{shown}");
    assert!(shown.contains("there is no definition under workspace/functions/system"), "{shown}");
    assert!(shown.contains("hint: a folder is searched for files named *.asl.json"), "{shown}");
}

/// Outside of a workspace nobody knows the programs, and the language is checked all the same.
#[test]
fn a_definition_is_checked_outside_of_a_workspace() {
    let folder = tempfile();
    let definition = fixtures().join("good/workflow.asl.json");
    let shown = stepladder(&["check", definition.to_str().unwrap()]).in_folder(&folder).transcript();
    assert!(shown.starts_with("exit code: 0"), "{shown}");
}

#[test]
fn a_workspace_is_checked_as_a_whole() {
    let folder = fixtures().join("workspace");
    insta::assert_snapshot!(stepladder(&["check"]).in_folder(&folder).transcript());
}

/// It runs here, and nobody would be told before `synth` refuses it.
#[test]
fn a_bucket_that_only_the_data_names_is_a_warning_unless_the_settings_name_it() {
    let folder = tempfile().join("buckets");
    let package = folder.join("functions/import");
    std::fs::create_dir_all(package.join("src/bin")).unwrap();
    std::fs::write(
        folder.join("Cargo.toml"),
        "[workspace]\nresolver = \"3\"\nmembers = [\"functions/import\"]\n",
    )
    .unwrap();
    std::fs::write(package.join("src/bin/load.rs"), "fn main() {}\n").unwrap();
    let definition = serde_json::json!({ "StartAt": "Rows", "States": { "Rows": {
        "Type": "Map", "End": true,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": { "InputType": "JSON" },
            "Parameters": { "Bucket.$": "$.bucket", "Key.$": "$.key" },
        },
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }, "StartAt": "Load",
            "States": { "Load": { "Type": "Task", "Resource": "arn:aws:lambda:::function:load", "End": true } },
        },
    } } });
    std::fs::write(package.join("workflow.asl.json"), definition.to_string()).unwrap();
    let manifest = "[package]\nname = \"import\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    let check = |settings: &str, args: &[&str]| {
        std::fs::write(package.join("Cargo.toml"), format!("{manifest}{settings}")).unwrap();
        stepladder(&[&["check"], args].concat()).in_folder(&folder).transcript()
    };
    let shown = check("", &[]);
    assert!(shown.starts_with("exit code: 0"), "{shown}");
    assert!(
        shown.contains("warning: the state \"Rows\" of workflow import does s3:GetObject in a bucket"),
        "{shown}"
    );
    assert!(shown.contains("buckets = [\"NAME\"]"), "{shown}");
    assert!(shown.contains("1 warning in 1 definition"), "{shown}");
    let denied = check("", &["--deny-warnings"]);
    assert!(denied.starts_with("exit code: 1"), "{denied}");
    let named = check(
        "[package.metadata.stepladder.workflow.import]\nbuckets = [\"rows-*\"]\n",
        &["--deny-warnings"],
    );
    assert!(named.starts_with("exit code: 0") && !named.contains("warning"), "{named}");
    let uploads = "[package.metadata.stepladder.workflow.import]\nbuckets = [\"rows\"]\nuploads = [{ bucket = \"rows-*\" }]\n";
    let refused = check(uploads, &[]);
    assert!(
        refused.contains("the bucket \"rows-*\" of the uploads of workflow import must be one bucket's name"),
        "{refused}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_folder_without_a_workspace_says_so() {
    let folder = tempfile();
    let shown = stepladder(&["check"]).in_folder(&folder).transcript();
    std::fs::remove_dir(&folder).unwrap();
    assert!(shown.starts_with("exit code: 3"), "{shown}");
    assert!(shown.contains("error[SL1001]: cargo can't read a workspace here"), "{shown}");
    assert!(shown.contains("hint: run this inside a Stepladder workspace"), "{shown}");
}

#[test]
fn colours_are_there_when_asked_for_and_only_then() {
    let args = ["check", "--no-functions", "faulty.asl.json", "--color"];
    let coloured = stepladder(&[&args[..], &["always"]].concat()).transcript();
    assert!(coloured.contains("\u{1b}[1m\u{1b}[31merror[SL0201]:"), "{coloured:?}");
    let plain = stepladder(&[&args[..], &["never"]].concat()).transcript();
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
}

/// An empty folder outside of every workspace.
fn tempfile() -> std::path::PathBuf {
    let thread = std::thread::current().id();
    let folder = std::env::temp_dir().join(format!("stepladder-cli-{}-{thread:?}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
