//! Orders become start messages: ten to a call, and within the byte limit of a call.

use crate::{limits, orders::Order, text::ascii_json};
use stepladder_protocol::{
    Host, Outgoing, Queue, QueueName, SendError, StartRequest, WorldResult, json, tenant_of_body,
};

use super::stack::LocalStack;

/// An order that could not be sent, by its place in the list, and why.
pub(super) type NotSent = (usize, String);

/// Sends all orders. One that fails keeps no other from being sent.
pub(super) async fn send(workflow: &str, orders: &[Order], stack: &LocalStack) -> WorldResult<Vec<NotSent>> {
    let mut not_sent = Vec::new();
    let mut batch: Vec<(usize, Outgoing)> = Vec::new();
    let mut batch_bytes = 0;
    for (at, order) in orders.iter().enumerate() {
        let body = body(workflow, order);
        if body.len() > limits::START_MESSAGE_BYTES_MAX {
            // Too large for a message, and not for a run: the same start without the queue.
            if let Err(why) = start(workflow, order, stack).await {
                not_sent.push((at, why));
            }
            continue;
        }
        let is_full = batch.len() == stepladder_protocol::limits::SEND_MESSAGES_MAX
            || batch_bytes + body.len() > limits::START_MESSAGE_BYTES_MAX;
        if is_full {
            send_batch(std::mem::take(&mut batch), stack, &mut not_sent).await?;
            batch_bytes = 0;
        }
        batch_bytes += body.len();
        let group = tenant_of_body(&body, stack.protocol.host().settings());
        batch.push((at, Outgoing::new(body, 0).of_group(group)));
    }
    send_batch(batch, stack, &mut not_sent).await?;
    Ok(not_sent)
}

async fn send_batch(
    batch: Vec<(usize, Outgoing)>,
    stack: &LocalStack,
    not_sent: &mut Vec<NotSent>,
) -> WorldResult<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let (places, messages): (Vec<usize>, Vec<Outgoing>) = batch.into_iter().unzip();
    let answers = stack.protocol.host().queue().send(&QueueName::Start, &messages).await?;
    for (at, answer) in places.into_iter().zip(answers) {
        match answer {
            Ok(()) => {}
            Err(SendError::NoSuchQueue) => not_sent.push((at, "there is no start queue".to_owned())),
            Err(SendError::Failed(error)) => not_sent.push((at, error.to_string())),
        }
    }
    Ok(())
}

async fn start(workflow: &str, order: &Order, stack: &LocalStack) -> Result<(), String> {
    let input = json::parse(order.text.as_bytes()).map_err(|error| error.to_string())?;
    let request = StartRequest { workflow: workflow.to_owned(), name: order.name.clone(), input };
    stack.protocol.start(request).await.map(|_| ()).map_err(|error| error.to_string())
}

/// `{"workflow", "name", "input"}` in ASCII: SQS refuses some characters that JSON may hold.
fn body(workflow: &str, order: &Order) -> String {
    let (workflow, name) = (serde_json::json!(workflow), serde_json::json!(order.name));
    ascii_json(&format!(r#"{{"workflow":{workflow},"name":{name},"input":{}}}"#, order.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_start_message_holds_the_order_as_it_was() {
        let order = Order {
            line: 1,
            name: "ord-\"1\"".into(),
            order_id: None,
            text: "{\"total\": 1.50, \"who\": \"J\u{fffe}rg 😀\"}".into(),
            digest: String::new(),
            expected: None,
            answers: Vec::new(),
        };
        let body = body("order", &order);
        assert!(body.is_ascii(), "{body}");
        let read: Value = serde_json::from_str(&body).unwrap();
        let input = json!({"total": 1.5, "who": "J\u{fffe}rg 😀"});
        assert_eq!(read, json!({"workflow": "order", "name": "ord-\"1\"", "input": input}));
    }
}
