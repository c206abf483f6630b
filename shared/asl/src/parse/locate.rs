//! Where a fault lies, in the form of AWS's diagnostics: `/States/Pay/Catch[0]/Next`.

use crate::json::{Data, Node};
use std::ops::Range;

/// The innermost member, item or object around a span; `/` for the definition itself.
pub(super) fn path(root: &Node, span: &Range<usize>) -> String {
    let mut path = String::new();
    let mut node = root;
    loop {
        let is_inside = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
        let next = match &node.data {
            Data::Object(members) => members.iter().find_map(|member| {
                let whole = member.name_span.start..member.value.span.end;
                is_inside(&whole).then(|| (format!("/{}", member.name), member))
            }),
            Data::Array(items) => {
                let found = items.iter().enumerate().find(|(_, item)| is_inside(&item.span));
                match found {
                    Some((index, item)) => {
                        path.push_str(&format!("[{index}]"));
                        node = item;
                        continue;
                    }
                    None => None,
                }
            }
            _ => None,
        };
        let Some((step, member)) = next else { break };
        path.push_str(&step);
        if is_inside(&member.name_span) {
            break;
        }
        node = &member.value;
    }
    if path.is_empty() { "/".to_string() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fault::Lines, json};

    #[test]
    fn a_place_has_a_path() {
        let text = r#"{"States": {"a/b": {"Catch": [{"Next": 5}], "End": true}}}"#;
        let (root, _) = json::parse(text, &Lines::new(text)).unwrap();
        let at = |piece: &str| {
            let start = text.find(piece).unwrap();
            path(&root, &(start..start + piece.len()))
        };
        assert_eq!(at("5"), "/States/a/b/Catch[0]/Next");
        assert_eq!(at("\"End\""), "/States/a/b/End");
        assert_eq!(at("\"a/b\""), "/States/a/b");
        assert_eq!(path(&root, &(0..1)), "/");
        assert_eq!(path(&root, &(900..901)), "/");
        let brace = text.find("{\"Next").unwrap();
        assert_eq!(path(&root, &(brace..brace + 1)), "/States/a/b/Catch[0]");
    }
}
