//! From a step's function to a Lambda function that polls for its messages.

use crate::{
    Step, StepError, erase,
    event::EventError,
    handler::{Handler, Role},
    logging,
    metrics::Reporter,
};
use futures::future::BoxFuture;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{env, fmt, process, sync::Arc};
use stepladder_aws::{AwsHost, StepHost};
use stepladder_protocol::Host;
use tokio::signal::unix::{SignalKind, signal};

/// Runs a step: the whole of a step binary's `main`.
///
/// It polls Lambda for batches of the step's queue, calls `step` for each message (those of a batch at once), records
/// each result exactly once and sends on what comes next. It returns only if the function can't go on.
///
/// Lambda and `stepladder dev` set the environment that it needs. Log lines are JSON on stdout, down to the level of
/// `STEPLADDER_LOG` (`warn`, or `info,my_crate=debug`), else of `AWS_LAMBDA_LOG_LEVEL`, else `info`; none holds a payload.
///
/// ```no_run
/// use std::convert::Infallible;
/// use stepladder::Step;
///
/// async fn greet(name: String, step: Step) -> Result<String, Infallible> {
///     Ok(format!("Hello {name}, from {}", step.run_name()))
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), stepladder::Error> {
///     stepladder::run(greet).await
/// }
/// ```
pub async fn run<F, Fut, I, O, E>(step: F) -> Result<(), Error>
where
    F: Fn(I, Step) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, E>> + Send + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: StepError + Send + 'static,
{
    run_step(Role::Step(erase::step(step))).await
}

/// Why a function can't run at all.
pub struct Error {
    kind: ErrorKind,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error(
        "{variable} is not set: this binary is a Lambda function. `stepladder dev` runs it on this machine; deployed, Lambda sets it"
    )]
    NotOnLambda { variable: &'static str },
    #[error("AWS_LAMBDA_FUNCTION_MEMORY_SIZE is {value:?}, but must be a number of megabytes")]
    MemorySize { value: String },
    #[error(transparent)]
    Environment(#[from] stepladder_aws::EnvironmentError),
    #[error("the Lambda Runtime API can't be used any more: {0}")]
    Runtime(lambda_runtime::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

/// As [`fmt::Display`]: it is what `main` prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind }
    }
}

/// Runs the code of a step: [`Role::Step`] or [`Role::Batch`].
///
/// Not generic, as all of these: whatever is compiled here is compiled once, and not again for each step's binary.
pub(crate) fn run_step(role: Role) -> BoxFuture<'static, Result<(), Error>> {
    run_on(Box::new(move |_| role), StepHost::from)
}

/// `equip` gives the host what only some functions have: what no function of a binary asks for isn't in it.
pub(crate) fn run_role(role: Role, equip: fn(AwsHost) -> AwsHost) -> BoxFuture<'static, Result<(), Error>> {
    run_on(Box::new(move |_| role), equip)
}

/// [`run_role`], where the role needs the host.
pub(crate) fn run_as(
    role: Box<dyn FnOnce(&AwsHost) -> Role + Send>,
    equip: fn(AwsHost) -> AwsHost,
) -> BoxFuture<'static, Result<(), Error>> {
    run_on(role, equip)
}

fn run_on<H: Host + 'static>(
    role: Box<dyn FnOnce(&AwsHost) -> Role + Send>,
    equip: fn(AwsHost) -> H,
) -> BoxFuture<'static, Result<(), Error>> {
    Box::pin(async move {
        let (host, function, reporter) = start().await?;
        let role = role(&host);
        let handler = Arc::new(Handler::new(equip(host), role, &function, reporter));
        if handler.reporter().is_on() {
            let ending = Arc::clone(&handler);
            tokio::spawn(at_the_end(move || ending.reporter().report_last(ending.protocol())));
        }
        let service = service_fn(move |event: LambdaEvent<Value>| handle(Arc::clone(&handler), event));
        Ok(Runtime::new(service).run_concurrent().await.map_err(ErrorKind::Runtime)?)
    })
}

/// What every function begins with: the world, the function's full name, and who writes what is counted.
pub(crate) async fn start() -> Result<(AwsHost, String, Reporter), Error> {
    logging::init();
    let function = check_environment(&|name| env::var(name).ok())?;
    let host = Box::pin(AwsHost::from_env()).await.map_err(ErrorKind::from)?;
    let stack = host.environment().emits_metrics.then(|| host.environment().settings.stack.clone());
    Ok((host, function, Reporter::new(stack.as_deref())))
}

/// Where the process is told to end, it writes its last counts. Lambda tells it only where an extension is registered
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>); elsewhere
/// what waits for an invocation after its minute is lost.
pub(crate) async fn at_the_end(report: impl FnOnce()) {
    let Ok(mut told) = signal(SignalKind::terminate()) else { return };
    told.recv().await;
    report();
    process::exit(0);
}

async fn handle<H: Host>(handler: Arc<Handler<H>>, event: LambdaEvent<Value>) -> Result<Value, EventError> {
    let LambdaEvent { payload, context } = event;
    let deadline_ms = i64::try_from(context.deadline).unwrap_or(i64::MAX);
    // On the heap: the protocol over the AWS SDK is a future of many layers.
    let handled: BoxFuture<'_, _> = Box::pin(handler.handle(payload, context.request_id, deadline_ms));
    handled.await
}

/// The variables without which the Lambda runtime panics. Answers with the function's name.
fn check_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Error> {
    let set = |variable| lookup(variable).ok_or(ErrorKind::NotOnLambda { variable });
    set("AWS_LAMBDA_RUNTIME_API")?;
    set("AWS_LAMBDA_FUNCTION_VERSION")?;
    let value = set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")?;
    if value.parse::<i32>().is_err() {
        return Err(ErrorKind::MemorySize { value }.into());
    }
    Ok(set("AWS_LAMBDA_FUNCTION_NAME")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)]) -> Result<String, String> {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        check_environment(&lookup).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_binary_that_is_started_by_hand_says_how_to_start_it() {
        let message = check(&[("AWS_LAMBDA_FUNCTION_NAME", "charge")]).unwrap_err();
        assert_eq!(
            message,
            "AWS_LAMBDA_RUNTIME_API is not set: this binary is a Lambda function. `stepladder dev` runs it on this \
             machine; deployed, Lambda sets it"
        );
        let mut variables = vec![
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9000"),
            ("AWS_LAMBDA_FUNCTION_NAME", "charge"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "lots"),
        ];
        let message = check(&variables).unwrap_err();
        assert_eq!(message, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE is \"lots\", but must be a number of megabytes");
        variables[3].1 = "256";
        assert_eq!(check(&variables), Ok("charge".to_owned()));
    }
}
