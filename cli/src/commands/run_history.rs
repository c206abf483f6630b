//! `stepladder run history`.

use crate::{
    completion,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::Printer,
    runs::resolve,
    shapes::EventShape,
    style::{self, paint},
    table::Table,
    text::{self, TimeStyle, cut, escaped},
};
use serde_json::Value;
use stepladder_engine::HistoryEvent;

/// Show the events of a run, in Step Functions' own types
///
/// With -v also their data. With -o jsonl one event per line.
#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// workflow/name, a name, or the first letters of a name
    #[arg(add = completion::runs())]
    id: String,
    /// The last event first
    #[arg(long)]
    reverse: bool,
}

pub async fn run(args: HistoryArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let id = resolve(stack, &args.id).await?;
    let gone = || Failure::new(Exit::NotFound, Code::NoSuchRun, format!("there is no run '{id}'"));
    let view = stack.protocol.view(&id).await?.ok_or_else(gone)?;
    let mut events = view.replay.events;
    if args.reverse {
        events.reverse();
    }
    if printer.is_json() {
        return printer.json_list(&events.iter().map(EventShape::new).collect::<Vec<_>>());
    }
    for line in lines(&events, view.item.started_ms, printer) {
        printer.data(line)?;
    }
    Ok(())
}

fn lines(events: &[HistoryEvent], started_ms: i64, printer: &Printer) -> Vec<String> {
    let mut table = Table::new(&["ID", "PREVIOUS", "TIME", "TYPE", "WHAT"], limits::CELL_CHARS_MAX);
    for event in events {
        // In a history "ago" helps nobody: what counts is the distance from the start.
        let time = match printer.time_style {
            TimeStyle::Relative => format!("+{}", text::duration(event.time_ms - started_ms)),
            style => text::time(event.time_ms, event.time_ms, style),
        };
        let shape = EventShape::new(event);
        let what = ["name", "error", "resource"].into_iter().find_map(|key| shape.details.get(key)?.as_str());
        let what = what.map(|what| what.rsplit_once(":function:").map_or(what, |(_, function)| function));
        table.row([
            &event.id.to_string(),
            &event.previous_id.to_string(),
            &time,
            &shape.kind,
            what.unwrap_or_default(),
        ]);
    }
    let mut shown = Vec::new();
    for (at, line) in table.lines().into_iter().enumerate() {
        let Some(event) = at.checked_sub(1).and_then(|at| events.get(at)) else {
            shown.push(paint(style::DIM, line));
            continue;
        };
        shown.push(line);
        if printer.verbosity > 0 {
            shown.extend(event.event.details().iter().map(|(name, value)| detail(name, value)));
        }
    }
    shown
}

fn detail(name: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("      {}  {}", paint(style::DIM, name), cut(&escaped(&text), limits::LINE_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::Format;
    use serde_json::json;
    use stepladder_engine::Event;

    #[test]
    fn an_event_is_a_line_and_its_data_stands_below() {
        let mut printer = Printer::new(Format::Text, TimeStyle::Relative);
        printer.verbosity = 1;
        let events = [
            HistoryEvent {
                id: 2,
                previous_id: 1,
                time_ms: 1_500,
                event: Event::StateEntered {
                    state_type: "Task",
                    name: "Charge\u{7}".into(),
                    input: json!({"a": 1}),
                },
            },
            HistoryEvent {
                id: 3,
                previous_id: 2,
                time_ms: 2_250,
                event: Event::LambdaFunctionScheduled {
                    resource: "arn:aws:lambda:us-east-1:000000000000:function:charge".into(),
                    input: json!([]),
                    timeout_seconds: None,
                    credentials: None,
                },
            },
        ];
        let lines: Vec<String> = lines(&events, 1_000, &printer)
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect();
        assert_eq!(
            lines,
            [
                "ID  PREVIOUS  TIME     TYPE                     WHAT",
                "2   1         +500 ms  TaskStateEntered         Charge\\u{7}",
                "      name  Charge\\u{7}",
                "      input  {\"a\":1}",
                "3   2         +1.2 s   LambdaFunctionScheduled  charge",
                "      resource  arn:aws:lambda:us-east-1:000000000000:function:charge",
                "      input  []",
            ]
        );
    }
}
