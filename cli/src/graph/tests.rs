use super::*;

/// All kinds of states and edges, with names that every format takes for its own.
const HOSTILE: &str = r##"{
    "Comment": "<script>alert(1)</script>\n   \u202e two lines",
    "StartAt": "a\"]:::x; click a \u0007",
    "States": {
        "a\"]:::x; click a \u0007": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token"}},
            "TimeoutSeconds": 90, "HeartbeatSeconds": 30,
            "Retry": [{"ErrorEquals": ["A", "B"], "MaxAttempts": 5}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "%%{init: {}}%% `end`"}], "Next": "1. choice?"},
        "1. choice?": {"Type": "Choice", "Choices": [
            {"Variable": "$.x", "StringEquals": "</text><script>\"\\", "Next": "each"},
            {"And": [{"Variable": "$.a", "IsPresent": true},
                     {"Or": [{"Variable": "$.b", "NumericLessThan": 3}, {"Not": {"Variable": "$.c", "IsNull": true}}]}],
             "Next": "wait"},
            {"Not": {"And": [{"Variable": "$.d", "StringMatches": "a*"}, {"Variable": "$.e", "NumericGreaterThanEqualsPath": "$.f"}]},
             "Next": "1. choice?"}],
            "Default": "both"},
        "each": {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3, "ItemProcessor": {"StartAt": "pass", "States": {
            "pass": {"Type": "Pass", "Next": "task"},
            "task": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:pack", "End": true}}},
            "Next": "done"},
        "both": {"Type": "Parallel", "Branches": [
            {"StartAt": "one", "States": {"one": {"Type": "Pass", "End": true}}},
            {"StartAt": "two", "States": {"two": {"Type": "Succeed"}}}], "End": true},
        "wait": {"Type": "Wait", "Seconds": 120, "Next": "done"},
        "done": {"Type": "Succeed"},
        "%%{init: {}}%% `end`": {"Type": "Fail", "Error": "Bad\\N", "Cause": "x"}
    }
}"##;

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

#[test]
fn the_text_is_a_ladder() {
    insta::assert_snapshot!(graph(HOSTILE).to_text(Charset::Unicode));
    let ascii = graph(HOSTILE).to_text(Charset::Ascii);
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn mermaid_takes_no_name_for_its_own() {
    let mermaid = graph(HOSTILE).to_mermaid();
    insta::assert_snapshot!(mermaid);
    for forbidden in ["%%", "<script", "`", "\"]:::x", "\\", "1."] {
        assert!(!mermaid.contains(forbidden), "{forbidden}: {mermaid}");
    }
}

#[test]
fn dot_takes_no_name_for_its_own() {
    insta::assert_snapshot!(graph(HOSTILE).to_dot());
}

#[test]
fn a_picture_is_well_formed_and_escaped() {
    let svg = graph(HOSTILE).to_svg().unwrap();
    assert!(!svg.contains("<script"), "{svg}");
    assert!(!svg.contains('\u{202e}') && !svg.contains('\u{7}'), "{svg}");
    assert_well_formed(&svg);
    for name in ["1. choice?", "pass", "both", "%%{init: {}}%% `end`"] {
        assert!(svg.contains(&format!("data-state=\"{name}\"")), "{name}");
    }
    // A Catch is dashed.
    assert_eq!(svg.matches("class=\"line catch\"").count(), 1);
}

/// Tags are closed in order, and nothing else is in angle brackets.
#[track_caller]
pub(super) fn assert_well_formed(svg: &str) {
    let (head, rest) = svg.split_once("<style>").unwrap();
    let (_, tail) = rest.split_once("</style>").unwrap();
    let tags = format!("{head}{tail}");
    let mut open = Vec::new();
    for part in tags.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert!(["svg", "title", "rect", "text", "g", "path", "circle"].contains(&name), "{tag}");
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(name), "{tag}"),
            (false, false) => open.push(name),
            (false, true) => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_state_that_nothing_leads_to_is_drawn_too() {
    let mut graph = graph(r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#);
    let lost = Node { name: "Lost".to_owned(), is_unreachable: true, ..graph.top.nodes[0].clone() };
    graph.top.nodes.push(lost);
    assert!(graph.to_text(Charset::Unicode).contains("(unreachable)"));
    assert!(graph.to_svg().unwrap().contains("class=\"state pass lost\""));
    assert!(graph.to_mermaid().contains("class s1 lost"));
    assert!(graph.to_dot().contains("filled,dashed"));
}

#[test]
fn a_long_chain_is_bounded() {
    let states: Vec<String> = (0..8_000)
        .map(|at| match at {
            7_999 => format!(r#""s{at}":{{"Type":"Pass","End":true}}"#),
            _ => format!(r#""s{at}":{{"Type":"Pass","Next":"s{}"}}"#, at + 1),
        })
        .collect();
    let graph = graph(&format!(r#"{{"StartAt":"s0","States":{{{}}}}}"#, states.join(",")));
    assert_eq!(graph.to_svg(), Err(TooLarge { states: 8_000 }));
    assert_eq!(graph.to_text(Charset::Ascii).lines().count(), 8_002);
    assert!(graph.to_mermaid().contains("s7998 --> s7999"));
    assert!(graph.to_dot().contains("s7998 -> s7999"));
}
