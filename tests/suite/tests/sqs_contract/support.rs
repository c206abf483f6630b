//! A client, and what the cases have in common.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    Message, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use stepladder_local::{Server, ServerConfig};

/// One SQS and a client to it.
pub(crate) struct Sqs {
    pub(crate) client: Client,
    // Lives as long as the test.
    _server: Option<Server>,
}

impl Sqs {
    pub(crate) async fn start() -> Self {
        let (endpoint, server) = match std::env::var("SQS_CONTRACT_ENDPOINT") {
            Ok(endpoint) => (endpoint, None),
            Err(_) => {
                let server = Server::start(ServerConfig::default()).await.unwrap();
                (server.endpoint_url(), Some(server))
            }
        };
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "contract"))
            .endpoint_url(endpoint)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self { client: Client::from_conf(config), _server: server }
    }

    pub(crate) async fn queue(&self, attributes: &[(QueueAttributeName, &str)]) -> String {
        let mut create = self.client.create_queue().queue_name(unique_name());
        for (name, value) in attributes {
            create = create.attributes(name.clone(), *value);
        }
        create.send().await.unwrap().queue_url.unwrap()
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) -> String {
        self.client
            .send_message()
            .queue_url(queue)
            .message_body(body)
            .send()
            .await
            .unwrap()
            .message_id
            .unwrap()
    }

    /// Up to ten messages, with all their attributes.
    pub(crate) async fn receive(&self, queue: &str, wait_s: i32) -> Vec<Message> {
        self.client
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10)
            .wait_time_seconds(wait_s)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .unwrap()
            .messages
            .unwrap_or_default()
    }

    pub(crate) async fn receive_one(&self, queue: &str) -> Message {
        let messages = self.receive(queue, 10).await;
        assert_eq!(messages.len(), 1, "expected one message, got {messages:?}");
        messages.into_iter().next().unwrap()
    }

    pub(crate) async fn delete(&self, queue: &str, message: &Message) {
        let handle = message.receipt_handle().unwrap();
        self.client.delete_message().queue_url(queue).receipt_handle(handle).send().await.unwrap();
    }

    pub(crate) async fn attribute(&self, queue: &str, name: QueueAttributeName) -> Option<String> {
        let request =
            self.client.get_queue_attributes().queue_url(queue).attribute_names(QueueAttributeName::All);
        request.send().await.unwrap().attributes.unwrap().get(&name).cloned()
    }

    /// Waits until an approximate number is `expected`.
    pub(crate) async fn wait_for_number(&self, queue: &str, name: QueueAttributeName, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.attribute(queue, name.clone()).await;
            if found.as_deref() == Some(expected) {
                return;
            }
            assert!(Instant::now() < deadline, "{name:?} is {found:?}, not {expected}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

pub(crate) fn unique_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("contract-{}-{}-{}", std::process::id(), since.as_nanos(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[track_caller]
pub(crate) fn check_code<T: std::fmt::Debug, E, R>(result: Result<T, SdkError<E, R>>, expected: &str)
where
    E: ProvideErrorMetadata + std::fmt::Debug,
    R: std::fmt::Debug,
{
    let error = result.expect_err("the call should have failed");
    let code = error.code().map(str::to_owned);
    assert_eq!(code.as_deref(), Some(expected), "{error:?}");
}

pub(crate) fn system(message: &Message, name: MessageSystemAttributeName) -> &str {
    message.attributes().and_then(|attributes| attributes.get(&name)).unwrap_or_else(|| panic!("no {name:?}"))
}

pub(crate) fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}
