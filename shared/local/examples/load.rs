//! What one call costs the local server: calls per second, and the server's CPU time per call.
//!
//! `cargo run --profile ci -p stepladder-local --example load [connections]`. The server is a process of its own, so that
//! the client's time isn't counted.
//! `… --example load trigger <program>` measures the queue trigger with a function that takes any message.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::time::{Duration, Instant};

use stepladder_local::sqs::{NewMessage, QueueCounts};
use stepladder_local::{EventSourceMapping, FunctionConfig, Server, ServerConfig};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const SECONDS: u64 = 3;

#[tokio::main]
async fn main() {
    let first = std::env::args().nth(1);
    if first.as_deref() == Some("server") {
        let server = Server::start(ServerConfig::default()).await.unwrap();
        println!("{}", server.addr().port());
        std::future::pending::<()>().await;
    }
    if first.as_deref() == Some("trigger") {
        return trigger(&std::env::args().nth(2).unwrap()).await;
    }
    let connections: usize = first.map_or(16, |count| count.parse().unwrap());
    let mut server = tokio::process::Command::new(std::env::current_exe().unwrap())
        .arg("server")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port: u16 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    let pid = server.id().unwrap();

    call(port, "AmazonSQS.CreateQueue", r#"{"QueueName":"q"}"#).await;
    call(
        port,
        "DynamoDB_20120810.CreateTable",
        r#"{"TableName":"runs","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},
        {"AttributeName":"sk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},
        {"AttributeName":"sk","KeyType":"RANGE"}]}"#,
    )
    .await;
    let body = "x".repeat(1_000);
    let send = format!(r#"{{"QueueUrl":"q","MessageBody":"{body}"}}"#);
    let entries: Vec<String> =
        (0..10).map(|id| format!(r#"{{"Id":"{id}","MessageBody":"{body}"}}"#)).collect();
    let batch = format!(r#"{{"QueueUrl":"q","Entries":[{}]}}"#, entries.join(","));
    let receive = r#"{"QueueUrl":"q","MaxNumberOfMessages":10,"VisibilityTimeout":0,"MessageSystemAttributeNames":["All"]}"#;
    measure(port, pid, connections, "SendMessage", "AmazonSQS.SendMessage", move |_| send.clone()).await;
    measure(port, pid, connections, "SendMessageBatch (10)", "AmazonSQS.SendMessageBatch", move |_| {
        batch.clone()
    })
    .await;
    measure(port, pid, connections, "ReceiveMessage (10)", "AmazonSQS.ReceiveMessage", move |_| {
        receive.to_owned()
    })
    .await;
    measure(port, pid, connections, "PutItem (1 KB)", "DynamoDB_20120810.PutItem", move |number| {
        format!(
            r#"{{"TableName":"runs","Item":{{"pk":{{"S":"r{}"}},"sk":{{"S":"T#{number}"}},"o":{{"S":"{body}"}}}},
            "ConditionExpression":"attribute_not_exists(pk)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}}"#,
            number / 5
        )
    })
    .await;
    let get = |number: u64| {
        format!(
            r#"{{"TableName":"runs","Key":{{"pk":{{"S":"r{}"}},"sk":{{"S":"T#{number}"}}}}}}"#,
            number / 5
        )
    };
    measure(port, pid, connections, "GetItem (1 KB)", "DynamoDB_20120810.GetItem", get).await;
}

/// From send to deletion: one message at a time, and many at once.
async fn trigger(program: &str) {
    let server = Server::start(ServerConfig::default()).await.unwrap();
    let attributes = [("VisibilityTimeout".to_owned(), "60".to_owned())].into();
    server.queues().with(|queues, now| queues.create("q", &attributes, Default::default(), now)).unwrap();
    server.lambda().register(FunctionConfig::new("f", program)).unwrap();
    server.lambda().map_queue(EventSourceMapping::new("q", "f")).unwrap();
    let send = || server.queues().with(|queues, now| queues.send("q", NewMessage::new("1"), now)).unwrap();
    let empty = || async {
        while server.queues().with(|queues, now| queues.counts("q", now)).unwrap() != QueueCounts::default() {
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
    };
    let mut times = Vec::new();
    for _ in 0..500 {
        let started = Instant::now();
        send();
        empty().await;
        times.push(started.elapsed());
    }
    println!("first {:?} (with the process's start)", times[0]);
    times.sort();
    println!("one at a time: p50 {:?}, p99 {:?}, timer's millisecond included", times[250], times[495]);
    let started = Instant::now();
    for _ in 0..20_000 {
        send();
    }
    empty().await;
    let seconds = started.elapsed().as_secs_f64();
    let processes = server.lambda().environments("f");
    println!("20,000 at once: {:.0}/s in {processes} processes", 20_000.0 / seconds);
    server.shutdown().await;
}

async fn measure(
    port: u16,
    pid: u32,
    connections: usize,
    name: &str,
    target: &'static str,
    body: impl Fn(u64) -> String + Clone + Send + 'static,
) {
    let (cpu, started) = (cpu_ticks(pid), Instant::now());
    let end = started + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..connections as u64)
        .map(|connection| {
            let body = body.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
                stream.get_ref().set_nodelay(true).unwrap();
                let mut count = 0_u64;
                while Instant::now() < end {
                    exchange(&mut stream, port, target, &body(connection * 1_000_000 + count)).await;
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut calls = 0;
    for task in tasks {
        calls += task.await.unwrap();
    }
    let cpu_us = (cpu_ticks(pid) - cpu) * 10_000 / calls;
    let per_second = calls as f64 / started.elapsed().as_secs_f64();
    println!("{name:24} {per_second:8.0}/s  {cpu_us:4} µs CPU of the server each");
}

async fn call(port: u16, target: &str, body: &str) {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    exchange(&mut stream, port, target, body).await;
}

async fn exchange(stream: &mut BufReader<TcpStream>, port: u16, target: &str, body: &str) {
    let request = format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut length, mut line, mut first) = (0_usize, String::new(), true);
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        assert!(!first || line.contains(" 200 "), "{target}: {line}");
        first = false;
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.unwrap();
}

/// User and system time of a process in hundredths of a second.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
