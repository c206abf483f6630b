//! A stack of its own on an AWS endpoint.

use aws_sdk_sqs::types::MessageSystemAttributeName;
use std::future::Future;
use stepladder_aws::{AwsHost, Environment, Observer, SchedulePlace, StackSpec, create_stack};
use stepladder_local::{Server, ServerConfig};
use stepladder_protocol::{Clock, Host, QueueName};
use stepladder_tests::contract::{Received, World};

/// Longer than any test.
const FUNCTION_TIMEOUT_SECONDS: u32 = 10;

pub(crate) struct AwsWorld {
    pub(crate) host: AwsHost,
    /// Our own, where it is one. Lives as long as the test.
    pub(crate) server: Option<Server>,
}

/// Runs one case as a function on Lambda would: on one thread.
pub(crate) fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(case);
}

impl AwsWorld {
    pub(crate) async fn start() -> Self {
        Self::build(None).await
    }

    pub(crate) async fn start_observed(observer: Observer) -> Self {
        Self::build(Some(observer)).await
    }

    async fn build(observer: Option<Observer>) -> Self {
        let (endpoint, server) = match std::env::var("STEPLADDER_CONTRACT_ENDPOINT") {
            Ok(endpoint) => (endpoint, None),
            Err(_) => {
                let server = Server::start(ServerConfig::default()).await.unwrap();
                (server.endpoint_url(), Some(server))
            }
        };
        let mut environment = Environment::local(&endpoint, "contract").unwrap();
        // Every account has this group.
        let (group, role_arn) = ("default".to_owned(), "arn:aws:iam::000000000000:role/contract".to_owned());
        environment.schedules = Some(SchedulePlace { group, role_arn });
        let host = match observer {
            Some(observer) => AwsHost::connect_observed(environment, observer).await,
            None => AwsHost::connect(environment).await,
        }
        .with_outside();
        create_stack(
            &host,
            &StackSpec { steps: Vec::new(), system_timeout_seconds: FUNCTION_TIMEOUT_SECONDS },
        )
        .await
        .unwrap();
        Self { host, server }
    }
}

impl World for AwsWorld {
    type Host = AwsHost;

    fn host(&self) -> &AwsHost {
        &self.host
    }

    async fn create_queue(&self, function: &str) -> QueueName {
        let steps = vec![(function.to_owned(), FUNCTION_TIMEOUT_SECONDS)];
        create_stack(&self.host, &StackSpec { steps, system_timeout_seconds: FUNCTION_TIMEOUT_SECONDS })
            .await
            .unwrap();
        QueueName::Step(function.to_owned())
    }

    fn objects_per_page(&self) -> usize {
        match self.server {
            Some(_) => 200,
            None => 1_000,
        }
    }

    async fn create_bucket(&self) -> String {
        let bucket = format!("contract-{:032x}", self.host.clock().random_u128());
        self.host.s3().create_bucket().bucket(&bucket).send().await.unwrap();
        bucket
    }

    async fn receive(&self, queue: &QueueName) -> Vec<Received> {
        let answer = self
            .host
            .sqs()
            .receive_message()
            .queue_url(self.host.queue().url(queue).await.unwrap().unwrap())
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .send()
            .await
            .unwrap();
        answer
            .messages
            .unwrap_or_default()
            .into_iter()
            .map(|message| {
                let mut attributes = message.attributes.unwrap();
                Received {
                    receive_count: attributes[&MessageSystemAttributeName::ApproximateReceiveCount]
                        .parse()
                        .unwrap(),
                    group: attributes.remove(&MessageSystemAttributeName::MessageGroupId),
                    body: message.body.unwrap(),
                    receipt: message.receipt_handle.unwrap(),
                }
            })
            .collect()
    }

    async fn wait(&self, duration_ms: i64) {
        self.host.clock().sleep(duration_ms).await;
    }
}
