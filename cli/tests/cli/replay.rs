//! `stepladder replay`, over a run of the example that `stepladder dev` ran and `run history -o jsonl` wrote.

use crate::{fixtures, stepladder};

macro_rules! snapshot {
    ($name:ident, $args:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(stepladder(&[&["replay"], &$args[..]].concat()).transcript());
        }
    };
}

const RUN: &str = "../../../../tests/histories/v1/exports/order-processing.jsonl";
const CURRENT: &str = "../../../../functions/order-processing/workflow.asl.json";

snapshot!(short_help, ["-h"]);
snapshot!(a_recorded_run_agrees, [RUN]);
snapshot!(a_recorded_run_agrees_in_json, [RUN, "-o", "json"]);
snapshot!(another_definition_differs, [RUN, "--definition", "good/workflow.asl.json"]);
snapshot!(another_definition_differs_in_json, [RUN, "--definition", "good/workflow.asl.json", "-o", "json"]);
snapshot!(a_definition_with_errors, [RUN, "--definition", "faulty.asl.json"]);
snapshot!(a_file_that_is_not_there, ["nowhere.jsonl"]);
snapshot!(a_file_of_something_else, ["try/order.json"]);
snapshot!(something_else_in_json, ["try/order.json", "-o", "json"]);

/// What the example's own tests may hold it against: its definition goes the way it went.
#[test]
fn the_recorded_example_agrees_with_todays_definition() {
    let shown = stepladder(&["replay", RUN, "--definition", CURRENT]).transcript();
    assert!(shown.starts_with("exit code: 0"), "{shown}");
}

#[test]
fn every_exported_run_agrees() {
    let folder = fixtures().join("../../../../tests/histories");
    let mut replayed = 0;
    for version in std::fs::read_dir(folder).unwrap() {
        let exports = version.unwrap().path().join("exports");
        for file in std::fs::read_dir(exports).into_iter().flatten() {
            let file = file.unwrap().path();
            let shown = stepladder(&["replay", file.to_str().unwrap()]).transcript();
            assert!(shown.starts_with("exit code: 0"), "{file:?}: {shown}");
            replayed += 1;
        }
    }
    assert!(replayed > 0);
}

#[test]
fn a_run_comes_by_stdin_too() {
    let by_stdin = stepladder(&["replay", "-"]).stdin(RUN).transcript();
    assert_eq!(by_stdin, stepladder(&["replay", RUN]).transcript());
}

/// The recorded run with its line of this number changed.
fn changed(name: &str, line: usize, change: impl Fn(&str) -> String) -> String {
    let text = std::fs::read_to_string(fixtures().join(RUN)).unwrap();
    let lines = text.lines().enumerate().map(|(at, text)| match at + 1 == line {
        true => change(text),
        false => text.to_owned(),
    });
    let changed: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    let file = std::env::temp_dir().join(format!("stepladder-replay-{}-{name}.jsonl", std::process::id()));
    std::fs::write(&file, changed.join("\n") + "\n").unwrap();
    let shown = stepladder(&["replay", file.to_str().unwrap()]).transcript();
    std::fs::remove_file(&file).unwrap();
    shown.replace(file.to_str().unwrap(), "[FILE]")
}

#[test]
fn what_was_changed_by_hand_is_found() {
    let shown = changed("digest", 2, |line| line.replace("\"digest\":\"", "\"digest\":\"0"));
    assert!(shown.starts_with("exit code: 1") && shown.contains("record    0: succeeded"), "{shown}");
    let shown = changed("gone", 2, |_| String::new());
    assert!(
        shown.starts_with("exit code: 2") && shown.contains("[FILE] is no recorded run, line 2"),
        "{shown}"
    );
    let shown = changed("cut", 4, |line| line[..40].to_owned());
    assert!(shown.starts_with("exit code: 2") && shown.contains("line 4: it is not JSON"), "{shown}");
    let text = std::fs::read_to_string(fixtures().join(RUN)).unwrap();
    let shown = changed("short", text.lines().count(), |_| String::new());
    assert!(shown.starts_with("exit code: 2") && shown.contains("ends too early"), "{shown}");
}
