//! The runs that fit a query.

use super::{Page, place_of, workflows};
use crate::{
    Api,
    limits::{LOOKED_AT_MAX, REST_LOOK_PORTION},
    rest::{
        asked::Asked,
        json,
        problem::Problem,
        shapes::{Run, Runs, Unreadable},
    },
};
use serde_json::{Value, json};
use stepladder_codes::Code;
use stepladder_engine::Status;
use stepladder_protocol::{Candidate, Clock, Host, Judged, ListedRun, Place, Query, QueryError, Walk};

/// `GET /runs?where=`
pub(super) async fn list<H: Host>(api: &Api<H>, asked: &Asked, text: &str) -> Result<Value, Problem> {
    let host = api.protocol.host();
    let (store, settings, now_ms) = (host.store(), host.settings(), host.clock().now_ms());
    let (workflow, statuses, limit) =
        (asked.text("workflow"), asked.several("status"), asked.number("limit"));
    let question = json!(["GET runs", text, workflow, statuses]);
    // The pages of a list are those of one query: durations count back from when the first was asked for.
    let (after, asked_ms) = match asked.text("cursor") {
        None => (None, now_ms),
        Some(cursor) => {
            let place = api.tokens.open(&question, cursor, now_ms)?;
            let ListedRun { id, started_ms: at_ms } = place_of(&place)?;
            (Some(Place { at_ms, id }), place.get("a").and_then(Value::as_i64).unwrap_or(now_ms))
        }
    };
    let mut query = Query::parse(text, asked_ms, settings).map_err(refused)?;
    let statuses: Vec<Status> = Status::ALL
        .into_iter()
        .filter(|status| statuses.iter().any(|asked| asked == status.as_str()))
        .collect();
    query = query.with_statuses(&statuses).map_err(refused)?;
    if let Some(workflow) = workflow {
        query = query.of_workflow(workflow).map_err(refused)?;
    }
    let all = workflows(store, query.workflow.as_deref()).await?;
    let plan = query.plan(&all, settings).map_err(refused)?;
    let mut walk = Walk::new(store, &query, &plan, after.as_ref(), REST_LOOK_PORTION);
    let mut page = Page { runs: Vec::new(), unreadable: Vec::new(), looked_at: 0, last: None };
    let is_last = loop {
        let wanted = REST_LOOK_PORTION.min(LOOKED_AT_MAX - page.looked_at);
        let found = walk.next(now_ms, wanted).await?;
        let all = found.len();
        if page.take_found(found, limit) < all {
            break false;
        }
        if walk.is_at_end().await? {
            break true;
        }
        if page.is_full(limit) || page.looked_at >= LOOKED_AT_MAX {
            break false;
        }
    };
    let next = match (is_last, &page.last) {
        (false, Some(ListedRun { id, started_ms })) => {
            let place = json!({ "t": started_ms, "w": id.workflow, "n": id.name, "a": asked_ms });
            Some(api.tokens.seal(&question, &place, now_ms)?)
        }
        _ => None,
    };
    let Page { runs, unreadable, looked_at, .. } = page;
    json(&Runs { runs, unreadable, looked_at, next })
}

impl Page {
    /// Takes what was looked at until the page is full; how many.
    fn take_found(&mut self, found: Vec<Candidate>, limit: usize) -> usize {
        let mut taken = 0;
        for Candidate { place: Place { at_ms, id }, judged } in found {
            if self.is_full(limit) {
                break;
            }
            match judged {
                Judged::Meant(item) => self.runs.push(Run::new(&item)),
                Judged::Unreadable(error) => {
                    self.unreadable.push(Unreadable { id: id.to_string(), problem: error.to_string() });
                }
                Judged::Other | Judged::StateUnknown => {}
            }
            taken += 1;
            self.looked_at += 1;
            self.last = Some(ListedRun { id, started_ms: at_ms });
        }
        taken
    }
}

fn refused(error: QueryError) -> Problem {
    let QueryError { message, hint } = error;
    let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    Problem::new(400, Code::InvalidQuery, format!("where: {message}{hint}"))
}
