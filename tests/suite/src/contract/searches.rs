//! What runs are found by: what their inputs hold, and how they ended.

use super::{
    World, eventually,
    samples::{close, ended, later_s, run_item, run_key},
    unique,
};
use stepladder_engine::Status;
use stepladder_protocol::{
    Clock, FoundRun, Host, RunId, RunItem, RunKey, SearchItem, SearchKey, SearchPaths, Searches, Store,
};

fn key(workflow: &str, value: &str) -> SearchKey {
    let paths = SearchPaths::parse(&["$.customer['id']"]).unwrap();
    SearchKey::new(workflow, paths.iter().next().unwrap(), value)
}

fn item(world: &impl World, by: &SearchKey, name: &str, started_ms: i64) -> SearchItem {
    let run = RunKey { id: RunId::new(&by.workflow, name), ..run_key(world) };
    SearchItem { by: by.clone(), run, started_ms, expires_s: later_s(world) }
}

fn found(item: &SearchItem) -> FoundRun {
    FoundRun { id: item.run.id.clone(), at_ms: item.started_ms, nonce: Some(item.run.nonce.clone()) }
}

/// Writes what leads to so many runs, one each 10 ms from `from_ms` on.
async fn written(world: &impl World, by: &SearchKey, count: i64, from_ms: i64) -> Vec<SearchItem> {
    let items: Vec<SearchItem> =
        (0..count).map(|n| item(world, by, &format!("run-{n}"), from_ms + 10 * n)).collect();
    for item in &items {
        world.host().store().put_search(item).await.unwrap();
    }
    eventually(world, "all runs are found", async || {
        let listed = world.host().store().runs_with(by, 0, i64::MAX, 1_000).await.unwrap();
        (listed.len() == items.len()).then_some(())
    })
    .await;
    items
}

pub async fn runs_with_a_value_come_newest_first_and_within_limits(world: &impl World) {
    let store = world.host().store();
    let start_ms = world.host().clock().now_ms();
    let by = key(&unique(world, "contract"), "c-17 = \"ü\"#/");
    let items = written(world, &by, 30, start_ms).await;
    let at = |n: i64| start_ms + 10 * n;
    let cases = [
        ((0, i64::MAX, 1_000), 0..30),
        ((0, i64::MAX, 7), 23..30),
        ((at(10), at(20), 100), 10..20),
        ((at(10), at(20), 3), 17..20),
        ((at(10), at(10), 3), 0..0),
        ((at(20), at(10), 3), 0..0),
        ((0, i64::MAX, 0), 0..0),
    ];
    for ((from_ms, until_ms, limit), expected) in cases {
        let answer = store.runs_with(&by, from_ms, until_ms, limit).await.unwrap();
        let expected: Vec<FoundRun> = items[expected].iter().rev().map(found).collect();
        assert_eq!(answer, expected, "{from_ms}..{until_ms}, {limit}");
    }
    for other in [key(&by.workflow, "c-1"), key(&unique(world, "contract"), "c-17 = \"ü\"#/")] {
        assert_eq!(store.runs_with(&other, 0, i64::MAX, 10).await.unwrap(), []);
    }
}

pub async fn what_leads_to_a_run_may_be_written_again(world: &impl World) {
    let store = world.host().store();
    let now_ms = world.host().clock().now_ms();
    let by = key(&unique(world, "contract"), "c");
    let items = written(world, &by, 1, now_ms).await;
    let renewed = SearchItem { expires_s: later_s(world) + 86_400, ..items[0].clone() };
    for item in [&items[0], &renewed] {
        store.put_search(item).await.unwrap();
        assert_eq!(store.runs_with(&by, 0, i64::MAX, 10).await.unwrap(), [found(item)]);
    }
}

pub async fn a_value_leads_to_one_run_and_to_no_other_of_the_name(world: &impl World) {
    let store = world.host().store();
    let now_ms = world.host().clock().now_ms();
    let by = key(&unique(world, "contract"), "c");
    let items = written(world, &by, 2, now_ms).await;
    let leads =
        async |by: &SearchKey, run: &RunKey, started_ms| store.has_search(by, run, started_ms).await.unwrap();
    assert!(leads(&by, &items[0].run, now_ms).await);
    assert!(leads(&by, &items[1].run, now_ms + 10).await);
    assert!(!leads(&by, &items[0].run, now_ms + 10).await);
    assert!(!leads(&key(&by.workflow, "d"), &items[0].run, now_ms).await);
    let other = RunKey { nonce: run_key(world).nonce, ..items[0].run.clone() };
    assert!(!leads(&by, &other, now_ms).await);
}

pub async fn what_leads_to_a_run_is_taken_away_under_its_nonce(world: &impl World) {
    let store = world.host().store();
    let now_ms = world.host().clock().now_ms();
    let by = key(&unique(world, "contract"), "c");
    let items = written(world, &by, 2, now_ms).await;
    let other = RunKey { nonce: run_key(world).nonce, ..items[0].run.clone() };
    store.remove_search(&SearchItem { run: other, ..items[0].clone() }).await.unwrap();
    assert!(store.has_search(&by, &items[0].run, now_ms).await.unwrap());
    for _repeated in 0..2 {
        store.remove_search(&items[0]).await.unwrap();
        eventually(world, "it is taken away", async || {
            let listed = store.runs_with(&by, 0, i64::MAX, 10).await.unwrap();
            (listed == [found(&items[1])]).then_some(())
        })
        .await;
    }
}

/// A run of this workflow that ended so.
async fn ended_at(world: &impl World, workflow: &str, name: &str, status: Status, ended_ms: i64) {
    let store = world.host().store();
    let key = RunKey { id: RunId::new(workflow, name), ..run_key(world) };
    let run = RunItem { started_ms: ended_ms - 5, ..run_item(world, &key) };
    store.create_run(&run, run.started_ms).await.unwrap();
    let close = stepladder_protocol::Close { ended_ms, ..close(world, status) };
    assert!(store.close_run(&run.key(), 0, &close).await.unwrap());
}

pub async fn runs_that_ended_badly_come_by_their_end(world: &impl World) {
    let store = world.host().store();
    let start_ms = world.host().clock().now_ms();
    let workflow = unique(world, "contract");
    let statuses = [Status::Failed, Status::TimedOut, Status::Aborted, Status::Succeeded];
    for n in 0..24 {
        ended_at(world, &workflow, &format!("run-{n}"), statuses[n % 4], start_ms + 10 * n as i64).await;
    }
    let listed = |numbers: &[i64]| -> Vec<FoundRun> {
        let run = |n: &i64| FoundRun {
            id: RunId::new(&workflow, format!("run-{n}")),
            at_ms: start_ms + 10 * n,
            nonce: None,
        };
        numbers.iter().map(run).collect()
    };
    for (n, status) in [Status::Failed, Status::TimedOut, Status::Aborted].into_iter().enumerate() {
        let ids: Vec<i64> = (0..6).rev().map(|round| n as i64 + 4 * round).collect();
        eventually(world, "all ended runs are listed", async || {
            let all = store.runs_ended(&workflow, status, 0, i64::MAX, 100).await.unwrap();
            (all == listed(&ids)).then_some(())
        })
        .await;
        let newest = store.runs_ended(&workflow, status, 0, i64::MAX, 2).await.unwrap();
        assert_eq!(newest, listed(&ids[..2]));
        let within = store.runs_ended(&workflow, status, start_ms + 40, start_ms + 120, 100).await.unwrap();
        assert_eq!(within, listed(&ids[3..5]));
        assert_eq!(store.runs_ended(&workflow, status, 9, 9, 100).await.unwrap(), []);
    }
    for status in [Status::Running, Status::Succeeded] {
        assert_eq!(store.runs_ended(&workflow, status, 0, i64::MAX, 100).await.unwrap(), []);
    }
}

pub async fn a_run_that_goes_on_is_no_longer_listed_as_ended(world: &impl World) {
    let store = world.host().store();
    let run = ended(world, Status::Failed).await;
    let listed = async || store.runs_ended(&run.id.workflow, Status::Failed, 0, i64::MAX, 10).await.unwrap();
    eventually(world, "it is listed", async || (listed().await.len() == 1).then_some(())).await;
    let key = stepladder_protocol::RecordKey { run: run.key(), branch: Default::default(), seq: 1 };
    let record = super::samples::record(world, 1, "redriver");
    let redrive = super::samples::redrive_by("redriver");
    assert!(store.reopen_run_with_record(&run.key(), 0, &redrive, (&key, &record)).await.unwrap());
    eventually(world, "it is listed no more", async || listed().await.is_empty().then_some(())).await;
}
