//! The run item: started once, closed once, and changed only by who knows its nonce and redrive count.

use super::{
    World,
    samples::{
        close, ended, found, json, later_s, record, record_key, redrive_by, run_item, run_key, started,
    },
};
use futures::future::join_all;
use stepladder_engine::{Branch, Status};
use stepladder_protocol::{
    BlobRef, Clock, Close, CreateRun, DataSlot, Host, Partition, Payload, Retry, RunItem, RunKey, Store,
};

pub async fn a_run_comes_back_as_it_was(world: &impl World) {
    let store = world.host().store();
    let full = RunItem {
        workflow_version: Some(u32::MAX),
        alias: Some("PROD.2_a-b".to_owned()),
        status: Status::TimedOut,
        redrive_count: 3,
        ended_ms: Some(5),
        input: Some(Payload::Zstd(vec![0, 255])),
        ending: Some(Payload::Blob(BlobRef { sha256: "cd".repeat(32), bytes: 1 })),
        error: Some("States.Timeout".to_owned()),
        by: Some("message".to_owned()),
        parked: Some("unreadable: \u{fffe}".to_owned()),
        ..run_item(world, &run_key(world))
    };
    let elsewhere =
        RunItem { ending_item: Some("0123456789abcdef".to_owned()), ..run_item(world, &run_key(world)) };
    let bare = RunItem { input: None, ..run_item(world, &run_key(world)) };
    for run in [full, elsewhere, bare] {
        assert_eq!(store.run(&run.id, run.started_ms).await.unwrap(), None);
        assert_eq!(store.create_run(&run, run.started_ms).await.unwrap(), CreateRun::Created);
        assert_eq!(found(world, &run).await, run);
    }
}

pub async fn a_run_is_created_once(world: &impl World) {
    let run = started(world).await;
    let other = run_item(world, &RunKey { nonce: run_key(world).nonce, ..run.key() });
    for again in [&other, &run] {
        let answer = world.host().store().create_run(again, run.started_ms).await.unwrap();
        assert_eq!(answer, CreateRun::Exists(Box::new(run.clone())));
    }
    assert_eq!(found(world, &run).await, run);
}

pub async fn of_fifty_starts_at_once_one_creates_the_run(world: &impl World) {
    let id = &run_key(world).id;
    let answers = join_all((0..50).map(|_| async move {
        let run = run_item(world, &RunKey { id: id.clone(), ..run_key(world) });
        (run.nonce.clone(), world.host().store().create_run(&run, run.started_ms).await.unwrap())
    }))
    .await;
    let winners: Vec<&String> =
        answers.iter().filter(|(_, answer)| *answer == CreateRun::Created).map(|(nonce, _)| nonce).collect();
    assert_eq!(winners.len(), 1);
    for (_, answer) in &answers {
        if let CreateRun::Exists(there) = answer {
            assert_eq!(there.nonce, *winners[0]);
        }
    }
}

pub async fn an_expired_run_is_absent_and_may_be_replaced(world: &impl World) {
    let store = world.host().store();
    let old = started(world).await;
    let before_ms = (old.expires_s - 60) * 1000;
    let after_ms = (old.expires_s + 60) * 1000;
    let new = RunItem {
        expires_s: old.expires_s + 86_400,
        ..run_item(world, &RunKey { id: old.id.clone(), ..run_key(world) })
    };

    assert!(store.run(&old.id, before_ms).await.unwrap().is_some());
    assert_eq!(store.run(&old.id, after_ms).await.unwrap(), None);
    assert_eq!(store.create_run(&new, before_ms).await.unwrap(), CreateRun::Exists(Box::new(old.clone())));
    assert_eq!(store.create_run(&new, after_ms).await.unwrap(), CreateRun::Created);
    assert_eq!(store.run(&new.id, after_ms).await.unwrap(), Some(new));
}

pub async fn a_run_is_closed_once(world: &impl World) {
    let store = world.host().store();
    for status in [Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted] {
        let run = started(world).await;
        let with = close(world, status);
        assert!(store.close_run(&run.key(), 0, &with).await.unwrap());
        let closed = RunItem {
            status,
            ended_ms: Some(with.ended_ms),
            ending: with.ending.clone(),
            ending_item: with.ending_item.clone(),
            error: with.error.clone(),
            state: with.state.clone(),
            ..run.clone()
        };
        assert_eq!(found(world, &run).await, closed);
        // Neither by the same nor by another.
        assert!(!store.close_run(&run.key(), 0, &with).await.unwrap());
        assert!(!store.close_run(&run.key(), 0, &close(world, Status::Aborted)).await.unwrap());
        assert_eq!(found(world, &run).await, closed);
    }
}

pub async fn a_run_is_closed_only_under_its_nonce_and_redrive_count(world: &impl World) {
    let store = world.host().store();
    let run = started(world).await;
    let with = close(world, Status::Succeeded);
    let other = RunKey { nonce: run_key(world).nonce, ..run.key() };
    assert!(!store.close_run(&other, 0, &with).await.unwrap());
    assert!(!store.close_run(&run.key(), 1, &with).await.unwrap());
    assert_eq!(found(world, &run).await, run);
    // A run that isn't there is not made.
    let absent = run_key(world);
    assert!(!store.close_run(&absent, 0, &with).await.unwrap());
    assert_eq!(store.run(&absent.id, with.ended_ms).await.unwrap(), None);
}

pub async fn a_close_keeps_what_it_does_not_name(world: &impl World) {
    let store = world.host().store();
    let run = RunItem { by: Some("redrive".to_owned()), ..run_item(world, &run_key(world)) };
    store.create_run(&run, run.started_ms).await.unwrap();
    let with = Close { ending: None, error: None, state: None, ..close(world, Status::Succeeded) };
    assert!(store.close_run(&run.key(), 0, &with).await.unwrap());
    let closed = RunItem { status: Status::Succeeded, ended_ms: Some(with.ended_ms), ..run.clone() };
    assert_eq!(found(world, &run).await, closed);
}

pub async fn a_stop_writes_the_run_and_the_record(world: &impl World) {
    let store = world.host().store();
    let run = started(world).await;
    let with = Close { by: Some("stopper".to_owned()), ..close(world, Status::Aborted) };
    let (key, tombstone) = (record_key(&run.key(), 4), record(world, 4, "stopper"));
    assert!(store.close_run_with_record(&run.key(), 0, &with, (&key, &tombstone)).await.unwrap());
    let stopped = found(world, &run).await;
    assert_eq!((stopped.status, stopped.by), (Status::Aborted, Some("stopper".to_owned())));
    assert_eq!(store.record(&key).await.unwrap(), Some(tombstone));
}

pub async fn a_stop_that_is_too_late_writes_neither(world: &impl World) {
    let store = world.host().store();
    // A step was faster: its record is there.
    let run = started(world).await;
    let (key, step) = (record_key(&run.key(), 0), record(world, 0, "step"));
    store.put_record(&key, &step).await.unwrap();
    let with = close(world, Status::Aborted);
    let tombstone = record(world, 0, "stopper");
    assert!(!store.close_run_with_record(&run.key(), 0, &with, (&key, &tombstone)).await.unwrap());
    assert_eq!(found(world, &run).await, run);
    assert_eq!(store.record(&key).await.unwrap(), Some(step));
    // The run has ended.
    let run = ended(world, Status::Succeeded).await;
    let key = record_key(&run.key(), 0);
    assert!(!store.close_run_with_record(&run.key(), 0, &with, (&key, &tombstone)).await.unwrap());
    assert_eq!(found(world, &run).await, run);
    assert_eq!(store.record(&key).await.unwrap(), None);
}

pub async fn a_stop_of_a_moved_run_writes_neither(world: &impl World) {
    let store = world.host().store();
    let run = started(world).await;
    let with = close(world, Status::Aborted);
    let tombstone = record(world, 0, "stopper");
    let other = RunKey { nonce: run_key(world).nonce, ..run.key() };
    for (key, redrive_count) in [(&other, 0), (&run.key(), 1)] {
        let record = (&record_key(key, 0), &tombstone);
        assert!(!store.close_run_with_record(key, redrive_count, &with, record).await.unwrap());
        assert_eq!(store.record(record.0).await.unwrap(), None);
    }
    assert_eq!(found(world, &run).await, run);
}

pub async fn of_many_stops_at_once_one_succeeds(world: &impl World) {
    let run = &started(world).await;
    let answers = join_all((0..20).map(|n| async move {
        let by = format!("stopper-{n}");
        let with = Close { by: Some(by.clone()), ..close(world, Status::Aborted) };
        let (key, tombstone) = (record_key(&run.key(), 0), record(world, 0, &by));
        let answer =
            world.host().store().close_run_with_record(&run.key(), 0, &with, (&key, &tombstone)).await;
        (by, answer)
    }))
    .await;
    // A conflict of transactions is no lost race: it says that nothing is known.
    let unknown = answers.iter().filter_map(|(_, answer)| answer.as_ref().err());
    unknown.for_each(|error| assert_eq!(error.retry, Retry::Later, "{error}"));
    let stored = found(world, run).await;
    let key = record_key(&run.key(), 0);
    let tombstone = world.host().store().record(&key).await.unwrap();
    let winners: Vec<&String> =
        answers.iter().filter(|(_, answer)| *answer == Ok(true)).map(|(by, _)| by).collect();
    match (winners.as_slice(), tombstone) {
        ([winner], Some(tombstone)) => {
            assert_eq!((&tombstone.owner, stored.by.as_ref()), (*winner, Some(*winner)));
        }
        // All of them may have met a conflict; then nothing was written.
        ([], None) => {
            assert_eq!(stored, *run);
            assert!(answers.iter().all(|(_, answer)| answer.is_err()));
        }
        (winners, tombstone) => panic!("winners: {winners:?}, record: {tombstone:?}"),
    }
}

pub async fn a_redrive_reopens_a_failed_run(world: &impl World) {
    let store = world.host().store();
    for status in [Status::Failed, Status::TimedOut, Status::Aborted] {
        let run = ended(world, status).await;
        let (key, redriven) = (record_key(&run.key(), 1), record(world, 1, "redriver"));
        assert!(
            store
                .reopen_run_with_record(&run.key(), 0, &redrive_by("redriver"), (&key, &redriven))
                .await
                .unwrap()
        );
        let reopened = RunItem {
            status: Status::Running,
            redrive_count: 1,
            ended_ms: None,
            ending: None,
            ending_item: None,
            error: None,
            state: None,
            by: Some("redriver".to_owned()),
            redrives: redrive_by("redriver").redrives,
            redefined: redrive_by("redriver").redefined,
            ..run.clone()
        };
        assert_eq!(found(world, &run).await, reopened);
        assert_eq!(store.record(&key).await.unwrap(), Some(redriven.clone()));
        // Once only, and it can end again.
        let next = record_key(&run.key(), 2);
        assert!(
            !store
                .reopen_run_with_record(&run.key(), 0, &redrive_by("other"), (&next, &redriven))
                .await
                .unwrap()
        );
        assert!(store.close_run(&run.key(), 1, &close(world, Status::Succeeded)).await.unwrap());
    }
}

pub async fn a_redrive_that_may_not_be_writes_neither(world: &impl World) {
    let store = world.host().store();
    let redriven = record(world, 1, "redriver");
    for run in [started(world).await, ended(world, Status::Succeeded).await] {
        let key = record_key(&run.key(), 1);
        assert!(
            !store
                .reopen_run_with_record(&run.key(), 0, &redrive_by("redriver"), (&key, &redriven))
                .await
                .unwrap()
        );
        assert_eq!(found(world, &run).await, run);
        assert_eq!(store.record(&key).await.unwrap(), None);
    }
    let run = ended(world, Status::Failed).await;
    let other = RunKey { nonce: run_key(world).nonce, ..run.key() };
    for (key, redrive_count) in [(&other, 0), (&run.key(), 1)] {
        let record = (&record_key(key, 1), &redriven);
        assert!(
            !store.reopen_run_with_record(key, redrive_count, &redrive_by("redriver"), record).await.unwrap()
        );
        assert_eq!(store.record(record.0).await.unwrap(), None);
    }
    // The record's place is taken.
    let key = record_key(&run.key(), 1);
    let late = record(world, 1, "late step");
    store.put_record(&key, &late).await.unwrap();
    assert!(
        !store
            .reopen_run_with_record(&run.key(), 0, &redrive_by("redriver"), (&key, &redriven))
            .await
            .unwrap()
    );
    assert_eq!(found(world, &run).await, run);
    assert_eq!(store.record(&key).await.unwrap(), Some(late));
}

pub async fn a_close_from_before_a_redrive_changes_nothing(world: &impl World) {
    let store = world.host().store();
    let run = ended(world, Status::Failed).await;
    let record = (&record_key(&run.key(), 1), &record(world, 1, "redriver"));
    assert!(store.reopen_run_with_record(&run.key(), 0, &redrive_by("redriver"), record).await.unwrap());
    let reopened = found(world, &run).await;
    assert!(!store.close_run(&run.key(), 0, &close(world, Status::TimedOut)).await.unwrap());
    assert_eq!(found(world, &run).await, reopened);
}

pub async fn a_parked_message_is_noted_on_its_run_only(world: &impl World) {
    let store = world.host().store();
    let run = started(world).await;
    let other = RunKey { nonce: run_key(world).nonce, ..run.key() };
    store.note_parked(&other, "not this run's").await.unwrap();
    assert_eq!(found(world, &run).await, run);
    for reason in ["of a newer version", "unreadable"] {
        store.note_parked(&run.key(), reason).await.unwrap();
        assert_eq!(found(world, &run).await, RunItem { parked: Some(reason.to_owned()), ..run.clone() });
    }
    let absent = run_key(world);
    store.note_parked(&absent, "nobody's").await.unwrap();
    assert_eq!(store.run(&absent.id, run.started_ms).await.unwrap(), None);
}

pub async fn the_input_and_the_ending_have_items_of_their_own(world: &impl World) {
    let store = world.host().store();
    let run = run_key(world);
    let other = RunKey { nonce: run_key(world).nonce, ..run.clone() };
    let (input, ending) = (Payload::Zstd(vec![1; 8 * 1024]), json("\"\u{0}\u{ffff}\""));
    let slot = DataSlot::Ending("0123456789abcdef".to_owned());
    assert_eq!(store.data(&run, DataSlot::Input).await.unwrap(), None);
    for _repeated in 0..2 {
        store.put_data(&run, DataSlot::Input, &input, later_s(world)).await.unwrap();
        store.put_data(&run, slot.clone(), &ending, later_s(world)).await.unwrap();
        assert_eq!(store.data(&run, DataSlot::Input).await.unwrap(), Some(input.clone()));
        assert_eq!(store.data(&run, slot.clone()).await.unwrap(), Some(ending.clone()));
    }
    assert_eq!(store.data(&other, DataSlot::Input).await.unwrap(), None);
    let blob = Payload::Blob(BlobRef { sha256: "ef".repeat(32), bytes: 5_000_000 });
    store.put_data(&other, DataSlot::Input, &blob, later_s(world)).await.unwrap();
    assert_eq!(store.data(&other, DataSlot::Input).await.unwrap(), Some(blob));
    assert_eq!(store.records(&run, &Branch::default(), 0).await.unwrap(), []);
}

pub async fn an_ending_overwrites_no_other(world: &impl World) {
    let store = world.host().store();
    let run = run_key(world);
    let endings = ["1", "2"].map(|name| (DataSlot::Ending(name.repeat(16)), json(name)));
    for (slot, ending) in &endings {
        store.put_data(&run, slot.clone(), ending, later_s(world)).await.unwrap();
    }
    for (slot, ending) in endings {
        assert_eq!(store.data(&run, slot).await.unwrap(), Some(ending));
    }
    let absent = DataSlot::Ending("3".repeat(16));
    assert_eq!(store.data(&run, absent).await.unwrap(), None);
}

pub async fn a_renewal_moves_all_of_a_runs_items(world: &impl World) {
    const COUNT: u32 = 30;
    let store = world.host().store();
    let run = started(world).await;
    for seq in 0..COUNT {
        store.put_record(&record_key(&run.key(), seq), &record(world, seq, "a")).await.unwrap();
    }
    let expires_s = later_s(world) + 7 * 86_400;
    for _repeated in 0..2 {
        store.renew(&Partition::Run(run.key()), expires_s).await.unwrap();
        store.renew_run(&run.key(), expires_s + 86_400).await.unwrap();
        assert_eq!(found(world, &run).await, RunItem { expires_s: expires_s + 86_400, ..run.clone() });
        let records = store.records(&run.key(), &Branch::default(), 0).await.unwrap();
        assert_eq!(records.len(), COUNT as usize);
        assert!(records.iter().all(|record| record.expires_s == expires_s));
    }
}

pub async fn a_renewal_leaves_another_run_of_the_name_alone(world: &impl World) {
    let store = world.host().store();
    let run = started(world).await;
    let key = record_key(&run.key(), 0);
    let record = record(world, 0, "a");
    store.put_record(&key, &record).await.unwrap();
    let other = RunKey { nonce: run_key(world).nonce, ..run.key() };
    let soon_s = world.host().clock().now_ms() / 1000 + 1;
    store.renew(&Partition::Run(other.clone()), soon_s).await.unwrap();
    store.renew_run(&other, soon_s).await.unwrap();
    assert_eq!(found(world, &run).await, run);
    assert_eq!(store.record(&key).await.unwrap(), Some(record));
    // What isn't there is not made.
    let absent = run_key(world);
    store.renew(&Partition::Run(absent.clone()), later_s(world)).await.unwrap();
    store.renew_run(&absent, later_s(world)).await.unwrap();
    assert_eq!(store.run(&absent.id, run.started_ms).await.unwrap(), None);
}
