//! The host itself: its functions, their triggers, its end.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::process::Child;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::config::{EventSourceMapping, FunctionConfig};
use super::environment::Environment;
use super::function::Function;
use super::invoke::{InvokeError, InvokeOutcome};
use super::logs::{LogLine, LogSink};
use super::trigger;
use crate::limits;
use crate::sqs::{SharedQueues, new_uuid};

/// Runs functions as subprocesses. A clone is another handle to the same host; its processes end with
/// [`LambdaHost::shutdown`], or when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct LambdaHost {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    context: Arc<HostContext>,
    queues: SharedQueues,
    functions: RwLock<BTreeMap<String, Arc<Function>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    asynchronous: Arc<Semaphore>,
}

/// What the functions need of their host.
#[derive(Debug)]
pub(crate) struct HostContext {
    pub(crate) region: String,
    pub(crate) account_id: String,
    pub(crate) logs: LogSink,
    /// `http://127.0.0.1:port` of the server that answers the Runtime API; set once it listens.
    origin: OnceLock<String>,
    environments: Mutex<HashMap<String, Known>>,
}

/// An environment and its function, found by the environment's token.
type Known = (Arc<Function>, Arc<Environment>);

/// Why a function or a mapping isn't taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    #[error("{0}")]
    Invalid(String),
    #[error("there is already a function {0}")]
    Exists(String),
    #[error("there is no function {0}; register it before its mapping")]
    NoFunction(String),
    #[error("there is no queue {0}; create it before its mapping")]
    NoQueue(String),
    #[error(
        "the visibility timeout of queue {queue} is {visibility_timeout_s} s, shorter than the timeout of function \
         {function}, {timeout_ms} ms: AWS refuses that mapping; set VisibilityTimeout to at least the function's timeout"
    )]
    VisibilityTooShort { queue: String, visibility_timeout_s: u64, function: String, timeout_ms: u64 },
}

impl LambdaHost {
    pub(crate) fn new(region: &str, account_id: &str, queues: SharedQueues, idle_ms: u64) -> Self {
        let context = HostContext {
            region: region.to_owned(),
            account_id: account_id.to_owned(),
            logs: LogSink::default(),
            origin: OnceLock::new(),
            environments: Mutex::default(),
        };
        let host = Self {
            inner: Arc::new(Inner {
                context: Arc::new(context),
                queues,
                functions: RwLock::default(),
                tasks: Mutex::default(),
                asynchronous: Arc::new(Semaphore::new(limits::ASYNC_INVOCATIONS_MAX)),
            }),
        };
        host.end_idle_regularly(idle_ms);
        host
    }

    /// Adds a function. Its first process starts with its first invocation.
    pub fn register(&self, config: FunctionConfig) -> Result<(), RegisterError> {
        config.check().map_err(RegisterError::Invalid)?;
        let context = &self.inner.context;
        let name = config.name.clone();
        let arn = format!("arn:aws:lambda:{}:{}:function:{name}", context.region, context.account_id);
        let mut functions = self.inner.functions.write().unwrap_or_else(PoisonError::into_inner);
        if functions.contains_key(&name) {
            return Err(RegisterError::Exists(name));
        }
        functions.insert(name, Function::new(config, arn, Arc::clone(context)));
        Ok(())
    }

    /// Lets a queue trigger a function, from now on. Both must be there already.
    pub fn map_queue(&self, mapping: EventSourceMapping) -> Result<(), RegisterError> {
        mapping.check().map_err(RegisterError::Invalid)?;
        let function = self.function(&mapping.function);
        let function = function.ok_or_else(|| RegisterError::NoFunction(mapping.function.clone()))?;
        let attributes = self.inner.queues.with(|queues, now_ms| queues.attributes(&mapping.queue, now_ms));
        let attributes = attributes.map_err(|_| RegisterError::NoQueue(mapping.queue.clone()))?;
        let visibility = attributes.get("VisibilityTimeout").and_then(|text| text.parse().ok());
        let visibility_timeout_s: u64 = visibility.unwrap_or_default();
        if visibility_timeout_s * 1_000 < function.config.timeout_ms {
            return Err(RegisterError::VisibilityTooShort {
                queue: mapping.queue,
                visibility_timeout_s,
                function: mapping.function,
                timeout_ms: function.config.timeout_ms,
            });
        }
        let task = tokio::spawn(trigger::run(mapping, function, self.inner.queues.clone()));
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        Ok(())
    }

    /// Invokes a function and waits for its answer. An empty payload is `{}`, as on Lambda.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Result<InvokeOutcome, InvokeError> {
        let function = self.function(name).ok_or_else(|| InvokeError::NotFound(name.to_owned()))?;
        let payload = checked_payload(payload, limits::INVOKE_BYTES_MAX)?;
        invoke(&function, payload).await
    }

    /// Invokes a function and doesn't wait. It waits for a free environment if need be, and is tried once.
    pub fn invoke_async(&self, name: &str, payload: Bytes) -> Result<(), InvokeError> {
        let function = self.function(name).ok_or_else(|| InvokeError::NotFound(name.to_owned()))?;
        let payload = checked_payload(payload, limits::INVOKE_EVENT_BYTES_MAX)?;
        let permit = Arc::clone(&self.inner.asynchronous).try_acquire_owned();
        let permit = permit.map_err(|_| InvokeError::TooManyRequests(name.to_owned()))?;
        tokio::spawn(async move {
            let _permit = permit;
            while let Ok(Ok(reservation)) = function.reserve_when_free().await {
                if function.run(reservation, payload.clone()).await.is_some() {
                    break;
                }
            }
        });
        Ok(())
    }

    /// Whether there is a function of this name.
    pub fn has_function(&self, name: &str) -> bool {
        self.function(name).is_some()
    }

    /// How many processes of a function run; 0 for one that isn't there.
    pub fn environments(&self, name: &str) -> usize {
        self.function(name).map_or(0, |function| function.environments())
    }

    /// How many invocations a function has taken, whatever came of them; 0 for one that isn't there. Lambda bills each.
    pub fn invocations(&self, name: &str) -> u64 {
        self.function(name).map_or(0, |function| function.invocations())
    }

    /// Takes each line that a function writes, from now on, instead of the sink before. It is called on the host's
    /// tasks and should be quick; while it blocks, the functions that write may block too.
    pub fn on_log(&self, sink: impl Fn(LogLine) + Send + Sync + 'static) {
        self.inner.context.logs.set(Arc::new(sink));
    }

    /// Stops the triggers, ends all processes and waits until they are gone.
    pub async fn shutdown(&self) {
        self.inner.stop_tasks();
        let functions = self.inner.functions();
        for function in &functions {
            function.close();
        }
        let gone = async {
            while functions.iter().any(|function| function.environments() > 0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(5), gone).await.is_err() {
            self.inner.kill();
        }
    }

    pub(crate) fn set_origin(&self, origin: String) {
        // The server sets it once, before anything can start.
        let _ = self.inner.context.origin.set(origin);
    }

    pub(crate) fn function(&self, name: &str) -> Option<Arc<Function>> {
        self.inner.functions.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The environment that this path of the Runtime API belongs to.
    pub(crate) fn environment(&self, token: &str) -> Option<(Arc<Function>, Arc<Environment>)> {
        self.inner.context.environments().get(token).cloned()
    }

    pub(crate) fn kill(&self) {
        self.inner.stop_tasks();
        self.inner.kill();
    }

    fn end_idle_regularly(&self, idle_ms: u64) {
        let inner = Arc::downgrade(&self.inner);
        let task = tokio::spawn(async move {
            let pause = Duration::from_millis((idle_ms / 4).clamp(10, 5_000));
            loop {
                tokio::time::sleep(pause).await;
                let Some(inner) = inner.upgrade() else { break };
                for function in inner.functions() {
                    function.end_idle(idle_ms);
                }
            }
        });
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

impl Inner {
    fn functions(&self) -> Vec<Arc<Function>> {
        self.functions.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn stop_tasks(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    fn kill(&self) {
        for function in self.functions() {
            function.kill();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_tasks();
        self.kill();
    }
}

impl HostContext {
    pub(crate) fn origin(&self) -> &str {
        self.origin.get().map_or("", String::as_str)
    }

    /// Starts a process and knows it from its first call on, however soon that comes: who looks for it meanwhile waits.
    pub(crate) fn remember(
        &self,
        function: &Arc<Function>,
        start: impl FnOnce() -> std::io::Result<(Child, Arc<Environment>)>,
    ) -> std::io::Result<(Child, Arc<Environment>)> {
        let mut environments = self.environments();
        let (child, environment) = start()?;
        environments.insert(environment.token.clone(), (Arc::clone(function), Arc::clone(&environment)));
        Ok((child, environment))
    }

    pub(crate) fn forget(&self, token: &str) {
        self.environments().remove(token);
    }

    fn environments(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs one invocation in an environment that is free, or new.
async fn invoke(function: &Arc<Function>, payload: Bytes) -> Result<InvokeOutcome, InvokeError> {
    loop {
        match function.reserve_now().await? {
            Ok(reservation) => {
                if let Some(outcome) = function.run(reservation, payload.clone()).await {
                    return Ok(outcome);
                }
            }
            Err(failure) => {
                return Ok(InvokeOutcome::failure(&new_uuid(), &failure.error_type, &failure.message));
            }
        }
    }
}

fn checked_payload(payload: Bytes, bytes_max: usize) -> Result<Bytes, InvokeError> {
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    if payload.len() > bytes_max {
        return Err(InvokeError::TooLarge { bytes: payload.len(), bytes_max });
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(failed) => Err(InvokeError::NotJson(failed.to_string())),
    }
}
