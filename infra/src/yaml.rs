//! Writes YAML: block style, long forms only, and comments; so that any reader takes it.

use crate::tree::{Map, Node, pad, write_comment};

/// A document. Equal trees give equal bytes.
pub(crate) fn write(head: &str, root: &Map) -> String {
    let mut out = String::new();
    write_comment(&mut out, 0, head);
    map(&mut out, 0, root, true);
    out
}

fn map(out: &mut String, indent: usize, map: &Map, is_at_line_start: bool) {
    let mut is_at_line_start = is_at_line_start;
    for entry in &map.0 {
        if is_at_line_start {
            if indent == 0 && !out.is_empty() {
                out.push('\n');
            }
            write_comment(out, indent, &entry.comment);
            pad(out, indent);
        }
        is_at_line_start = true;
        out.push_str(&scalar(&entry.key));
        out.push(':');
        value(out, indent, &entry.value);
    }
}

/// What stands behind a key.
fn value(out: &mut String, indent: usize, node: &Node) {
    match node {
        Node::Map(inner) if inner.0.is_empty() => out.push_str(" {}\n"),
        Node::List(inner) if inner.is_empty() => out.push_str(" []\n"),
        Node::Map(inner) => {
            out.push('\n');
            map(out, indent + 2, inner, true);
        }
        Node::List(inner) => {
            out.push('\n');
            inner.iter().for_each(|node| item(out, indent + 2, node));
        }
        other => {
            out.push(' ');
            out.push_str(&plain(other));
            out.push('\n');
        }
    }
}

fn item(out: &mut String, indent: usize, node: &Node) {
    if let Node::Map(inner) = node
        && let Some(first) = inner.0.first()
    {
        write_comment(out, indent, &first.comment);
    }
    pad(out, indent);
    match node {
        Node::Map(inner) if !inner.0.is_empty() => {
            out.push_str("- ");
            map(out, indent + 2, inner, false);
        }
        Node::List(inner) if !inner.is_empty() => {
            out.push_str("-\n");
            inner.iter().for_each(|node| item(out, indent + 2, node));
        }
        other => {
            out.push('-');
            value(out, indent, other);
        }
    }
}

fn plain(node: &Node) -> String {
    match node {
        Node::Text(text) => scalar(text),
        // With all its digits: YAML's readers differ in which exponents they take for a number's.
        Node::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(fraction) => fraction.to_string(),
            None => number.to_string(),
        },
        Node::Switch(on) => on.to_string(),
        Node::Map(_) | Node::List(_) => String::new(),
    }
}

/// A text that no reader takes for anything else stays as it is; the others are quoted as in JSON, which is YAML too.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
        || is_name_with_colons(text);
    if is_plain && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    serde_json::Value::String(text.to_owned()).to_string()
}

/// `AWS::SQS::Queue`, `sqs:SendMessage`.
fn is_name_with_colons(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(':')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_reader_reads_is_what_was_written() {
        let odd = [
            "yes", "No", "null", "", "12", "1e3", "a: b", "# c", "a\nb", "\"q\"", "- x", "${A}", "*", "ü",
            " x", "on", "/a", "0x1",
        ];
        let list = odd.iter().map(|text| Node::from(*text)).collect::<Vec<_>>();
        let numbers = serde_json::json!([0.5, -0.25, 1e-7, 12_345_678_901_u64]);
        let inner = Map::new().with("List", list).with("Empty", Map::new()).comment("Why\nso.").with("n", 3);
        let inner = inner.with("Numbers", Node::from(&numbers));
        let lists =
            vec![Node::from(vec![Node::from(1), Node::from(inner.clone())]), Node::from(inner.clone())];
        let mut root = Map::new().with("Inner", inner).with("Lists", lists).with("None", Vec::<Node>::new());
        for text in odd {
            root = root.with(text, true);
        }
        let written = write("A head.", &root);
        let read: serde_json::Value =
            serde_saphyr::from_str(&written).map_err(|e| format!("{e}\n{written}")).unwrap();
        assert_eq!(read, Node::from(root).to_json(), "{written}");
    }
}
