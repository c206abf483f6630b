//! How steps answer.

use crate::{
    host::{MemoryHost, Yield},
    scenario::Faults,
};
use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use stepladder_engine::Run;
use stepladder_protocol::{BatchCall, BatchFunction, StepFailure, StepFunction, StepRequest};

/// How one attempt of a step ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Output(Value),
    /// The error's name and its cause.
    Error(&'static str, String),
    Panic,
    Hang,
    /// The process dies.
    Kill,
}

/// The answer that an attempt always gives, whoever runs it and however often.
/// `indexes` are those of the branch's path.
pub(crate) fn scripted(
    seed: u64,
    faults: &Faults,
    run: &Run,
    indexes: &[u32],
    state: &str,
    attempt: u64,
) -> Answer {
    let rng = |attempt: u64| {
        let mut hasher = DefaultHasher::new();
        (seed, &run.name, state, attempt).hash(&mut hasher);
        indexes.iter().for_each(|index| index.hash(&mut hasher));
        StdRng::seed_from_u64(hasher.finish())
    };
    if !faults.heals {
        return draw(&mut rng(attempt), faults, state, attempt);
    }
    // What a step returns in the end doesn't depend on how often it failed.
    match draw(&mut rng(1000 * u64::from(run.redrive_count) + attempt), faults, state, attempt) {
        _ if run.redrive_count >= REDRIVES_UNTIL_HEALED => returned(&mut rng(0), state, 0),
        Answer::Output(_) => returned(&mut rng(0), state, 0),
        _ if run.redrive_count > 0 && rng(attempt).random_bool(0.5) => returned(&mut rng(0), state, 0),
        failed => failed,
    }
}

/// Where runs heal nothing fails after so many redrives.
pub(crate) const REDRIVES_UNTIL_HEALED: u32 = 2;

fn draw(rng: &mut impl Rng, faults: &Faults, state: &str, attempt: u64) -> Answer {
    if rng.random_bool(faults.poison) {
        Answer::Kill
    } else if rng.random_bool(faults.hang) {
        Answer::Hang
    } else if rng.random_bool(faults.panic) {
        Answer::Panic
    } else if rng.random_bool(faults.fail) {
        let name = if rng.random_bool(0.5) { "Flaky" } else { "Fatal" };
        Answer::Error(name, text(rng))
    } else {
        returned(rng, state, attempt)
    }
}

fn returned(rng: &mut impl Rng, state: &str, attempt: u64) -> Answer {
    let (n, text) = (rng.random_range(0..10), text(rng));
    Answer::Output(json!({ "state": state, "attempt": attempt, "n": n, "text": text }))
}

/// Text of all sizes that a payload has a place for: in the item, in an item of its own, in the blob store. It doesn't
/// compress.
fn text(rng: &mut impl Rng) -> String {
    let bytes = match rng.random_range(0..40) {
        0 => 20_000,
        1..12 => 400,
        _ => 0,
    };
    (0..bytes).map(|_| rng.random_range('!'..='z')).collect()
}

/// The code of all steps. `killed` is set when it kills its process.
/// `invoked_ms` is when the process was started.
pub(crate) fn step(
    host: &MemoryHost,
    seed: u64,
    faults: Faults,
    killed: Arc<AtomicBool>,
    invoked_ms: i64,
) -> StepFunction {
    let host = host.clone();
    Arc::new(move |request| {
        let (host, killed) = (host.clone(), killed.clone());
        async move {
            let (state, attempt) = (request.state.as_str(), request.call.attempt);
            host.state().watch.executed(&request, invoked_ms);
            host.state().begins(&faults, &request.run, invoked_ms);
            if let Some(token) = &request.call.task_token {
                host.state().give_away(token, state, request.call.timeout_seconds.is_some());
            }
            Yield(false).await;
            let answer = match faults.fickle {
                true => draw(&mut host.state().rng, &faults, state, attempt),
                false => scripted(seed, &faults, &request.run, &request.indexes, state, attempt),
            };
            Yield(false).await;
            match answer {
                Answer::Output(output) => Ok(output),
                Answer::Error(error, cause) => Err(StepFailure { error: error.to_owned(), cause }),
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

/// The code of a step that takes its whole batch in one call: each item is answered as it would be alone. One that
/// never answers, or kills its process, takes the others along; a panic does so if all items end in one.
pub(crate) fn together(step: StepFunction) -> BatchFunction {
    Arc::new(move |requests| {
        // Every other time in two calls.
        let groups = if requests.len() % 2 == 0 { 2 } else { 1 };
        let mut calls: Vec<(Vec<usize>, Vec<StepRequest>)> = vec![Default::default(); groups];
        for (place, request) in requests.into_iter().enumerate() {
            let (places, requests) = &mut calls[place % groups];
            places.push(place);
            requests.push(request);
        }
        let calls = calls.into_iter().filter(|(places, _)| !places.is_empty());
        calls.map(|(places, requests)| BatchCall { places, results: one_call(&step, requests) }).collect()
    })
}

fn one_call(
    step: &StepFunction,
    requests: Vec<StepRequest>,
) -> BoxFuture<'static, Vec<Result<Value, StepFailure>>> {
    let items: Vec<_> =
        requests.into_iter().map(|request| AssertUnwindSafe(step(request)).catch_unwind()).collect();
    async move {
        let answers = join_all(items).await;
        if answers.iter().all(Result::is_err) {
            std::panic::resume_unwind(Box::new("the step panicked"));
        }
        let panicked = |_| Err(StepFailure { error: "Panic".to_owned(), cause: String::new() });
        answers.into_iter().map(|answer| answer.unwrap_or_else(panicked)).collect()
    }
    .boxed()
}
