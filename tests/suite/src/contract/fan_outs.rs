//! Fan-outs: upserts that may be repeated, and what is read of them.

use super::{
    PUTS_AT_ONCE, World,
    samples::{json, later_s, record, record_key, run_key},
};
use futures::{StreamExt, future::join_all, stream};
use stepladder_engine::{Branch, Opening, Update, Wish};
use stepladder_protocol::{
    Clock, Ended, EndedHow, FanOuts, Host, Node, Part, PartKey, PartReport, Partition, Payload, Progress,
    Record, RecordKey, RunKey, Store, Tally, TallyKey,
};

/// A fan-out of a branch that is itself in one.
fn nested(world: &impl World) -> RecordKey {
    RecordKey { branch: Branch::default().child(2, 70), ..record_key(&run_key(world), 5) }
}

fn part_of(fan_out: &RecordKey, part: u32) -> PartKey {
    PartKey { fan_out: fan_out.clone(), part }
}

fn ok(index: u32, seq: u32) -> Ended {
    Ended { index, seq, how: EndedHow::Ok }
}

fn failed(index: u32, seq: u32) -> Ended {
    Ended { index, seq, how: EndedHow::Failed }
}

/// The key of a record of one of a fan-out's branches.
fn in_branch(fan_out: &RecordKey, index: u32, seq: u32) -> RecordKey {
    RecordKey { branch: fan_out.branch.child(fan_out.seq, index), seq, ..fan_out.clone() }
}

pub async fn what_a_fan_out_was_opened_with_comes_back(world: &impl World) {
    let store = world.host().store();
    for fan_out in [record_key(&run_key(world), 3), nested(world)] {
        let (first, second) = (part_of(&fan_out, 0), part_of(&fan_out, 1));
        let inputs = [json("[1]"), Payload::Zstd(vec![7; 8 * 1024])];
        assert_eq!(store.opened(&fan_out).await.unwrap(), None);
        assert_eq!(store.inputs(&first).await.unwrap(), None);
        for _repeated in 0..2 {
            store.put_opened(&fan_out, 70, &json("{}"), later_s(world)).await.unwrap();
            store.put_inputs(&first, &inputs[0], later_s(world)).await.unwrap();
            store.put_inputs(&second, &inputs[1], later_s(world)).await.unwrap();
            assert_eq!(store.opened(&fan_out).await.unwrap(), Some(json("{}")));
            assert_eq!(store.inputs(&first).await.unwrap().as_ref(), Some(&inputs[0]));
            assert_eq!(store.inputs(&second).await.unwrap().as_ref(), Some(&inputs[1]));
        }
        let other = RecordKey { seq: fan_out.seq + 1, ..fan_out.clone() };
        assert_eq!(store.opened(&other).await.unwrap(), None);
    }
}

pub async fn a_branch_that_has_ended_keeps_its_place(world: &impl World) {
    let store = world.host().store();
    let part = part_of(&nested(world), 1);
    assert_eq!(store.part(&part).await.unwrap(), Part::default());
    let all = [ok(70, 0), failed(64, 1_000_000), ok(127, 3)];
    for (count, ended) in (1..).zip(all) {
        let after = store.append_ended(&part, ended, later_s(world)).await.unwrap();
        assert_eq!(after, Part { ended: all[..count].to_vec(), ..Part::default() });
    }
    for ended in all {
        let after = store.append_ended(&part, ended, later_s(world)).await.unwrap();
        assert_eq!(after, Part { ended: all.to_vec(), ..Part::default() });
    }
    assert_eq!(store.part(&part).await.unwrap().ended, all);
    assert_eq!(store.part(&part_of(&part.fan_out, 2)).await.unwrap(), Part::default());
}

pub async fn of_many_ends_at_once_each_has_a_place_of_its_own(world: &impl World) {
    let part = &part_of(&record_key(&run_key(world), 0), 0);
    // Each twice: a repetition finds the place of the first.
    let answers = join_all((0..64).map(|n| async move {
        let ended = ok(n / 2, 0);
        let after = world.host().store().append_ended(part, ended, later_s(world)).await.unwrap();
        (ended.index, after.place(ended.index).unwrap())
    }))
    .await;
    let last = world.host().store().part(part).await.unwrap();
    assert_eq!(last.ended.len(), 32);
    for (index, place) in answers {
        assert_eq!(last.place(index), Some(place));
    }
}

pub async fn failures_are_only_ever_raised(world: &impl World) {
    let store = world.host().store();
    let fan_out = nested(world);
    for item in [TallyKey::root(&fan_out), TallyKey::of(&fan_out, node(1, 2, 256))] {
        reports_to(world, &item).await;
    }
    // None of it has reached another item.
    for other in [node(1, 0, 0), node(2, 2, 256)] {
        assert_eq!(store.tally(&TallyKey::of(&fan_out, other)).await.unwrap(), Tally::default());
    }
}

fn node(level: u32, index: u32, first_part: u32) -> Node {
    Node { level, index, first_part }
}

async fn reports_to(world: &impl World, item: &TallyKey) {
    let store = world.host().store();
    assert_eq!(store.tally(item).await.unwrap(), Tally::default());
    let report = |part, failures, progress| {
        let report = PartReport { failures, progress };
        async move { store.report(item, part, report, later_s(world)).await.unwrap() }
    };
    let steps = [
        (0, 1, Progress::Partial, 1, 0),
        (1, 2, Progress::Partial, 3, 0),
        // A late repetition.
        (1, 1, Progress::Partial, 3, 0),
        (1, 2, Progress::Partial, 3, 0),
        (1, 4, Progress::Complete, 5, 1),
        (1, 4, Progress::Complete, 5, 1),
        (10, 0, Progress::Complete, 5, 2),
        (0, 1, Progress::Partial, 5, 2),
        // It can't have fewer; if it says so, it is complete all the same.
        (0, 0, Progress::Complete, 5, 3),
    ];
    for (part, failures, progress, total, complete) in steps {
        let tally = report(part, failures, progress).await;
        assert_eq!((tally.total_failures(), tally.complete.len()), (total, complete));
        assert_eq!(store.tally(item).await.unwrap(), tally);
    }
    assert!(store.tally(item).await.unwrap().has_all(3));
}

pub async fn of_many_reports_at_once_none_is_lost(world: &impl World) {
    let fan_out = &record_key(&run_key(world), 0);
    for item in &[TallyKey::root(fan_out), TallyKey::of(fan_out, node(1, 0, 0))] {
        join_all((0..40).map(|part| async move {
            let report = PartReport { failures: 1, progress: Progress::Complete };
            world.host().store().report(item, part, report, later_s(world)).await.unwrap()
        }))
        .await;
        let tally = world.host().store().tally(item).await.unwrap();
        assert_eq!((tally.total_failures(), tally.has_all(40), tally.has_all(41)), (40, true, false));
    }
}

pub async fn what_is_gathered_below_a_node_comes_back(world: &impl World) {
    let store = world.host().store();
    for fan_out in [record_key(&run_key(world), 3), nested(world)] {
        let (first, second) =
            (TallyKey::of(&fan_out, node(1, 0, 0)), TallyKey::of(&fan_out, node(1, 1, 128)));
        assert_eq!(store.gathered(&first).await.unwrap(), None);
        // A repetition gathers the same; whatever it brings takes the place of what was there.
        for gathered in [json("[1]"), Payload::Zstd(vec![7; 8 * 1024])] {
            store.put_gathered(&first, &gathered, later_s(world)).await.unwrap();
            assert_eq!(store.gathered(&first).await.unwrap(), Some(gathered));
            assert_eq!(store.gathered(&second).await.unwrap(), None);
        }
        assert_eq!(store.tally(&first).await.unwrap(), Tally::default());
        assert_eq!(store.inputs(&part_of(&fan_out, 0)).await.unwrap(), None);
    }
}

pub async fn a_flag_is_set_whether_there_is_an_item_or_not(world: &impl World) {
    let store = world.host().store();
    let fan_out = nested(world);
    let (empty, begun) = (part_of(&fan_out, 0), part_of(&fan_out, 1));
    store.append_ended(&begun, ok(64, 0), later_s(world)).await.unwrap();
    for part in [&empty, &begun] {
        assert!(!store.is_stopped(part).await.unwrap());
        for _repeated in 0..2 {
            store.stop_part(part, later_s(world)).await.unwrap();
            assert!(store.is_stopped(part).await.unwrap());
        }
    }
    // What is written later leaves the flag alone, and shows it.
    let after = store.append_ended(&begun, ok(65, 0), later_s(world)).await.unwrap();
    assert_eq!(after, Part { ended: vec![ok(64, 0), ok(65, 0)], is_stopped: true, ..Part::default() });
    let after = store.append_ended(&empty, ok(0, 0), later_s(world)).await.unwrap();
    assert_eq!(after, Part { ended: vec![ok(0, 0)], is_stopped: true, ..Part::default() });

    store.stop_fan_out(&fan_out, later_s(world)).await.unwrap();
    let root = TallyKey::root(&fan_out);
    assert!(store.tally(&root).await.unwrap().is_stopped);
    let report = PartReport { failures: 1, progress: Progress::Partial };
    let tally = store.report(&root, 1, report, later_s(world)).await.unwrap();
    assert!(tally.is_stopped && tally.total_failures() == 1);
}

pub async fn a_part_is_marked_once_and_keeps_its_mark(world: &impl World) {
    let store = world.host().store();
    let fan_out = nested(world);
    let (empty, begun) = (&part_of(&fan_out, 0), part_of(&fan_out, 1));
    for ended in [ok(70, 0), failed(64, 1_000_000), ok(127, 3)] {
        store.append_ended(&begun, ended, later_s(world)).await.unwrap();
    }
    for (part, expected) in [(empty, 0), (&begun, 3)] {
        assert_eq!(store.part(part).await.unwrap().mark, None);
        for _repeated in 0..2 {
            let marked = store.mark_part(part, later_s(world)).await.unwrap();
            assert_eq!((marked.mark, marked.ended.len()), (Some(expected), expected as usize));
        }
    }
    // What ends later is listed behind it.
    let after = store.append_ended(empty, ok(1, 0), later_s(world)).await.unwrap();
    assert_eq!(after, Part { ended: vec![ok(1, 0)], mark: Some(0), ..Part::default() });
    assert_eq!(store.mark_part(empty, later_s(world)).await.unwrap(), after);
    let after = store.append_ended(&begun, ok(65, 2), later_s(world)).await.unwrap();
    assert_eq!((after.mark, after.begins_at(3), after.begins_at(4)), (Some(3), true, false));
}

pub async fn branches_that_end_beside_a_mark_are_before_or_behind_it(world: &impl World) {
    let part = &part_of(&record_key(&run_key(world), 3), 0);
    let ends = (0..32).map(|index| async move {
        let after = world.host().store().append_ended(part, ok(index, 0), later_s(world)).await.unwrap();
        after.mark.is_some().then_some(after)
    });
    let marks = async { world.host().store().mark_part(part, later_s(world)).await.unwrap() };
    let (seen, marked) = futures::join!(join_all(ends), marks);
    let mark = marked.mark.unwrap();
    // Whoever was listed behind it has seen it.
    assert_eq!(seen.iter().flatten().count(), 32 - mark as usize);
    assert!(seen.into_iter().flatten().all(|part| part.mark == Some(mark)));
    assert_eq!(world.host().store().part(part).await.unwrap().mark, Some(mark));
}

pub async fn an_update_is_written_only_where_nothing_came_between(world: &impl World) {
    let store = world.host().store();
    let fan_out = nested(world);
    let root = TallyKey::root(&fan_out);
    let update = |concurrency, percentage| Update {
        wish: Wish {
            max_concurrency: Some(concurrency),
            failures_tolerated_percentage: percentage,
            ..Wish::default()
        },
        concurrency: 7,
        failures_tolerated: u32::MAX,
    };
    let put = |update: Update, before: Tally| {
        let fan_out = &fan_out;
        async move { store.put_update(fan_out, &update, &before, later_s(world)).await.unwrap() }
    };
    let (one, two) = (update(3, None), update(0, Some(33.33)));
    let none = Tally::default();
    assert!(put(one, none.clone()).await);
    let first = store.tally(&root).await.unwrap();
    assert_eq!(first, Tally { update: Some(one), ..Tally::default() });
    // The one before is another now.
    assert!(!put(two, none.clone()).await);
    assert!(put(two, first.clone()).await);
    assert!(!put(one, first).await);
    let before = store.tally(&root).await.unwrap();
    let report = |failures, progress| {
        let (root, report) = (&root, PartReport { failures, progress });
        async move { store.report(root, 1, report, later_s(world)).await.unwrap() }
    };
    // A part that is complete may have been the last; and a failure counts also where it is reported again.
    let complete = report(0, Progress::Complete).await;
    assert_eq!(complete.update, Some(two));
    assert!(!put(one, before).await);
    assert!(put(one, complete.clone()).await);
    let before = Tally { update: Some(one), ..complete };
    report(1, Progress::Partial).await;
    assert!(!put(two, before).await);
    let before = store.tally(&root).await.unwrap();
    report(1, Progress::Partial).await;
    assert!(!put(two, before).await);
    assert!(put(two, store.tally(&root).await.unwrap()).await);
    assert_eq!(store.tally(&root).await.unwrap().total_failures(), 1);
}

pub async fn a_branchs_first_and_last_record_come_back(world: &impl World) {
    let store = world.host().store();
    let fan_out = nested(world);
    for (seq, end) in (0..).zip([json("{}"), Payload::Zstd(vec![3; 8 * 1024])]) {
        let key = in_branch(&fan_out, 99_999, seq);
        let opening = Some(Opening { started_ms: world.host().clock().now_ms(), events: u64::from(seq) });
        let record = Record { opening, end: Some(end), ..record(world, seq, "a") };
        store.put_record(&key, &record).await.unwrap();
        assert_eq!(store.record(&key).await.unwrap(), Some(record));
    }
}

pub async fn records_are_read_by_the_hundred(world: &impl World) {
    const COUNT: u32 = 230;
    let store = world.host().store();
    let fan_out = &nested(world);
    let keys: Vec<RecordKey> = (0..COUNT).map(|index| in_branch(fan_out, index, index % 3)).collect();
    join_all(keys.iter().filter(|key| key.seq != 1).map(|key| async move {
        let record = record(world, key.seq, &key.branch.to_string());
        store.put_record(key, &record).await.unwrap();
    }))
    .await;
    let found = store.records_at(&keys).await.unwrap();
    assert_eq!(found.len(), keys.len());
    for (key, found) in keys.iter().zip(found) {
        let owner = found.map(|record| record.owner);
        assert_eq!(owner, (key.seq != 1).then(|| key.branch.to_string()));
    }
    assert_eq!(store.records_at(&[]).await.unwrap(), []);
}

pub async fn the_records_of_a_part_are_those_of_its_branches(world: &impl World) {
    let store = world.host().store();
    let fan_out = &record_key(&run_key(world), 2);
    let mut keys = Vec::new();
    for index in [0, 1, 63, 64] {
        keys.extend((0..3).map(|seq| in_branch(fan_out, index, seq)));
    }
    let inner = in_branch(&in_branch(fan_out, 0, 1), 0, 0);
    let of_other = in_branch(&RecordKey { seq: 3, ..fan_out.clone() }, 0, 0);
    for key in keys.iter().chain([fan_out, &inner, &of_other]) {
        store.put_record(key, &record(world, key.seq, "a")).await.unwrap();
    }
    assert_eq!(all_of_part(world, &part_of(fan_out, 0)).await, keys[..9]);
    assert_eq!(all_of_part(world, &part_of(fan_out, 1)).await, keys[9..]);
    assert_eq!(all_of_part(world, &part_of(fan_out, 2)).await, []);
}

pub async fn the_records_of_a_large_part_come_in_pages(world: &impl World) {
    let store = world.host().store();
    let fan_out = &record_key(&run_key(world), 0);
    let keys: Vec<RecordKey> =
        (0..60).flat_map(|index| (0..3).map(move |seq| in_branch(fan_out, index, seq))).collect();
    // Together 1.4 MB: more than a page of DynamoDB has.
    let puts = keys.iter().map(|key| async move {
        let record = Record { outcome: Payload::Zstd(vec![7; 8 * 1024]), ..record(world, key.seq, "a") };
        store.put_record(key, &record).await.unwrap();
    });
    stream::iter(puts).buffer_unordered(PUTS_AT_ONCE).for_each(async |()| ()).await;
    assert_eq!(all_of_part(world, &part_of(fan_out, 0)).await, keys);
}

/// Page after page, as the protocol reads them.
async fn all_of_part(world: &impl World, part: &PartKey) -> Vec<RecordKey> {
    let mut keys: Vec<RecordKey> = Vec::new();
    loop {
        let page = world.host().store().part_records(part, keys.last()).await.unwrap();
        if page.is_empty() {
            return keys;
        }
        assert!(page.iter().all(|(key, record)| key.seq == record.seq));
        keys.extend(page.into_iter().map(|(key, _)| key));
    }
}

pub async fn fan_outs_are_found_where_they_were_opened(world: &impl World) {
    let store = world.host().store();
    let run = run_key(world);
    let at_root = [record_key(&run, 1), record_key(&run, 20)];
    let part = part_of(&at_root[0], 1);
    let inner = in_branch(&at_root[0], 64, 4);
    for (fan_out, count) in [(&at_root[0], 70), (&at_root[1], 3), (&inner, 9)] {
        store.put_opened(fan_out, count, &json("{}"), later_s(world)).await.unwrap();
    }
    store.put_inputs(&part, &json("{}"), later_s(world)).await.unwrap();
    store.append_ended(&part, ok(64, 0), later_s(world)).await.unwrap();
    let found = |partition| async move { store.fan_outs_in(&partition).await.unwrap() };
    let expected = vec![(at_root[0].clone(), 70), (at_root[1].clone(), 3)];
    assert_eq!(found(Partition::Run(run.clone())).await, expected);
    assert_eq!(found(Partition::Part(part.clone())).await, [(inner, 9)]);
    assert_eq!(found(Partition::Part(part_of(&at_root[0], 0))).await, []);
    let other = RunKey { nonce: run_key(world).nonce, ..run };
    assert_eq!(found(Partition::Run(other)).await, []);
}

pub async fn a_renewal_moves_the_items_of_one_partition(world: &impl World) {
    let store = world.host().store();
    let fan_out = record_key(&run_key(world), 1);
    let keys = [in_branch(&fan_out, 0, 0), in_branch(&fan_out, 63, 1), in_branch(&fan_out, 64, 0)];
    for key in &keys {
        store.put_record(key, &record(world, key.seq, "a")).await.unwrap();
    }
    store.append_ended(&part_of(&fan_out, 0), ok(0, 0), later_s(world)).await.unwrap();
    let expires_s = later_s(world) + 7 * 86_400;
    store.renew(&Partition::Part(part_of(&fan_out, 0)), expires_s).await.unwrap();
    let records = store.records_at(&keys).await.unwrap();
    let renewed: Vec<bool> = records.iter().flatten().map(|record| record.expires_s == expires_s).collect();
    assert_eq!(renewed, [true, true, false]);
    assert_eq!(store.part(&part_of(&fan_out, 0)).await.unwrap().ended, [ok(0, 0)]);
}
