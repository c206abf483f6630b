//! One function and its environments: which is idle, which works, when another one is started.
//!
//! All of it is under one lock per function; nothing waits while holding it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::config::FunctionConfig;
use super::environment::{self, Environment};
use super::host::HostContext;
use super::invoke::{InvokeError, InvokeOutcome};
use super::logs::{LogLine, LogStream};
use crate::clock::now_ms;
use crate::limits;
use crate::sqs::new_uuid;

/// A function as the host runs it.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) config: FunctionConfig,
    pub(crate) arn: String,
    pub(crate) host: Arc<HostContext>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many invocations an environment has taken.
    invocations: u64,
    environments: HashMap<u64, Slot>,
    /// Idle environments, the most recently used last.
    idle: Vec<u64>,
    waiters: VecDeque<oneshot::Sender<Result<Reservation, StartFailure>>>,
    /// Failed starts in a row, and when the next one may be tried.
    failures: u32,
    start_not_before: Option<Instant>,
    last_failure: Option<StartFailure>,
    closing: bool,
}

#[derive(Debug)]
struct Slot {
    environment: Arc<Environment>,
    status: Status,
    /// When it became idle, or finished its last invocation.
    since: Instant,
    /// The poll for the next invocation that waits for an answer.
    poll: Option<oneshot::Sender<Invocation>>,
    current: Option<Current>,
    /// What the program itself has said about its failed start.
    init_error: Option<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Starting,
    Idle,
    /// Promised to an invocation that is about to come.
    Reserved,
    Busy,
    /// It has answered and hasn't polled again yet.
    Returning,
}

#[derive(Debug)]
struct Current {
    request_id: String,
    done: oneshot::Sender<InvokeOutcome>,
}

/// An invocation as the Runtime API hands it out.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) deadline_ms: u64,
}

/// Why no environment came up: Lambda's error type and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartFailure {
    pub(crate) error_type: String,
    pub(crate) message: String,
}

/// An environment that waits for this holder's invocation. Dropped unused, it is idle again.
#[derive(Debug)]
pub(crate) struct Reservation {
    function: Arc<Function>,
    environment: Option<u64>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(id) = self.environment.take() {
            let function = Arc::clone(&self.function);
            let mut state = self.function.lock();
            function.offer(&mut state, id);
        }
    }
}

impl Function {
    pub(crate) fn new(config: FunctionConfig, arn: String, host: Arc<HostContext>) -> Arc<Self> {
        Arc::new(Self { config, arn, host, state: Mutex::default() })
    }

    /// An environment for a direct invocation: an idle one, one that is just coming back, a new one, or a refusal.
    pub(crate) async fn reserve_now(
        self: &Arc<Self>,
    ) -> Result<Result<Reservation, StartFailure>, InvokeError> {
        let reserved = {
            let mut state = self.lock();
            if state.closing {
                return Err(InvokeError::ShuttingDown);
            }
            if let Some(reservation) = self.take_idle(&mut state) {
                return Ok(Ok(reservation));
            }
            let coming = state.count(Status::Starting) + state.count(Status::Returning);
            if coming <= state.waiters.len() {
                if self.may_start(&state) {
                    self.start(&mut state);
                } else if !state.environments.is_empty() {
                    return Err(InvokeError::TooManyRequests(self.config.name.clone()));
                }
                // The start has failed, just now or a moment ago.
                if let (true, Some(failure)) = (state.environments.is_empty(), state.last_failure.clone()) {
                    return Ok(Err(failure));
                }
            }
            state.wait()
        };
        self.wait_or_start(reserved).await
    }

    /// An environment for a queue's batch: waits until one is idle, and starts one when that takes too long.
    pub(crate) async fn reserve_when_free(
        self: &Arc<Self>,
    ) -> Result<Result<Reservation, StartFailure>, InvokeError> {
        let reserved = {
            let mut state = self.lock();
            if state.closing {
                return Err(InvokeError::ShuttingDown);
            }
            if let Some(reservation) = self.take_idle(&mut state) {
                return Ok(Ok(reservation));
            }
            let reserved = state.wait();
            if state.environments.is_empty() && self.may_start(&state) {
                self.start(&mut state);
            }
            reserved
        };
        self.wait_or_start(reserved).await
    }

    /// Waits for the promised environment, and starts one whenever none has come for a moment.
    async fn wait_or_start(
        self: &Arc<Self>,
        mut reserved: oneshot::Receiver<Result<Reservation, StartFailure>>,
    ) -> Result<Result<Reservation, StartFailure>, InvokeError> {
        let pause = Duration::from_millis(limits::SCALE_UP_AFTER_MS);
        loop {
            match tokio::time::timeout(pause, &mut reserved).await {
                Ok(reserved) => return reserved.map_err(|_| InvokeError::ShuttingDown),
                Err(_) => {
                    let mut state = self.lock();
                    if state.count(Status::Starting) == 0 && self.may_start(&state) {
                        self.start(&mut state);
                    }
                }
            }
        }
    }

    /// Runs one invocation in the reserved environment, up to the function's timeout.
    /// `None`: the environment had gone before it took the invocation, which may be tried in another.
    pub(crate) async fn run(
        self: &Arc<Self>,
        mut reservation: Reservation,
        payload: Bytes,
    ) -> Option<InvokeOutcome> {
        let id = reservation.environment.take()?;
        let request_id = new_uuid();
        let (done, outcome) = oneshot::channel();
        let environment = {
            let mut state = self.lock();
            let slot = state.environments.get_mut(&id)?;
            let poll = slot.poll.take()?;
            slot.status = Status::Busy;
            slot.current = Some(Current { request_id: request_id.clone(), done });
            slot.environment.set_request_id(Some(request_id.clone()));
            let deadline_ms = now_ms() + self.config.timeout_ms;
            let invocation = Invocation { request_id: request_id.clone(), payload, deadline_ms };
            if poll.send(invocation).is_err() {
                // The poll's connection has just ended; the process will follow.
                slot.current = None;
                slot.environment.kill();
                return None;
            }
            let environment = Arc::clone(&slot.environment);
            state.invocations += 1;
            environment
        };
        let timeout = Duration::from_millis(self.config.timeout_ms);
        match tokio::time::timeout(timeout, outcome).await {
            Ok(Ok(outcome)) => Some(outcome),
            Ok(Err(_)) => Some(InvokeOutcome::failure(&request_id, "Runtime.ExitError", "Runtime exited")),
            Err(_) => {
                // It must not be reported once more when the process has ended.
                if let Some(slot) = self.lock().environments.get_mut(&id) {
                    slot.current = None;
                }
                environment.kill();
                let seconds = self.config.timeout_ms as f64 / 1_000.0;
                let message = format!("Task timed out after {seconds:.2} seconds");
                self.log(Some(&request_id), LogStream::Platform, format!("{request_id} {message}"));
                Some(InvokeOutcome::failure(&request_id, "Sandbox.Timedout", &message))
            }
        }
    }

    /// The environment polls for its next invocation. `None`: it is not one of this function's any more.
    pub(crate) fn poll(self: &Arc<Self>, id: u64) -> Option<oneshot::Receiver<Invocation>> {
        let mut state = self.lock();
        let (sender, receiver) = oneshot::channel();
        let slot = state.environments.get_mut(&id)?;
        slot.environment.set_request_id(None);
        slot.environment.set_ready();
        slot.poll = Some(sender);
        match slot.status {
            // It polls anew after its connection broke; its place is kept.
            Status::Idle | Status::Reserved => return Some(receiver),
            Status::Starting => {
                state.failures = 0;
                state.start_not_before = None;
                state.last_failure = None;
            }
            Status::Busy => {
                if let Some(current) = slot.current.take() {
                    let message = "The runtime asked for the next invocation without answering this one";
                    let outcome = InvokeOutcome::failure(&current.request_id, "Runtime.NoResponse", message);
                    let _ = current.done.send(outcome);
                }
            }
            Status::Returning => {}
        }
        self.offer(&mut state, id);
        Some(receiver)
    }

    /// The environment has finished an invocation. `false`: it isn't working on that one.
    pub(crate) fn finish(&self, id: u64, request_id: &str, failed: bool, payload: Bytes) -> bool {
        let mut state = self.lock();
        let Some(slot) = state.environments.get_mut(&id) else {
            return false;
        };
        match slot.current.take_if(|current| current.request_id == request_id) {
            None => false,
            Some(current) => {
                slot.status = Status::Returning;
                slot.since = Instant::now();
                let outcome = InvokeOutcome { payload, failed, request_id: current.request_id };
                // Whoever invoked may have given up meanwhile.
                let _ = current.done.send(outcome);
                true
            }
        }
    }

    /// The program says why it can't start; it exits next.
    pub(crate) fn init_error(&self, id: u64, payload: Bytes) {
        if let Some(slot) = self.lock().environments.get_mut(&id) {
            slot.init_error = Some(payload);
        }
    }

    /// The environment's process has ended with `reason`, such as "exit status 1".
    pub(crate) fn exited(&self, id: u64, reason: Option<String>) {
        let mut state = self.lock();
        let Some(slot) = state.environments.remove(&id) else {
            return;
        };
        state.idle.retain(|idle| *idle != id);
        self.host.forget(&slot.environment.token);
        let message = match &reason {
            Some(reason) => format!("Runtime exited with error: {reason}"),
            None => "Runtime exited without providing a reason".to_owned(),
        };
        if let Some(current) = slot.current {
            let text = format!("RequestId: {} Error: {message}", current.request_id);
            self.log(Some(&current.request_id), LogStream::Platform, text);
            let outcome = InvokeOutcome::failure(&current.request_id, "Runtime.ExitError", &message);
            let _ = current.done.send(outcome);
        }
        if slot.status == Status::Starting && !state.closing {
            let failure = StartFailure::of_exit(slot.init_error.as_deref(), message);
            self.start_failed(&mut state, failure);
        }
    }

    /// Ends environments that have been idle for longer than `idle_ms`, and those that answered and never polled again.
    pub(crate) fn end_idle(&self, idle_ms: u64) {
        let mut state = self.lock();
        let limit = Duration::from_millis(idle_ms);
        let State { idle, environments, .. } = &mut *state;
        idle.retain(|id| match environments.get(id) {
            Some(slot) if slot.since.elapsed() < limit => true,
            Some(slot) => {
                slot.environment.end();
                false
            }
            None => false,
        });
        let lost = Duration::from_millis(limits::INIT_TIMEOUT_MS);
        for slot in state.environments.values() {
            if slot.status == Status::Returning && slot.since.elapsed() > lost {
                slot.environment.kill();
            }
        }
    }

    /// Ends all environments and starts no more. Who waits gets an error.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        state.waiters.clear();
        for slot in state.environments.values() {
            slot.environment.end();
        }
    }

    /// Kills all environments at once.
    pub(crate) fn kill(&self) {
        for slot in self.lock().environments.values() {
            slot.environment.kill();
        }
    }

    pub(crate) fn environments(&self) -> usize {
        self.lock().environments.len()
    }

    pub(crate) fn invocations(&self) -> u64 {
        self.lock().invocations
    }

    pub(crate) fn log(&self, request_id: Option<&str>, stream: LogStream, text: String) {
        let function = self.config.name.clone();
        self.host.logs.write(LogLine { function, request_id: request_id.map(str::to_owned), stream, text });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(self: &Arc<Self>, state: &mut State) -> Option<Reservation> {
        while let Some(id) = state.idle.pop() {
            let Some(slot) = state.environments.get_mut(&id) else {
                continue;
            };
            if slot.poll.as_ref().is_none_or(oneshot::Sender::is_closed) {
                // Its connection has broken: the process is about to end, or polls anew and is offered then.
                slot.status = Status::Returning;
                continue;
            }
            slot.status = Status::Reserved;
            return Some(Reservation { function: Arc::clone(self), environment: Some(id) });
        }
        None
    }

    /// Gives an environment that can work to who has waited longest, or makes it idle.
    fn offer(self: &Arc<Self>, state: &mut State, id: u64) {
        if !state.environments.contains_key(&id) {
            return;
        }
        while let Some(waiter) = state.waiters.pop_front() {
            let reservation = Reservation { function: Arc::clone(self), environment: Some(id) };
            match waiter.send(Ok(reservation)) {
                Ok(()) => {
                    if let Some(slot) = state.environments.get_mut(&id) {
                        slot.status = Status::Reserved;
                    }
                    return;
                }
                // The waiter is gone. Its reservation must not come back here through its drop.
                Err(Ok(mut reservation)) => reservation.environment = None,
                Err(Err(_)) => {}
            }
        }
        if let Some(slot) = state.environments.get_mut(&id) {
            slot.status = Status::Idle;
            slot.since = Instant::now();
            state.idle.push(id);
        }
    }

    fn may_start(&self, state: &State) -> bool {
        !state.closing
            && state.environments.len() < self.config.environments_max as usize
            && state.start_not_before.is_none_or(|at| at <= Instant::now())
    }

    fn start(self: &Arc<Self>, state: &mut State) {
        match environment::start(self) {
            Ok(environment) => {
                let slot = Slot {
                    environment: Arc::clone(&environment),
                    status: Status::Starting,
                    since: Instant::now(),
                    poll: None,
                    current: None,
                    init_error: None,
                };
                state.environments.insert(environment.id, slot);
            }
            Err(failed) => {
                let message = format!("fork/exec {}: {failed}", self.config.program.display());
                let error_type = "Runtime.InvalidEntrypoint".to_owned();
                self.start_failed(state, StartFailure { error_type, message });
            }
        }
    }

    /// Each further failure doubles the pause before the next try, so that a program that always fails doesn't spin.
    fn start_failed(&self, state: &mut State, failure: StartFailure) {
        let pause_ms = limits::START_BACKOFF_MS.saturating_mul(1 << state.failures.min(16));
        let pause_ms = pause_ms.min(limits::START_BACKOFF_MS_MAX);
        state.failures = state.failures.saturating_add(1);
        state.start_not_before = Some(Instant::now() + Duration::from_millis(pause_ms));
        state.last_failure = Some(failure.clone());
        let text =
            format!("INIT failed: {}: {} (next try in {pause_ms} ms)", failure.error_type, failure.message);
        self.log(None, LogStream::Platform, text);
        // As long as another environment lives, it will serve those who wait.
        if state.environments.is_empty() {
            for waiter in state.waiters.drain(..) {
                let _ = waiter.send(Err(failure.clone()));
            }
        }
    }
}

impl State {
    fn wait(&mut self) -> oneshot::Receiver<Result<Reservation, StartFailure>> {
        let (sender, receiver) = oneshot::channel();
        self.waiters.push_back(sender);
        receiver
    }

    fn count(&self, status: Status) -> usize {
        self.environments.values().filter(|slot| slot.status == status).count()
    }
}

impl StartFailure {
    /// From what the program has said by `/init/error`, else from its exit.
    fn of_exit(said: Option<&[u8]>, exit: String) -> Self {
        let said: Option<serde_json::Value> = said.and_then(|said| serde_json::from_slice(said).ok());
        let text = |key: &str| said.as_ref().and_then(|said| said.get(key)?.as_str().map(str::to_owned));
        Self {
            error_type: text("errorType").unwrap_or_else(|| "Runtime.ExitError".to_owned()),
            message: text("errorMessage").unwrap_or(exit),
        }
    }
}
