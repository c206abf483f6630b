//! `stepladder run list`.

use crate::{
    completion,
    connect::Stack,
    failure::Outcome,
    limits,
    printer::Printer,
    runs::{known, newest_ids, not_asked},
    shapes::RunShape,
    style::{self, paint},
    table::Table,
    text::{self, parse_duration},
};
use std::time::Duration;
use stepladder_engine::Status;
use stepladder_protocol::{Candidate, Host, Items, Judged, Query, RunItem, Store, Walk};

/// List the newest runs
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only runs with this status; may be given several times
    #[arg(long, value_enum, ignore_case = true)]
    status: Vec<StatusArg>,
    /// Only runs of this workflow
    #[arg(long, add = completion::workflows())]
    workflow: Option<String>,
    /// Only runs that fit all of this: status=failed state=Charge error=Timeout since=2h customer=c-17
    #[arg(long = "where", value_name = "QUERY")]
    query: Option<String>,
    /// Only runs that started within this time, like 2h
    #[arg(long, value_parser = parse_duration)]
    since: Option<Duration>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Nothing is cut
    #[arg(long)]
    wide: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StatusArg {
    Running,
    Succeeded,
    Failed,
    #[value(alias = "timed_out")]
    TimedOut,
    Aborted,
}

impl StatusArg {
    fn status(self) -> Status {
        match self {
            StatusArg::Running => Status::Running,
            StatusArg::Succeeded => Status::Succeeded,
            StatusArg::Failed => Status::Failed,
            StatusArg::TimedOut => Status::TimedOut,
            StatusArg::Aborted => Status::Aborted,
        }
    }
}

pub async fn run(args: ListArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let all = stack.store().workflows().await?;
    if let Some(text) = &args.query {
        return run_query(text, &args, &all, stack, printer).await;
    }
    let workflows = match &args.workflow {
        Some(workflow) => vec![known(workflow, &all)?],
        None => all,
    };
    let now_ms = stack.now_ms();
    let since_ms =
        args.since.map_or(0, |since| now_ms - i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let limit = usize::from(args.limit);
    // A filter by status has to look at more than it shows.
    let looked_at = if args.status.is_empty() { limit } else { limits::LIST_RUNS_MAX };
    let ids = newest_ids(stack, &workflows, since_ms, looked_at).await?;
    let is_cut = ids.len() == looked_at;
    let Items { items: mut found, unreadable } = Items::read(stack.store(), now_ms, ids).await?;
    for (id, error) in unreadable {
        printer.warning(format!("{id} is left out: {}", error.message));
    }
    let wanted: Vec<Status> = args.status.iter().map(|status| status.status()).collect();
    found.retain(|item| wanted.is_empty() || wanted.contains(&item.status));
    found.truncate(limit);
    if printer.is_json() {
        return printer.json_list(&found.iter().map(RunShape::new).collect::<Vec<_>>());
    }
    if found.is_empty() {
        printer.note(match wanted.is_empty() && args.since.is_none() {
            true => "no runs yet; start one: `stepladder start <workflow> --input '{}'`",
            false => "no run fits",
        });
        return Ok(());
    }
    for line in lines(&found, now_ms, args.wide, printer) {
        printer.data(line)?;
    }
    if is_cut && !wanted.is_empty() {
        printer.note(format!("only the newest {looked_at} runs were looked at"));
    }
    Ok(())
}

/// What a query finds, by the shortest list that holds all of it; the other options narrow it.
async fn run_query(
    asked: &str,
    args: &ListArgs,
    workflows: &[String],
    stack: &Stack,
    printer: &Printer,
) -> Outcome {
    let (now_ms, settings) = (stack.now_ms(), stack.protocol.host().settings());
    let statuses: Vec<Status> = args.status.iter().map(|status| status.status()).collect();
    let mut query = Query::parse(asked, now_ms, settings).map_err(not_asked)?;
    query = query.with_statuses(&statuses).map_err(not_asked)?;
    if let Some(workflow) = &args.workflow {
        query = query.of_workflow(workflow).map_err(not_asked)?;
    }
    if let Some(since) = args.since {
        query = query.since(now_ms - i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    }
    if let Some(workflow) = &query.workflow {
        known(workflow, workflows)?;
    }
    let plan = query.plan(workflows, settings).map_err(not_asked)?;
    let limit = usize::from(args.limit);
    let mut walk = Walk::new(stack.store(), &query, &plan, None, limit);
    let (mut found, mut read, mut state_unknown) = (Vec::new(), 0, 0);
    let is_cut = loop {
        let page = walk.next(now_ms, limit).await?;
        let is_last = page.len() < limit;
        for Candidate { place, judged } in page {
            if found.len() == limit {
                break;
            }
            read += 1;
            match judged {
                Judged::Meant(item) => found.push(*item),
                Judged::Other => {}
                Judged::StateUnknown => state_unknown += 1,
                Judged::Unreadable(error) => {
                    printer.warning(format!("{} is left out: {}", place.id, error.message))
                }
            }
        }
        if is_last || found.len() == limit {
            break false;
        }
        if read >= limits::WHERE_RUNS_READ_MAX {
            break true;
        }
    };
    match printer.is_json() {
        true => printer.json_list(&found.iter().map(RunShape::new).collect::<Vec<_>>())?,
        false if found.is_empty() => {}
        false => {
            for line in lines(&found, now_ms, args.wide, printer) {
                printer.data(line)?;
            }
        }
    }
    let fit = match found.len() {
        0 => "no run fits".to_owned(),
        1 => "1 run fits".to_owned(),
        several => format!("{several} runs fit"),
    };
    let newest = if is_cut { "; older ones were not looked at" } else { "" };
    printer.note(format!("{fit}, {read} read{newest}"));
    if state_unknown > 0 {
        printer.note(format!(
            "{} left out: nothing says in which state they ended, they are from before that was kept",
            text::count(state_unknown, "run")
        ));
    }
    Ok(())
}

fn lines(found: &[RunItem], now_ms: i64, wide: bool, printer: &Printer) -> Vec<String> {
    let cell_max = if wide { usize::MAX } else { limits::CELL_CHARS_MAX };
    let mut table = Table::new(&["NAME", "WORKFLOW", "STATUS", "ERROR", "STARTED", "DURATION"], cell_max);
    for item in found {
        let error = match (&item.error, &item.parked) {
            (Some(error), _) => error.as_str(),
            (None, Some(_)) => "(a message is parked)",
            (None, None) => "",
        };
        let duration_ms = item.ended_ms.unwrap_or(now_ms) - item.started_ms;
        table.row([
            item.id.name.as_str(),
            &item.id.workflow,
            item.status.as_str(),
            error,
            &printer.time(item.started_ms),
            &text::duration(duration_ms),
        ]);
    }
    let mut lines = table.lines().into_iter();
    let header = lines.next().map(|header| paint(style::DIM, format!("  {header}")));
    let rows = lines.zip(found).map(|(line, item)| {
        let (glyph, style) = printer.glyphs.status(item.status);
        format!("{} {line}", paint(style, glyph))
    });
    header.into_iter().chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{printer::Format, shapes::tests::item, text::TimeStyle};

    #[test]
    fn a_line_per_run_with_its_columns_aligned() {
        let mut printer = Printer::new(Format::Text, TimeStyle::Utc);
        printer.glyphs = style::UNICODE;
        let found = [item("ord-1\u{1b}[2J", Status::Failed), item("2", Status::Running)];
        let lines: Vec<String> = lines(&found, 61_000, false, &printer)
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect();
        assert_eq!(
            lines,
            [
                "  NAME            WORKFLOW  STATUS   ERROR         STARTED                   DURATION",
                "✗ ord-1\\u{1b}[2J  order     FAILED   CardDeclined  1970-01-01T00:00:01.000Z  2.5 s",
                "▷ 2               order     RUNNING                1970-01-01T00:00:01.000Z  1 min 0 s",
            ]
        );
    }
}
