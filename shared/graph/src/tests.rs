use super::*;

/// All kinds of states and edges, with names that every format takes for its own.
const HOSTILE: &str = include_str!("hostile.asl.json");

fn graph(text: &str) -> Graph {
    Graph::new("flow & \"co\"", &Definition::parse(text).unwrap_or_else(|faults| panic!("{faults}")))
}

fn edge<'g>(group: &'g Group, from: &str, to: &str) -> &'g Edge {
    let place = |name: &str| group.nodes.iter().position(|node| node.name == name).unwrap();
    let (from, to) = (place(from), place(to));
    group.edges.iter().find(|edge| edge.from == from && edge.to == to).unwrap()
}

#[test]
fn a_definition_becomes_nodes_edges_and_groups() {
    let graph = graph(HOSTILE);
    let top = &graph.top;
    assert_eq!(graph.states(), 11);
    assert_eq!(graph.comment.as_deref(), Some("<script>alert(1)</script> \u{202e} two lines"));
    let names: Vec<&str> = top.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(
        names,
        ["a\"]:::x; click a \u{7}", "1. choice?", "each", "wait", "done", "both", "%%{init: {}}%% `end`"]
    );
    let task = &top.nodes[top.start];
    assert_eq!(task.detail.as_deref(), Some("sqs:sendMessage.waitForTaskToken"));
    assert_eq!(task.notes, ["retry 5× A, B", "timeout 1 min 30 s", "heartbeat 30 s"]);
    assert_eq!(edge(top, task.name.as_str(), "%%{init: {}}%% `end`").kind, EdgeKind::Catch);
    assert_eq!(edge(top, "1. choice?", "both").shown_label(), Some("default"));
    let map = &top.nodes[2];
    assert_eq!(map.detail.as_deref(), Some("for each of $.items, at most 3 at once"));
    assert_eq!((map.groups[0].title.as_str(), map.groups[0].nodes.len()), ("each item", 2));
    assert_eq!(top.nodes[3].detail.as_deref(), Some("2 min"));
    assert_eq!(top.nodes[5].groups[1].title, "branch 2");
    let ends: Vec<bool> = top.nodes.iter().map(|node| node.is_end).collect();
    assert_eq!(ends, [false, false, false, false, true, true, true]);
}

#[test]
fn rules_are_told_in_short() {
    let graph = graph(HOSTILE);
    let label = |to| edge(&graph.top, "1. choice?", to).label.as_deref().unwrap();
    assert_eq!(label("each"), r#"$.x = "</text><script>\"\\""#);
    assert_eq!(label("wait"), "$.a is present and ($.b < 3 or $.c is not null)");
    assert_eq!(label("1. choice?"), r#"not ($.d matches "a*" and $.e ≥ $.f)"#);
    let jsonata = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.x > 5 %}", "Next": "B"}], "Default": "B"},
        "B": {"Type": "Wait", "Seconds": "{% $states.input.s %}", "End": true}}}"#;
    let graph = super::tests::graph(jsonata);
    assert_eq!(graph.top.edges[0].label.as_deref(), Some("$states.input.x > 5"));
    assert_eq!(graph.top.nodes[1].detail.as_deref(), Some("$states.input.s seconds"));
}
