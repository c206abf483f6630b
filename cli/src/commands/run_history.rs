//! `stepladder run history`.

use crate::{
    completion,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::{Format, Printer},
    recorded::{Head, RecordLine, TailLine},
    runs::resolve,
    shapes::EventShape,
    style::{self, paint},
    table::Table,
    text::{self, TimeStyle, cut, escaped},
};
use serde_json::Value;
use stepladder_engine::HistoryEvent;
use stepladder_protocol::{RunId, Store};

/// Show the events of a run, in Step Functions' own types; or record the run in a file
///
/// With -v also their data, with -o json as an array. With -o jsonl what is printed is no event: it is the recorded run, for
/// `stepladder replay`, a line for the run and one per record. That file holds the run's input, all results, and its nonce, from
/// which its random values and the keys of its steps' calls can be computed. Keep it as you keep the data.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder run history order/17
  stepladder run history order/17 -o json | jq '.[-1]'
  stepladder run history order/17 -o jsonl > order-17.jsonl
  stepladder replay order-17.jsonl")]
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
    if printer.format == Format::Jsonl {
        return record(&id, args.reverse, stack, printer).await;
    }
    let gone = || gone(&id);
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

fn gone(id: &RunId) -> Failure {
    Failure::new(Exit::NotFound, Code::NoSuchRun, format!("there is no run '{id}'"))
}

/// Writes the run as a file of recorded runs has it, record by record as they are read.
async fn record(id: &RunId, is_reverse: bool, stack: &Stack, printer: &Printer) -> Outcome {
    if is_reverse {
        let message = "a recorded run has an order of its own: --reverse doesn't fit -o jsonl";
        return Err(Failure::new(Exit::Usage, Code::InvalidOption, message).hint("-o json has the events"));
    }
    let (protocol, store) = (&stack.protocol, stack.store());
    let item = store.run(id, stack.now_ms()).await?.ok_or_else(|| gone(id))?;
    if !item.redefined.is_empty() || item.begins_at.is_some() {
        let message = format!("can't record {id}: a file holds one definition, and a run from its start");
        return Err(Failure::new(Exit::Bad, Code::InvalidOption, message).hint("-o json has the events"));
    }
    let damaged = |what: &str| {
        let message = format!("can't record {id}: its definition {} {what}", item.definition);
        Failure::new(Exit::Bad, Code::StackFailed, message)
    };
    let asl = store.definition(&id.workflow, &item.definition).await?;
    let asl = asl.ok_or_else(|| damaged("is not there"))?;
    let asl = serde_json::from_str(&asl).map_err(|_| damaged("can't be read"))?;
    printer.json(&Head::new(&item, asl, protocol.input(&item).await?))?;
    let key = item.key();
    let (mut pages, mut records) = (protocol.record_pages(&key), 0);
    while let Some(page) = pages.next().await? {
        for (branch, record) in page {
            let recorded = protocol.recorded(&key, &record).await?;
            printer.json(&RecordLine::new(&branch, &record, recorded))?;
            records += 1;
        }
    }
    printer.json(&TailLine { records })
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
