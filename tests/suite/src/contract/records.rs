//! Records: written once, and read as they were.

use super::{
    PUTS_AT_ONCE, World,
    samples::{json, record, record_key, run_key},
};
use futures::{StreamExt, future::join_all, stream};
use stepladder_engine::{Branch, Fork};
use stepladder_protocol::{BlobRef, Host, Payload, PutRecord, Record, RecordKey, RunKey, Store};

pub async fn a_record_comes_back_as_it_was(world: &impl World) {
    let run = run_key(world);
    let full = record(world, 0, "a");
    let bare = Record {
        queued_ms: None,
        received_ms: None,
        started_ms: None,
        request_id: None,
        ..record(world, 1_000_000, "b")
    };
    for record in [full, bare] {
        let key = record_key(&run, record.seq);
        assert_eq!(world.host().store().record(&key).await.unwrap(), None);
        assert_eq!(world.host().store().put_record(&key, &record).await.unwrap(), PutRecord::Won);
        assert_eq!(world.host().store().record(&key).await.unwrap(), Some(record));
    }
}

pub async fn a_payload_keeps_every_byte(world: &impl World) {
    let run = run_key(world);
    let every_byte: Vec<u8> = (0..=255).collect();
    let payloads = [
        // What some stores and queues refuse in text: U+0000, noncharacters, and what JSON leaves unescaped.
        json("\"\u{0}\u{1}\u{7f}\u{85}\u{2028}\u{fffd}\u{fffe}\u{ffff}\u{1ffff}\u{10ffff}\""),
        json(""),
        json("-0.0 1e400 123456789012345678901234567890"),
        Payload::Zstd(every_byte),
        Payload::Zstd(vec![7; 8 * 1024]),
        Payload::Blob(BlobRef { sha256: "ab".repeat(32), bytes: u64::MAX }),
    ];
    for (seq, outcome) in (0..).zip(payloads) {
        let record = Record { outcome, ..record(world, seq, "a") };
        let key = record_key(&run, seq);
        world.host().store().put_record(&key, &record).await.unwrap();
        assert_eq!(world.host().store().record(&key).await.unwrap(), Some(record));
    }
}

pub async fn a_second_record_is_refused_and_sees_the_first(world: &impl World) {
    let store = world.host().store();
    let key = record_key(&run_key(world), 3);
    let first = record(world, 3, "first");
    assert_eq!(store.put_record(&key, &first).await.unwrap(), PutRecord::Won);
    // Also whoever wrote it is refused: it may be a copy of the same message.
    for owner in ["second", "first"] {
        let lost = store.put_record(&key, &record(world, 3, owner)).await.unwrap();
        assert_eq!(lost, PutRecord::Lost(Box::new(first.clone())));
    }
    assert_eq!(store.record(&key).await.unwrap(), Some(first));
}

pub async fn of_fifty_at_once_one_wins_and_the_others_see_it(world: &impl World) {
    let key = &record_key(&run_key(world), 0);
    let answers = join_all((0..50).map(|n| async move {
        let owner = format!("message-{n}");
        (owner.clone(), world.host().store().put_record(key, &record(world, 0, &owner)).await.unwrap())
    }))
    .await;
    let winners: Vec<&String> =
        answers.iter().filter(|(_, answer)| *answer == PutRecord::Won).map(|(owner, _)| owner).collect();
    assert_eq!(winners.len(), 1);
    for (_, answer) in &answers {
        if let PutRecord::Lost(winner) = answer {
            assert_eq!(winner.owner, *winners[0]);
        }
    }
    let stored = world.host().store().record(key).await.unwrap().unwrap();
    assert_eq!(stored.owner, *winners[0]);
}

pub async fn a_record_belongs_to_one_run_one_branch_and_one_number(world: &impl World) {
    let store = world.host().store();
    let run = run_key(world);
    let again = RunKey { nonce: run_key(world).nonce, ..run.clone() };
    let branch = Branch(vec![Fork { seq: 0, index: 0 }]);
    let keys = [
        record_key(&run, 1),
        record_key(&run, 10),
        record_key(&again, 1),
        RecordKey { branch, ..record_key(&run, 1) },
    ];
    for (n, key) in keys.iter().enumerate() {
        let put = store.put_record(key, &record(world, key.seq, &n.to_string())).await.unwrap();
        assert_eq!(put, PutRecord::Won, "{key:?}");
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(store.record(key).await.unwrap().unwrap().owner, n.to_string());
    }
    let in_branch = store.records(&run, &keys[3].branch, 0).await.unwrap();
    assert_eq!(in_branch.iter().map(|record| record.owner.as_str()).collect::<Vec<_>>(), ["3"]);
    let root: Vec<u32> =
        store.records(&run, &Branch::default(), 0).await.unwrap().iter().map(|record| record.seq).collect();
    assert_eq!(root, [1, 10]);
    for (seqs, expected) in [
        (0..1, vec![]),
        (0..2, vec![1]),
        (1..10, vec![1]),
        (2..11, vec![10]),
        (1..11, vec![1, 10]),
        (5..5, vec![]),
    ] {
        let within = store.records_within(&run, &Branch::default(), seqs.clone()).await.unwrap();
        assert_eq!(within.iter().map(|record| record.seq).collect::<Vec<_>>(), expected, "{seqs:?}");
    }
}

pub async fn records_come_in_order_from_any_number_on(world: &impl World) {
    let run = run_key(world);
    assert_eq!(world.host().store().records(&run, &Branch::default(), 0).await.unwrap(), []);
    for seq in [11, 2, 9, 10, 0, 1] {
        let key = record_key(&run, seq);
        world.host().store().put_record(&key, &record(world, seq, "a")).await.unwrap();
    }
    for (from, expected) in
        [(0, vec![0, 1, 2, 9, 10, 11]), (2, vec![2, 9, 10, 11]), (10, vec![10, 11]), (12, vec![])]
    {
        assert_eq!(all_seqs(world, &run, from).await, expected, "from {from} on");
    }
}

pub async fn records_of_more_than_a_megabyte_come_in_pages(world: &impl World) {
    const COUNT: u32 = 170;
    let run = &run_key(world);
    // Together 1.4 MB: more than a page of DynamoDB has.
    let record = &Record { outcome: Payload::Zstd(vec![7; 8 * 1024]), ..record(world, 0, "a") };
    let puts = (0..COUNT).map(|seq| async move {
        let record = Record { seq, ..record.clone() };
        world.host().store().put_record(&record_key(run, seq), &record).await.unwrap()
    });
    stream::iter(puts).buffer_unordered(PUTS_AT_ONCE).for_each(async |_| ()).await;
    assert_eq!(all_seqs(world, run, 0).await, (0..COUNT).collect::<Vec<_>>());
}

/// Page after page, as the protocol reads them.
async fn all_seqs(world: &impl World, run: &RunKey, from: u32) -> Vec<u32> {
    let mut seqs = Vec::new();
    let mut next = from;
    loop {
        let page = world.host().store().records(run, &Branch::default(), next).await.unwrap();
        let Some(last) = page.last() else { return seqs };
        next = last.seq + 1;
        seqs.extend(page.iter().map(|record| record.seq));
    }
}
