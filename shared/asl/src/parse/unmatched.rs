//! Retriers and catchers that can't match: an earlier one of the same list takes the error, or nothing ever raises it.

use super::{Parser, fields::Fields};
use crate::{errors, fault::FaultCode, json::Node, nearest::nearest};

/// The errors that AWS itself raises (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
const RESERVED: [&str; 18] = [
    errors::ALL,
    errors::BRANCH_FAILED,
    errors::DATA_LIMIT_EXCEEDED,
    errors::EXCEED_TOLERATED_FAILURE_THRESHOLD,
    errors::HEARTBEAT_TIMEOUT,
    errors::HTTP_SOCKET,
    errors::INTRINSIC_FAILURE,
    errors::ITEM_READER_FAILED,
    errors::NO_CHOICE_MATCHED,
    errors::PARAMETER_PATH_FAILURE,
    errors::PERMISSIONS,
    errors::QUERY_EVALUATION_ERROR,
    errors::REFERENCE_PATH_CONFLICT,
    errors::RESULT_PATH_MATCH_FAILURE,
    errors::RESULT_WRITER_FAILED,
    errors::RUNTIME,
    errors::TASK_FAILED,
    errors::TIMEOUT,
];

impl Parser<'_> {
    /// Works on the text, whatever else is wrong with it.
    pub(super) fn check_matches(&mut self, fields: &Fields) {
        for (list, what) in [("Retry", "retrier"), ("Catch", "catcher")] {
            let items = fields.value(list).and_then(Node::as_array).unwrap_or_default();
            let mut before: Vec<String> = Vec::new();
            for item in items {
                let names = item.get("ErrorEquals").and_then(Node::as_array).unwrap_or_default();
                let names: Vec<(&Node, &str)> =
                    names.iter().filter_map(|node| Some((node, node.as_str()?))).collect();
                for (node, name) in &names {
                    self.check_match(node, name, &before, what);
                }
                before.extend(names.iter().map(|(_, name)| name.to_string()));
                // A list that goes on for longer is no one's; comparing all with all costs time.
                if before.len() > 1_000 {
                    return;
                }
            }
        }
    }

    fn check_match(&mut self, node: &Node, name: &str, before: &[String], what: &str) {
        let (message, hint) = if name == errors::RUNTIME {
            ("AWS lets nothing catch or retry `States.Runtime`: the run ends".to_string(), None)
        } else if before.iter().any(|earlier| earlier == name) {
            (format!("an earlier {what} takes `{name}` already"), None)
        } else if !matches!(name, errors::ALL | errors::TASK_FAILED) && errors::matches(before, name) {
            let wide = before.iter().find(|earlier| errors::matches(std::slice::from_ref(earlier), name));
            let wide = wide.map_or("", String::as_str);
            (format!("an earlier {what} takes `{name}` already, by `{wide}`"), None)
        } else if let Some(meant) = misspelt(name) {
            let message = format!("AWS itself raises no error `{name}`");
            (message, Some(format!("did you mean `{meant}`?")))
        } else {
            return;
        };
        self.fault_with_hint(FaultCode::NeverMatches, node.span.clone(), message, hint);
    }
}

/// The name of AWS's own that this one was likely meant to be.
fn misspelt(name: &str) -> Option<&'static str> {
    let claims = ["States.", "State.", "states."].iter().any(|start| name.starts_with(start));
    nearest(name, RESERVED).filter(|_| claims && !RESERVED.contains(&name))
}
