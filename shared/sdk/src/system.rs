//! The system functions' own entry points. A step needs none of them.

pub use crate::url::{Asked, Service};
use crate::{
    Error, api,
    handler::Role,
    run::{run_as, run_role},
};
use futures::FutureExt;
use std::sync::Arc;
use stepladder_aws::{AwsHost, ServiceIntegrations};
use stepladder_protocol::{IntegrationCall, Integrations, Protocol, StepFailure, StepFunction};

/// The timer function: waits, long retry delays, time-outs and requests that decide without a step, from the timer
/// queue; and once an hour, by a schedule's event or the message `{"sweep": true}`, the look for runs that nothing moves any
/// more. It alone has schedules for long waits; it and the dead-letter function have the event bus that is told of the ends of
/// runs.
pub async fn timer() -> Result<(), Error> {
    run_role(Role::Timer, AwsHost::with_outside).await
}

/// The dead-letter function: a message that its queue gave up is handed to its step once more, alone; what dies there
/// becomes the step's failure. It does what the timer function could not, and tells the ends of runs as that does: where no
/// group of schedules is named, it makes none.
pub async fn dead_letter() -> Result<(), Error> {
    run_role(Role::DeadLetter, |host| host.with_functions().with_outside()).await
}

/// The start function: `{"workflow", "name"?, "input"}` from the start queue, each message its own success or failure.
pub async fn start() -> Result<(), Error> {
    run_role(Role::Start, |host| host).await
}

/// The invoke function: calls for states whatever is no step of the stack, and starts the runs of nested workflows.
pub async fn invoke() -> Result<(), Error> {
    run_as(Box::new(|host| Role::Invoke(services(host.integrations()))), |host| host).await
}

fn services(integrations: ServiceIntegrations) -> StepFunction {
    Arc::new(move |request| {
        let integrations = integrations.clone();
        async move {
            let Some(service) = request.call.service else {
                let cause = format!("The state '{}' calls no service.", request.state);
                return Err(StepFailure { error: "States.Runtime".to_owned(), cause });
            };
            let call = IntegrationCall {
                service: service.service,
                action: service.action,
                parameters: request.call.input,
                resources: [request.run.execution_arn(), request.run.state_machine_arn()],
                idempotency_key: request.call.idempotency_key,
                deadline_ms: request.deadline_ms,
            };
            integrations.call(call).await
        }
        .boxed()
    })
}

/// The function api: what its URL is asked, a service answers, such as a router of the Step Functions API. Who may ask is up to
/// the URL.
///
/// `service` is called once, with the protocol of the stack and the key of tokens that all processes of the stack share.
pub async fn api<S: Service>(service: fn(Arc<Protocol<AwsHost>>, [u8; 32]) -> S) -> Result<(), Error> {
    api::run(Box::new(move |protocol, key| api::answers(service(protocol, key)))).await
}
