//! `stepladder repair`.

use crate::{
    connect::Stack,
    failure::Outcome,
    limits,
    printer::Printer,
    runs::{items, newest_ids, resolve},
    style::{self, paint},
    text::{count, escaped, utc},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use stepladder_engine::Status;
use stepladder_protocol::{Repaired, RunId, Store};

/// Send what runs wait for once more
///
/// For messages that were lost: a queue was purged, or a local stack was ended. It records nothing, and a message that is
/// sent twice does nothing twice. The timer function does the same by itself within the hour.
#[derive(Debug, clap::Args)]
pub struct RepairArgs {
    /// workflow/name, a name, or the first letters of a name. Unless given: all runs that still go
    ids: Vec<String>,
}

pub async fn run(args: RepairArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let ids = match args.ids.is_empty() {
        true => running(stack).await?,
        false => {
            let mut ids = Vec::new();
            for id in &args.ids {
                ids.push(resolve(stack, id).await?);
            }
            ids
        }
    };
    let mut repairs = stream::iter(ids)
        .map(|id| async move {
            let repaired = stack.protocol.repair(&id).await;
            (id, repaired)
        })
        .buffered(limits::READS_AT_ONCE);
    let (mut again, mut looked_at, mut first_failure) = (0, 0, None);
    let mut shapes = Vec::new();
    while let Some((id, repaired)) = repairs.next().await {
        looked_at += 1;
        match repaired {
            Ok(repaired) => {
                again += usize::from(matches!(repaired, Repaired::Again { .. }));
                match printer.is_json() {
                    true => shapes.push(shape(&id, &repaired)),
                    false => printer.data(line(&id, &repaired))?,
                }
            }
            Err(error) => {
                if let Some(before) = first_failure.replace(error.into()) {
                    printer.failure(&before);
                }
            }
        }
    }
    if printer.is_json() {
        printer.json_list(&shapes)?;
    } else {
        printer.note(format!("looked at {}; sent {again} on", count(looked_at, "run")));
    }
    first_failure.map_or(Ok(()), Err)
}

/// The runs that still go, the newest first.
pub async fn running(stack: &Stack) -> Outcome<Vec<RunId>> {
    let workflows = stack.store().workflows().await?;
    let ids = newest_ids(stack, &workflows, 0, limits::REPAIR_RUNS_MAX).await?;
    let items = items(stack, ids).await?;
    Ok(items.into_iter().filter(|item| item.status == Status::Running).map(|item| item.id).collect())
}

fn line(id: &RunId, repaired: &Repaired) -> String {
    let did = match repaired {
        Repaired::Again { state } => format!("sent on in {}", escaped(state)),
        Repaired::Waits { state, due_ms } => format!("waits in {} until {}", escaped(state), utc(*due_ms)),
        Repaired::Ended(status) => format!("has ended {}; nothing to do", status.as_str()),
        Repaired::NotFound => "is not there any more".to_owned(),
    };
    format!("{}  {did}", paint(style::ID, escaped(&id.to_string())))
}

/// The shape `stepladder.repaired/1`: what was done is `again`, `waits`, `ended` or `not_found`.
fn shape(id: &RunId, repaired: &Repaired) -> Value {
    let (did, state, due_at, status) = match repaired {
        Repaired::Again { state } => ("again", Some(state), None, None),
        Repaired::Waits { state, due_ms } => ("waits", Some(state), Some(utc(*due_ms)), None),
        Repaired::Ended(status) => ("ended", None, None, Some(status.as_str())),
        Repaired::NotFound => ("not_found", None, None, None),
    };
    json!({
        "schema": "stepladder.repaired/1",
        "id": id.to_string(),
        "did": did,
        "state": state,
        "due_at": due_at,
        "status": status,
    })
}
