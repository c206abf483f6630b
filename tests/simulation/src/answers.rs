//! How steps answer.

use crate::{
    host::{MemoryHost, Yield},
    scenario::Faults,
};
use futures::FutureExt;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use stepladder_protocol::{StepFailure, StepFunction};

/// How one attempt of a step ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Output(Value),
    Error(&'static str),
    Panic,
    Hang,
    /// The process dies.
    Kill,
}

/// The answer that an attempt always gives, whoever runs it and however often.
pub(crate) fn scripted(seed: u64, faults: &Faults, run: &str, state: &str, attempt: u64) -> Answer {
    let mut hasher = DefaultHasher::new();
    (seed, run, state, attempt).hash(&mut hasher);
    draw(&mut StdRng::seed_from_u64(hasher.finish()), faults, state, attempt)
}

fn draw(rng: &mut impl Rng, faults: &Faults, state: &str, attempt: u64) -> Answer {
    if rng.random_bool(faults.poison) {
        Answer::Kill
    } else if rng.random_bool(faults.hang) {
        Answer::Hang
    } else if rng.random_bool(faults.panic) {
        Answer::Panic
    } else if rng.random_bool(faults.fail) {
        Answer::Error(if rng.random_bool(0.5) { "Flaky" } else { "Fatal" })
    } else {
        Answer::Output(json!({ "state": state, "attempt": attempt, "n": rng.random_range(0..10) }))
    }
}

/// The code of all steps. `killed` is set when it kills its process.
pub(crate) fn step(host: &MemoryHost, seed: u64, faults: Faults, killed: Arc<AtomicBool>) -> StepFunction {
    let host = host.clone();
    Arc::new(move |request| {
        let (host, killed) = (host.clone(), killed.clone());
        async move {
            let (state, attempt) = (request.state.as_str(), request.call.attempt);
            host.state().watch.executed(&request);
            Yield(false).await;
            let answer = match faults.fickle {
                true => draw(&mut host.state().rng, &faults, state, attempt),
                false => scripted(seed, &faults, &request.run.name, state, attempt),
            };
            Yield(false).await;
            match answer {
                Answer::Output(output) => Ok(output),
                Answer::Error(error) => Err(StepFailure { error: error.to_owned(), cause: String::new() }),
                Answer::Panic => std::panic::resume_unwind(Box::new("the step panicked")),
                Answer::Hang => std::future::pending().await,
                Answer::Kill => {
                    killed.store(true, Ordering::SeqCst);
                    std::future::pending().await
                }
            }
        }
        .boxed()
    })
}
