//! Map Runs: what is newer stays, and what leads to them.

use super::{
    World,
    samples::{later_s, run_key},
};
use stepladder_engine::{Branch, FanOut, Resumes, Wish};
use stepladder_protocol::{
    Host, ITEM_VERSION, MapRunItem, MapRunKey, MapRunNow, MapRunSettings, MapRuns, RunKey,
};

const FAN_OUT: FanOut =
    FanOut { count: 9, concurrency: 4, failures_tolerated: 1, failure_items: 1, inputs_seq: Some(3) };

/// The Map Run of an execution that began at this branch and seq, and has come to another seq.
fn item(run: &RunKey, execution: &Branch, branch: &Branch, seq: u32, now: u32) -> MapRunItem {
    let key = MapRunKey { run: run.clone(), execution: execution.clone(), branch: branch.clone(), seq };
    MapRunItem {
        version: ITEM_VERSION,
        key,
        id: format!("0f8fad5b-d9cb-469f-a165-7086772895{seq:02}"),
        label: "Map-1 ä".to_owned(),
        started_ms: 1_700_000_000_000 + i64::from(now),
        redrive_count: 0,
        settings: MapRunSettings {
            max_concurrency: now.into(),
            failures_tolerated: 7,
            failures_tolerated_percentage: 12.5,
            batch: Some(10),
            items: Some(90),
        },
        now: MapRunNow {
            branch: branch.clone(),
            seq: now,
            fan_out: Some(FAN_OUT),
            children: 9,
            opened_ms: 1_700_000_000_500,
            resumes: None,
            redriven_ms: None,
        },
    }
}

/// The same after a redrive.
fn redriven(mut item: MapRunItem, redrive_count: u32) -> MapRunItem {
    let resumes = Resumes {
        redriven_seq: 8,
        plan_branch: Branch::default(),
        branch: item.now.branch.clone(),
        seq: item.now.seq,
        left: FAN_OUT,
        total: 12,
        first: Some(Box::new((item.key.branch.clone(), item.key.seq))),
        wish: Some(Box::new(Wish { max_concurrency: Some(7), ..Wish::default() })),
        updated: None,
    };
    item.now.resumes = Some(Box::new(resumes));
    item.now.redriven_ms = Some(1_700_000_009_000);
    item.settings = MapRunSettings::default();
    MapRunItem { redrive_count, ..item }
}

pub async fn a_map_run_comes_back_as_it_was(world: &impl World) {
    let (store, run, root) = (world.host().store(), run_key(world), Branch::default());
    let child = root.child(2, 70);
    for (execution, branch) in [(&root, &root), (&root, &root.child(1, 0)), (&child, &child)] {
        let item = item(&run, execution, branch, 3, 5);
        assert_eq!(store.map_run(&item.key).await.unwrap(), None);
        for _repeated in 0..2 {
            store.put_map_run(&item, later_s(world)).await.unwrap();
            assert_eq!(store.map_run(&item.key).await.unwrap().as_ref(), Some(&item));
        }
        let digits = format!("{:05}{:015}", branch.0.len(), execution.0.len());
        assert_eq!(store.map_run_key(&run.id.workflow, &digits).await.unwrap(), None);
        for _repeated in 0..2 {
            store.put_map_run_key(&digits, &item.key, later_s(world)).await.unwrap();
            assert_eq!(store.map_run_key(&run.id.workflow, &digits).await.unwrap(), Some(item.key.clone()));
        }
        assert_eq!(store.map_run_key("another", &digits).await.unwrap(), None);
    }
}

pub async fn what_is_newer_of_a_map_run_stays(world: &impl World) {
    let (store, run, root) = (world.host().store(), run_key(world), Branch::default());
    let (began, opened) = (item(&run, &root, &root, 3, 3), item(&run, &root, &root, 3, 6));
    let first = MapRunItem { started_ms: began.started_ms, ..opened.clone() };
    store.put_map_run(&began, later_s(world)).await.unwrap();
    for late in [&opened, &began] {
        store.put_map_run(late, later_s(world)).await.unwrap();
        assert_eq!(store.map_run(&began.key).await.unwrap().as_ref(), Some(&first));
    }
    let again = redriven(item(&run, &root, &root, 3, 9), 1);
    store.put_map_run(&again, later_s(world)).await.unwrap();
    let late = item(&run, &root, &root, 3, 20);
    store.put_map_run(&late, later_s(world)).await.unwrap();
    assert_eq!(store.map_run(&began.key).await.unwrap().unwrap().now, again.now);
}

pub async fn a_redrive_leaves_what_a_map_run_was_started_with(world: &impl World) {
    let (store, run, root) = (world.host().store(), run_key(world), Branch::default());
    let opened = item(&run, &root, &root, 3, 6);
    store.put_map_run(&opened, later_s(world)).await.unwrap();
    for (redrive_count, seq) in [(1, 9), (4, 2)] {
        let again = redriven(item(&run, &root, &root, 3, seq), redrive_count);
        let expected =
            MapRunItem { started_ms: opened.started_ms, settings: opened.settings, ..again.clone() };
        for _repeated in 0..2 {
            store.put_map_run(&again, later_s(world)).await.unwrap();
            assert_eq!(store.map_run(&opened.key).await.unwrap(), Some(expected.clone()));
        }
    }
}

pub async fn the_map_runs_of_an_execution_come_backwards_and_in_pages(world: &impl World) {
    let (store, run, root) = (world.host().store(), run_key(world), Branch::default());
    let (inner, child) = (root.child(1, 0), root.child(4, 0));
    let places = [(&root, 0), (&root, 3), (&root, 10), (&inner, 2), (&inner, 7)];
    for (branch, seq) in places {
        store.put_map_run(&item(&run, &root, branch, seq, seq), later_s(world)).await.unwrap();
    }
    store.put_map_run(&item(&run, &child, &child, 1, 1), later_s(world)).await.unwrap();
    store.put_map_run(&item(&run_key(world), &root, &root, 5, 5), later_s(world)).await.unwrap();
    let all = store.map_runs(&run, &root, None, 100).await.unwrap();
    let found: Vec<(&Branch, u32)> = all.iter().map(|item| (&item.key.branch, item.key.seq)).collect();
    let expected: Vec<(&Branch, u32)> = places.into_iter().rev().collect();
    assert_eq!(found, expected);
    for limit in 1..=3 {
        let mut paged: Vec<MapRunItem> = Vec::new();
        loop {
            let last = paged.last().map(|item| (item.key.branch.clone(), item.key.seq));
            let before = last.as_ref().map(|(branch, seq)| (branch, *seq));
            let page = store.map_runs(&run, &root, before, limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }
    assert_eq!(store.map_runs(&run, &child, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.map_runs(&run, &inner, None, 9).await.unwrap(), Vec::new());
}
