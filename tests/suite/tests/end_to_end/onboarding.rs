//! Hires through `stepladder dev`: tokens that are answered or not, reminders, and a workflow within the workflow.

use crate::orders::dev;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stepladder_aws::{AwsHost, Environment};
use stepladder_tests::{Answer, DEADLINE, Folder, Programs};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A token that an approver found, and the place of its question among those of the hire.
#[derive(Debug)]
struct Asked {
    token: String,
    hire_id: String,
    round: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hires_end_as_their_approvers_answer() {
    let samples = Programs::workspace().join("functions/employee-onboarding/samples");
    let text = std::fs::read_to_string(samples.join("hires.expected.jsonl")).unwrap();
    let expected: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answers: BTreeMap<String, Vec<Value>> = expected
        .iter()
        .filter_map(|line| {
            Some((line["hire_id"].as_str()?.to_owned(), line["answers"].as_array().unwrap().clone()))
        })
        .collect();

    // Without the answers: it is this test that answers.
    let folder = Folder::new("hires");
    let hires = std::fs::read_to_string(samples.join("hires.jsonl")).unwrap();
    let hires = folder.write("hires.jsonl", hires);
    let ends = expected.iter().cloned().map(|mut line| {
        line.as_object_mut().unwrap().remove("answers");
        format!("{line}\n")
    });
    folder.write("hires.expected.jsonl", ends.collect::<String>());

    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port_text = port.to_string();
    let more = ["--workflow", "employee-onboarding", "--port", &port_text];
    let child = dev(&hires, &more).spawn().unwrap();
    let output = tokio::select! {
        output = tokio::time::timeout(DEADLINE, child.wait_with_output()) => output.unwrap().unwrap(),
        never = approve(port, &answers) => match never {},
    };
    let answer = Answer {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
    .assert_code(0);
    let lines = answer.lines();
    assert_eq!(lines.len(), expected.len());
    for line in &lines {
        assert_eq!(line["as_expected"], true, "{line:#}");
        if line["status"] == "SUCCEEDED" {
            assert!(line["output"]["mentor"].is_string(), "the nested workflow has answered: {line:#}");
        }
    }
}

/// Answers each question once, as the file of the ends says: with that, or with nothing.
async fn approve(port: u16, answers: &BTreeMap<String, Vec<Value>>) -> std::convert::Infallible {
    let endpoint = format!("http://127.0.0.1:{port}");
    let host = AwsHost::connect(Environment::local(&endpoint, "stepladder").unwrap()).await;
    let mut seen = BTreeSet::new();
    loop {
        for asked in questions(&host).await {
            if seen.insert(asked.token.clone()) {
                let answer = &answers[&asked.hire_id][asked.round - 1];
                if !answer.is_null() {
                    send_success(port, &asked.token, answer).await;
                }
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// All questions in the table; none before it is there.
async fn questions(host: &AwsHost) -> Vec<Asked> {
    let scan = host.dynamodb().scan().table_name("stepladder-onboarding").send().await;
    let items = scan.map(|output| output.items.unwrap_or_default()).unwrap_or_default();
    let text = |value: &aws_sdk_dynamodb::types::AttributeValue| value.as_s().unwrap().clone();
    let questions = items.iter().filter_map(|item| {
        let round = item["sk"].as_s().unwrap().strip_prefix("APPROVAL#")?.rsplit('#').next()?.parse().ok()?;
        Some(Asked { token: text(&item["token"]), hire_id: text(&item["hire_id"]), round })
    });
    questions.collect()
}

/// SendTaskSuccess, as any of AWS's clients sends it.
async fn send_success(port: u16, token: &str, output: &Value) {
    let body = serde_json::json!({ "taskToken": token, "output": output.to_string() }).to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Amz-Target: AWSStepFunctions.SendTaskSuccess\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
