//! One process of a function: how it is started, watched and ended.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::function::Function;
use super::logs::{LogStream, read_lines};
use crate::limits;

/// A running process.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Unique within the host.
    pub(crate) id: u64,
    /// Its part of the Runtime API's path. Random, so that no other program takes its invocations by guessing.
    pub(crate) token: String,
    /// The process and, since it leads its group, the group.
    pid: Option<Pid>,
    gone: AtomicBool,
    ready: Notify,
    /// It has registered as an extension, and is told by SIGTERM before it is killed.
    wants_sigterm: AtomicBool,
    request_id: Mutex<Option<String>>,
}

/// How long a process that wants to be told has between SIGTERM and SIGKILL; Lambda gives 500 ms as well.
const GRACE: Duration = Duration::from_millis(500);

/// Starts the function's program, with Lambda's variables and nothing of the host's environment but what any program
/// needs. Its end is reported to the function.
pub(crate) fn start(function: &Arc<Function>) -> std::io::Result<Arc<Environment>> {
    static LAST_ID: AtomicU64 = AtomicU64::new(0);
    let id = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
    let token = format!("{id}-{:016x}", rand::random::<u64>());
    let mut command = command(function, &token);
    let (mut child, environment) = function.host.remember(function, || {
        let child = command.spawn()?;
        let environment = Arc::new(Environment {
            id,
            token,
            pid: child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)),
            gone: AtomicBool::new(false),
            ready: Notify::new(),
            wants_sigterm: AtomicBool::new(false),
            request_id: Mutex::default(),
        });
        Ok((child, environment))
    })?;
    if let Some(stdout) = child.stdout.take() {
        let (function, environment) = (Arc::clone(function), Arc::clone(&environment));
        tokio::spawn(async move {
            read_lines(stdout, |line| environment.log(&function, LogStream::Stdout, line)).await;
        });
    }
    if let Some(stderr) = child.stderr.take() {
        let (function, environment) = (Arc::clone(function), Arc::clone(&environment));
        tokio::spawn(async move {
            read_lines(stderr, |line| environment.log(&function, LogStream::Stderr, line)).await;
        });
    }
    tokio::spawn(watch(child, Arc::clone(function), Arc::clone(&environment)));
    Ok(environment)
}

fn command(function: &Function, token: &str) -> Command {
    let config = &function.config;
    let host = &function.host;
    let mut command = Command::new(&config.program);
    command.args(&config.args).env_clear();
    for name in ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let directory = config.program.parent().filter(|parent| parent.is_dir()).unwrap_or(Path::new("."));
    command
        .env("AWS_LAMBDA_RUNTIME_API", format!("{}/lambda/{token}", host.origin()))
        .env("AWS_LAMBDA_FUNCTION_NAME", &config.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", config.memory_mb.to_string())
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", config.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{token}"))
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("_HANDLER", "bootstrap")
        .env("LAMBDA_TASK_ROOT", directory)
        .env("AWS_REGION", &host.region)
        .env("AWS_DEFAULT_REGION", &host.region)
        .env("AWS_ENDPOINT_URL", host.origin())
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(config.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: Ctrl-C in the terminal reaches the host alone, and killing the group takes what the
        // program has started along.
        .process_group(0)
        .kill_on_drop(true);
    command
}

async fn watch(mut child: Child, function: Arc<Function>, environment: Arc<Environment>) {
    let init =
        tokio::time::timeout(Duration::from_millis(limits::INIT_TIMEOUT_MS), environment.ready.notified());
    let status = tokio::select! {
        status = child.wait() => status,
        ready = init => {
            if ready.is_err() {
                let text = format!("INIT timed out after {} ms", limits::INIT_TIMEOUT_MS);
                environment.log(&function, LogStream::Platform, text);
                environment.kill();
            }
            child.wait().await
        }
    };
    environment.gone.store(true, Ordering::Release);
    function.exited(environment.id, status.ok().as_ref().and_then(reason));
}

/// The exit in the words that Lambda uses; nothing for a plain exit.
fn reason(status: &ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exit status {code}")),
        (None, Some(9)) => Some("signal: killed".to_owned()),
        (None, Some(6)) => Some("signal: aborted".to_owned()),
        (None, Some(11)) => Some("signal: segmentation fault".to_owned()),
        (None, Some(signal)) => Some(format!("signal: {signal}")),
        (None, None) => None,
    }
}

impl Environment {
    /// Kills the process and what it has started.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Ends the process: with a word before, if it has asked for one.
    pub(crate) fn end(self: &Arc<Self>) {
        if !self.wants_sigterm.load(Ordering::Acquire) {
            self.kill();
            return;
        }
        self.signal(Signal::TERM);
        let environment = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(GRACE).await;
            environment.kill();
        });
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid
            && !self.gone.load(Ordering::Acquire)
        {
            // An error says that the group has ended by itself.
            let _ = kill_process_group(pid, signal);
        }
    }

    /// The process has polled for the first time: its init phase is over.
    pub(crate) fn set_ready(&self) {
        self.ready.notify_one();
    }

    pub(crate) fn set_wants_sigterm(&self) {
        self.wants_sigterm.store(true, Ordering::Release);
    }

    /// The invocation that log lines belong to from now on.
    pub(crate) fn set_request_id(&self, request_id: Option<String>) {
        *self.request_id.lock().unwrap_or_else(PoisonError::into_inner) = request_id;
    }

    fn log(&self, function: &Function, stream: LogStream, text: String) {
        let request_id = self.request_id.lock().unwrap_or_else(PoisonError::into_inner).clone();
        function.log(request_id.as_deref(), stream, text);
    }
}
