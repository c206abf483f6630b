//! Runs that a program of one's own starts, to answer its own caller with what they give.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};
use stepladder_aws::{AwsHost, EnvironmentError};
use stepladder_protocol::{
    Answer, AskError, Asked, Awaited, Protocol, Retry, RunItem, StartError, StartRequest, WorldError,
};

/// Starts runs of a stack, and waits for what they give, from inside a program of your own: the handler of an API, for one.
///
/// It writes the run into the stack's table and sends its first message by itself, and reads there what has been committed:
/// there is no function or server in between. What the caller must see at once is waited for; the rest goes on without it,
/// also when this process ends.
///
/// ```no_run
/// use serde::{Deserialize, Serialize};
/// use std::time::Duration;
/// use stepladder::{Client, ClientError};
///
/// #[derive(Serialize)]
/// struct Registration {
///     email: String,
///     name: String,
/// }
///
/// #[derive(Deserialize)]
/// struct Profile {
///     user_id: String,
/// }
///
/// /// What the handler of `POST /users` does. `client` was made once, by `Client::from_env().await?`.
/// async fn register(client: &Client, id: &str, registration: &Registration) -> (u16, String) {
///     let patience = Duration::from_secs(10);
///     let profile = client.answer("user-registration", id, registration, "CreateProfile", patience).await;
///     match profile {
///         Ok(Profile { user_id }) => (201, user_id),
///         // The run itself said no.
///         Err(ClientError::RunFailed { error, .. }) => (422, error.unwrap_or_default()),
///         // It goes on: the same call again waits for the same run.
///         Err(ClientError::Pending { run }) => (202, run),
///         Err(error) if error.is_temporary() => (503, error.to_string()),
///         Err(error) => (500, error.to_string()),
///     }
/// }
/// ```
///
/// # What it needs
///
/// The variables that a step's function has: `AWS_REGION`, `STEPLADDER_STACK` and `STEPLADDER_ACCOUNT_ID`, and
/// `STEPLADDER_TABLE` and `STEPLADDER_BUCKET` where they are not the usual ones. With `AWS_ENDPOINT_URL=http://127.0.0.1:7700` it
/// works on what `stepladder dev` runs.
///
/// On AWS its role needs `dynamodb:GetItem`, `dynamodb:PutItem`, `dynamodb:UpdateItem` and `dynamodb:Query` on the table,
/// `sqs:GetQueueUrl` and `sqs:SendMessage` on the stack's queues, and `s3:GetObject` and `s3:PutObject` below `runs/` in the bucket for
/// large data. `docs/answers.md` has the policy.
///
/// # What it costs
///
/// Two write units and a message for the start, as any; at most ten read units for an answer, however long it is waited for.
/// The gaps between its looks grow: an answer is late by a share of what it took.
#[derive(Clone)]
pub struct Client {
    protocol: Arc<Protocol<AwsHost>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The environment variables name no stack.
    #[error("{0}")]
    Environment(String),
    #[error("there is no workflow '{workflow}'")]
    UnknownWorkflow { workflow: String },
    /// No run was started for it.
    #[error("there is no state '{state}' at the top level of the definition; there are: {}", known.join(", "))]
    UnknownState { state: String, known: Vec<String> },
    /// The name or the input can't be one of a run.
    #[error("{0}")]
    InvalidStart(String),
    /// There is a run of the name, with another input.
    #[error("there is a run {run} with another input")]
    NameTaken { run: String },
    /// The run ended otherwise than SUCCEEDED, before it gave what was waited for.
    #[error("the run {run} ended {status}{}", error.as_deref().map(|error| format!(" by {error}")).unwrap_or_default())]
    RunFailed {
        run: String,
        /// `FAILED`, `TIMED_OUT` or `ABORTED`.
        status: &'static str,
        /// The error's name, as Retry and Catch see it.
        error: Option<String>,
        cause: Option<String>,
    },
    /// The run has succeeded, and never came to the state; this is its output.
    #[error("the run {run} ended without having come to that state")]
    OtherWay { run: String, output: Value },
    /// The time was over first. The run goes on, and the same call waits for it again.
    #[error("the run {run} goes on")]
    Pending { run: String },
    /// It gave something else than the type that was asked for.
    #[error("what the run {run} gave is not what is expected: {why}")]
    UnexpectedOutput { run: String, why: String },
    /// The stack can't be reached, or refuses. The run may have been started.
    #[error("{message}")]
    Stack {
        message: String,
        /// Whether the same call may go well in a moment. To repeat it is safe in any case.
        is_temporary: bool,
    },
}

impl ClientError {
    /// Whether the same call may go well in a moment.
    pub fn is_temporary(&self) -> bool {
        matches!(self, ClientError::Stack { is_temporary: true, .. })
    }
}

impl Client {
    /// A client of the stack that the environment variables name. Nothing goes over the network yet. Make one for the process:
    /// its connections and the definitions that it has read are kept.
    ///
    /// # Errors
    ///
    /// A variable is missing, or has a value that can't be used.
    pub async fn from_env() -> Result<Self, ClientError> {
        let host = Box::pin(AwsHost::from_env()).await?;
        Ok(Self { protocol: Arc::new(Protocol::new(host)) })
    }

    /// Starts a run, and returns as soon as that is safe; its id, `workflow/name`. The same name with the same input is the
    /// same run.
    pub async fn start(
        &self,
        workflow: &str,
        name: &str,
        input: &impl Serialize,
    ) -> Result<String, ClientError> {
        let Asked { item, .. } = self.ask(workflow, name, input, None, Duration::ZERO).await?;
        Ok(item.id.to_string())
    }

    /// Starts a run, or finds it, and waits for the output of a state: as soon as it is committed for the first time, as the
    /// next state gets it. A state that failed has given nothing, also where its Catch led on.
    pub async fn answer<T: DeserializeOwned>(
        &self,
        workflow: &str,
        name: &str,
        input: &impl Serialize,
        state: &str,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let awaited = Awaited::State(state.to_owned());
        let Asked { item, answer } = self.ask(workflow, name, input, Some(&awaited), patience).await?;
        match answer {
            Answer::Output(output) => typed(&item, output),
            Answer::Ended { status, ending } if status.as_str() == SUCCEEDED => {
                let output = ending.output.unwrap_or_default();
                Err(ClientError::OtherWay { run: item.id.to_string(), output })
            }
            other => Err(without_output(&item, other)),
        }
    }

    /// Starts a run, or finds it, and waits for its end; its output.
    pub async fn end<T: DeserializeOwned>(
        &self,
        workflow: &str,
        name: &str,
        input: &impl Serialize,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let Asked { item, answer } = self.ask(workflow, name, input, Some(&Awaited::End), patience).await?;
        match answer {
            Answer::Ended { status, ending } if status.as_str() == SUCCEEDED => {
                typed(&item, ending.output.unwrap_or_default())
            }
            other => Err(without_output(&item, other)),
        }
    }

    async fn ask(
        &self,
        workflow: &str,
        name: &str,
        input: &impl Serialize,
        awaited: Option<&Awaited>,
        patience: Duration,
    ) -> Result<Asked, ClientError> {
        let input = serde_json::to_value(input).map_err(|error| {
            ClientError::InvalidStart(format!("the input can't be written as JSON: {error}"))
        })?;
        let request = StartRequest { workflow: workflow.to_owned(), name: name.to_owned(), input };
        let wait_ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
        // On the heap: the protocol over the AWS SDK is a future of many layers.
        Ok(Box::pin(self.protocol.ask(request, awaited, wait_ms)).await?)
    }
}

const SUCCEEDED: &str = "SUCCEEDED";

fn without_output(item: &RunItem, answer: Answer) -> ClientError {
    let run = item.id.to_string();
    match answer {
        Answer::Ended { status, ending } => {
            ClientError::RunFailed { run, status: status.as_str(), error: ending.error, cause: ending.cause }
        }
        Answer::Output(_) | Answer::Pending => ClientError::Pending { run },
    }
}

fn typed<T: DeserializeOwned>(item: &RunItem, output: Value) -> Result<T, ClientError> {
    serde_path_to_error::deserialize(output)
        .map_err(|error| ClientError::UnexpectedOutput { run: item.id.to_string(), why: error.to_string() })
}

impl From<EnvironmentError> for ClientError {
    fn from(error: EnvironmentError) -> Self {
        ClientError::Environment(error.to_string())
    }
}

impl From<AskError> for ClientError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::UnknownState { state, known } => ClientError::UnknownState { state, known },
            AskError::NameTaken(item) => ClientError::NameTaken { run: item.id.to_string() },
            AskError::Start(StartError::UnknownWorkflow { workflow }) => {
                ClientError::UnknownWorkflow { workflow }
            }
            AskError::Start(StartError::World(error)) => error.into(),
            AskError::Start(error) => ClientError::InvalidStart(error.to_string()),
        }
    }
}

impl From<WorldError> for ClientError {
    fn from(error: WorldError) -> Self {
        let is_temporary = matches!(error.retry, Retry::Later | Retry::Throttled);
        ClientError::Stack { message: error.to_string(), is_temporary }
    }
}
