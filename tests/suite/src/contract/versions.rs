//! Versions, aliases and tags of workflows, and the end of a workflow.

use super::{World, unique, workflows::workflow};
use serde_json::json;
use stepladder_protocol::{
    AliasItem, Beside, Host, Retry, Route, Store, Tagged, TagsItem, VersionItem, Versions, WorkflowBefore,
    WorkflowItem, WorkflowType, WorldResult,
};

fn version(workflow: &str, number: u32) -> VersionItem {
    VersionItem {
        workflow: workflow.to_owned(),
        number,
        description: None,
        created_ms: 1_700_000_000_003,
        workflow_type: WorkflowType::Standard,
        definition: "h".to_owned(),
        updated_ms: None,
        revision: None,
        role_arn: None,
        logging: None,
        tracing: None,
        stamp: format!("s{number}"),
    }
}

fn alias(workflow: &str, name: &str, versions: &[u32]) -> AliasItem {
    AliasItem {
        workflow: workflow.to_owned(),
        name: name.to_owned(),
        description: None,
        routes: versions.iter().map(|version| Route { version: *version, weight: 50 }).collect(),
        created_ms: 1_700_000_000_004,
        updated_ms: 1_700_000_000_005,
        stamp: "first".to_owned(),
    }
}

/// The workflow with its version of this number, which may be there already.
async fn counted(world: &impl World, before: &WorkflowItem, number: u32) -> WorkflowItem {
    let item = WorkflowItem { last_version: number, published: Some(number), ..before.clone() };
    let new = version(&item.name, number);
    let beside = Beside { version: Some(&new), tags: None };
    let put = world.host().store().put_workflow_with(&item, WorkflowBefore::Is(before), beside).await;
    assert!(put.unwrap());
    item
}

/// A new workflow with versions of these numbers, in this order.
async fn made(world: &impl World, numbers: &[u32]) -> WorkflowItem {
    let mut item = workflow(&unique(world, "contract"), "h");
    assert!(world.host().store().put_workflow(&item, WorkflowBefore::Absent).await.unwrap());
    for number in numbers {
        item = counted(world, &item, *number).await;
    }
    item
}

/// A conflict of transactions says nothing; whoever has it tries again.
async fn insist<T>(act: impl AsyncFn() -> WorldResult<T>) -> T {
    loop {
        match act().await {
            Ok(answer) => return answer,
            Err(error) => assert_eq!(error.retry, Retry::Later, "{error}"),
        }
    }
}

pub async fn a_version_is_written_with_its_workflow_or_not_at_all(world: &impl World) {
    let store = world.host().store();
    let name = unique(world, "contract");
    let full = VersionItem {
        description: Some("é\u{ffff}".to_owned()),
        workflow_type: WorkflowType::Express,
        updated_ms: Some(1),
        revision: Some("r".to_owned()),
        role_arn: Some("arn:aws:iam::000000000000:role/own".to_owned()),
        logging: Some(json!({ "level": "OFF" })),
        tracing: Some(json!({ "enabled": true })),
        ..version(&name, 1)
    };
    let tags = TagsItem { tags: [("é".to_owned(), String::new())].into(), stamp: "t".to_owned() };
    let item = WorkflowItem { last_version: 1, published: Some(1), ..workflow(&name, "h") };
    let both = Beside { version: Some(&full), tags: Some(&tags) };
    assert!(!store.put_workflow_with(&item, WorkflowBefore::Is(&item), both).await.unwrap(), "there is none");
    assert_eq!(store.version(&name, 1).await.unwrap(), None);
    assert_eq!(store.tags(Tagged::Workflow(&name)).await.unwrap(), None);
    assert!(store.put_workflow_with(&item, WorkflowBefore::Absent, both).await.unwrap());
    assert_eq!(store.version(&name, 1).await.unwrap().as_ref(), Some(&full));
    assert_eq!(store.tags(Tagged::Workflow(&name)).await.unwrap().as_ref(), Some(&tags));
    // One of the number is there.
    let later = WorkflowItem { revision: Some("r2".to_owned()), ..item.clone() };
    let again = version(&name, 1);
    let beside = Beside { version: Some(&again), tags: None };
    assert!(!store.put_workflow_with(&later, WorkflowBefore::Is(&item), beside).await.unwrap());
    assert_eq!(store.workflow(&name).await.unwrap(), Some(item));
    assert_eq!(store.version(&name, 1).await.unwrap(), Some(full));
    assert_eq!(store.version(&unique(world, "contract"), 1).await.unwrap(), None);
}

pub async fn versions_come_highest_first(world: &impl World) {
    let store = world.host().store();
    let item = made(world, &[1, 2, 9, 10, 100, u32::MAX - 1]).await;
    let numbers = async |before, limit| -> Vec<u32> {
        let found = store.versions_before(&item.name, before, limit).await.unwrap();
        found.into_iter().map(|version| version.number).collect()
    };
    assert_eq!(numbers(None, 100).await, [u32::MAX - 1, 100, 10, 9, 2, 1]);
    assert_eq!(numbers(None, 2).await, [u32::MAX - 1, 100]);
    assert_eq!(numbers(Some(100), 2).await, [10, 9]);
    assert_eq!(numbers(Some(50), 3).await, [10, 9, 2], "before a number that is not there");
    for (before, limit) in [(Some(1), 5), (Some(0), 5), (None, 0)] {
        assert_eq!(numbers(before, limit).await, [0; 0], "{before:?} {limit}");
    }
    let none = store.versions_before(&unique(world, "contract"), None, 5).await.unwrap();
    assert_eq!(none, []);
}

pub async fn a_version_is_deleted_under_its_stamp(world: &impl World) {
    let store = world.host().store();
    let item = made(world, &[1, 2]).await;
    let there = version(&item.name, 2);
    assert!(
        !store.delete_version(&VersionItem { stamp: "other".to_owned(), ..there.clone() }).await.unwrap()
    );
    assert!(store.delete_version(&there).await.unwrap());
    assert!(!store.delete_version(&there).await.unwrap(), "it is gone");
    assert_eq!(store.version(&item.name, 2).await.unwrap(), None);
    assert!(store.version(&item.name, 1).await.unwrap().is_some());
}

pub async fn an_alias_comes_back_as_it_was(world: &impl World) {
    let store = world.host().store();
    let item = made(world, &[1, 2]).await;
    let full = AliasItem { description: Some("é".to_owned()), ..alias(&item.name, "PROD.2_a-b", &[2, 1]) };
    let small = alias(&item.name, "A", &[1]);
    for alias in [&full, &small] {
        assert!(store.put_alias(alias, None).await.unwrap());
        assert_eq!(store.alias(&item.name, &alias.name).await.unwrap().as_ref(), Some(alias));
    }
    assert_eq!(store.aliases(&item.name).await.unwrap(), [small, full.clone()]);
    for _repeated in 0..2 {
        store.delete_alias(&item.name, "A").await.unwrap();
        assert_eq!(store.alias(&item.name, "A").await.unwrap(), None);
    }
    assert_eq!(store.aliases(&item.name).await.unwrap(), [full]);
    assert_eq!(store.aliases(&unique(world, "contract")).await.unwrap(), []);
}

pub async fn an_alias_is_written_only_over_what_was_read(world: &impl World) {
    let store = world.host().store();
    let item = made(world, &[1, 2]).await;
    let first = alias(&item.name, "PROD", &[1]);
    let second = AliasItem { stamp: "second".to_owned(), ..alias(&item.name, "PROD", &[2]) };
    assert!(!store.put_alias(&second, Some(&first)).await.unwrap(), "there is none");
    assert!(store.put_alias(&first, None).await.unwrap());
    assert!(!store.put_alias(&second, None).await.unwrap(), "there is one");
    assert!(store.put_alias(&second, Some(&first)).await.unwrap());
    assert!(!store.put_alias(&first, Some(&first)).await.unwrap(), "it is another now");
    assert_eq!(store.alias(&item.name, "PROD").await.unwrap(), Some(second));
}

pub async fn an_alias_leads_to_versions_that_are_there(world: &impl World) {
    let store = world.host().store();
    let item = made(world, &[1]).await;
    assert!(
        !store.put_alias(&alias(&item.name, "PROD", &[1, 2]), None).await.unwrap(),
        "there is no version 2"
    );
    assert_eq!(
        store.version(&item.name, 1).await.unwrap(),
        Some(version(&item.name, 1)),
        "nothing was written"
    );
    let none = unique(world, "contract");
    assert!(!store.put_alias(&alias(&none, "PROD", &[1]), None).await.unwrap(), "there is no workflow");
    let written = alias(&item.name, "PROD", &[1]);
    assert!(store.put_alias(&written, None).await.unwrap());
    let stamped = VersionItem { stamp: written.stamp, ..version(&item.name, 1) };
    assert_eq!(store.version(&item.name, 1).await.unwrap(), Some(stamped));
    assert!(!store.delete_version(&version(&item.name, 1)).await.unwrap(), "an alias was led to it");
}

pub async fn of_an_alias_and_a_deletion_at_once_one_succeeds(world: &impl World) {
    let store = world.host().store();
    for _ in 0..8 {
        let item = made(world, &[1]).await;
        let (there, led) = (version(&item.name, 1), alias(&item.name, "PROD", &[1]));
        let (deleted, written) = futures::future::join(
            insist(async || store.delete_version(&there).await),
            insist(async || store.put_alias(&led, None).await),
        )
        .await;
        assert_ne!(deleted, written);
        assert_eq!(store.version(&item.name, 1).await.unwrap().is_some(), written);
        assert_eq!(store.alias(&item.name, "PROD").await.unwrap().is_some(), written);
    }
}

pub async fn tags_are_written_only_over_what_was_read(world: &impl World) {
    let store = world.host().store();
    let name = unique(world, "contract");
    let of = Tagged::Workflow(&name);
    let tags = |stamp: &str| TagsItem {
        tags: (0..50).map(|n| (format!("é{n}/{}", "k".repeat(120)), "v".repeat(256))).collect(),
        stamp: stamp.to_owned(),
    };
    assert!(!store.put_tags(of, &tags("a"), None).await.unwrap(), "there is no workflow");
    assert!(store.put_workflow(&workflow(&name, "h"), WorkflowBefore::Absent).await.unwrap());
    assert_eq!(store.tags(of).await.unwrap(), None);
    assert!(!store.put_tags(of, &tags("a"), Some("a")).await.unwrap(), "there are none");
    assert!(store.put_tags(of, &tags("a"), None).await.unwrap());
    assert!(!store.put_tags(of, &tags("b"), None).await.unwrap(), "there are some");
    assert!(!store.put_tags(of, &tags("b"), Some("c")).await.unwrap(), "others");
    assert_eq!(store.tags(of).await.unwrap(), Some(tags("a")));
    let none = TagsItem { tags: [].into(), stamp: "b".to_owned() };
    assert!(store.put_tags(of, &none, Some("a")).await.unwrap());
    assert_eq!(store.tags(of).await.unwrap(), Some(none));
}

pub async fn a_workflow_that_is_being_deleted_counts_as_absent(world: &impl World) {
    let store = world.host().store();
    let item = made(world, &[1]).await;
    let name = &item.name;
    assert_eq!(store.deletion(name).await.unwrap(), None);
    assert_eq!(store.begin_deletion(name, "m1").await.unwrap().as_deref(), Some("m1"));
    assert_eq!(store.begin_deletion(name, "m2").await.unwrap().as_deref(), Some("m1"), "it has a mark");
    assert_eq!(store.deletion(name).await.unwrap().as_deref(), Some("m1"));
    assert_eq!((store.workflow(name).await.unwrap(), store.current(name).await.unwrap()), (None, None));
    assert!(!store.workflows().await.unwrap().contains(name));
    let tags = TagsItem { tags: [].into(), stamp: "t".to_owned() };
    assert!(!store.put_tags(Tagged::Workflow(name), &tags, None).await.unwrap());
    assert!(!store.put_alias(&alias(name, "PROD", &[1]), None).await.unwrap());
    assert!(!store.put_workflow(&item, WorkflowBefore::Is(&item)).await.unwrap());
    assert!(!store.put_workflow(&item, WorkflowBefore::Absent).await.unwrap(), "the name is not free yet");
    store.finish_deletion(name, "m1").await.unwrap();
    assert!(store.put_workflow(&workflow(name, "h"), WorkflowBefore::Absent).await.unwrap());
    assert!(store.workflows().await.unwrap().contains(name));
    assert_eq!(store.begin_deletion(&unique(world, "contract"), "m").await.unwrap(), None, "there is none");
}

pub async fn a_deletion_takes_all_that_belongs_to_the_workflow(world: &impl World) {
    let store = world.host().store();
    // More than are deleted in one transaction.
    let numbers: Vec<u32> = (1..=60).collect();
    let (item, other) = (made(world, &numbers).await, made(world, &[1]).await);
    let tags = TagsItem { tags: [("k".to_owned(), "v".to_owned())].into(), stamp: "t".to_owned() };
    for name in [&item.name, &other.name] {
        store.put_definition(name, "h", "{}").await.unwrap();
        for n in 0..3 {
            assert!(store.put_alias(&alias(name, &format!("a{n}"), &[1]), None).await.unwrap());
        }
        assert!(store.put_tags(Tagged::Workflow(name), &tags, None).await.unwrap());
    }
    let name = &item.name;
    store.begin_deletion(name, "m").await.unwrap();
    for _repeated in 0..2 {
        store.finish_deletion(name, "m").await.unwrap();
        assert_eq!(store.versions_before(name, None, 100).await.unwrap(), []);
        assert_eq!(store.aliases(name).await.unwrap(), []);
        assert_eq!(store.tags(Tagged::Workflow(name)).await.unwrap(), None);
        assert_eq!((store.workflow(name).await.unwrap(), store.deletion(name).await.unwrap()), (None, None));
    }
    assert_eq!(store.definition(name, "h").await.unwrap().as_deref(), Some("{}"), "runs are pinned to it");
    assert_eq!(store.workflow(&other.name).await.unwrap().as_ref(), Some(&other));
    assert_eq!(store.versions_before(&other.name, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.aliases(&other.name).await.unwrap().len(), 3);
    assert_eq!(store.tags(Tagged::Workflow(&other.name)).await.unwrap(), Some(tags));
}

pub async fn a_deletion_under_another_mark_takes_nothing(world: &impl World) {
    let store = world.host().store();
    let item = made(world, &[1]).await;
    let name = &item.name;
    assert!(store.put_alias(&alias(name, "PROD", &[1]), None).await.unwrap());
    store.finish_deletion(name, "m0").await.unwrap();
    assert_eq!(store.workflow(name).await.unwrap().as_ref(), Some(&item), "it has no mark");
    store.begin_deletion(name, "m1").await.unwrap();
    store.finish_deletion(name, "m0").await.unwrap();
    assert_eq!(store.deletion(name).await.unwrap().as_deref(), Some("m1"));
    assert_eq!(store.aliases(name).await.unwrap().len(), 1);
    assert_eq!(store.versions_before(name, None, 9).await.unwrap().len(), 1);
}
