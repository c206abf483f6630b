//! How processes end.

use std::time::Duration;

use serde_json::json;
use stepladder_local::ServerConfig;

use super::support::{Host, PROGRAM, is_running, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_environments_end() {
    let config = ServerConfig { idle_environment_ms: 100, ..ServerConfig::default() };
    let host = Host::start_with(config, |_| {}).await;
    let (described, _) = host.invoke(json!({ "do": "describe" })).await;
    let pid = described["pid"].as_u64().unwrap();
    host.until("it has ended", |host| host.server.lambda().environments("work") == 0).await;
    assert!(!is_running(pid));
    assert_eq!(host.invoke(json!(1)).await, (json!(1), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_ends_every_process() {
    let host = Host::start(|_| {}).await;
    let (described, _) = host.invoke(json!({ "do": "describe" })).await;
    let idle = described["pid"].as_u64().unwrap();
    assert!(is_running(idle));
    host.server.shutdown().await;
    assert!(!is_running(idle));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_server_kills_every_process() {
    let host = Host::start(|_| {}).await;
    let (described, _) = host.invoke(json!({ "do": "describe" })).await;
    let pid = described["pid"].as_u64().unwrap();
    drop(host);
    until("it is killed", || !is_running(pid)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_host_is_killed_its_processes_end_by_themselves() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let mut host = tokio::process::Command::new(PROGRAM)
        .arg("host")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let line =
        tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.unwrap().unwrap().unwrap();
    let pids: Vec<u64> = line.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_running(*pid)), "{line}");
    host.kill().await.unwrap();
    // One waits for its next invocation and one works on its last: both must go, the latter when it has finished.
    until("both have ended", || !pids.iter().any(|pid| is_running(*pid))).await;
}
