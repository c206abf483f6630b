//! The system functions' own entry points. A step needs none of them.

use crate::{Error, handler::Role, run::run_role};

/// The timer function: waits, long retry delays, time-outs and requests that decide without a step, from the timer
/// queue; and once an hour, by a schedule's event or `{"sweep": true}`, the look for runs that nothing moves any more.
pub async fn timer() -> Result<(), Error> {
    run_role(Role::Timer).await
}

/// The dead-letter function: a message that its queue gave up is handed to its step once more, alone; what dies there
/// becomes the step's failure.
pub async fn dead_letter() -> Result<(), Error> {
    run_role(Role::DeadLetter).await
}

/// The start function: `{"workflow", "name"?, "input"}` from the start queue, each message its own success or failure.
pub async fn start() -> Result<(), Error> {
    run_role(Role::Start).await
}
