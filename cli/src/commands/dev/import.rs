//! `stepladder dev --import`: a file into a bucket, a run that reads it, and how far it has come.

mod progress;
mod source;
mod summary;

use super::{logs::Logs, processes::Processes, stack::LocalStack};
use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::Printer,
    shapes::has_ended,
    style::{self, paint},
    text::escaped,
};
use std::time::{Duration, Instant};
use stepladder_aws::upload;
use stepladder_protocol::{Clock, Host, RunItem, StartRequest, Started, Store};

use self::{
    progress::{Found, Rate},
    summary::Summary,
};

pub(super) use self::source::Source;

/// The workflow that rows are for unless another one is named.
pub(super) const WORKFLOW: &str = "data-import";
/// The bucket is `<stack>-import`.
const BUCKET: &str = "import";
/// The pause between two looks: each reads what has ended since the last one, and shares the machine with the run.
const PAUSE: Duration = Duration::from_millis(500);
/// How often progress is told where it can't be rewritten in place.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// What an import needs.
pub(super) struct Import<'a> {
    pub source: &'a Source,
    pub stack: &'a LocalStack,
    pub logs: &'a Logs,
    pub printer: &'a Printer,
}

impl Import<'_> {
    /// Imports the file. An error unless the run succeeds.
    pub(super) async fn run(&self, timeout: Option<Duration>) -> Outcome {
        let source = self.source;
        let rows = source.count_rows().await?;
        let host = self.stack.protocol.host();
        let (bucket, key) = (self.stack.function(BUCKET), source.key.clone());
        let bytes = upload(host, &source.path, &bucket, &key).await?;
        self.printer.note(format!(
            "importing {rows} rows, {} MB, of {} by {}",
            bytes.div_ceil(1_000_000),
            escaped(&format!("s3://{bucket}/{key}")),
            paint(style::ID, escaped(&source.workflow)),
        ));
        let mut processes = Processes::watch();
        let began = Instant::now();
        let name = source.run_name(host.clock().now_ms());
        let input = serde_json::json!({ "bucket": bucket, "key": key });
        let request = StartRequest { workflow: source.workflow.clone(), name, input };
        let item = match self.stack.protocol.start(request).await {
            Ok(Started::Created(item) | Started::Repeated(item) | Started::Conflict(item)) => item,
            Err(error) => return Err(Failure::new(Exit::Bad, Code::StackFailed, error.to_string())),
        };
        let mut found = Found::default();
        let watched = self.watch(&item, rows, &mut found, &mut processes, timeout).await;
        self.printer.clear_status();
        let item = watched?;
        let took = began.elapsed();
        processes.look();
        let ending = self.stack.protocol.ending(&item).await?.unwrap_or_default();
        let summary = Summary::new(&item, ending, found, took, &processes);
        summary.print(self.printer)?;
        summary.verdict()
    }

    /// Waits for the run's end, and tells how far it is.
    async fn watch(
        &self,
        item: &RunItem,
        rows: u64,
        found: &mut Found,
        processes: &mut Processes,
        timeout: Option<Duration>,
    ) -> Outcome<RunItem> {
        let (protocol, began) = (&self.stack.protocol, Instant::now());
        let (mut told, mut moved, mut last) = (began, began, (0, 0));
        let mut rate = Rate::default();
        loop {
            let now_ms = protocol.host().clock().now_ms();
            let run = protocol.host().store().run(&item.id, now_ms).await?;
            found.look(protocol, &item.key()).await?;
            processes.look();
            match run {
                Some(run) if has_ended(run.status) => return Ok(run),
                Some(_) => {}
                None => return Err(Failure::new(Exit::NotFound, Code::RunFailed, "the run is gone")),
            }
            let done = found.rows_done(rows);
            rate.add(began.elapsed(), done);
            if self.printer.shows_status() {
                let line = found.line(rows, &rate);
                self.printer.status(format!("{} {line}", paint(style::HINT, self.printer.glyphs.running)));
            } else if told.elapsed() >= TELL_EVERY {
                self.printer.note(found.line(rows, &rate));
                told = Instant::now();
            }
            let now = (done, self.logs.transitions());
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            if timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
                return Err(gave_up(item, "the time of --timeout is over"));
            }
            if moved.elapsed() >= limits::STALL_TIMEOUT {
                let why = format!("nothing has moved for {} s", limits::STALL_TIMEOUT.as_secs());
                return Err(gave_up(item, &why));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn gave_up(item: &RunItem, why: &str) -> Failure {
    let message = format!("gave up waiting for {}: {why}", item.id);
    Failure::new(Exit::GaveUp, Code::GaveUpWaiting, message)
        .hint("keep the stack up (without --once) and look: `stepladder run list --status running`")
}
