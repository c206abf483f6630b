//! Items as the protocol writes them.

use super::{World, unique};
use stepladder_engine::{Branch, Status};
use stepladder_protocol::{
    Clock, Close, CreateRun, Host, ITEM_VERSION, Payload, Record, RecordKey, Redefined, Redrive, RedriveItem,
    RerunOf, RunId, RunItem, RunKey, Store,
};

pub(crate) fn json(text: &str) -> Payload {
    Payload::Json(text.as_bytes().to_vec())
}

/// A key that nobody else has.
pub(crate) fn run_key(world: &impl World) -> RunKey {
    let id = RunId::new(unique(world, "contract"), unique(world, "run"));
    RunKey { id, nonce: format!("{:032x}", world.host().clock().random_u128()) }
}

pub(crate) fn record_key(run: &RunKey, seq: u32) -> RecordKey {
    RecordKey { run: run.clone(), branch: Branch::default(), seq }
}

/// Far enough ahead that nothing expires by itself, in seconds.
pub(crate) fn later_s(world: &impl World) -> i64 {
    world.host().clock().now_ms() / 1000 + 30 * 86_400
}

pub(crate) fn record(world: &impl World, seq: u32, owner: &str) -> Record {
    let now_ms = world.host().clock().now_ms();
    Record {
        version: ITEM_VERSION,
        seq,
        owner: owner.to_owned(),
        outcome: json(r#"{"kind":"succeeded","output":{"paid":true}}"#),
        opening: None,
        end: None,
        queued_ms: Some(now_ms - 30),
        received_ms: Some(now_ms - 20),
        started_ms: Some(now_ms - 10),
        finished_ms: now_ms,
        receive_count: 1,
        request_id: Some("8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        digest: "0123456789abcdef".to_owned(),
        semantics: 1,
        expires_s: later_s(world),
    }
}

/// What a redrive by this message writes, of a run that has been redriven before.
pub(crate) fn redrive_by(by: &str) -> RedriveItem {
    let redrives =
        vec![Redrive::new(&"f".repeat(32), 1_700_000_000_000), Redrive::new(by, 1_700_000_099_999)];
    RedriveItem {
        by: by.to_owned(),
        redrives,
        redefined: vec![Redefined { redrive_count: 3, definition: "0".repeat(32) }],
    }
}

pub(crate) fn run_item(world: &impl World, key: &RunKey) -> RunItem {
    RunItem {
        version: ITEM_VERSION,
        id: key.id.clone(),
        nonce: key.nonce.clone(),
        definition: "0123456789abcdef0123456789abcdef".to_owned(),
        status: Status::Running,
        redrive_count: 0,
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/stepladder".to_owned(),
        started_ms: world.host().clock().now_ms(),
        ended_ms: None,
        input: Some(json(r#"{"order":17}"#)),
        input_digest: "00000000000000000000000000000001".to_owned(),
        ending: None,
        ending_item: None,
        error: None,
        state: None,
        by: None,
        redrives: Vec::new(),
        redefined: vec![Redefined { redrive_count: 2, definition: "f".repeat(32) }],
        rerun_of: Some(RerunOf { name: "16".to_owned(), nonce: "e".repeat(32) }),
        begins_at: Some("Charge".to_owned()),
        parked: None,
        parent: None,
        expires_s: later_s(world),
        workflow_version: None,
        alias: None,
        tenant: None,
    }
}

/// A run that is RUNNING.
pub(crate) async fn started(world: &impl World) -> RunItem {
    let run = run_item(world, &run_key(world));
    let created = world.host().store().create_run(&run, run.started_ms).await.unwrap();
    assert_eq!(created, CreateRun::Created);
    run
}

/// A run that has ended so.
pub(crate) async fn ended(world: &impl World, status: Status) -> RunItem {
    let run = started(world).await;
    assert!(world.host().store().close_run(&run.key(), 0, &close(world, status)).await.unwrap());
    found(world, &run).await
}

/// The run item as it is now.
pub(crate) async fn found(world: &impl World, run: &RunItem) -> RunItem {
    let now_ms = world.host().clock().now_ms();
    world.host().store().run(&run.id, now_ms).await.unwrap().expect("the run is there")
}

/// The ending of a run that timed out is elsewhere, as a large one is.
pub(crate) fn close(world: &impl World, status: Status) -> Close {
    let failed = status != Status::Succeeded;
    let elsewhere = status == Status::TimedOut;
    let ending = json(if failed { r#"{"error":"Declined"}"# } else { r#"{"output":1}"# });
    Close {
        status,
        ended_ms: world.host().clock().now_ms(),
        ending: (!elsewhere).then_some(ending),
        ending_item: elsewhere.then(|| "0123456789abcdef".to_owned()),
        error: failed.then(|| "Declined".to_owned()),
        state: failed.then(|| "ChargeCard".to_owned()),
        by: None,
    }
}
