//! The main job: a file of orders through the five steps, by `stepladder dev`.

use serde_json::{Value, json};
use std::{path::Path, process::Stdio};
use stepladder_tests::{Answer, DEADLINE, Folder, Programs};

/// The first orders of the samples, and how they are expected to end: all five kinds of end are among them.
pub(crate) fn samples(count: usize) -> (Vec<String>, Vec<String>) {
    let samples = Programs::workspace().join("functions/order-processing/samples");
    let lines = |name: &str| -> Vec<String> {
        let text = std::fs::read_to_string(samples.join(name)).unwrap();
        text.lines().take(count).map(str::to_owned).collect()
    };
    (lines("orders.jsonl"), lines("orders.expected.jsonl"))
}

/// `stepladder dev --once` on a file of orders, in the workspace.
pub(crate) fn dev(orders: &Path, more: &[&str]) -> tokio::process::Command {
    let programs = Programs::built();
    let mut command = programs.stepladder();
    command.current_dir(Programs::workspace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.args(["dev", "--once", "--no-build", "--profile", programs.profile(), "-o", "jsonl", "--orders"]);
    command.arg(orders).args(more);
    command
}

async fn answer(orders: &Path) -> Answer {
    let output = tokio::time::timeout(DEADLINE, dev(orders, &[]).output()).await.unwrap().unwrap();
    Answer {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn orders_end_as_their_file_says() {
    let folder = Folder::new("orders");
    let (orders, expected) = samples(30);
    let file = folder.write("orders.jsonl", orders.join("\n"));
    folder.write("orders.expected.jsonl", expected.join("\n"));
    let answer = answer(&file).await.assert_code(0);
    let mut lines = answer.lines();
    lines.sort_by_key(|line| line["line"].as_u64());
    assert_eq!(lines.len(), 30, "{answer:#?}");
    for (at, (line, expected)) in lines.iter().zip(&expected).enumerate() {
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(line["line"], at + 1);
        assert_eq!(line["as_expected"], true, "{line:#}");
        assert_eq!((&line["status"], &line["error"]), (&expected["status"], &expected["error"]), "{line:#}");
        if line["status"] == "SUCCEEDED" {
            assert_eq!(line["output"]["order_id"], line["order_id"], "{line:#}");
            assert!(line["output"]["invoice_number"].is_string(), "{line:#}");
        }
    }
    let ends: std::collections::BTreeSet<&str> =
        lines.iter().filter_map(|line| line["error"].as_str()).collect();
    assert_eq!(
        Vec::from_iter(ends),
        ["CardDeclined", "InvalidOrder", "InvoiceRefused", "OutOfStock"],
        "the samples show every kind of end"
    );
}

#[tokio::test]
async fn an_order_that_ends_otherwise_is_named() {
    let folder = Folder::new("surprise");
    let (orders, mut expected) = samples(3);
    expected[1] = r#"{"order_id":"ord-2026-000002","status":"FAILED","error":"CardDeclined"}"#.to_owned();
    let file = folder.write("orders.jsonl", orders.join("\n"));
    folder.write("orders.expected.jsonl", expected.join("\n"));
    let answer = answer(&file)
        .await
        .assert_code(1)
        .assert_tells("1 of 3 runs did not end as expected")
        .assert_tells("line 2: ord-2026-000002 ended SUCCEEDED, expected FAILED CardDeclined");
    let as_expected: Vec<(u64, bool)> = {
        let lines = answer.lines();
        let one = |line: &Value| (line["line"].as_u64().unwrap(), line["as_expected"].as_bool().unwrap());
        let mut all: Vec<_> = lines.iter().map(one).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(as_expected, [(1, true), (2, false), (3, true)]);
}

#[tokio::test]
async fn hostile_lines_harm_no_good_order() {
    let good = |order_id: &str, note: &str| {
        let (orders, _) = samples(2);
        let mut order: Value = serde_json::from_str(&orders[1]).unwrap();
        order["order_id"] = json!(order_id);
        order["note"] = json!(note);
        order.to_string().into_bytes()
    };
    let mut noncharacters = good("ord-nonchars", "");
    noncharacters.pop();
    noncharacters
        .extend_from_slice(",\"x\u{fffe}\u{ffff}\u{fdd0}\u{10ffff}\\u0000\":\"\u{fffe}\\u0000\"}".as_bytes());
    let lines: Vec<Vec<u8>> = vec![
        good("ord-a", "first"),
        b"this is no JSON".to_vec(),
        b"{\"order_id\":\"ord-\xff\"}".to_vec(),
        good("ord-a", "first"),
        good("ord-a", "another"),
        b"null".to_vec(),
        good("ord-300k", &"n".repeat(300_000)),
        noncharacters,
        format!("{{\"order_id\":\"ord-deep\",\"x\":{}{}}}", "[".repeat(200), "]".repeat(200)).into_bytes(),
        b"[18446744073709551616]".to_vec(),
        b"{\"order_id\":\"ord-cut\",".to_vec(),
        good("ord-2M", &"n".repeat(2_000_000)),
        Vec::new(),
        b"{}".to_vec(),
        format!("{{\"order_id\":\"ord-flat\",\"x\":{}{}}}", "[".repeat(90), "]".repeat(90)).into_bytes(),
        good("ord-z", "last"),
    ];
    let folder = Folder::new("hostile");
    let file = folder.write("orders.jsonl", lines.join(&b'\n'));
    let answer = answer(&file).await.assert_code(1).assert_tells("6 lines could not be sent");
    for (line, why) in [
        (2, "not sent: it is not JSON"),
        (3, "not sent: it is not UTF-8: byte 17 is the first that isn't"),
        (4, "it is the same order as line 1"),
        (5, "not sent: the order_id 'ord-a' stands in line 1 already, with another content"),
        (9, "not sent: "),
        (10, "not sent: the number 18446744073709551616 does not fit in 64 bits"),
        (11, "not sent: it is not JSON: EOF while parsing"),
    ] {
        assert!(answer.stderr.contains(&format!("line {line}: {why}")), "{line} {why}\n{}", answer.stderr);
    }
    let mut ends: Vec<String> = answer
        .lines()
        .iter()
        .map(|line| {
            let error = line["error"].as_str().unwrap_or_default();
            format!("{} {} {error}", line["line"], line["status"].as_str().unwrap()).trim_end().to_owned()
        })
        .collect();
    ends.sort_by_key(|end| end.split(' ').next().unwrap().parse::<u32>().unwrap());
    assert_eq!(
        ends,
        [
            "1 SUCCEEDED",
            "6 FAILED InvalidOrder",
            "7 SUCCEEDED",
            "8 SUCCEEDED",
            "12 SUCCEEDED",
            "14 FAILED InvalidOrder",
            "15 FAILED InvalidOrder",
            "16 SUCCEEDED",
        ],
        "{}",
        answer.stderr
    );
}
