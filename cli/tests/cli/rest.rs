//! The REST API on the port of a stack on this machine, as `stepladder dev` mounts it. No function runs in it.

use crate::stack::Stack;
use serde_json::{Value, json};
use std::sync::Arc;
use stepladder_api::{ApiSettings, Refusals, Unsupported, router};
use stepladder_aws::{AwsHost, Environment};
use stepladder_protocol::Protocol;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Status and body of an answer to a GET.
async fn get(stack: &Stack, path: &str, header: &str) -> (u16, Value) {
    let address = stack.server.addr();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_api_reads_the_table_and_the_queues() {
    let stack = Stack::start().await;
    let environment = Environment::local(&stack.server.endpoint_url(), "stepladder").unwrap();
    let protocol = Arc::new(Protocol::new(AwsHost::connect(environment).await));
    let settings = ApiSettings {
        token_key: [7; 32],
        refusals: Refusals::Own,
        unsupported: Unsupported::Refused,
        reads_parquet: false,
    };
    stack.server.mount("/api/", router(protocol, settings));
    stack.started("17").await;
    stack.put("parked", "no message of ours");

    let (status, runs) = get(&stack, "/api/v1/runs?status=RUNNING", "").await;
    assert_eq!((status, &runs["runs"][0]["id"], &runs["looked_at"]), (200, &json!("pause/17"), &json!(1)));
    let (_, queues) = get(&stack, "/api/v1/queues", "").await;
    let names: Vec<_> =
        queues["queues"].as_array().unwrap().iter().map(|queue| queue["name"].as_str().unwrap()).collect();
    assert!(["parked", "start", "timer"].iter().all(|name| names.contains(name)), "{queues}");
    for _ in 0..2 {
        let (_, letters) = get(&stack, "/api/v1/dead-letters?data=true", "").await;
        assert_eq!(letters["messages"][0]["payload"]["value"], "no message of ours");
        assert_eq!((&letters["is_all"], &letters["held"]), (&json!(true), &json!(1)));
    }
    let (status, problem) = get(&stack, "/api/v1/runs/pause/18", "").await;
    assert_eq!((status, &problem["code"]), (404, &json!("SL1202")));
    let (status, _) = get(&stack, "/api/v1/runs", "Origin: http://evil.example\r\n").await;
    assert_eq!(status, 403);
}
