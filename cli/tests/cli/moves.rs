//! `stepladder dead-letter send-back` where SQS has no move tasks, or refuses them.

use crate::stack::Stack;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SEND_BACK: [&str; 7] = ["dead-letter", "send-back", "--all", "--queue", "dead-letter", "--yes", "-v"];

/// A stack with two dead letters of the timer queue, and a way to it on which move tasks are refused with this code.
async fn refusing(code: &'static str) -> (Stack, String) {
    let stack = Stack::start().await;
    for body in ["a", "b"] {
        stack.put("timer", body);
    }
    // Received as often as its queue allows, and once more.
    for _ in 0..6 {
        stack.bodies("timer");
    }
    assert_eq!(stack.bodies("dead-letter").len(), 2);
    let server = stack.server.endpoint_url().trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, server.clone(), code));
        }
    });
    (stack, endpoint)
}

/// Answers one call, and ends its connection with that.
async fn pass(mut client: TcpStream, server: String, code: &'static str) {
    let mut request = Vec::new();
    let (head, body) = loop {
        // Whoever only looks whether somebody listens sends nothing.
        if client.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        if let Some(parts) = parts(&request) {
            break parts;
        }
    };
    let answer = match head.contains("MessageMoveTask") {
        true => refusal(code),
        false => asked(&server, &head, &body).await,
    };
    client.write_all(&answer).await.unwrap_or_default();
}

/// A request's head and body, once it is whole.
fn parts(request: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(request.get(..end)?.to_vec()).unwrap();
    let body = request.get(end + 4..)?.to_vec();
    let announced = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
    });
    (body.len() >= announced.unwrap_or(0)).then_some((head, body))
}

/// As SQS answers: the code is in a header, for clients of its older protocol
/// (<https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait>).
fn refusal(code: &str) -> Vec<u8> {
    let short = code.rsplit('.').next().unwrap_or(code);
    let body = format!(r#"{{"__type":"com.amazonaws.sqs#{short}","message":"not here"}}"#);
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\nx-amzn-query-error: {code};Sender\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    format!("{head}{body}").into_bytes()
}

/// The server's own answer.
async fn asked(server: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let is_kept = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("host:") && !line.starts_with("connection:")
    };
    let mut request = String::new();
    for line in head.lines().filter(is_kept) {
        request.push_str(line);
        request.push_str("\r\n");
    }
    request.push_str(&format!("host: {server}\r\nconnection: close\r\n\r\n"));
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn without_move_tasks_each_message_is_sent_back_by_itself() {
    for code in ["AWS.SimpleQueueService.UnsupportedOperation", "InvalidAction"] {
        let (stack, endpoint) = refusing(code).await;
        let sent = stack.cli_at(&endpoint, &SEND_BACK).await.assert_code(0);
        sent.assert_tells("this SQS has no move tasks").assert_tells("sent 2 messages back");
        let mut bodies = stack.bodies("timer");
        bodies.sort();
        assert_eq!(
            (bodies, stack.bodies("dead-letter")),
            (vec!["a".to_owned(), "b".to_owned()], vec![]),
            "{code}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_not_allowed_is_no_move_that_is_not_there() {
    let (stack, endpoint) = refusing("AccessDenied").await;
    let sent = stack.cli_at(&endpoint, &SEND_BACK).await;
    assert_ne!(sent.code, 0, "{sent:#?}");
    sent.assert_tells("AccessDenied");
    assert_eq!((stack.bodies("timer").len(), stack.bodies("dead-letter").len()), (0, 2));
}
