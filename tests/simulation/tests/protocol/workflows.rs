//! Workflows with versions, aliases and tags, changed and deleted by several at once, and cut short.

use crate::support::Stack;
use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_protocol::{
    AliasChange, AliasWritten, Host, MadeWith, NewVersion, Protocol, Route, Store, Tagged, VersionDeleted,
    Versions, WorkflowChange, WorkflowChanged, WorkflowCreated, WorkflowType,
};
use stepladder_simulation::MemoryHost;

/// So many operations one of two may begin later than the other: more than the longest of them takes.
const LATER_MAX: usize = 14;

fn pass(comment: &str) -> Value {
    json!({ "Comment": comment, "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } })
}

fn definition(comment: &str) -> Definition {
    Definition::parse(&pass(comment).to_string()).unwrap()
}

/// Lets others do so many operations first.
async fn after(host: &MemoryHost, operations: usize) {
    for _ in 0..operations {
        host.store().workflow("nobody").await.unwrap();
    }
}

async fn publish(protocol: &Protocol<MemoryHost>, comment: &str) -> u32 {
    let definition = definition(comment);
    let change = WorkflowChange { definition: Some(&definition), ..WorkflowChange::default() };
    match protocol.update_and_publish("w", change, &NewVersion::default()).await.unwrap() {
        WorkflowChanged::Done(_, Some(version)) => version.number,
        other => panic!("{other:?}"),
    }
}

fn to(version: u32) -> Vec<Route> {
    vec![Route { version, weight: 100 }]
}

/// A stack whose workflow `w` has the versions 1 and 2, an alias of version 1, and a tag.
fn stack() -> Stack {
    let stack = Stack::of(&pass("0"));
    let protocol = &stack.protocol;
    stack.host.drive(async {
        assert_eq!((publish(protocol, "1").await, publish(protocol, "2").await), (1, 2));
        let made = protocol.create_alias("w", "PROD", None, to(1)).await.unwrap();
        assert!(matches!(made, AliasWritten::Done(_)));
        protocol.tag(Tagged::Workflow("w"), &[("k".to_owned(), "v".to_owned())].into()).await.unwrap();
    });
    stack
}

/// What belongs to `w`: its versions, its aliases, and whether it has tags.
async fn belongings(host: &MemoryHost) -> (Vec<u32>, Vec<String>, bool) {
    let store = host.store();
    let versions = store.versions_before("w", None, 100).await.unwrap();
    let aliases = store.aliases("w").await.unwrap();
    (
        versions.into_iter().map(|version| version.number).collect(),
        aliases.into_iter().map(|alias| alias.name).collect(),
        store.tags(Tagged::Workflow("w")).await.unwrap().is_some(),
    )
}

#[test]
fn whenever_a_version_is_deleted_no_alias_leads_to_one_that_is_not_there() {
    let (mut deleted, mut kept) = (0, 0);
    for (first, second) in (0..LATER_MAX).flat_map(|n| [(n, 0), (0, n)]) {
        let stack = stack();
        let (a, b) = (stack.environment(), stack.environment());
        let change = AliasChange { routes: Some(to(2)), ..AliasChange::default() };
        let (deletion, update) = stack.host.drive(futures::future::join(
            async {
                after(&stack.host, first).await;
                a.delete_version("w", 2).await.unwrap()
            },
            async {
                after(&stack.host, second).await;
                b.update_alias("w", "PROD", &change).await.unwrap()
            },
        ));
        let alias = stack.host.drive(stack.host.store().alias("w", "PROD")).unwrap().unwrap();
        let version = stack.host.drive(stack.host.store().version("w", 2)).unwrap();
        match deletion {
            VersionDeleted::Done => {
                assert!(version.is_none() && alias.routes == to(1) && update == AliasWritten::NoVersion(2));
                deleted += 1;
            }
            VersionDeleted::Aliased(names) => {
                assert!(version.is_some() && alias.routes == to(2) && names == ["PROD"]);
                kept += 1;
            }
        }
    }
    assert!(deleted > 0 && kept > 0, "{deleted} {kept}");
}

#[test]
fn whatever_is_made_while_a_workflow_is_deleted_goes_with_it() {
    for later in 0..LATER_MAX {
        let stack = stack();
        let (a, b) = (stack.environment(), stack.environment());
        let definition = definition("3");
        let tags = [("later".to_owned(), "v".to_owned())].into();
        stack.host.drive(async {
            let change = WorkflowChange { definition: Some(&definition), ..WorkflowChange::default() };
            let (deletion, ..) = futures::future::join4(
                async {
                    after(&stack.host, later).await;
                    a.delete_workflow("w").await
                },
                b.update_and_publish("w", change, &NewVersion::default()),
                b.create_alias("w", "NEW", None, to(2)),
                b.tag(Tagged::Workflow("w"), &tags),
            )
            .await;
            deletion.unwrap();
            assert_eq!(stack.host.store().workflow("w").await.unwrap(), None, "{later} later");
            assert_eq!(belongings(&stack.host).await, (vec![], vec![], false), "{later} later");
            assert_eq!(stack.host.store().deletion("w").await.unwrap(), None);
        });
    }
}

#[test]
fn a_workflow_that_is_made_while_another_of_the_name_is_deleted_is_whole_or_not_there() {
    let mut made = 0;
    for (second, third) in (0..LATER_MAX).flat_map(|n| (0..LATER_MAX).map(move |m| (n, m))) {
        let stack = stack();
        let [a, b, c] = [(); 3].map(|()| stack.environment());
        let definition = definition("new");
        let with = || MadeWith {
            version: Some(NewVersion { description: Some("new".to_owned()) }),
            tags: [("new".to_owned(), "v".to_owned())].into(),
        };
        stack.host.drive(async {
            let (first, other, created) = futures::future::join3(
                a.delete_workflow("w"),
                async {
                    after(&stack.host, second).await;
                    b.delete_workflow("w").await
                },
                async {
                    after(&stack.host, third).await;
                    let (standard, change) = (WorkflowType::Standard, WorkflowChange::default());
                    c.create_workflow_with("w", standard, &definition, change, with()).await
                },
            )
            .await;
            first.unwrap();
            other.unwrap();
            let item = stack.host.store().workflow("w").await.unwrap();
            let expected = match &item {
                Some(item) => {
                    assert_eq!((&item.definition, item.published), (&definition.hash, Some(1)));
                    assert!(matches!(created.unwrap(), WorkflowCreated::Created(_)));
                    made += 1;
                    (vec![1], vec![], true)
                }
                None => (vec![], vec![], false),
            };
            assert_eq!(belongings(&stack.host).await, expected, "{second} and {third} later");
        });
    }
    assert!(made > 0);
}

#[test]
fn a_deletion_that_is_cut_short_anywhere_is_finished_by_its_repetition() {
    for operation in ["begin deletion", "delete aliases", "delete versions", "delete workflow"] {
        let stack = stack();
        stack.host.throttle(operation, 1);
        stack.host.drive(async {
            stack.protocol.delete_workflow("w").await.unwrap_err();
            let is_there = stack.host.store().workflow("w").await.unwrap().is_some();
            assert_eq!(is_there, operation == "begin deletion", "{operation}");
            stack.protocol.delete_workflow("w").await.unwrap();
            assert_eq!(stack.host.store().deletion("w").await.unwrap(), None);
            assert_eq!(belongings(&stack.host).await, (vec![], vec![], false), "{operation}");
        });
    }
}

#[test]
fn the_name_of_a_workflow_whose_deletion_was_cut_short_can_be_taken() {
    let stack = stack();
    stack.host.throttle("delete aliases", 1);
    stack.host.drive(stack.protocol.delete_workflow("w")).unwrap_err();
    stack.publish("w", &pass("new"));
    stack.host.drive(async {
        assert_eq!(belongings(&stack.host).await, (vec![], vec![], false));
        assert_eq!(publish(&stack.protocol, "newer").await, 1, "its versions are counted anew");
    });
}

#[test]
fn many_that_publish_at_once_get_numbers_of_their_own_and_none_twice() {
    let stack = Stack::of(&pass("0"));
    let environments: Vec<Protocol<MemoryHost>> = (0..5).map(|_| stack.environment()).collect();
    let mut numbers = stack.host.drive(futures::future::join_all(
        environments
            .iter()
            .enumerate()
            .map(|(n, protocol)| async move { publish(protocol, &format!("{n}")).await }),
    ));
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    stack.host.drive(async {
        for number in [5, 3] {
            assert_eq!(stack.protocol.delete_version("w", number).await.unwrap(), VersionDeleted::Done);
        }
        assert_eq!(publish(&stack.protocol, "more").await, 6);
    });
}

#[test]
fn a_publication_whose_answer_was_lost_is_found_by_its_repetition() {
    let stack = Stack::of(&pass("0"));
    let again = stack.environment();
    stack.host.drive(async {
        let new = NewVersion { description: Some("first".to_owned()) };
        let first = stack.protocol.publish_version("w", Some("INITIAL"), &new).await.unwrap();
        let second = again.publish_version("w", Some("INITIAL"), &NewVersion::default()).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(stack.host.store().versions_before("w", None, 9).await.unwrap().len(), 1);
    });
}
