//! The protocol's world on AWS.

use crate::{
    Access, DynamoStore, Environment, EnvironmentError, LambdaFunctions, Observer, S3Blobs, SqsQueue,
    SystemClock, clients::Clients, store::Capacity,
};
use aws_credential_types::provider::SharedCredentialsProvider;
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

    /// With everything that the environment variables would say given by hand. Nothing goes over the network yet.
    pub async fn connect(environment: Environment) -> Self {
        Self::build(environment, None, None).await
    }

    /// The same, and `observer` is told of every call. DynamoDB's answers then say what they cost.
    pub async fn connect_observed(environment: Environment, observer: Observer) -> Self {
        Self::build(environment, None, Some(observer)).await
    }

    /// With the credentials of an operator, who may have assumed a role.
    pub async fn connect_as(environment: Environment, access: &Access) -> Self {
        Self::build(environment, access.credentials(), None).await
    }

    async fn build(
        environment: Environment,
        credentials: Option<SharedCredentialsProvider>,
        observer: Option<Observer>,
    ) -> Self {
        let capacity = match observer {
            Some(_) => Capacity::Told,
            None => Capacity::Untold,
        };
        let clients = Arc::new(Clients::connect(&environment, credentials, observer).await);
        let stack = environment.settings.stack.clone();
        Self {
            store: DynamoStore::new(
                clients.dynamodb.clone(),
                environment.table.clone(),
                environment.settings.part_branches,
                capacity,
            ),
            queue: SqsQueue::new(clients.sqs.clone(), stack.clone()),
            blobs: S3Blobs::new(Arc::clone(&clients), environment.bucket.clone()),
            functions: LambdaFunctions::new(Arc::clone(&clients), stack),
            clock: SystemClock,
            clients,
            environment: Arc::new(environment),
        }
    }

    /// What it was made of: the stack's names, its endpoints and settings.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The SDK's client for the table, for what [`Store`](stepladder_protocol::Store) doesn't cover: creating it, and
    /// looking into it in tests.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.clients.dynamodb
    }

    /// The SDK's client for the queues, for what [`Queue`](stepladder_protocol::Queue) doesn't cover.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.clients.sqs
    }

    /// The SDK's client for the bucket, for what [`Blobs`](stepladder_protocol::Blobs) doesn't cover. Built on the first
    /// call.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.clients.s3()
    }

    /// The SDK's client for functions, for what [`Functions`](stepladder_protocol::Functions) doesn't cover. Built on the
    /// first call. It makes one attempt only.
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
