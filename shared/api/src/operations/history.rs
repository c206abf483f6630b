//! GetExecutionHistory.

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
use std::ops::Range;
use stepladder_engine::{HistoryEvent, HistoryOrder};
use stepladder_protocol::{Clock, Host, json};

/// Which events a page has, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Forward,
    Back,
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html>
///
/// A token holds how many events come before the page (backwards: up to and with it), and a digest of them. Where a branch
/// of a run that is still going has meanwhile recorded what belongs among them, it is InvalidToken: nothing is shown twice,
/// and nothing is passed over. As long as a page ends before what was known when the one before it was shown, it is cut of that,
/// and nothing is read of what has come since.
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
    let kept = api.recordings.kept(&item);
    let kept = kept.filter(|kept| kept.has_ended() || is_within(&kept.order, place.as_ref(), results, order));
    let ordered = match kept {
        Some(kept) => kept,
        None => {
            let read = api.recordings.read(&api.protocol, &item).await?;
            read.ok_or_else(|| ApiError::no_execution(&arn))?
        }
    };
    let from = match &place {
        Some(place) => shown_before(&ordered.order, place)?,
        None if order == Order::Back => ordered.order.len(),
        None => 0,
    };
    let (events, next) = page(api, &ordered, from, results, order, data).await?;
    let is_last = match order {
        Order::Forward => next >= ordered.order.len(),
        Order::Back => next == 0,
    };
    let token = match is_last {
        true => None,
        false => {
            let place = json!({ "n": next, "d": hex(ordered.order.digest(next)) });
            Some(api.tokens.seal(&asked, &place, now_ms)?)
        }
    };
    Ok(Answer::default().set("events", events).set_some("nextToken", token).into_value())
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

/// The events behind `from`, or before it, at most `results`, and as many as fit in an answer; and where the next page
/// begins.
async fn page<H: Host>(
    api: &Api<H>,
    ordered: &Ordered,
    from: usize,
    results: usize,
    order: Order,
    data: Data,
) -> Result<(Vec<Value>, usize), ApiError> {
    let (mut shapes, mut bytes, mut at) = (Vec::new(), 0, from);
    while shapes.len() < results {
        let portion = match shapes.len() {
            0 => HISTORY_PORTION,
            // As many as fit, if they are like those before.
            built => (ANSWER_BYTES_MAX.saturating_sub(bytes) / (bytes / built).max(1)).max(1),
        };
        let events = portion_of(api, ordered, at, portion.min(results - shapes.len()), order).await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            let shape = shape(&event, data)?;
            bytes += json::size(&shape).map_err(|_| ApiError::internal("an event could not be written"))?;
            if bytes > ANSWER_BYTES_MAX && !shapes.is_empty() {
                return Ok((shapes, at));
            }
            shapes.push(shape);
            at = match order {
                Order::Forward => at + 1,
                Order::Back => at.saturating_sub(1),
            };
        }
    }
    Ok((shapes, at))
}

async fn portion_of<H: Host>(
    api: &Api<H>,
    ordered: &Ordered,
    at: usize,
    count: usize,
    order: Order,
) -> Result<Vec<HistoryEvent>, ApiError> {
    let range: Range<usize> = match order {
        Order::Forward => at..at.saturating_add(count),
        Order::Back => at.saturating_sub(count)..at,
    };
    let mut events = ordered.events(&api.protocol, range).await?;
    if order == Order::Back {
        events.reverse();
    }
    Ok(events)
}

fn hex(digest: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(digest))
}
