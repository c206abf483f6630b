//! GetExecutionHistory, and pages of a history.

use super::events::{Data, shape};
use crate::{
    Api,
    answer::Answer,
    error::ApiError,
    fields::{Fields, Text},
    limits::{ANSWER_BYTES_MAX, HISTORY_PORTION},
    recordings::Ordered,
};
use serde_json::{Value, json};
use std::{ops::Range, sync::Arc};
use stepladder_engine::{HistoryEvent, HistoryOrder};
use stepladder_protocol::{Clock, Host, RunItem, json};

/// Which events a page has, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Back,
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html>
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
    let page = HistoryPage::read(api, &item, order, results, place.as_ref()).await?;
    let page = page.ok_or_else(|| ApiError::no_execution(&arn))?;
    let (events, next) = page.build(api, place.as_ref(), |event| shape(event, data)).await?;
    let token = next.map(|place| api.tokens.seal(&asked, &place, now_ms)).transpose()?;
    Ok(Answer::default().set("events", events).set_some("nextToken", token).into_value())
}

/// A page of a history, to be built.
///
/// Its place holds how many events come before the page (backwards: up to and with it), and a digest of them. Where a branch
/// of a run that is still going has meanwhile recorded what belongs among them, it is InvalidToken: nothing is shown twice,
/// and nothing is passed over. As long as a page ends before what was known when the one before it was shown, it is cut of that,
/// and nothing is read of what has come since.
#[derive(Debug)]
pub(crate) struct HistoryPage {
    ordered: Arc<Ordered>,
    order: Order,
    /// How many events it has at most.
    results: usize,
}

impl HistoryPage {
    /// What a page is cut of; none where the run isn't there any more.
    pub(crate) async fn read<H: Host>(
        api: &Api<H>,
        item: &RunItem,
        order: Order,
        results: usize,
        place: Option<&Value>,
    ) -> Result<Option<Self>, ApiError> {
        let kept = api.recordings.kept(item);
        let kept = kept.filter(|kept| kept.has_ended() || is_within(&kept.order, place, results, order));
        let ordered = match kept {
            Some(kept) => Some(kept),
            None => api.recordings.read(&api.protocol, item).await?,
        };
        Ok(ordered.map(|ordered| Self { ordered, order, results }))
    }

    /// How many events the history has.
    pub(crate) fn count(&self) -> usize {
        self.ordered.order.len()
    }

    /// The events from a place on, and the place of the next page, if there is one.
    pub(crate) async fn build<H: Host>(
        &self,
        api: &Api<H>,
        place: Option<&Value>,
        shape: impl Fn(&HistoryEvent) -> Result<Value, ApiError>,
    ) -> Result<(Vec<Value>, Option<Value>), ApiError> {
        let known = &self.ordered.order;
        let from = match place {
            Some(place) => shown_before(known, place)?,
            None if self.order == Order::Back => known.len(),
            None => 0,
        };
        let (events, next) = self.from(api, from, shape).await?;
        let is_last = match self.order {
            Order::Forward => next >= known.len(),
            Order::Back => next == 0,
        };
        let place = (!is_last).then(|| json!({ "n": next, "d": hex(known.digest(next)) }));
        Ok((events, place))
    }

    /// The events behind `from`, or before it, as many as fit in an answer; and where the next page begins.
    async fn from<H: Host>(
        &self,
        api: &Api<H>,
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
            let events = self.portion(api, at, portion.min(self.results - shapes.len())).await?;
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

    async fn portion<H: Host>(
        &self,
        api: &Api<H>,
        at: usize,
        count: usize,
    ) -> Result<Vec<HistoryEvent>, ApiError> {
        let range: Range<usize> = match self.order {
            Order::Forward => at..at.saturating_add(count),
            Order::Back => at.saturating_sub(count)..at,
        };
        let mut events = self.ordered.events(&api.protocol, range).await?;
        if self.order == Order::Back {
            events.reverse();
        }
        Ok(events)
    }
}

/// Whether a page of a run that goes on can be shown as the run was when the page before it was: it follows what was shown, and
/// ends before what was known then does.
fn is_within(known: &HistoryOrder, place: Option<&Value>, results: usize, order: Order) -> bool {
    let before = place.and_then(|place| shown_before(known, place).ok());
    before.is_some_and(|before| match order {
        Order::Forward => before.saturating_add(results) < known.len(),
        Order::Back => true,
    })
}

/// The number of events in a token's place, if they are still the same.
fn shown_before(known: &HistoryOrder, place: &Value) -> Result<usize, ApiError> {
    let number = place.get("n").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    let digest = place.get("d").and_then(Value::as_str);
    match (number, digest) {
        (Some(number), Some(digest)) if number <= known.len() && hex(known.digest(number)) == digest => {
            Ok(number)
        }
        _ => Err(ApiError::invalid_token()),
    }
}

fn hex(digest: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(digest))
}
