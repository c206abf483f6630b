//! Runs: the list, one, and its stop.

mod queried;

use super::{
    BASE,
    asked::Asked,
    json,
    problem::Problem,
    shapes::{Payload, Run, RunData, RunDetails, Runs, Stopped, Unreadable, Waiting},
};
use crate::{
    Api,
    fields::{Fields, Text},
    limits::{DATA_BYTES_MAX, LOOKED_AT_MAX, REST_LOOK_PORTION, REST_WAITS_MAX, REST_WORKFLOWS_MERGED_MAX},
    listing::Merged,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::HashMap;
use stepladder_codes::Code;
use stepladder_engine::Status;
use stepladder_protocol::{
    Clock, Ending, Host, Items, ListedRun, Requested, RunId, RunItem, Store, WorldError, check_name,
    json as text,
};

/// `GET /runs`
pub(super) async fn list<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    if let Some(text) = asked.text("where") {
        return queried::list(api, asked, text).await;
    }
    let (workflow, statuses, limit) =
        (asked.text("workflow"), asked.several("status"), asked.number("limit"));
    let (store, now_ms) = (api.protocol.host().store(), api.protocol.host().clock().now_ms());
    let question = json!(["GET runs", workflow, statuses]);
    let after = match asked.text("cursor") {
        Some(cursor) => Some(place_of(&api.tokens.open(&question, cursor, now_ms)?)?),
        None => None,
    };
    let workflows = workflows(store, workflow).await?;
    let is_filtered = !statuses.is_empty();
    let portion = if is_filtered { REST_LOOK_PORTION } else { limit + 1 };
    let mut merged = Merged::new(store, workflows, after.as_ref(), portion);
    let mut page = Page { runs: Vec::new(), unreadable: Vec::new(), looked_at: 0, last: None };
    let is_last = loop {
        let wanted = match is_filtered {
            true => REST_LOOK_PORTION.min(LOOKED_AT_MAX - page.looked_at),
            false => limit - page.looked_at,
        };
        let listed = merged.next(wanted).await?;
        let all = listed.len();
        let read = Items::read(store, now_ms, listed.iter().map(|run| run.id.clone()).collect()).await?;
        let taken = page.take(
            listed,
            read,
            |item| !is_filtered || statuses.iter().any(|status| status == item.status.as_str()),
            limit,
        );
        if taken < all {
            break false;
        }
        let is_full =
            page.is_full(limit) || page.looked_at >= if is_filtered { LOOKED_AT_MAX } else { limit };
        if merged.is_at_end().await? {
            break true;
        }
        if is_full {
            break false;
        }
    };
    let next = match (is_last, &page.last) {
        (false, Some(last)) => Some(sealed(api, &question, last, now_ms)?),
        _ => None,
    };
    let Page { runs, unreadable, looked_at, .. } = page;
    json(&Runs { runs, unreadable, looked_at, next })
}

/// What has been found for a page.
struct Page {
    runs: Vec<Run>,
    unreadable: Vec<Unreadable>,
    looked_at: usize,
    /// The last one that was looked at.
    last: Option<ListedRun>,
}

impl Page {
    fn is_full(&self, limit: usize) -> bool {
        self.runs.len() + self.unreadable.len() >= limit
    }

    /// Looks at runs until the page is full; how many it has looked at. One that has expired is passed over.
    fn take(
        &mut self,
        listed: Vec<ListedRun>,
        read: Items,
        fits: impl Fn(&RunItem) -> bool,
        limit: usize,
    ) -> usize {
        let items: HashMap<RunId, RunItem> =
            read.items.into_iter().map(|item| (item.id.clone(), item)).collect();
        let unreadable: HashMap<RunId, WorldError> = read.unreadable.into_iter().collect();
        let mut taken = 0;
        for run in listed {
            if self.is_full(limit) {
                break;
            }
            if let Some(item) = items.get(&run.id).filter(|item| fits(item)) {
                self.runs.push(Run::new(item));
            }
            if let Some(error) = unreadable.get(&run.id) {
                self.unreadable.push(Unreadable { id: run.id.to_string(), problem: error.to_string() });
            }
            taken += 1;
            self.looked_at += 1;
            self.last = Some(run);
        }
        taken
    }
}

/// The cursor that leads behind this run.
pub(super) fn sealed<H: Host>(
    api: &Api<H>,
    question: &Value,
    last: &ListedRun,
    now_ms: i64,
) -> Result<String, Problem> {
    let place = json!({ "t": last.started_ms, "w": last.id.workflow, "n": last.id.name });
    Ok(api.tokens.seal(question, &place, now_ms)?)
}

pub(super) fn place_of(place: &Value) -> Result<ListedRun, Problem> {
    let text = |name: &str| place.get(name).and_then(Value::as_str);
    let found = (place.get("t").and_then(Value::as_i64), text("w"), text("n"));
    let (Some(started_ms), Some(workflow), Some(name)) = found else {
        return Err(Problem::new(400, Code::InvalidCursor, "begin again without a cursor"));
    };
    Ok(ListedRun { id: RunId::new(workflow, name), started_ms })
}

/// The workflow that was asked for, or all of them.
pub(super) async fn workflows<S: Store>(store: &S, workflow: Option<&str>) -> Result<Vec<String>, Problem> {
    if let Some(workflow) = workflow {
        return match check_name(workflow).is_ok() && store.workflow(workflow).await?.is_some() {
            true => Ok(vec![workflow.to_owned()]),
            false => Err(Problem::no_workflow(workflow)),
        };
    }
    let listed = store.workflows_after(None, REST_WORKFLOWS_MERGED_MAX + 1).await?;
    if listed.len() > REST_WORKFLOWS_MERGED_MAX {
        let detail =
            format!("it has more than {REST_WORKFLOWS_MERGED_MAX}: name one by the parameter 'workflow'");
        return Err(Problem::new(400, Code::TooManyWorkflows, detail));
    }
    Ok(listed.into_iter().map(|workflow| workflow.name).collect())
}

/// `GET /runs/{workflow}/{run}`
///
/// What is damaged or gone keeps nothing of the rest back: it is what somebody has to look at.
pub(super) async fn get<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    let mut item = find(api, asked).await?;
    let mut problem = None;
    let mut waits = Vec::new();
    if item.status == Status::Running && asked.flag("waits", true) {
        match api.protocol.view(&item.id).await {
            Ok(Some(view)) => {
                waits = view.waits();
                item = view.item;
            }
            Ok(None) => return Err(Problem::no_run(&item.id)),
            Err(error) => problem = Some(error),
        }
    }
    let ending = told(api.protocol.ending(&item).await, &mut problem).flatten().unwrap_or_default();
    let data = match asked.flag("data", false) {
        true => Some(RunData {
            input: told(api.protocol.input(&item).await, &mut problem).map(payload).transpose()?,
            output: ending.output.clone().map(payload).transpose()?,
        }),
        false => None,
    };
    let Ending { error, cause, .. } = ending;
    let mut run = Run::new(&item);
    run.error = run.error.or(error);
    let is_running = item.status == Status::Running;
    let paused = is_running && api.protocol.paused_by(&item.id).await?.any();
    json(&RunDetails {
        run,
        cause,
        paused,
        waits_left_out: waits.len().saturating_sub(REST_WAITS_MAX),
        waits: waits.into_iter().take(REST_WAITS_MAX).map(Waiting::from).collect(),
        problem: problem.as_ref().map(WorldError::to_string),
        data,
    })
}

/// What could be read; else the first error is kept.
fn told<T>(read: Result<T, WorldError>, problem: &mut Option<WorldError>) -> Option<T> {
    read.map_err(|error| problem.get_or_insert(error)).ok()
}

/// `POST /runs/{workflow}/{run}/stop`
pub(super) async fn stop<H: Host>(api: &Api<H>, asked: &Asked, body: &[u8]) -> Result<Value, Problem> {
    let mut fields = Fields::read(if body.is_empty() { b"{}" } else { body })?;
    let error = fields.text("error", Text::ERROR)?;
    let cause = fields.text("cause", Text::CAUSE)?;
    let compensate = fields.text("compensate", Text::PLACE)?;
    fields.check()?;
    let id = id(asked)?;
    let requested = match compensate {
        Some(_) if error.is_some() || cause.is_some() => {
            let what = "'compensate' has no error and no cause: the run ends as its definition says";
            return Err(Problem::new(400, Code::InvalidBody, what));
        }
        Some(state) => api.protocol.request_compensation(&id, &state).await?,
        None => api.protocol.request_stop(&id, error, cause).await?,
    };
    let is_done = is_done(&id, requested)?;
    json(&Stopped { id: id.to_string(), is_done })
}

/// Whether what was asked for is done, or on its way.
pub(super) fn is_done(id: &RunId, requested: Requested) -> Result<bool, Problem> {
    match requested {
        Requested::Done => Ok(true),
        Requested::Pending => Ok(false),
        Requested::Refused(status) => {
            Err(Problem::new(409, Code::WrongStatus, format!("the run is {}", status.as_str())))
        }
        Requested::Unplaced(unplaced) => Err(unplaced.into()),
        Requested::NotFound => Err(Problem::no_run(id)),
    }
}

/// The run of the path.
pub(super) async fn find<H: Host>(api: &Api<H>, asked: &Asked) -> Result<RunItem, Problem> {
    let id = id(asked)?;
    let host = api.protocol.host();
    let item = host.store().run(&id, host.clock().now_ms()).await?;
    item.ok_or_else(|| Problem::no_run(&id))
}

/// Where a run can be looked at.
pub(super) fn href(id: &RunId) -> String {
    let part = |name| utf8_percent_encode(name, PART);
    format!("{BASE}/runs/{}/{}", part(&id.workflow), part(&id.name))
}

/// What stands for itself in a part of a path (RFC 3986, 2.3).
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// No run has a name that isn't allowed.
pub(super) fn id(asked: &Asked) -> Result<RunId, Problem> {
    let id = RunId::new(asked.path("workflow"), asked.path("run"));
    match check_name(&id.workflow).is_ok() && check_name(&id.name).is_ok() {
        true => Ok(id),
        false => Err(Problem::new(404, Code::NoSuchRun, "no run has a name that is not allowed")),
    }
}

/// A value with its size; what is too large for an answer is left out.
pub(super) fn payload(value: Value) -> Result<Payload, Problem> {
    payload_of(value, DATA_BYTES_MAX)
}

pub(super) fn payload_of(value: Value, bytes_max: usize) -> Result<Payload, Problem> {
    let bytes = text::size(&value)
        .map_err(|_| Problem::new(500, Code::StackFailed, "a value could not be written as JSON"))?;
    let is_included = bytes <= bytes_max;
    Ok(Payload { bytes, is_included, value: if is_included { value } else { Value::Null } })
}
