use super::*;
use stepladder_asl::Definition;

/// All kinds of states and edges, with names that every format takes for its own.
const HOSTILE: &str = include_str!("../../../shared/graph/src/hostile.asl.json");

fn graph(text: &str) -> Graph {
    Graph::new("flow & \"co\"", &Definition::parse(text).unwrap_or_else(|faults| panic!("{faults}")))
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
