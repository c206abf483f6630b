//! Registrations through `stepladder dev`: the sample file, a caller that is answered early, and the client for programs.

use crate::orders::dev;
use serde_json::{Value, json};
use std::{process::Stdio, time::Duration};
use stepladder_tests::{Answer, DEADLINE, Programs};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn registrations_end_as_their_file_says() {
    let samples = Programs::workspace().join("functions/user-registration/samples");
    let mut command = dev(&samples.join("registrations.jsonl"), &["--workflow", "user-registration"]);
    let output = tokio::time::timeout(DEADLINE, command.output()).await.unwrap().unwrap();
    let answer = Answer {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
    .assert_code(0);
    let lines = answer.lines();
    assert_eq!(lines.len(), 16);
    for line in &lines {
        assert_eq!(line["as_expected"], true, "{line:#}");
    }
}

/// A POST of the REST API: status and answer; none while nobody listens.
async fn post(port: u16, path: &str, body: &Value) -> Option<(u16, Value)> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
}

#[tokio::test]
async fn a_caller_is_answered_after_the_profile_and_the_welcome_goes_on() {
    let programs = Programs::built();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = programs.stepladder();
    command.current_dir(Programs::workspace()).stdout(Stdio::null()).stderr(Stdio::null());
    command.args(["dev", "--no-build", "--profile", programs.profile(), "--port", &port.to_string()]);
    let _dev = command.spawn().unwrap();
    let path = "/api/v1/workflows/user-registration/runs?answer=CreateProfile&timeout=20s";
    let registration = json!({ "email": "Ada@example.org", "name": "Ada" });
    let body = json!({ "name": "ada", "input": registration });
    let answered = async {
        loop {
            match post(port, path, &body).await {
                // Until the workflow is published.
                None | Some((404 | 503, _)) => tokio::time::sleep(Duration::from_millis(50)).await,
                Some(answered) => return answered,
            }
        }
    };
    let (status, answer) = tokio::time::timeout(DEADLINE, answered).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let profile = &answer["output"]["value"];
    assert_eq!((&profile["email"], profile.get("welcome")), (&json!("ada@example.org"), None));
    assert_eq!(post(port, path, &body).await.unwrap().1["output"], answer["output"], "the same again");
    let end = "/api/v1/workflows/user-registration/runs?answer=end&timeout=20s";
    let (_, ended) = post(port, end, &body).await.unwrap();
    assert_eq!(ended["output"]["value"]["welcome"]["to"], "ada@example.org", "{ended}");
    let bad = json!({ "name": "bad", "input": {} });
    let (status, problem) = post(port, path, &bad).await.unwrap();
    assert_eq!((status, &problem["run"]["error"]), (422, &json!("InvalidRegistration")), "{problem}");

    // The same by a program of one's own, which finds the stack by its environment.
    let mut client = tokio::process::Command::new(env!("CARGO_BIN_EXE_test-client"));
    client.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    let output = tokio::time::timeout(DEADLINE, client.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
