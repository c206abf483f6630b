//! Queues, and the messages in them that nobody could handle.

use super::{
    asked::Asked,
    json,
    problem::Problem,
    runs::payload_of,
    shapes::{DeadLetter, DeadLetters, Queue, Queues},
};
use crate::{
    Api,
    limits::{KEPT_PAYLOAD_BYTES_MAX, READS_AT_ONCE, REST_WORKFLOWS_OF_QUEUES_MAX},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepladder_codes::Code;
use stepladder_engine::function_of;
use stepladder_protocol::{
    Backlog, Clock, Depths, Go, Host, Kept, KeptMessage, Letter, LookEnd, QueueName, Store, WorldResult,
};

/// `GET /queues`
pub(super) async fn list<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    let backlog = backlog(api)?;
    let (limit, question) = (asked.number("limit"), json!(["GET queues"]));
    let now_ms = api.protocol.host().clock().now_ms();
    let after = asked.text("cursor").map(|cursor| api.tokens.open(&question, cursor, now_ms)).transpose()?;
    let after = after.as_ref().and_then(Value::as_str).unwrap_or_default();
    let mut names: Vec<String> = names(api).await?.into_iter().filter(|name| name.as_str() > after).collect();
    let is_last = names.len() <= limit;
    names.truncate(limit);
    let next = match (is_last, names.last()) {
        (false, Some(last)) => Some(api.tokens.seal(&question, &json!(last), now_ms)?),
        _ => None,
    };
    let reads = names.into_iter().map(|name| async move {
        let queue = system(&name).unwrap_or_else(|| QueueName::Step(name.clone()));
        let depths = backlog.depths(&queue).await?;
        let is_system = !matches!(queue, QueueName::Step(_));
        WorldResult::Ok(depths.map(|depths| Queue::new(name, is_system, depths)))
    });
    let queues: Vec<Option<Queue>> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    json(&Queues { queues: queues.into_iter().flatten().collect(), next })
}

/// The names of the system's queues, and of the functions that current definitions call.
async fn names<H: Host>(api: &Api<H>) -> Result<BTreeSet<String>, Problem> {
    let mut names: BTreeSet<String> =
        QueueName::SYSTEM.iter().map(|queue| queue.short().to_owned()).collect();
    let workflows = api.protocol.host().store().workflows_after(None, REST_WORKFLOWS_OF_QUEUES_MAX).await?;
    let reads = workflows
        .into_iter()
        .map(|workflow| async move { api.protocol.current_definition(&workflow.name).await });
    let current: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    for current in current.into_iter().flatten() {
        let functions = current.definition.states.keys();
        let functions = functions.filter_map(|state| function_of(&current.definition, state));
        names.extend(functions.map(str::to_owned));
    }
    Ok(names)
}

fn system(name: &str) -> Option<QueueName> {
    QueueName::SYSTEM.into_iter().find(|queue| queue.short() == name)
}

/// `GET /dead-letters`
pub(super) async fn kept<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    let backlog = backlog(api)?;
    let kept = match asked.text("queue") {
        Some(name) if name == Kept::DeadLetter.short() => Kept::DeadLetter,
        _ => Kept::Parked,
    };
    let (limit, shows_data) = (asked.number("limit"), asked.flag("data", false));
    let bytes_max = api.protocol.host().settings().payload_bytes_max;
    let mut seen = Vec::new();
    let mut see = |letter: Letter| {
        // Only what is shown is kept: a message may have a mebibyte.
        let payload =
            shows_data.then(|| payload_of(KeptMessage::payload(&letter, bytes_max), KEPT_PAYLOAD_BYTES_MAX));
        seen.push((KeptMessage::read(&letter, kept, bytes_max), payload));
        if seen.len() >= limit { Go::Stop } else { Go::On }
    };
    let looked = backlog.look(kept, limit, &mut see).await?;
    let missing = || Problem::new(500, Code::StackFailed, format!("the stack has no queue {}", kept.short()));
    let looked = looked.ok_or_else(missing)?;
    let Depths { visible, in_flight, delayed } = backlog.depths(&kept.queue()).await?.unwrap_or_default();
    seen.sort_by_key(|(message, _)| message.sent_ms);
    let messages = seen
        .into_iter()
        .map(|(message, payload)| Ok::<_, Problem>(DeadLetter::new(message, payload.transpose()?)));
    json(&DeadLetters {
        queue: kept.short(),
        messages: messages.collect::<Result<_, _>>()?,
        is_all: looked.end == LookEnd::Whole,
        held: visible + in_flight + delayed,
    })
}

fn backlog<H: Host>(api: &Api<H>) -> Result<&dyn Backlog, Problem> {
    let none = || Problem::new(501, Code::NoQueues, "whoever serves it has given it no access to them");
    api.protocol.host().backlog().ok_or_else(none)
}
