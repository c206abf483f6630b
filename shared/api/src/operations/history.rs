//! GetExecutionHistory.

use super::events::{Data, shape};
use crate::{
    Api,
    answer::Answer,
    error::ApiError,
    fields::{Fields, Text},
    limits::{ANSWER_BYTES_MAX, HISTORY_PORTION},
};
use serde_json::{Value, json};
use std::ops::Range;
use stepladder_engine::{History, HistoryEvent};
use stepladder_protocol::{Clock, Host, RunItem, json};

/// Which events a page has, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Back,
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html>
///
/// A token holds how many events come before the page (backwards: up to and with it), and a digest of them. Where a branch
/// of a run that is still going has meanwhile recorded what belongs among them, it is InvalidToken: nothing is shown twice,
/// and nothing is passed over.
pub(super) async fn get<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("executionArn", Text::ARN)?;
    let results = fields.max_results()?;
    let order = match fields.boolean("reverseOrder")? {
        Some(true) => Order::Back,
        _ => Order::Forward,
    };
    let data = match fields.boolean("includeExecutionData")? {
        Some(false) => Data::LeftOut,
        _ => Data::Shown,
    };
    let token = fields.text("nextToken", Text::TOKEN)?;
    fields.check()?;
    let item = super::executions::find(api, &arn).await?;
    let asked = json!(["GetExecutionHistory", arn, item.nonce, order == Order::Back, data == Data::LeftOut]);
    let now_ms = api.protocol.host().clock().now_ms();
    let place = token.map(|token| api.tokens.open(&asked, &token, now_ms)).transpose()?;
    let Some(ordered) = api.recordings.read(&api.protocol, &item).await? else {
        return Err(ApiError::no_execution(&arn));
    };
    let history = ordered.history();
    let page = HistoryPage { item: &item, history: &history, order, results };
    let (events, next) = page.build(place.as_ref(), |event| shape(event, data))?;
    let token = next.map(|place| api.tokens.seal(&asked, &place, now_ms)).transpose()?;
    Ok(Answer::default().set("events", events).set_some("nextToken", token).into_value())
}

/// A page of a history, to be built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HistoryPage<'a> {
    pub(crate) item: &'a RunItem,
    pub(crate) history: &'a History<'a>,
    pub(crate) order: Order,
    /// How many events it has at most.
    pub(crate) results: usize,
}

impl HistoryPage<'_> {
    /// The events from a place on, and the place of the next page, if there is one.
    pub(crate) fn build(
        &self,
        place: Option<&Value>,
        shape: impl Fn(&HistoryEvent) -> Result<Value, ApiError>,
    ) -> Result<(Vec<Value>, Option<Value>), ApiError> {
        let history = self.history;
        let from = match place {
            Some(place) => shown_before(history, place)?,
            None if self.order == Order::Back => history.len(),
            None => 0,
        };
        let (events, next) = self.from(from, shape)?;
        let is_last = match self.order {
            Order::Forward => next >= history.len(),
            Order::Back => next == 0,
        };
        let place = (!is_last).then(|| json!({ "n": next, "d": hex(history.order().digest(next)) }));
        Ok((events, place))
    }

    /// The events behind `from`, or before it, as many as fit in an answer; and where the next page begins.
    fn from(
        &self,
        from: usize,
        shape: impl Fn(&HistoryEvent) -> Result<Value, ApiError>,
    ) -> Result<(Vec<Value>, usize), ApiError> {
        let (mut shapes, mut bytes, mut at) = (Vec::new(), 0, from);
        while shapes.len() < self.results {
            let portion = match shapes.len() {
                0 => HISTORY_PORTION,
                // As many as fit, if they are like those before.
                built => (ANSWER_BYTES_MAX.saturating_sub(bytes) / (bytes / built).max(1)).max(1),
            };
            let events = self.portion(at, portion.min(self.results - shapes.len()))?;
            if events.is_empty() {
                break;
            }
            for event in events {
                let shape = shape(&event)?;
                bytes +=
                    json::size(&shape).map_err(|_| ApiError::internal("an event could not be written"))?;
                if bytes > ANSWER_BYTES_MAX && !shapes.is_empty() {
                    return Ok((shapes, at));
                }
                shapes.push(shape);
                at = match self.order {
                    Order::Forward => at + 1,
                    Order::Back => at.saturating_sub(1),
                };
            }
        }
        Ok((shapes, at))
    }

    fn portion(&self, at: usize, count: usize) -> Result<Vec<HistoryEvent>, ApiError> {
        let range: Range<usize> = match self.order {
            Order::Forward => at..at.saturating_add(count),
            Order::Back => at.saturating_sub(count)..at,
        };
        let mut events = self
            .history
            .page(range)
            .map_err(|error| ApiError::internal(format!("replay {}: {error}", self.item.id)))?;
        if self.order == Order::Back {
            events.reverse();
        }
        Ok(events)
    }
}

/// The number of events in a token's place, if they are still the same.
fn shown_before(history: &History<'_>, place: &Value) -> Result<usize, ApiError> {
    let number = place.get("n").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    let digest = place.get("d").and_then(Value::as_str);
    match (number, digest) {
        (Some(number), Some(digest))
            if number <= history.len() && hex(history.order().digest(number)) == digest =>
        {
            Ok(number)
        }
        _ => Err(ApiError::invalid_token()),
    }
}

fn hex(digest: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(digest))
}
