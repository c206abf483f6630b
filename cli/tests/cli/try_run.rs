//! `stepladder try`: mocks of both formats, and all kinds of ends.

use crate::stepladder;

macro_rules! snapshot {
    ($name:ident, $args:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(stepladder(&[&["try"], &$args[..]].concat()).transcript());
        }
    };
}

/// The clock begins here, so that nothing in a transcript changes.
const AT: &str = "2026-01-01T00:00:00Z";
const ORDER: &str = "try/order.asl.json";
const INPUT: &str = "try/order.json";
const MOCKS: &str = "try/mocks.json";
const AWS_MOCKS: &str = "try/MockConfigFile.json";

snapshot!(short_help, ["-h"]);
snapshot!(a_run_with_our_mocks, [ORDER, "-i", INPUT, "-m", MOCKS, "--at", AT]);
snapshot!(the_data_of_each_state, [ORDER, "-i", INPUT, "-m", MOCKS, "--at", AT, "-v"]);
snapshot!(times_of_the_virtual_clock, [ORDER, "-i", INPUT, "-m", MOCKS, "--at", AT, "--time", "utc"]);
snapshot!(
    a_case_of_step_functions_local,
    [ORDER, "-i", INPUT, "-m", AWS_MOCKS, "--test-case", "RetryPath", "--at", AT]
);
snapshot!(
    a_run_that_fails,
    [ORDER, "-i", INPUT, "-m", AWS_MOCKS, "--test-case", "order#Declined", "--at", AT]
);
snapshot!(a_case_that_is_not_there, [ORDER, "-i", INPUT, "-m", AWS_MOCKS, "--test-case", "Sad"]);
snapshot!(a_case_has_to_be_named, [ORDER, "-i", INPUT, "-m", AWS_MOCKS]);
snapshot!(without_mocks_a_snippet_is_shown, [ORDER, "-i", INPUT, "--at", AT]);
snapshot!(a_mock_that_is_missing, [ORDER, "-i", INPUT, "-m", "try/few.json", "--at", AT]);
snapshot!(
    a_mock_that_nobody_asked_for,
    [ORDER, "-i", "{\"total\": 1, \"items\": []}", "-m", MOCKS, "--at", AT]
);
snapshot!(tasks_that_return_their_input, [ORDER, "-i", INPUT, "--echo", "--at", AT]);
snapshot!(a_sketch_of_all_mocks, [ORDER, "--sketch"]);
snapshot!(the_run_in_json, ["try/pass.asl.json", "--at", AT, "-o", "json"]);
snapshot!(the_run_in_lines, ["try/pass.asl.json", "--at", AT, "-o", "jsonl"]);
snapshot!(an_input_that_is_no_json, [ORDER, "-i", "{"]);
snapshot!(a_file_that_is_not_there, ["nowhere.asl.json"]);
snapshot!(a_definition_with_errors_in_json, ["faulty.asl.json", "-o", "json"]);
snapshot!(a_definition_with_errors, ["faulty.asl.json"]);
snapshot!(a_run_that_never_ends, ["try/endless.asl.json", "--at", AT, "--max-outcomes", "6"]);

#[test]
fn the_same_command_draws_the_same_numbers() {
    let run = |seed| stepladder(&["try", "try/random.asl.json", "--at", AT, "--seed", seed]).transcript();
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
    assert!(run("1").starts_with("exit code: 0"), "{}", run("1"));
}
