//! `stepladder repair`.

use crate::{
    completion,
    connect::Stack,
    failure::Outcome,
    limits,
    printer::Printer,
    runs::{resolve, running},
    style::{self, paint},
    text::{count, escaped},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use stepladder_protocol::{Repaired, RunId};

/// Send what runs wait for once more
///
/// For messages that were lost: a queue was purged, or a local stack was ended. It records nothing, and a message that is
/// sent twice does nothing twice. The timer function does the same by itself: within the hour for a run that is younger,
/// else within a day.
#[derive(Debug, clap::Args)]
pub struct RepairArgs {
    /// workflow/name, a name, or the first letters of a name. Unless given: all runs that still go
    #[arg(add = completion::running())]
    ids: Vec<String>,
}

pub async fn run(args: RepairArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let (ids, unreadable) = match args.ids.is_empty() {
        true => running(stack.store(), stack.now_ms()).await?,
        false => {
            let mut ids = Vec::new();
            for id in &args.ids {
                ids.push(resolve(stack, id).await?);
            }
            (ids, Vec::new())
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
    for (_, error) in unreadable {
        looked_at += 1;
        if let Some(before) = first_failure.replace(error.into()) {
            printer.failure(&before);
        }
    }
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

fn line(id: &RunId, repaired: &Repaired) -> String {
    let did = match repaired {
        Repaired::Again { state } => format!("sent on in {}", escaped(state)),
        Repaired::Ended(status) => format!("has ended {}; nothing to do", status.as_str()),
        Repaired::NotFound => "is not there any more".to_owned(),
    };
    format!("{}  {did}", paint(style::ID, escaped(&id.to_string())))
}

/// The shape `stepladder.repaired/1`: what was done is `again`, `ended` or `not_found`.
fn shape(id: &RunId, repaired: &Repaired) -> Value {
    let (did, state, status) = match repaired {
        Repaired::Again { state } => ("again", Some(state), None),
        Repaired::Ended(status) => ("ended", None, Some(status.as_str())),
        Repaired::NotFound => ("not_found", None, None),
    };
    json!({
        "schema": "stepladder.repaired/1",
        "id": id.to_string(),
        "did": did,
        "state": state,
        "status": status,
    })
}
