//! A whole batch of step messages in one call of the step's code: one bulk insert in place of a thousand inserts.
//!
//! Each message still goes by the six rules on its own. What is shared is the call: messages that want their step to
//! run gather, and when no other message of the batch can join them any more, the code is called once for all; or once for
//! each group that it makes of them.

use crate::{
    Protocol,
    batch::{Delivery, Invocation, StepFailure, StepFunction, StepRequest},
    dead_letter::{SoloAnswer, SoloDelivery},
    execute::{error_cause, panic_cause},
    limits,
    traits::{Clock, Host},
};
use futures::{
    FutureExt,
    channel::oneshot,
    future::{self, BoxFuture, Either, Shared},
};
use serde_json::Value;
use std::{
    any::Any,
    convert::Infallible,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A step's code that takes many items at once, in one call or in several: each item is in one of them.
pub type BatchFunction = Arc<dyn Fn(Vec<StepRequest>) -> Vec<BatchCall> + Send + Sync>;

/// One call of a step's code for some of the items that it was given. It begins when it is polled.
pub struct BatchCall {
    /// Which items it is for: their places among all that were given.
    pub places: Vec<usize>,
    /// One result per place, in their order.
    pub results: BoxFuture<'static, Vec<Result<Value, StepFailure>>>,
}

impl fmt::Debug for BatchCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchCall").field("places", &self.places).finish_non_exhaustive()
    }
}

impl<H: Host> Protocol<H> {
    /// [`Protocol::handle_batch`] with one call of the step's code for all messages that want it to run.
    ///
    /// A message that was received before runs alone, as it does there. Each item keeps its own limits: one that passes
    /// its TimeoutSeconds is recorded as timed out while the call goes on for the others.
    pub async fn handle_batch_together(
        &self,
        code: &BatchFunction,
        invocation: &Invocation,
        deliveries: &[Delivery],
    ) -> Vec<String> {
        let gathering = Arc::new(Gathering::new(code, deliveries.len()));
        let step = gathering.step();
        let note = || gathering.note_through();
        let handled = self.handle_noting(Some(&step), invocation, deliveries, &note);
        let patience = async {
            self.host().clock().sleep(limits::GATHER_MS.min(invocation.function_timeout_ms / 4)).await;
            gathering.stop_waiting();
            future::pending::<Infallible>().await
        };
        // Patience first: after a stall, what waits is called before its limits are looked at, or it would be recorded
        // as timed out although its code never ran.
        match future::select(Box::pin(patience), Box::pin(handled)).await {
            Either::Left((never, _)) => match never {},
            Either::Right((left, _)) => left,
        }
    }

    /// [`Protocol::handle_solo`] for such a step.
    pub async fn handle_solo_together(
        &self,
        code: &BatchFunction,
        invocation: &Invocation,
        solo: SoloDelivery,
    ) -> SoloAnswer {
        self.handle_solo(&Arc::new(Gathering::new(code, 0)).step(), invocation, solo).await
    }
}

/// The messages of one batch on their way to one call.
struct Gathering {
    code: BatchFunction,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Messages that are not through yet: each of them is waiting, or may still want its step to run. Once the code was
    /// called, nobody joins before all are through.
    open: usize,
    waiting: Vec<Waiting>,
}

/// A message whose step's code should run.
struct Waiting {
    request: StepRequest,
    answer: oneshot::Sender<(Call, usize)>,
}

/// One call of the code. Whoever waits for it drives it; it is dropped when nobody waits any more.
type Call = Shared<BoxFuture<'static, Arc<Mutex<Vec<Option<Result<Value, StepFailure>>>>>>>;

impl Gathering {
    fn new(code: &BatchFunction, messages: usize) -> Self {
        Self { code: Arc::clone(code), state: Mutex::new(State { open: messages, ..State::default() }) }
    }

    /// The step as the protocol calls it, for one message.
    fn step(self: &Arc<Self>) -> StepFunction {
        let gathering = Arc::clone(self);
        Arc::new(move |request| Arc::clone(&gathering).run(request).boxed())
    }

    async fn run(self: Arc<Self>, request: StepRequest) -> Result<Value, StepFailure> {
        let (answer, answered) = oneshot::channel();
        self.state().waiting.push(Waiting { request, answer });
        self.call_if_complete();
        let Ok((call, index)) = answered.await else {
            return Err(no_result(0, 1));
        };
        let results = call.await;
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = results.len();
        results.get_mut(index).and_then(Option::take).unwrap_or_else(|| Err(no_result(index, expected)))
    }

    /// A message of the batch will not join any more, or has its outcome.
    fn note_through(&self) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(1);
        drop(state);
        self.call_if_complete();
    }

    /// Whoever is there is called now, and who comes later is called as they come.
    fn stop_waiting(&self) {
        self.state().open = 0;
        self.call_if_complete();
    }

    fn call_if_complete(&self) {
        let mut state = self.state();
        // Who was cut off while waiting is not called.
        state.waiting.retain(|waiting| !waiting.answer.is_canceled());
        if state.waiting.is_empty() || state.waiting.len() < state.open {
            return;
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        let (requests, answers): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|waiting| (waiting.request, Some(waiting.answer))).unzip();
        let mut answers: Vec<Option<oneshot::Sender<_>>> = answers;
        for BatchCall { places, results } in calls(&self.code, requests) {
            let call = call(places.len(), results);
            for (index, place) in places.into_iter().enumerate() {
                if let Some(answer) = answers.get_mut(place).and_then(Option::take) {
                    // Who has been cut off meanwhile doesn't care.
                    let _ = answer.send((call.clone(), index));
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The calls that the code makes of these items. A panic on the way is each item's own failure.
fn calls(code: &BatchFunction, requests: Vec<StepRequest>) -> Vec<BatchCall> {
    let places = (0..requests.len()).collect::<Vec<_>>();
    catch_unwind(AssertUnwindSafe(|| code(requests))).unwrap_or_else(|panic| {
        let failures = vec![Err(panicked(panic.as_ref())); places.len()];
        vec![BatchCall { places, results: future::ready(failures).boxed() }]
    })
}

/// One call. Its panic, or a wrong number of results, is each of its items' own failure.
fn call(expected: usize, results: BoxFuture<'static, Vec<Result<Value, StepFailure>>>) -> Call {
    let call = async move {
        let results = match AssertUnwindSafe(results).catch_unwind().await {
            Ok(results) if results.len() == expected => results,
            Ok(results) => vec![Err(no_result(results.len(), expected)); expected],
            Err(panic) => vec![Err(panicked(panic.as_ref())); expected],
        };
        Arc::new(Mutex::new(results.into_iter().map(Some).collect()))
    };
    call.boxed().shared()
}

/// A panic as the failure of a step.
pub fn panicked(panic: &(dyn Any + Send)) -> StepFailure {
    StepFailure { error: "Panic".to_owned(), cause: panic_cause(panic) }
}

fn no_result(results: usize, items: usize) -> StepFailure {
    let error = "InvalidOutput";
    let message = format!(
        "the step returned {results} results for {items} items: one per item is needed, in their order"
    );
    StepFailure { error: error.to_owned(), cause: error_cause(error, &message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::poll;
    use serde_json::json;
    use std::{pin::Pin, task::Poll};
    use stepladder_engine::{Branch, Run, StepCall};

    fn request(input: u64) -> StepRequest {
        let call = StepCall {
            function: None,
            input: json!(input),
            service: None,
            timeout_seconds: None,
            heartbeat_seconds: None,
            task_token: None,
            attempt: 1,
            idempotency_key: String::new(),
            operation_key: String::new(),
        };
        let (run, branch) = (Run::for_test("w", "r"), Branch::default());
        StepRequest { run, branch, indexes: Vec::new(), state: "Load".to_owned(), call, deadline_ms: 0 }
    }

    /// Notes each call's inputs, and answers every item with its input and the number of items.
    fn noting(calls: &Arc<Mutex<Vec<Vec<Value>>>>) -> BatchFunction {
        let calls = Arc::clone(calls);
        Arc::new(move |requests| {
            let inputs: Vec<Value> = requests.into_iter().map(|request| request.call.input).collect();
            calls.lock().unwrap().push(inputs.clone());
            let count = inputs.len();
            one_call(
                count,
                async move { inputs.into_iter().map(|input| Ok(json!([input, count]))).collect() },
            )
        })
    }

    fn one_call(
        items: usize,
        results: impl Future<Output = Vec<Result<Value, StepFailure>>> + Send + 'static,
    ) -> Vec<BatchCall> {
        vec![BatchCall { places: (0..items).collect(), results: results.boxed() }]
    }

    type Running = Pin<Box<dyn Future<Output = Result<Value, StepFailure>> + Send>>;

    fn run(gathering: &Arc<Gathering>, input: u64) -> Running {
        Box::pin(Arc::clone(gathering).run(request(input)))
    }

    #[test]
    fn the_code_is_called_once_when_nobody_can_join_any_more() {
        let calls = Arc::default();
        let gathering = Arc::new(Gathering::new(&noting(&calls), 3));
        let test = async {
            let (mut one, mut two) = (run(&gathering, 1), run(&gathering, 2));
            assert_eq!(poll!(&mut one), Poll::Pending);
            assert_eq!(poll!(&mut two), Poll::Pending);
            assert!(calls.lock().unwrap().is_empty());
            // The third was a duplicate: it never wants its step.
            gathering.note_through();
            assert_eq!(two.await, Ok(json!([2, 2])));
            gathering.note_through();
            assert_eq!(one.await, Ok(json!([1, 2])));
            gathering.note_through();
            // What was received before comes now, one by one.
            assert_eq!(run(&gathering, 3).await, Ok(json!([3, 1])));
            assert_eq!(run(&gathering, 4).await, Ok(json!([4, 1])));
        };
        test.now_or_never().unwrap();
        assert_eq!(*calls.lock().unwrap(), [vec![json!(1), json!(2)], vec![json!(3)], vec![json!(4)]]);
    }

    #[test]
    fn one_that_is_cut_off_while_it_waits_is_left_out() {
        let calls = Arc::default();
        let gathering = Arc::new(Gathering::new(&noting(&calls), 3));
        let test = async {
            let (mut one, mut two) = (run(&gathering, 1), run(&gathering, 2));
            assert_eq!(poll!(&mut one), Poll::Pending);
            assert_eq!(poll!(&mut two), Poll::Pending);
            drop(one);
            gathering.note_through();
            assert_eq!(poll!(&mut two), Poll::Pending);
            assert_eq!(run(&gathering, 3).await, Ok(json!([3, 2])));
            assert_eq!(two.await, Ok(json!([2, 2])));
        };
        test.now_or_never().unwrap();
    }

    #[test]
    fn a_message_that_hangs_does_not_keep_the_others() {
        let calls = Arc::default();
        let gathering = Arc::new(Gathering::new(&noting(&calls), 2));
        let test = async {
            let mut one = run(&gathering, 1);
            assert_eq!(poll!(&mut one), Poll::Pending);
            gathering.stop_waiting();
            assert_eq!(one.await, Ok(json!([1, 1])));
            assert_eq!(run(&gathering, 2).await, Ok(json!([2, 1])));
        };
        test.now_or_never().unwrap();
    }

    #[test]
    fn one_that_is_cut_off_during_the_call_does_not_end_it() {
        let (open, opened) = oneshot::channel::<()>();
        let opened = Arc::new(Mutex::new(Some(opened)));
        let code: BatchFunction = Arc::new(move |requests| {
            let opened = opened.lock().unwrap().take().unwrap();
            one_call(requests.len(), async move {
                opened.await.unwrap();
                requests.into_iter().map(|request| Ok(request.call.input)).collect()
            })
        });
        let gathering = Arc::new(Gathering::new(&code, 2));
        let test = async {
            let (mut one, mut two) = (run(&gathering, 1), run(&gathering, 2));
            assert_eq!(poll!(&mut one), Poll::Pending);
            assert_eq!(poll!(&mut two), Poll::Pending);
            assert_eq!(poll!(&mut one), Poll::Pending);
            drop(one);
            open.send(()).unwrap();
            assert_eq!(two.await, Ok(json!(2)));
        };
        test.now_or_never().unwrap();
    }

    #[track_caller]
    fn check_fails(code: BatchFunction, error: &str, cause: &str) {
        let gathering = Arc::new(Gathering::new(&code, 2));
        let (one, two) = (run(&gathering, 1), run(&gathering, 2));
        let mut both = Box::pin(future::join(one, two));
        // The first waits for the second.
        assert_eq!(both.as_mut().now_or_never(), None);
        let (one, two) = both.now_or_never().unwrap();
        assert_eq!(one, two);
        let failure = one.unwrap_err();
        assert_eq!(failure.error, error);
        assert!(failure.cause.contains(cause), "{}", failure.cause);
    }

    #[test]
    fn a_call_that_goes_wrong_is_the_failure_of_each_of_its_items() {
        check_fails(
            Arc::new(|_| one_call(2, async { vec![] })),
            "InvalidOutput",
            "returned 0 results for 2 items",
        );
        check_fails(
            Arc::new(|_| one_call(2, async { vec![Ok(Value::Null); 3] })),
            "InvalidOutput",
            "returned 3 results for 2 items",
        );
        check_fails(Arc::new(|_| panic!("no database")), "Panic", "no database");
        check_fails(Arc::new(|_| one_call(2, async { panic!("no {}", "table") })), "Panic", "no table");
        // A code that leaves an item out of all of its calls.
        check_fails(Arc::new(|_| Vec::new()), "InvalidOutput", "returned 0 results for 1 items");
    }

    #[test]
    fn a_call_that_hangs_keeps_no_other() {
        let code: BatchFunction = Arc::new(|_| {
            let results = future::ready(vec![Ok(json!("b")), Ok(json!("c"))]).boxed();
            let hangs = BatchCall { places: vec![0], results: future::pending().boxed() };
            vec![hangs, BatchCall { places: vec![2, 1], results }]
        });
        let gathering = Arc::new(Gathering::new(&code, 3));
        let test = async {
            let (mut one, mut two) = (run(&gathering, 1), run(&gathering, 2));
            assert_eq!(poll!(&mut one), Poll::Pending);
            assert_eq!(poll!(&mut two), Poll::Pending);
            assert_eq!(run(&gathering, 3).await, Ok(json!("b")));
            assert_eq!(two.await, Ok(json!("c")));
            assert_eq!(poll!(&mut one), Poll::Pending);
        };
        test.now_or_never().unwrap();
    }
}
