//! The protocol's world on AWS.

use crate::{
    Access, BusEvents, DynamoStore, Environment, EnvironmentError, LambdaFunctions, Observer,
    OneTimeSchedules, S3Blobs, S3Objects, ServiceIntegrations, SqsQueue, SystemClock, clients::Clients,
    limits::ATTEMPTS_MAX, store::Capacity,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use std::sync::Arc;
use stepladder_protocol::{Absent, Backlog, Clock, Host, Settings, WorldResult};

/// [`Host`] on DynamoDB, SQS, S3, Lambda and EventBridge. Cheap to clone.
///
/// A function has what its part needs: [`AwsHost::with_functions`] and [`AwsHost::with_outside`] are called by those few
/// that do, and the clients behind them are in no other binary.
#[derive(Debug, Clone)]
pub struct AwsHost {
    environment: Arc<Environment>,
    clients: Arc<Clients>,
    store: DynamoStore,
    queue: SqsQueue,
    blobs: S3Blobs,
    functions: LambdaFunctions,
    schedules: Option<OneTimeSchedules>,
    events: Option<BusEvents>,
    objects: Option<S3Objects>,
    clock: SystemClock,
}

impl AwsHost {
    /// From the environment variables, see [`Environment::from_env`]. Nothing goes over the network yet.
    pub async fn from_env() -> Result<Self, EnvironmentError> {
        Ok(Self::build(Environment::from_env()?, None, None, ATTEMPTS_MAX).await)
    }

    /// With everything that the environment variables would say given by hand, and able to call functions. Nothing goes
    /// over the network yet.
    pub async fn connect(environment: Environment) -> Self {
        Self::build(environment, None, None, ATTEMPTS_MAX).await.with_functions()
    }

    /// The same, and `observer` is told of every call. DynamoDB's answers then say what they cost.
    pub async fn connect_observed(environment: Environment, observer: Observer) -> Self {
        Self::build(environment, None, Some(observer), ATTEMPTS_MAX).await.with_functions()
    }

    /// With the credentials of an operator, who may have assumed a role.
    pub async fn connect_as(environment: Environment, access: &Access) -> Self {
        Self::build(environment, access.credentials(), None, ATTEMPTS_MAX).await.with_functions()
    }

    /// The same for whoever can't wait: each call is tried once.
    pub async fn connect_once(environment: Environment, access: &Access) -> Self {
        Self::build(environment, access.credentials(), None, 1).await
    }

    async fn build(
        environment: Environment,
        credentials: Option<SharedCredentialsProvider>,
        observer: Option<Observer>,
        attempts_max: u32,
    ) -> Self {
        let capacity = match observer {
            Some(_) => Capacity::Told,
            None => Capacity::Untold,
        };
        let clients = Arc::new(Clients::connect(&environment, credentials, observer, attempts_max).await);
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
            functions: LambdaFunctions::default(),
            schedules: None,
            events: None,
            objects: None,
            clock: SystemClock,
            clients,
            environment: Arc::new(environment),
        }
    }

    /// The same, able to call functions: what the dead-letter function needs.
    pub fn with_functions(mut self) -> Self {
        let stack = self.environment.settings.stack.clone();
        self.functions = LambdaFunctions::new(Arc::clone(&self.clients), stack);
        self
    }

    /// The same with schedules and an event bus, each where the environment names it, and with the users' objects: what the
    /// timer function needs, and the dead-letter function, which does what that could not.
    pub fn with_outside(mut self) -> Self {
        let place = self.environment.schedules.clone();
        self.schedules = place.map(|place| OneTimeSchedules::new(&self.clients, &self.environment, place));
        let bus = self.environment.settings.event_bus.as_deref();
        self.events = bus.map(|bus| BusEvents::new(&self.clients, bus));
        self.objects = Some(S3Objects::new(Arc::clone(&self.clients)));
        self
    }

    /// What calls services for states that are no steps: the invoke function has it, and nobody else.
    pub fn integrations(&self) -> ServiceIntegrations {
        ServiceIntegrations::new(&self.environment, self.clients.credentials())
    }

    /// What tokens for the next page of an answer are made with: the same for all processes of the stack, and known to nobody
    /// else. The first one that asks draws it, and it is kept in the table.
    ///
    /// # Errors
    ///
    /// What is wrong with the table, or with the item.
    pub async fn token_key(&self) -> WorldResult<[u8; 32]> {
        let random = [self.clock.random_u128(), self.clock.random_u128()].map(u128::to_be_bytes);
        let mut drawn = [0; 32];
        drawn.iter_mut().zip(random.as_flattened()).for_each(|(byte, random)| *byte = *random);
        self.store.token_key(drawn).await
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
    type Schedules = OneTimeSchedules;
    type Events = BusEvents;
    type Objects = S3Objects;

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

    fn schedules(&self) -> Option<&OneTimeSchedules> {
        self.schedules.as_ref()
    }

    fn events(&self) -> Option<&BusEvents> {
        self.events.as_ref()
    }

    fn objects(&self) -> Option<&S3Objects> {
        self.objects.as_ref()
    }

    fn settings(&self) -> &Settings {
        &self.environment.settings
    }

    fn backlog(&self) -> Option<&dyn Backlog> {
        Some(self)
    }
}

/// [`AwsHost`] for a function that runs a step: what it never asks for is not linked into its binary.
#[derive(Debug, Clone)]
pub struct StepHost(AwsHost);

impl From<AwsHost> for StepHost {
    fn from(host: AwsHost) -> Self {
        Self(host)
    }
}

impl Host for StepHost {
    type Store = DynamoStore;
    type Queue = SqsQueue;
    type Blobs = S3Blobs;
    type Clock = SystemClock;
    type Functions = LambdaFunctions;
    type Schedules = Absent;
    type Events = Absent;
    type Objects = Absent;

    const STEPS_ALONE: bool = true;

    fn store(&self) -> &DynamoStore {
        self.0.store()
    }

    fn queue(&self) -> &SqsQueue {
        self.0.queue()
    }

    fn blobs(&self) -> &S3Blobs {
        self.0.blobs()
    }

    fn clock(&self) -> &SystemClock {
        self.0.clock()
    }

    fn functions(&self) -> &LambdaFunctions {
        self.0.functions()
    }

    fn schedules(&self) -> Option<&Absent> {
        None
    }

    fn events(&self) -> Option<&Absent> {
        None
    }

    fn objects(&self) -> Option<&Absent> {
        None
    }

    fn settings(&self) -> &Settings {
        self.0.settings()
    }
}
