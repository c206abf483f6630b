//! docs/deploying.md, followed literally: its blocks of commands, one after another, in one shell.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};
use stepladder_aws_tests::{Emulator, Kind, architecture, link, workspace};

const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until a message is parked, as a reader of the page does by reading on.
const UNTIL_PARKED: &str = r#"
for attempt in $(seq 1 200); do
    [ "$(stepladder dead-letter list -o json | tr -d '[:space:]')" != '[]' ] && break
    [ "$attempt" = 200 ] && { echo 'nothing was parked' >&2; exit 1; }
done
"#;

/// Over what `destroy` has kept no new stack is made: the page says so.
const REFUSED: &str = "stepladder deploy --yes && { echo 'a stack was made over kept data' >&2; exit 1; }\n";

/// What the emulator's CloudFormation leaves out: when items and payloads expire. Without, and with payloads that go too soon,
/// `doctor` says so and exits with 1; then both are as the template says.
const EXPIRY: &str = r#"
expire() {
    aws s3api put-bucket-lifecycle-configuration --bucket "orders-$AWS_ACCESS_KEY_ID-us-east-1" --lifecycle-configuration \
        '{"Rules": [{"ID": "Payloads", "Status": "Enabled", "Filter": {"Prefix": "runs/"}, "Expiration": {"Days": '"$1"'}}]}'
}
expire 399
code=0; stepladder doctor || code=$?
[ "$code" = 1 ] || { echo "doctor exited with $code where no item expires" >&2; exit 1; }
aws dynamodb update-time-to-live --table-name orders --time-to-live-specification Enabled=true,AttributeName=expires
expire 400
"#;

/// Payloads are kept as long as the longest retention asks for, and a value that is too low is refused: the page says so.
const RAISED: &str = r#"
stepladder deploy --dry-run --parameter RetentionDays=3650
code=0; stepladder deploy --dry-run --parameter PayloadDays=100 || code=$?
[ "$code" = 2 ] || { echo "a PayloadDays that is too low ended with $code" >&2; exit 1; }
"#;

/// Version 1 of the AWS CLI sends what is for SQS to an address of its own, whatever AWS_ENDPOINT_URL says.
const AWS: &str = r#"#!/bin/sh
here=$(dirname "$0")
PATH=$(printf %s "$PATH" | tr ':' '\n' | grep -vxF "$here" | paste -sd:)
[ "$1" = sqs ] && set -- "$@" --endpoint-url "$AWS_ENDPOINT_URL"
exec aws "$@"
"#;

/// The blocks of commands of the page, as one script. What an emulator can't do is passed over: the page says so.
fn script(page: &str) -> String {
    let mut script = "set -euo pipefail\n".to_owned();
    for block in page.split("\n```sh\n").skip(1) {
        let (block, _) = block.split_once("\n```").expect("a block ends");
        for line in block.lines().filter(|line| !line.starts_with("make ")) {
            script.push_str(&format!("echo '$ '{}\n{line}\n", quoted(line)));
        }
        if block.contains("stepladder deploy --yes") {
            script.push_str(EXPIRY);
            script.push_str(RAISED);
        }
        if block.contains("stepladder destroy --dry-run") {
            script.push_str(REFUSED);
        }
        let is_parked_again = block.contains("send-back \"$ID\"");
        if block.contains("typo-1") || is_parked_again {
            script.push_str(UNTIL_PARKED);
        }
    }
    script
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A folder that looks like the workspace, with a `stepladder.toml`, and zips of its own where `make build` puts them.
fn lookalike(emulator: &Emulator, toml: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("stepladder-deploying-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    link("", &folder, &["target", "stepladder.toml"]);
    fs::create_dir_all(folder.join("target")).unwrap();
    fs::create_dir_all(folder.join("bin")).unwrap();
    symlink(&emulator.zips, folder.join("target/lambda")).unwrap();
    symlink(&emulator.cli, folder.join("bin/stepladder")).unwrap();
    fs::write(folder.join("bin/aws"), AWS).unwrap();
    fs::set_permissions(folder.join("bin/aws"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("stepladder.toml"), toml).unwrap();
    folder
}

/// The page's own `stepladder.toml`.
fn toml(page: &str) -> &str {
    page.split("\n```toml\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("the page has one")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn what_the_page_says_works() {
    let emulator = Emulator::from_env();
    if emulator.kind == Kind::Localstack {
        eprintln!("not run: the page is followed on ministack alone");
        return;
    }
    let page = fs::read_to_string(workspace().join("docs/deploying.md")).unwrap();
    // Its CloudWatch has no metric math, and its functions are this machine's own binaries.
    let architecture = architecture();
    let toml = format!(
        "{}\nparameters = {{ QueueAlarms = \"none\", Architecture = \"{}\" }}\n",
        toml(&page),
        architecture.as_str()
    );
    let folder = lookalike(&emulator, &toml);
    // The page names its stack itself, so it gets an account of its own: to the emulator a key of twelve digits is one.
    let account = format!("{:012}", rand::random::<u64>() % 1_000_000_000_000);
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let mut command = tokio::process::Command::new("bash");
    command
        .args(["-c", &script(&page)])
        .current_dir(&folder)
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("AWS_ACCESS_KEY_ID", &account)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("the page is followed in time")
        .unwrap();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{told}");
    // One sign of each part.
    for sign in [
        "AWS::DynamoDB::Table",
        "no item of it expires (TTL on expires)",
        "objects expire after 399 days; 400 is the least",
        "400 → 4020",
        "✓ mappings",
        "SUCCEEDED",
        "TaskStateExited",
        "unchanged",
        "there is no workflow 'order-procesing'",
        "discarded",
        "table orders",
    ] {
        assert!(said.contains(sign), "no {sign:?} in\n{said}\n{told}");
    }
    assert!(told.contains("there is no stack orders, but the table orders"), "{told}");
    assert!(told.contains("things wrong with the stack orders"), "{told}");
    assert!(told.contains("payloads have to be kept for 400 days"), "{told}");
    assert!(told.contains(&format!("bucket orders-{account}-us-east-1 is gone")), "{told}");
    fs::remove_dir_all(&folder).unwrap();
}
