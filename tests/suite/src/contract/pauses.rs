//! What is paused, and what is held because of it.

use super::{
    World,
    samples::{later_s, run_key},
    unique,
};
use stepladder_protocol::{HeldMessage, Host, Pausable, PauseWritten, PausedBy, Pauses, QueueName, RunKey};

fn held(world: &impl World, run: &RunKey, id: &str) -> HeldMessage {
    HeldMessage {
        run: run.clone(),
        id: id.to_owned(),
        queue: QueueName::Step("charge".to_owned()),
        body: format!("body {id}"),
        group: None,
        stamp: unique(world, "stamp"),
        expires_s: later_s(world),
    }
}

pub async fn what_is_paused_is_told_until_it_is_resumed(world: &impl World) {
    let (store, run) = (world.host().store(), run_key(world));
    let (whole, one) = (Pausable::Workflow(run.id.workflow.clone()), Pausable::Run(run.id.clone()));
    assert_eq!(store.controls().await.unwrap().paused_by(&run.id), PausedBy::default());
    // Twice is as good as once.
    for what in [&whole, &whole, &one] {
        assert_eq!(store.pause(what).await.unwrap(), PauseWritten::Done);
    }
    let paused_by = async || store.controls().await.unwrap().paused_by(&run.id);
    assert_eq!(paused_by().await, PausedBy { run: true, workflow: true });
    assert!(store.controls_seen().await.unwrap().has(&one));
    for _ in 0..2 {
        store.unpause(&whole).await.unwrap();
        assert_eq!(paused_by().await, PausedBy { run: true, workflow: false });
    }
    store.unpause(&one).await.unwrap();
    store.unpause(&one).await.unwrap();
    assert_eq!(paused_by().await, PausedBy::default());
}

pub async fn a_held_message_is_let_go_of_by_its_last_stamp(world: &impl World) {
    let (store, run) = (world.host().store(), run_key(world));
    let workflow = run.id.workflow.clone();
    let there = async || store.held(&workflow, None, 9).await.unwrap();
    assert_eq!(there().await, []);
    let (first, second) = (held(world, &run, "a"), held(world, &run, "a"));
    store.put_held(&first).await.unwrap();
    assert_eq!(there().await, std::slice::from_ref(&first));
    store.put_held(&second).await.unwrap();
    store.delete_held(&first).await.unwrap();
    assert_eq!(there().await, std::slice::from_ref(&second));
    store.delete_held(&second).await.unwrap();
    store.delete_held(&second).await.unwrap();
    assert_eq!(there().await, []);
}

pub async fn a_held_message_comes_back_as_it_was(world: &impl World) {
    let (store, run) = (world.host().store(), run_key(world));
    let activity = QueueName::activity("approve");
    for queue in [QueueName::Step("step".to_owned()), QueueName::Invoke, QueueName::DeadLetter, activity] {
        let held = HeldMessage { queue, group: Some("acme".to_owned()), ..held(world, &run, "a") };
        store.put_held(&held).await.unwrap();
        assert_eq!(store.held(&run.id.workflow, None, 9).await.unwrap(), [held]);
    }
}

pub async fn held_messages_come_by_run_and_in_pages(world: &impl World) {
    let (store, run) = (world.host().store(), run_key(world));
    let workflow = run.id.workflow.clone();
    let mut all = Vec::new();
    for (name, id) in [("a", "1"), ("a", "2"), ("a-b", "0"), ("ab", "3"), ("b", "1")] {
        let mut run = run.clone();
        run.id.name = name.to_owned();
        let held = held(world, &run, id);
        store.put_held(&held).await.unwrap();
        all.push(held);
    }
    let page = async |after: Option<&str>, limit| store.held(&workflow, after, limit).await.unwrap();
    assert_eq!(page(None, 9).await, all);
    assert_eq!(page(None, 2).await, all[..2]);
    assert_eq!(page(Some(&all[1].place()), 2).await, all[2..4]);
    assert_eq!(page(Some(&all[3].place()), 2).await, all[4..]);
    // Nothing lies at this place itself.
    assert_eq!(page(Some(&HeldMessage::before_all_of("ab")), 1).await, all[3..4]);
    assert_eq!(store.held(&unique(world, "other"), None, 2).await.unwrap(), []);
}
