//! What the kernel says about processes.

use crate::Result;
use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{io::AsyncReadExt, net::TcpListener, process::Command};

/// Linux counts CPU time in ticks of 10 ms on all of its platforms.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: f64 = 4096.0;

/// The CPU seconds of this process, its children, and its children's children, also of those that ended.
pub(crate) fn cpu_seconds() -> f64 {
    family().iter().filter_map(|pid| cpu_ticks(*pid)).sum::<f64>() / TICKS_PER_SECOND
}

/// The resident memory of the largest child, in megabytes.
pub(crate) fn largest_child_mb() -> f64 {
    let this = std::process::id();
    family().iter().filter(|pid| **pid != this).filter_map(|pid| resident_mb(*pid)).fold(0.0, f64::max)
}

fn family() -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?)))
        .collect();
    let mut family = vec![std::process::id()];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    family
}

/// The fields of /proc/PID/stat after the name: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// utime, stime, and both of the children that were waited for: fields 14 to 17 of proc(5).
fn cpu_ticks(pid: u32) -> Option<f64> {
    let stat = stat(pid)?;
    stat.get(11..15)?.iter().map(|ticks| ticks.parse::<f64>().ok()).sum()
}

fn resident_mb(pid: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: f64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES / 1e6)
}

/// Starts a step binary and waits for its first poll: the time it took in milliseconds, and its resident megabytes then.
pub(crate) async fn first_poll(program: &Path) -> Result<(f64, f64)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api = listener.local_addr()?.to_string();
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", &api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "stepladder-weighed")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "weighed")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "weighed")
        .env("AWS_ENDPOINT_URL", format!("http://{api}"))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let started = Instant::now();
    let mut child = command.spawn()?;
    let (mut stream, _) = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await??;
    let mut first = [0; 64];
    let read = stream.read(&mut first).await?;
    let took_ms = started.elapsed().as_secs_f64() * 1e3;
    if !first.get(..read).unwrap_or_default().starts_with(b"GET ") {
        return Err(format!("{} did not poll: it sent something else first", program.display()).into());
    }
    let mb = child.id().and_then(resident_mb).unwrap_or_default();
    child.kill().await?;
    Ok((took_ms, mb))
}
