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
snapshot!(short_help_of_start, ["start", "-h"]);
snapshot!(short_help_of_run, ["run", "-h"]);
snapshot!(short_help_of_run_list, ["run", "list", "-h"]);
snapshot!(version_in_text, ["version"]);
snapshot!(nothing_is_a_wrong_usage, []);
snapshot!(an_unknown_command_hints_at_the_nearest, ["strat"]);
snapshot!(an_unknown_status_lists_the_statuses, ["run", "list", "--status", "dead"]);
snapshot!(a_wrong_duration_says_what_is_expected, ["start", "order", "--timeout", "soon"]);
snapshot!(once_needs_orders, ["dev", "--once"]);

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
        assert!(shown.starts_with("exit code: 0") && shown.contains("history"), "{shown}");
    }
}
