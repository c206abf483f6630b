//! The system functions' own entry points. A step needs none of them.

use crate::{Error, handler::Role, run::run_role};
use stepladder_aws::AwsHost;

/// The timer function: waits, long retry delays, time-outs and requests that decide without a step, from the timer
/// queue; and once an hour, by a schedule's event or the message `{"sweep": true}`, the look for runs that nothing moves any
/// more. It alone has schedules for long waits, and the event bus that is told of the ends of runs.
pub async fn timer() -> Result<(), Error> {
    run_role(Role::Timer, AwsHost::with_outside).await
}

/// The dead-letter function: a message that its queue gave up is handed to its step once more, alone; what dies there
/// becomes the step's failure.
pub async fn dead_letter() -> Result<(), Error> {
    run_role(Role::DeadLetter, AwsHost::with_functions).await
}

/// The start function: `{"workflow", "name"?, "input"}` from the start queue, each message its own success or failure.
pub async fn start() -> Result<(), Error> {
    run_role(Role::Start, |host| host).await
}
