//! The ends of runs on an event bus.

use crate::{
    clients::Clients,
    error::{entry_error, later, world_error},
};
use aws_sdk_eventbridge::{Client, primitives::DateTime, types::PutEventsRequestEntry};
use futures::future::BoxFuture;
use std::{fmt, sync::Arc};
use stepladder_protocol::{Events, StatusEvent, WorldResult};

type Put = dyn Fn(StatusEvent) -> BoxFuture<'static, WorldResult<()>> + Send + Sync;

/// [`Events`] on EventBridge. Its client stands behind a pointer: a binary that never makes one of these doesn't hold it.
#[derive(Clone)]
pub struct BusEvents(Arc<Put>);

impl fmt::Debug for BusEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BusEvents")
    }
}

impl Events for BusEvents {
    async fn put(&self, event: &StatusEvent) -> WorldResult<()> {
        (self.0)(event.clone()).await
    }
}

impl BusEvents {
    pub(crate) fn new(clients: &Clients, bus: &str) -> Self {
        let (client, bus) = (clients.eventbridge(), bus.to_owned());
        Self(Arc::new(move |event| {
            let (client, bus) = (client.clone(), bus.clone());
            Box::pin(async move { put(&client, &bus, event).await })
        }))
    }
}

/// An answer of 200 may still say that the entry failed
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>).
async fn put(client: &Client, bus: &str, event: StatusEvent) -> WorldResult<()> {
    let operation = || format!("put an event on the bus {bus}");
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source(StatusEvent::SOURCE)
        .detail_type(StatusEvent::DETAIL_TYPE)
        .time(DateTime::from_millis(event.time_ms))
        .set_resources(Some(event.resources))
        .detail(event.detail)
        .build();
    let answer = client.put_events().entries(entry).send().await;
    let answer = answer.map_err(|error| world_error(operation(), &error))?;
    if answer.failed_entry_count() == 0 {
        return Ok(());
    }
    match answer.entries().iter().find_map(|entry| Some((entry.error_code()?, entry.error_message()))) {
        Some((code, message)) => Err(entry_error(operation(), code, message)),
        None => Err(later(operation(), "it failed, and the answer doesn't say why")),
    }
}
