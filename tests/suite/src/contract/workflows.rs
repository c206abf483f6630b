//! Definitions, what new runs take, and lists.

use super::{
    World, eventually,
    samples::{run_item, run_key},
    unique,
};
use serde_json::json;
use stepladder_protocol::{
    Clock, Host, ListedRun, ListedWorkflow, Retry, RunId, RunItem, RunKey, Store, WorkflowBefore,
    WorkflowItem, WorkflowType,
};

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

/// A workflow as it is made.
pub(super) fn workflow(name: &str, definition: &str) -> WorkflowItem {
    WorkflowItem {
        name: name.to_owned(),
        workflow_type: WorkflowType::Standard,
        definition: definition.to_owned(),
        created_ms: Some(1_700_000_000_001),
        updated_ms: Some(1_700_000_000_002),
        revision: None,
        role_arn: None,
        logging: None,
        tracing: None,
        last_version: 0,
        published: None,
    }
}

pub async fn a_workflow_is_listed_once_it_has_a_current_definition(world: &impl World) {
    let store = world.host().store();
    let mut names: Vec<String> = (0..3).map(|_| unique(world, "contract")).collect();
    for name in &names {
        store.put_definition(name, "h", "{}").await.unwrap();
        assert_eq!(store.current(name).await.unwrap(), None);
        assert_eq!(store.workflow(name).await.unwrap(), None);
        assert!(!store.workflows().await.unwrap().contains(name));
        let first = workflow(name, "h0");
        for (hash, before) in [("h0", WorkflowBefore::Absent), ("h", WorkflowBefore::Is(&first))] {
            assert!(store.put_workflow(&workflow(name, hash), before).await.unwrap());
            assert_eq!(store.current(name).await.unwrap().as_deref(), Some(hash));
        }
    }
    names.sort();
    let mut listed = store.workflows().await.unwrap();
    assert!(listed.is_sorted());
    listed.retain(|name| names.contains(name));
    assert_eq!(listed, names);
}

pub async fn a_workflow_comes_back_as_it_was(world: &impl World) {
    let store = world.host().store();
    let (small, full) = (unique(world, "contract"), unique(world, "contract"));
    let small = WorkflowItem { created_ms: None, updated_ms: None, ..workflow(&small, "h") };
    let full = WorkflowItem {
        workflow_type: WorkflowType::Express,
        revision: Some("r-1".to_owned()),
        role_arn: Some("arn:aws:iam::000000000000:role/own".to_owned()),
        logging: Some(json!({ "level": "OFF", "includeExecutionData": false })),
        tracing: Some(json!({ "enabled": true, "é\u{ffff}": null })),
        last_version: u32::MAX,
        published: Some(7),
        ..workflow(&full, "h")
    };
    for item in [&small, &full] {
        assert!(store.put_workflow(item, WorkflowBefore::Absent).await.unwrap());
        assert_eq!(store.workflow(&item.name).await.unwrap().as_ref(), Some(item));
    }
}

pub async fn a_workflow_is_written_only_over_what_was_read(world: &impl World) {
    let store = world.host().store();
    let name = unique(world, "contract");
    let at = |revision: Option<&str>, hash: &str| WorkflowItem {
        revision: revision.map(str::to_owned),
        ..workflow(&name, hash)
    };
    let put = async |item: &WorkflowItem, before: WorkflowBefore<'_>| {
        store.put_workflow(item, before).await.unwrap()
    };
    fn is(item: &WorkflowItem) -> WorkflowBefore<'_> {
        WorkflowBefore::Is(item)
    }
    let first = at(None, "h1");
    assert!(!put(&first, is(&first)).await, "there is none");
    assert!(!put(&first, is(&at(Some("r1"), "h1"))).await);
    assert!(!store.workflows().await.unwrap().contains(&name), "nor is it in the list");
    assert!(put(&first, WorkflowBefore::Absent).await);
    let second = at(Some("r1"), "h2");
    assert!(!put(&second, WorkflowBefore::Absent).await, "there is one");
    assert!(!put(&second, is(&second)).await, "without a revision");
    for another in [
        WorkflowItem { created_ms: Some(1), ..first.clone() },
        WorkflowItem { created_ms: None, ..first.clone() },
        WorkflowItem { last_version: 1, ..first.clone() },
        WorkflowItem { published: Some(1), ..first.clone() },
    ] {
        assert!(!put(&second, is(&another)).await, "{another:?}");
    }
    assert!(put(&second, is(&first)).await);
    let third = WorkflowItem { last_version: 3, published: Some(3), ..at(Some("r2"), "h3") };
    assert!(!put(&third, is(&first)).await, "it has a revision now");
    assert!(!put(&third, is(&at(Some("r0"), "h2"))).await, "another one");
    assert!(put(&third, is(&second)).await);
    assert!(
        !put(&second, is(&WorkflowItem { last_version: 2, ..third.clone() })).await,
        "it has more versions"
    );
    assert!(!put(&second, is(&WorkflowItem { published: None, ..third.clone() })).await);
    assert_eq!(store.workflow(&name).await.unwrap(), Some(third));
}

pub async fn of_many_changes_of_a_workflow_at_once_one_succeeds(world: &impl World) {
    let store = world.host().store();
    let name = unique(world, "contract");
    let before = workflow(&name, "h");
    assert!(store.put_workflow(&before, WorkflowBefore::Absent).await.unwrap());
    let before = &before;
    let changes = (0..8).map(|n| {
        let item = WorkflowItem { revision: Some(format!("r{n}")), ..workflow(&name, &format!("h{n}")) };
        // A conflict of transactions says nothing; whoever has it tries again.
        async move {
            loop {
                match store.put_workflow(&item, WorkflowBefore::Is(before)).await {
                    Ok(written) => return written.then_some(item),
                    Err(error) => assert_eq!(error.retry, Retry::Later, "{error}"),
                }
            }
        }
    });
    let written: Vec<WorkflowItem> = futures::future::join_all(changes).await.into_iter().flatten().collect();
    assert_eq!(written.len(), 1);
    assert_eq!(store.workflow(&name).await.unwrap().as_ref(), written.first());
}

pub async fn workflows_are_listed_page_by_page(world: &impl World) {
    let store = world.host().store();
    let prefix = unique(world, "contract");
    let name = |n: usize| format!("{prefix}-{n}");
    for n in [3, 1, 0, 4, 2] {
        let workflow_type = if n == 2 { WorkflowType::Express } else { WorkflowType::Standard };
        let item = WorkflowItem { workflow_type, ..workflow(&name(n), "h") };
        assert!(store.put_workflow(&item, WorkflowBefore::Absent).await.unwrap());
    }
    let listed = |n: usize| ListedWorkflow {
        name: name(n),
        workflow_type: if n == 2 { WorkflowType::Express } else { WorkflowType::Standard },
        created_ms: Some(1_700_000_000_001),
    };
    // Nobody else's name sorts between these.
    let page = async |after: String, limit| store.workflows_after(Some(&after), limit).await.unwrap();
    assert_eq!(page(prefix.clone(), 3).await, [listed(0), listed(1), listed(2)]);
    assert_eq!(page(name(2), 2).await, [listed(3), listed(4)]);
    assert_eq!(page(format!("{prefix}-1x"), 1).await, [listed(2)], "behind a name that is not there");
    assert_eq!(page(prefix.clone(), 0).await, []);
    let all = store.workflows_after(None, usize::MAX).await.unwrap();
    let names: Vec<String> = all.into_iter().map(|workflow| workflow.name).collect();
    assert!(names.is_sorted());
    assert_eq!(names.iter().filter(|name| name.starts_with(&prefix)).count(), 5);
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
