//! `stepladder graph` in each format.

use crate::{fixtures, stepladder};
use std::path::{Path, PathBuf};
use stepladder_cli::graph::Drawn;

macro_rules! snapshot {
    ($name:ident, $args:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(stepladder(&$args).transcript());
        }
    };
}

snapshot!(short_help, ["graph", "-h"]);
snapshot!(text, ["graph", "try/order.asl.json"]);
snapshot!(mermaid, ["graph", "try/order.asl.json", "--format", "mermaid"]);
snapshot!(dot, ["graph", "try/order.asl.json", "--format", "dot"]);
snapshot!(svg, ["graph", "try/order.asl.json", "--format", "svg"]);
snapshot!(json, ["graph", "good/workflow.asl.json", "-o", "json"]);
snapshot!(a_definition_with_faults_is_not_drawn, ["graph", "not-json.asl.json"]);
snapshot!(
    json_and_a_format_exclude_each_other,
    ["graph", "try/order.asl.json", "-o", "json", "--format", "svg"]
);

snapshot!(the_faults_of_a_definition_in_json, ["graph", "not-json.asl.json", "-o", "json"]);
snapshot!(a_file_that_is_not_there, ["graph", "nowhere.asl.json"]);
snapshot!(a_form_that_nobody_writes, ["graph", "try/order.asl.json", "--to", "order.png"]);
snapshot!(json_has_no_form_of_its_own, ["graph", "try/order.asl.json", "--to", "order.svg", "-o", "json"]);

#[test]
fn a_locale_without_unicode_gets_ascii() {
    let shown = stepladder(&["graph", "try/order.asl.json"]).env("LANG", "C").transcript();
    assert!(shown.is_ascii(), "{shown}");
    assert!(shown.contains("-> Wait for stock"), "{shown}");
}

#[test]
fn a_file_is_written_in_the_form_that_its_name_says() {
    let folder = std::env::temp_dir().join(format!("stepladder-graph-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, begins) in [
        ("a.svg", "<svg xmlns"),
        ("a.dot", "digraph \"order\""),
        ("a.mmd", "flowchart TD"),
        ("a.txt", "order\n"),
        ("a.json", "{\n  \"schema\": \"stepladder.graph/1\""),
        ("a", "order\n"),
    ] {
        let path = folder.join(name);
        let shown = stepladder(&["graph", "try/order.asl.json", "--to", path.to_str().unwrap()]).transcript();
        assert!(shown.starts_with("exit code: 0\n----- stdout -----\n----- stderr -----\nwrote "), "{shown}");
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written.starts_with(begins) && written.ends_with('\n'), "{name}: {written}");
    }
    let (path, args) = (folder.join("b.json"), ["graph", "try/order.asl.json", "-o", "json", "--to"]);
    let shown = stepladder(&[&args[..], &[path.to_str().unwrap()]].concat()).transcript();
    assert!(shown.starts_with("exit code: 0"), "{shown}");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        std::fs::read_to_string(folder.join("a.json")).unwrap()
    );
    std::fs::remove_dir_all(&folder).unwrap();
    let shown = stepladder(&["graph", "try/order.asl.json", "--to", "no/such/folder/a.svg"]).transcript();
    assert!(
        shown.starts_with("exit code: 3") && shown.contains("can't write no/such/folder/a.svg"),
        "{shown}"
    );
}

/// Every definition that somebody really uses can be drawn in each format.
#[test]
fn real_definitions_are_drawn() {
    let Some(folder) = real_definitions_folder() else {
        eprintln!("SKIPPED: no real definitions; ASL_CASES names the folder of recorded cases");
        return;
    };
    let mut drawn = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".asl.json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let definition = stepladder_asl::Definition::parse(&text)
            .unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
        let graph = stepladder_cli::graph::Graph::new("real", &definition);
        let states = definition.states.len();
        assert_eq!(graph.states(), states, "{}", path.display());
        let svg = graph.to_svg().unwrap();
        assert_eq!(svg.matches("data-state=").count(), states, "{}", path.display());
        let (containers, machines) = containers(&definition);
        let dot = graph.to_dot();
        assert_eq!(dot.matches("subgraph cluster_").count(), containers + machines, "{}", path.display());
        let classes = [":::task", ":::choice", ":::quiet", ":::good", ":::bad"];
        let is_box = |line: &&str| classes.iter().any(|class| line.ends_with(class));
        let mermaid = graph.to_mermaid();
        assert_eq!(mermaid.lines().filter(is_box).count() + containers, states, "{}", path.display());
        assert!(graph.to_text(stepladder_cli::graph::Charset::Unicode).lines().count() > states);
        drawn += 1;
    }
    eprintln!("{drawn} definitions drawn");
    assert!(drawn > 0, "{} is empty", folder.display());
}

/// How many Parallel and Map states there are, and machines in them: both are groups, and no boxes.
fn containers(definition: &stepladder_asl::Definition) -> (usize, usize) {
    let machines = definition.states.values().map(|state| state.machines().len());
    (machines.clone().filter(|machines| *machines > 0).count(), machines.sum())
}

/// As in tests/conformance: a relative folder is one of the workspace, and one that was named has to be there.
fn real_definitions_folder() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var_os("ASL_CASES").map(|folder| workspace.join(folder));
    let folder = named.clone().unwrap_or_else(|| workspace.join("../shared/asl")).join("realworld");
    assert!(named.is_none() || folder.is_dir(), "ASL_CASES is set, and {} is missing", folder.display());
    Some(folder).filter(|folder| folder.is_dir())
}

#[test]
fn the_file_may_come_from_stdin() {
    let shown = stepladder(&["graph", "-", "--format", "mermaid"]).stdin("try/order.asl.json").transcript();
    let from_file = stepladder(&["graph", "try/order.asl.json", "--format", "mermaid"]).transcript();
    assert_eq!(shown, from_file);
    assert!(fixtures().join("try/order.asl.json").exists());
}
