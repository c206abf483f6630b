//! What a deployment would do to a stack, as it is shown.

use crate::{
    cloudformation::Change,
    connect::Target,
    failure::Outcome,
    limits,
    parameters::{PAYLOAD_DAYS, Raised},
    printer::Printer,
    style::{self, paint},
    text::{count, escaped},
};
use serde_json::{Value, json};

/// The plan of the stack: the shape `stepladder.plan/1`.
pub(super) fn shape(changes: &[Change], raised: Option<Raised>, target: &Target) -> Value {
    let of = |change: &Change| {
        json!({ "action": change.action, "logical_id": change.logical_id, "type": change.kind,
                "replaced": change.is_replaced, "loses_data": change.loses_data() })
    };
    json!({
        "schema": "stepladder.plan/1",
        "stack": target.stack(),
        "region": target.environment.settings.region,
        "account": target.environment.settings.account,
        "changes": changes.iter().map(of).collect::<Vec<_>>(),
        "raised": raised.map(|raised| json!({ "name": PAYLOAD_DAYS, "from": raised.from, "to": raised.to })),
    })
}

/// The plan of the stack in text, a line per change; and in all formats what should be known before anybody says yes.
pub(super) fn tell(changes: &[Change], raised: Option<Raised>, printer: &Printer) -> Outcome {
    if !printer.is_json() {
        if let Some(raised) = raised {
            printer.data(raised_line(raised))?;
        }
        for change in changes.iter().take(limits::CHANGES_SHOWN_MAX) {
            printer.data(line(change))?;
        }
        if let Some(more) = changes.len().checked_sub(limits::CHANGES_SHOWN_MAX).filter(|more| *more > 0) {
            printer.data(format!("  and {} (all with -o json)", count(more, "further change")))?;
        }
    }
    for change in changes.iter().filter(|change| change.loses_data()) {
        printer.warning(format!(
            "{} ({}) is {}: what it holds is not taken along",
            change.logical_id,
            change.kind,
            if change.action == "Remove" { "removed" } else { "replaced, or may be" }
        ));
    }
    if changes.iter().any(Change::is_stack) {
        printer.note("what changes within nested stacks is not shown");
    }
    Ok(())
}

fn line(change: &Change) -> String {
    let (sign, style) = match (change.action.as_str(), change.is_replaced) {
        ("Add" | "Import", _) => ("+", style::GOOD),
        ("Remove", _) => ("-", style::ERROR),
        (_, true) => ("±", style::WARNING),
        _ => ("~", style::HINT),
    };
    let note = if change.is_replaced { "  (replaced)" } else { "" };
    let (id, kind) = (escaped(&change.logical_id), escaped(&change.kind));
    format!("  {} {id:<44} {}{note}", paint(style, sign), paint(style::DIM, kind))
}

fn raised_line(Raised { from, to }: Raised) -> String {
    let (sign, kind) = (paint(style::HINT, "~"), paint(style::DIM, "parameter"));
    format!(
        "  {sign} {PAYLOAD_DAYS:<44} {kind}  {from} → {to}: payloads stay until the longest retention is over"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_raised_is_a_line_of_the_plan() {
        let line = raised_line(Raised { from: 400, to: 4_020 });
        let plain = anstream::adapter::strip_str(&line).to_string();
        assert!(plain.starts_with("  ~ PayloadDays ") && plain.contains("400 → 4020"), "{plain}");
    }

    #[test]
    fn a_change_is_a_line_with_a_sign() {
        let change = |action: &str, is_replaced| Change {
            action: action.into(),
            logical_id: "Table".into(),
            kind: "AWS::DynamoDB::Table".into(),
            is_replaced,
        };
        let plain = |change| anstream::adapter::strip_str(&line(&change)).to_string();
        assert!(plain(change("Add", false)).starts_with("  + Table"));
        assert!(plain(change("Modify", false)).starts_with("  ~ Table"));
        let replaced = plain(change("Modify", true));
        assert!(replaced.starts_with("  ± Table") && replaced.ends_with("(replaced)"), "{replaced}");
    }
}
