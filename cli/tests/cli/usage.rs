//! Help, version, and what clap refuses.

use crate::stepladder;

macro_rules! snapshot {
    ($name:ident, $args:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(stepladder(&$args).transcript());
        }
    };
}

snapshot!(help_lists_the_commands, ["--help"]);
snapshot!(short_help_of_dev, ["dev", "-h"]);
snapshot!(short_help_of_serve, ["serve", "-h"]);
snapshot!(short_help_of_start, ["start", "-h"]);
snapshot!(short_help_of_run, ["run", "-h"]);
snapshot!(short_help_of_run_list, ["run", "list", "-h"]);
snapshot!(help_of_run_history, ["run", "history", "--help"]);
snapshot!(version_in_text, ["version"]);
snapshot!(nothing_is_a_wrong_usage, []);
snapshot!(an_unknown_command_hints_at_the_nearest, ["strat"]);
snapshot!(an_unknown_status_lists_the_statuses, ["run", "list", "--status", "dead"]);
snapshot!(a_wrong_duration_says_what_is_expected, ["start", "order", "--timeout", "soon"]);
snapshot!(once_needs_orders, ["dev", "--once"]);
snapshot!(short_help_of_explain, ["explain", "-h"]);
snapshot!(a_code_is_explained, ["explain", "sl1202"]);
snapshot!(a_code_of_a_definition_is_explained, ["explain", "error[SL0201]"]);
snapshot!(a_code_is_explained_in_json, ["explain", "SL0315", "-o", "json"]);
snapshot!(an_unknown_code_hints_at_the_nearest, ["explain", "SL1299"]);

#[test]
fn all_codes_are_listed() {
    let shown = stepladder(&["explain"]).transcript();
    for code in ["\nSL0001  ", "\nSL0902  ", "\nSL1001  ", "\nSL1511  "] {
        assert!(shown.contains(code), "{shown}");
    }
}

#[test]
fn the_version_in_json_has_a_schema() {
    let shown = stepladder(&["version", "-o", "json"]).transcript();
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    insta::assert_snapshot!(shown.replace(&target, "[TARGET]"));
}

#[test]
fn every_option_is_a_variable_too() {
    let by_option = stepladder(&["version", "-o", "jsonl"]).transcript();
    let by_variable = stepladder(&["version"]).env("STEPLADDER_OUTPUT", "jsonl").transcript();
    assert_eq!(by_option, by_variable);
    // A variable that is set to "no" does not switch the option on.
    let quiet = stepladder(&["check", "good/workflow.asl.json", "--no-functions"])
        .env("STEPLADDER_QUIET", "0")
        .transcript();
    assert!(quiet.starts_with("exit code: 0"), "{quiet}");
    let verbose = stepladder(&["version"]).env("STEPLADDER_VERBOSE", "1").transcript();
    assert!(verbose.starts_with("exit code: 0"), "{verbose}");
}

#[test]
fn each_shell_has_its_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let shown = stepladder(&["completions", shell]).transcript();
        assert!(shown.starts_with("exit code: 0") && shown.contains("COMPLETE"), "{shown}");
        assert!(shown.contains(env!("CARGO_BIN_EXE_stepladder")), "{shown}");
        // A shell that asks by itself gets the same.
        let by_itself = stepladder(&[]).env("STEPLADDER_COMPLETE", shell).transcript();
        let script = |shown: &str| shown.split_once("----- stderr").unwrap().0.trim_end().to_owned();
        assert_eq!(script(&by_itself), script(&shown));
    }
}

#[test]
fn a_variable_that_names_no_shell_asks_for_nothing() {
    for other in ["", "0", "1", "nushell"] {
        let shown = stepladder(&["version"]).env("STEPLADDER_COMPLETE", other).transcript();
        assert_eq!(shown, stepladder(&["version"]).transcript());
    }
}

/// What zsh may take for the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    let index = words.len().to_string();
    let args = [&["--", "stepladder"], words].concat();
    let shown =
        stepladder(&args).env("STEPLADDER_COMPLETE", "zsh").env("_CLAP_COMPLETE_INDEX", &index).transcript();
    let (stdout, stderr) = shown.split_once("----- stderr -----\n").unwrap();
    assert_eq!(stderr, "");
    let stdout = stdout.strip_prefix("exit code: 0\n----- stdout -----\n").unwrap();
    stdout.lines().map(str::to_owned).collect()
}

#[test]
fn files_and_states_are_completed() {
    assert_eq!(offered(&["graph", "good/w"]), ["good/workflow.asl.json"]);
    assert_eq!(offered(&["test-state", "good/workflow.asl.json", "--state", ""]), ["Charge", "Done"]);
    assert_eq!(offered(&["test-state", "good/workflow.asl.json", "--state=D"]), ["--state=Done"]);
    // No definition is named: those of the workspace around.
    assert!(offered(&["test-state", "--state", ""]).contains(&"ChargePayment".to_owned()));
}
