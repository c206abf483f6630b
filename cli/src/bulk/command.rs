//! The part of a command that means all runs of a query: the plan, the question, the work, and what is told of it.

use super::{
    End, Order,
    action::Action,
    pace::{Pace, Rate},
    report::{Counts, Entry, Header, Journal, Progress, Report, SCHEMA},
    survey::Survey,
    work,
};
use crate::{
    bounded,
    confirm::confirm,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    interrupt::interrupted,
    limits::BULK_PAGE_RUNS,
    printer::Printer,
    runs::{known, not_asked},
    text::{self, count, escaped, grouped, utc},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use stepladder_asl::timestamp;
use stepladder_aws::AwsHost;
use stepladder_protocol::{Clock, Host, Plan, Query, Store};

/// Whose runs are meant beside those that are named.
#[derive(Debug, Clone, clap::Args)]
pub struct BulkArgs {
    /// All runs that fit: workflow=order status=failed state=Charge error=Timeout since=2h customer=c-17
    #[arg(long = "where", value_name = "QUERY", conflicts_with = "ids")]
    pub query: Option<String>,
    /// How many runs a second, like 50/s or 600/m
    #[arg(long, default_value_t)]
    pub rate: Rate,
    /// Where the report is written, a JSON line for each run; a file of its own unless given
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ids", "resume"])]
    pub report: Option<PathBuf>,
    /// Go on with a report that was interrupted
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ids", "query"])]
    pub resume: Option<PathBuf>,
}

impl BulkArgs {
    /// Whether a query is meant, and not runs that are named.
    pub fn is_asked(&self) -> bool {
        self.query.is_some() || self.resume.is_some()
    }
}

/// What every such command knows.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub stack: &'a Stack,
    pub printer: &'a Printer,
    pub may_assume_yes: bool,
    pub timeout: Option<Duration>,
}

impl Context<'_> {
    /// Which stack it is.
    fn place(&self) -> String {
        let settings = self.stack.protocol.host().settings();
        format!("{} {} {}", settings.stack, settings.region, settings.account)
    }

    async fn plan(&self, query: &Query) -> Outcome<Plan> {
        let all = self.stack.store().workflows().await?;
        if let Some(workflow) = &query.workflow {
            known(workflow, &all)?;
        }
        query.plan(&all, self.stack.protocol.host().settings()).map_err(not_asked)
    }

    fn parse<A: Action<AwsHost>>(&self, action: &A, text: &str, as_of_ms: i64) -> Outcome<Query> {
        let query = Query::parse(text, as_of_ms, self.stack.protocol.host().settings());
        let query = query.map_err(not_asked)?.as_of(as_of_ms);
        query.with_statuses(action.statuses()).map_err(|error| {
            let statuses: Vec<&str> = action.statuses().iter().map(|status| status.as_str()).collect();
            let failure = not_asked(error);
            failure.hint(format!("only runs that are {} can be {}", statuses.join(", "), action.done()))
        })
    }
}

/// Does something to all runs of a query, or goes on with it.
pub async fn run<A: Action<AwsHost>>(
    action: A,
    args: &BulkArgs,
    is_dry_run: bool,
    context: Context<'_>,
) -> Outcome {
    match (&args.resume, &args.query) {
        (Some(path), _) => resume(action, args, path, context).await,
        (None, Some(text)) => begin(action, args, text, is_dry_run, context).await,
        (None, None) => Ok(()),
    }
}

async fn begin<A: Action<AwsHost>>(
    action: A,
    args: &BulkArgs,
    text: &str,
    is_dry_run: bool,
    context: Context<'_>,
) -> Outcome {
    let Context { stack, printer, may_assume_yes, timeout } = context;
    let as_of_ms = stack.now_ms();
    let query = context.parse(&action, text, as_of_ms)?;
    let ready = bounded(timeout, async {
        let plan = context.plan(&query).await?;
        let show = |survey: &Survey| {
            printer.status(format!(
                "{} read, {} fit",
                grouped(survey.read as u64),
                grouped(survey.meant as u64)
            ));
        };
        let survey = Survey::of(&stack.protocol, &action, &query, &plan, &show).await?;
        printer.clear_status();
        match (is_dry_run, printer.is_json()) {
            (true, true) => printer.json(&survey.shape(action.name(), text))?,
            (true, false) => printer.data(survey.text())?,
            (false, _) => printer.note(survey.text()),
        }
        if is_dry_run || survey.meant == 0 {
            return Ok(None);
        }
        let (runs, takes_ms) = (count(survey.meant, "run"), args.rate.takes_ms(survey.meant));
        let question =
            format!("{} {runs} at {}, within {}?", action.name(), args.rate, text::duration(takes_ms));
        let is_yes = confirm(&question, may_assume_yes, printer).await?;
        Ok(is_yes.then_some((plan, survey)))
    });
    let Some((plan, survey)) = ready.await? else { return Ok(()) };
    let header = Header {
        schema: SCHEMA.to_owned(),
        id: format!("{:032x}", stack.protocol.host().clock().random_u128()),
        action: action.name().to_owned(),
        query: text.to_owned(),
        as_of: utc(as_of_ms),
        options: action.options(),
        stack: context.place(),
    };
    let path = args.report.clone().unwrap_or_else(|| default_path(&header));
    let mut report = Report::create(&path)?;
    report.write(&Entry::Query(header.clone()))?;
    printer.note(format!("report: {}", path.display()));
    let all = Some(survey.meant);
    Running { action, query, plan, header, report, progress: Progress::default(), all }
        .go(args.rate, context)
        .await
}

async fn resume<A: Action<AwsHost>>(
    action: A,
    args: &BulkArgs,
    path: &Path,
    context: Context<'_>,
) -> Outcome {
    let (report, header, progress) = Report::open(path)?;
    let other = |what: &str, is: &str, should: &str| {
        let message = format!("{} is a report of {what} {is}, and this is {should}", path.display());
        Failure::new(Exit::Conflict, Code::WrongStatus, message)
    };
    if header.action != action.name() {
        return Err(other("the command", &header.action, action.name()));
    }
    if header.options != action.options() {
        return Err(other("the options", &header.options.to_string(), &action.options().to_string()));
    }
    if header.stack != context.place() {
        return Err(other("the stack", &header.stack, &context.place()));
    }
    let as_of_ms =
        timestamp::parse(&header.as_of).ok_or_else(|| other("the time", &header.as_of, "no time"))?;
    let query = context.parse(&action, &header.query, as_of_ms)?;
    let plan = bounded(context.timeout, context.plan(&query)).await?;
    let been = grouped(progress.counts.all() as u64);
    context.printer.note(format!("going on with {}, after {been} runs", escaped(&header.query)));
    Running { action, query, plan, header, report, progress, all: None }.go(args.rate, context).await
}

fn default_path(header: &Header) -> PathBuf {
    let id: String = header.id.chars().take(8).collect();
    PathBuf::from(format!("stepladder-{}-{id}.jsonl", header.action))
}

/// A query that is being worked on.
struct Running<A> {
    action: A,
    query: Query,
    plan: Plan,
    header: Header,
    report: Report,
    progress: Progress,
    /// How many runs there are, where they were counted.
    all: Option<usize>,
}

impl<A: Action<AwsHost>> Running<A> {
    async fn go(mut self, rate: Rate, context: Context<'_>) -> Outcome {
        let Context { stack, printer, timeout, .. } = context;
        let (done, all, began) = (self.action.done(), self.all, Instant::now());
        let before = self.progress.counts.all();
        let show = |progress: &Progress| {
            printer.status(status_line(done, &progress.counts, before, all, began.elapsed()));
        };
        show(&self.progress);
        let order = Order {
            action: &self.action,
            query: &self.query,
            plan: &self.plan,
            token: &self.header.id,
            page_runs: BULK_PAGE_RUNS,
        };
        let interrupt = interrupted();
        let stop = async {
            match timeout {
                Some(timeout) => {
                    tokio::select! { () = interrupt => {}, () = tokio::time::sleep(timeout) => {} }
                }
                None => interrupt.await,
            }
        };
        let (progress, report) = (&mut self.progress, &mut self.report);
        let mut pace = Pace::new(rate);
        let ended = work(&stack.protocol, &order, &mut pace, progress, report, &show, Box::pin(stop)).await;
        printer.clear_status();
        let how = format!(
            "go on with it{}: stepladder run {} --resume {}",
            if has_options(&self.header.options) { ", with the options that it began with" } else { "" },
            self.header.action,
            self.report.path().display()
        );
        let is_complete = ended == Ok(End::Complete);
        self.tell(is_complete, printer)?;
        match ended {
            Ok(End::Complete) if self.progress.counts.failed > 0 => {
                Err(Failure::told(Exit::Bad, Code::StackFailed))
            }
            Ok(End::Complete) => Ok(()),
            Ok(End::Stopped) => {
                let gave_up = timeout.is_some_and(|timeout| began.elapsed() >= timeout);
                printer.note(how);
                Err(match gave_up {
                    true => Failure::new(Exit::GaveUp, Code::GaveUpWaiting, "gave up (--timeout)"),
                    false => Failure::told(Exit::Interrupted, Code::Interrupted),
                })
            }
            Err(failure) => Err(failure.hint(how)),
        }
    }

    /// The shape `stepladder.bulk-done/1`.
    fn tell(&self, is_complete: bool, printer: &Printer) -> Outcome {
        let Counts { done, pending, refused, failed } = self.progress.counts;
        if printer.is_json() {
            return printer.json(&json!({
                "schema": "stepladder.bulk-done/1",
                "id": self.header.id,
                "action": self.header.action,
                "query": self.header.query,
                "report": self.report.path().display().to_string(),
                "is_complete": is_complete,
                "done": done,
                "pending": pending,
                "refused": refused,
                "failed": failed,
            }));
        }
        let mut line = match is_complete {
            true => format!("{} {}", self.action.done(), count(done, "run")),
            false => format!("interrupted: {} {} so far", self.action.done(), count(done, "run")),
        };
        for (number, what) in [
            (pending, "pending, within minutes"),
            (refused, "left as they are: they have changed meanwhile"),
            (failed, "failed"),
        ] {
            if number > 0 {
                line.push_str(&format!(", {} {what}", grouped(number as u64)));
            }
        }
        printer.data(format!("{line}; {} says of each", self.report.path().display()))
    }
}

/// Whether an action was told anything beside its query.
fn has_options(options: &Value) -> bool {
    options.as_object().is_some_and(|options| options.values().any(|value| !value.is_null()))
}

/// `1,200 of 5,000 runs redriven, 3 failed, 50 a second, 1 min 16 s left`.
fn status_line(done: &str, counts: &Counts, before: usize, all: Option<usize>, took: Duration) -> String {
    let been = counts.all();
    let mut line = match all {
        Some(all) => format!("{} of {} runs {done}", grouped(been as u64), grouped(all as u64)),
        None => format!("{} runs {done}", grouped(been as u64)),
    };
    if counts.failed > 0 {
        line.push_str(&format!(", {} failed", grouped(counts.failed as u64)));
    }
    let per_second = been.saturating_sub(before) as f64 / took.as_secs_f64().max(0.001);
    if took >= Duration::from_secs(1) && per_second > 0.0 {
        line.push_str(&format!(", {} a second", per_second.round()));
        if let Some(all) = all {
            let left_ms = all.saturating_sub(been) as f64 / per_second * 1_000.0;
            line.push_str(&format!(", {} left", text::duration(left_ms.ceil() as i64)));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_were_given_are_told_of() {
        assert!(!has_options(&json!({})) && !has_options(&json!({ "error": null })));
        assert!(has_options(&json!({ "error": "Enough", "cause": null })));
    }

    #[test]
    fn the_line_tells_how_far_it_is_and_how_long_it_takes() {
        let counts = Counts { done: 1_197, failed: 3, ..Counts::default() };
        let line = |before, all, seconds| {
            status_line("redriven", &counts, before, all, Duration::from_secs(seconds))
        };
        assert_eq!(
            line(0, Some(5_000), 24),
            "1,200 of 5,000 runs redriven, 3 failed, 50 a second, 1 min 16 s left"
        );
        assert_eq!(line(1_150, None, 1), "1,200 runs redriven, 3 failed, 50 a second");
        assert_eq!(line(0, Some(5_000), 0), "1,200 of 5,000 runs redriven, 3 failed");
    }
}
