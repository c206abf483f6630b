//! A run's history, page by page.

use super::{asked::Asked, json, problem::Problem, runs, shapes};
use crate::{
    Api,
    error::ApiError,
    limits::DATA_BYTES_MAX,
    operations::{HistoryPage, Order},
};
use serde_json::{Value, json};
use stepladder_asl::timestamp;
use stepladder_engine::HistoryEvent;
use stepladder_protocol::{Clock, Host, json as text};

/// The members of details that hold data.
const DATA: [&str; 4] = ["input", "output", "parameters", "assignedVariables"];

/// `GET /runs/{workflow}/{run}/history`
pub(super) async fn get<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    let item = runs::find(api, asked).await?;
    let order = match asked.text("order") {
        Some("newest") => Order::Back,
        _ => Order::Forward,
    };
    let shows_data = asked.flag("data", false);
    let question = json!(["GET history", item.id, item.nonce, order == Order::Back, shows_data]);
    let now_ms = api.protocol.host().clock().now_ms();
    let place = asked.text("cursor").map(|cursor| api.tokens.open(&question, cursor, now_ms)).transpose()?;
    let Some(page) = HistoryPage::read(api, &item, order, asked.number("limit"), place.as_ref()).await?
    else {
        return Err(Problem::no_run(&item.id));
    };
    let (events, next) = page.build(api, place.as_ref(), |event| shape(event, shows_data)).await?;
    let next = next.map(|place| api.tokens.seal(&question, &place, now_ms)).transpose()?;
    Ok(json!({ "events": events, "count": page.count(), "next": next }))
}

fn shape(event: &HistoryEvent, shows_data: bool) -> Result<Value, ApiError> {
    let unwritable = |_| ApiError::internal("an event could not be written");
    let mut details = event.event.details();
    let mut left_out = Vec::new();
    for name in DATA {
        let Some(value) = details.get(name) else { continue };
        let is_too_large = text::size(value).map_err(unwritable)? > DATA_BYTES_MAX;
        if !shows_data || is_too_large {
            details.shift_remove(name);
        }
        if shows_data && is_too_large {
            left_out.push(name);
        }
    }
    json(&shapes::Event {
        id: event.id,
        previous_id: event.previous_id,
        timestamp: timestamp::format(event.time_ms),
        kind: event.event.type_name(),
        details,
        left_out,
    })
    .map_err(|problem| ApiError::internal(problem.detail))
}
