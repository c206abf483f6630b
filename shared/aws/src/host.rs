//! The protocol's world on AWS.

use crate::{
    DynamoStore, Environment, EnvironmentError, LambdaFunctions, Observer, S3Blobs, SqsQueue, SystemClock,
    clients::Clients,
};
use std::sync::Arc;
use stepladder_protocol::{Host, Settings};

/// [`Host`] on DynamoDB, SQS, S3 and Lambda. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsHost {
    environment: Arc<Environment>,
    clients: Arc<Clients>,
    store: DynamoStore,
    queue: SqsQueue,
    blobs: S3Blobs,
    functions: LambdaFunctions,
    clock: SystemClock,
}

impl AwsHost {
    /// From the environment variables, see [`Environment::from_env`]. Nothing goes over the network yet.
    pub async fn from_env() -> Result<Self, EnvironmentError> {
        Ok(Self::connect(Environment::from_env()?).await)
    }

    pub async fn connect(environment: Environment) -> Self {
        Self::build(environment, None).await
    }

    /// The same, and `observer` is told of every call. DynamoDB's answers then say what they cost.
    pub async fn connect_observed(environment: Environment, observer: Observer) -> Self {
        Self::build(environment, Some(observer)).await
    }

    async fn build(environment: Environment, observer: Option<Observer>) -> Self {
        let counts = observer.is_some();
        let clients = Arc::new(Clients::connect(&environment, observer).await);
        let stack = environment.settings.stack.clone();
        Self {
            store: DynamoStore::new(clients.dynamodb.clone(), environment.table.clone(), counts),
            queue: SqsQueue::new(clients.sqs.clone(), stack.clone()),
            blobs: S3Blobs::new(Arc::clone(&clients), environment.bucket.clone()),
            functions: LambdaFunctions::new(Arc::clone(&clients), stack),
            clock: SystemClock,
            clients,
            environment: Arc::new(environment),
        }
    }

    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What these clients were made of: a step that talks to a service of its own makes its client of the same. The
    /// SDK has no HTTP client of its own here; this has one.
    pub fn sdk_config(&self) -> &aws_config::SdkConfig {
        self.clients.sdk()
    }

    /// The SDK's own clients, for what the traits don't cover.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.clients.dynamodb
    }

    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.clients.sqs
    }

    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.clients.s3()
    }

    pub fn lambda(&self) -> &aws_sdk_lambda::Client {
        self.clients.lambda()
    }
}

impl Host for AwsHost {
    type Store = DynamoStore;
    type Queue = SqsQueue;
    type Blobs = S3Blobs;
    type Clock = SystemClock;
    type Functions = LambdaFunctions;

    fn store(&self) -> &DynamoStore {
        &self.store
    }

    fn queue(&self) -> &SqsQueue {
        &self.queue
    }

    fn blobs(&self) -> &S3Blobs {
        &self.blobs
    }

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn functions(&self) -> &LambdaFunctions {
        &self.functions
    }

    fn settings(&self) -> &Settings {
        &self.environment.settings
    }
}
