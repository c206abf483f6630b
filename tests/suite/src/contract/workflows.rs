//! Definitions, what new runs take, and lists.

use super::{
    World, eventually,
    samples::{run_item, run_key},
    unique,
};
use stepladder_protocol::{Clock, Host, ListedRun, RunId, RunItem, RunKey, Store};

pub async fn a_definition_comes_back_under_its_hash(world: &impl World) {
    let store = world.host().store();
    let (workflow, other) = (unique(world, "contract"), unique(world, "contract"));
    assert_eq!(store.definition(&workflow, "h1").await.unwrap(), None);
    for _repeated in 0..2 {
        store.put_definition(&workflow, "h1", "{\"Comment\":\"\u{0}\u{ffff}é\"}").await.unwrap();
        store.put_definition(&workflow, "h2", "").await.unwrap();
    }
    let text = store.definition(&workflow, "h1").await.unwrap();
    assert_eq!(text.as_deref(), Some("{\"Comment\":\"\u{0}\u{ffff}é\"}"));
    assert_eq!(store.definition(&workflow, "h2").await.unwrap().as_deref(), Some(""));
    assert_eq!(store.definition(&workflow, "h3").await.unwrap(), None);
    assert_eq!(store.definition(&other, "h1").await.unwrap(), None);
}

pub async fn a_large_definition_comes_back(world: &impl World) {
    let workflow = unique(world, "contract");
    let states: Vec<String> = (0..8_000)
        .map(|n| format!(r#""State{n}":{{"Type":"Pass","Comment":"{:032x}","End":true}}"#, n * 7919))
        .collect();
    let text = format!(r#"{{"StartAt":"State0","States":{{{}}}}}"#, states.join(","));
    assert!((600_000..1_000_000).contains(&text.len()), "{}", text.len());
    world.host().store().put_definition(&workflow, "h", &text).await.unwrap();
    assert!(world.host().store().definition(&workflow, "h").await.unwrap() == Some(text));
}

pub async fn a_workflow_is_listed_once_it_has_a_current_definition(world: &impl World) {
    let store = world.host().store();
    let mut names: Vec<String> = (0..3).map(|_| unique(world, "contract")).collect();
    for name in &names {
        store.put_definition(name, "h", "{}").await.unwrap();
        assert_eq!(store.current(name).await.unwrap(), None);
        assert!(!store.workflows().await.unwrap().contains(name));
        for hash in ["h0", "h"] {
            store.set_current(name, hash).await.unwrap();
            assert_eq!(store.current(name).await.unwrap().as_deref(), Some(hash));
        }
    }
    names.sort();
    let mut listed = store.workflows().await.unwrap();
    assert!(listed.is_sorted());
    listed.retain(|name| names.contains(name));
    assert_eq!(listed, names);
}

/// Starts runs of a new workflow, one each 10 ms from `from_ms` on, and answers with its name.
async fn runs(world: &impl World, count: i64, from_ms: i64) -> String {
    let workflow = unique(world, "contract");
    for n in 0..count {
        let key = RunKey { id: RunId::new(&workflow, format!("run-{n}")), ..run_key(world) };
        let run = RunItem { started_ms: from_ms + 10 * n, ..run_item(world, &key) };
        world.host().store().create_run(&run, from_ms).await.unwrap();
    }
    // The list may be behind the runs.
    eventually(world, "all runs are listed", async || {
        let listed = world.host().store().runs_started(&workflow, 0, i64::MAX, 1_000).await.unwrap();
        (listed.len() == count as usize).then_some(())
    })
    .await;
    workflow
}

/// The runs of these numbers, as they are listed.
fn listed(workflow: &str, from_ms: i64, numbers: impl Iterator<Item = i64>) -> Vec<ListedRun> {
    let run =
        |n: i64| ListedRun { id: RunId::new(workflow, format!("run-{n}")), started_ms: from_ms + 10 * n };
    numbers.map(run).collect()
}

pub async fn runs_are_listed_newest_first(world: &impl World) {
    let from_ms = world.host().clock().now_ms();
    let workflow = runs(world, 40, from_ms).await;
    let answer = world.host().store().runs_started(&workflow, 0, i64::MAX, 1_000).await.unwrap();
    assert_eq!(answer, listed(&workflow, from_ms, (0..40).rev()));
}

pub async fn runs_are_listed_within_their_limits(world: &impl World) {
    let start_ms = world.host().clock().now_ms();
    let workflow = runs(world, 40, start_ms).await;
    let at = |n: i64| start_ms + 10 * n;
    let cases = [
        // The newest so many; from the first time on; before the second.
        ((0, i64::MAX, 7), 33..40),
        ((at(10), at(20), 100), 10..20),
        ((at(10), at(20), 3), 17..20),
        ((at(10), at(10), 3), 0..0),
        ((at(20), at(10), 3), 0..0),
        ((0, i64::MAX, 0), 0..0),
    ];
    for ((from_ms, until_ms, limit), expected) in cases {
        let answer = world.host().store().runs_started(&workflow, from_ms, until_ms, limit).await.unwrap();
        assert_eq!(answer, listed(&workflow, start_ms, expected.rev()), "{from_ms}..{until_ms}, {limit}");
    }
    let unknown = unique(world, "contract");
    assert_eq!(world.host().store().runs_started(&unknown, 0, i64::MAX, 10).await.unwrap(), []);
}
