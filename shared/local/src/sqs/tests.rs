//! The core's rules, each by itself and with a clock that is only an argument.

use std::collections::BTreeMap;

use super::error::ErrorKind;
use super::message::NewMessage;
use super::queue::{QueueCounts, ReceiveOptions, Received};
use super::queues::Queues;
use crate::limits;

const NOW: u64 = 1_700_000_000_000;

fn with_queue(attributes: &[(&str, &str)]) -> Queues {
    let mut queues = Queues::new("eu-central-1", "000000000000");
    create(&mut queues, "dead", &[]);
    create(&mut queues, "jobs", attributes);
    queues
}

fn create(queues: &mut Queues, name: &str, attributes: &[(&str, &str)]) {
    queues.create(name, &pairs(attributes), BTreeMap::new(), NOW).unwrap();
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn send(queues: &mut Queues, body: &str, now_ms: u64) -> String {
    queues.send("jobs", NewMessage::new(body), now_ms).unwrap().message_id
}

fn receive(queues: &mut Queues, name: &str, now_ms: u64) -> Vec<Received> {
    let options = ReceiveOptions { messages_max: 10, ..ReceiveOptions::default() };
    queues.receive(name, options, now_ms).unwrap()
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|received| received.content.body.as_str()).collect()
}

const REDRIVE: &str =
    r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:000000000000:dead","maxReceiveCount":2}"#;

#[test]
fn a_received_message_is_hidden_until_its_timeout_and_counts_its_receives() {
    let mut queues = with_queue(&[("VisibilityTimeout", "30")]);
    send(&mut queues, "a", NOW);
    let first = receive(&mut queues, "jobs", NOW + 1);
    assert_eq!((bodies(&first), first[0].receive_count), (vec!["a"], 1));
    assert!(receive(&mut queues, "jobs", NOW + 30_000).is_empty());
    let second = receive(&mut queues, "jobs", NOW + 30_001);
    assert_eq!(second[0].receive_count, 2);
    assert_eq!(second[0].first_received_at_ms, NOW + 1);
    assert_ne!(first[0].receipt_handle, second[0].receipt_handle);
}

#[test]
fn a_visibility_timeout_of_zero_gives_the_message_back_at_once() {
    let mut queues = with_queue(&[]);
    send(&mut queues, "a", NOW);
    let received = receive(&mut queues, "jobs", NOW);
    queues.change_visibility("jobs", &received[0].receipt_handle, 0, NOW).unwrap();
    assert_eq!(bodies(&receive(&mut queues, "jobs", NOW)), ["a"]);
    let options = ReceiveOptions { visibility_timeout_s: Some(0), ..ReceiveOptions::default() };
    assert!(queues.receive("jobs", options, NOW).unwrap().is_empty());
}

#[test]
fn the_visibility_of_a_message_that_is_not_in_flight_cannot_be_changed() {
    let mut queues = with_queue(&[("VisibilityTimeout", "1")]);
    send(&mut queues, "a", NOW);
    let handle = receive(&mut queues, "jobs", NOW)[0].receipt_handle.clone();
    let visible_again = queues.change_visibility("jobs", &handle, 5, NOW + 1_000).unwrap_err();
    assert_eq!(visible_again.kind, ErrorKind::InvalidParameterValue);
    queues.delete("jobs", &handle).unwrap();
    assert!(queues.change_visibility("jobs", &handle, 5, NOW + 1_000).is_err());
}

#[test]
fn an_old_handle_still_deletes() {
    let mut queues = with_queue(&[("VisibilityTimeout", "1")]);
    send(&mut queues, "a", NOW);
    let old = receive(&mut queues, "jobs", NOW)[0].receipt_handle.clone();
    receive(&mut queues, "jobs", NOW + 1_000);
    queues.delete("jobs", &old).unwrap();
    assert_eq!(queues.counts("jobs", NOW + 5_000).unwrap(), QueueCounts::default());
    queues.delete("jobs", &old).unwrap();
}

#[test]
fn a_handle_fits_only_the_queue_it_came_from() {
    let mut queues = with_queue(&[]);
    send(&mut queues, "a", NOW);
    let handle = receive(&mut queues, "jobs", NOW)[0].receipt_handle.clone();
    assert_eq!(queues.delete("dead", &handle).unwrap_err().kind, ErrorKind::ReceiptHandleIsInvalid);
    queues.delete_queue("jobs").unwrap();
    create(&mut queues, "jobs", &[]);
    assert_eq!(queues.delete("jobs", &handle).unwrap_err().kind, ErrorKind::ReceiptHandleIsInvalid);
}

#[test]
fn delays_come_from_the_message_or_else_from_the_queue() {
    let mut queues = with_queue(&[("DelaySeconds", "5")]);
    send(&mut queues, "by queue", NOW);
    let at_once = NewMessage { delay_s: Some(0), ..NewMessage::new("at once") };
    queues.send("jobs", at_once, NOW).unwrap();
    assert_eq!(queues.counts("jobs", NOW).unwrap(), QueueCounts { visible: 1, in_flight: 0, delayed: 1 });
    assert_eq!(bodies(&receive(&mut queues, "jobs", NOW)), ["at once"]);
    assert!(receive(&mut queues, "jobs", NOW + 4_999).is_empty());
    assert_eq!(bodies(&receive(&mut queues, "jobs", NOW + 5_000)), ["by queue"]);
    let too_long = NewMessage { delay_s: Some(901), ..NewMessage::new("x") };
    assert_eq!(queues.send("jobs", too_long, NOW).unwrap_err().kind, ErrorKind::InvalidParameterValue);
}

#[test]
fn a_message_received_too_often_moves_with_its_id_age_and_count() {
    let mut queues = with_queue(&[("VisibilityTimeout", "1"), ("RedrivePolicy", REDRIVE)]);
    let id = send(&mut queues, "poison", NOW);
    assert_eq!(receive(&mut queues, "jobs", NOW).len(), 1);
    assert_eq!(receive(&mut queues, "jobs", NOW + 1_000).len(), 1);
    assert!(
        receive(&mut queues, "dead", NOW + 2_000).is_empty(),
        "it moves at the third receive, not before"
    );
    assert!(receive(&mut queues, "jobs", NOW + 2_000).is_empty());
    let dead = receive(&mut queues, "dead", NOW + 2_000);
    assert_eq!(dead[0].content.message_id, id);
    assert_eq!(dead[0].content.sent_at_ms, NOW);
    assert_eq!(dead[0].receive_count, 3);
    assert_eq!(dead[0].dead_letter_source_arn.as_deref(), Some("arn:aws:sqs:eu-central-1:000000000000:jobs"));
}

#[test]
fn without_its_dead_letter_queue_a_message_stays() {
    let mut queues = with_queue(&[("VisibilityTimeout", "0"), ("RedrivePolicy", REDRIVE)]);
    send(&mut queues, "poison", NOW);
    queues.delete_queue("dead").unwrap();
    for _ in 0..5 {
        assert_eq!(receive(&mut queues, "jobs", NOW).len(), 1);
    }
}

#[test]
fn messages_expire_by_the_time_they_were_sent_in_the_dead_letter_queue_too() {
    let attributes =
        [("VisibilityTimeout", "0"), ("RedrivePolicy", REDRIVE), ("MessageRetentionPeriod", "60")];
    let mut queues = with_queue(&attributes);
    queues.set_attributes("dead", &pairs(&[("MessageRetentionPeriod", "120")]), NOW).unwrap();
    send(&mut queues, "old", NOW);
    for _ in 0..3 {
        receive(&mut queues, "jobs", NOW + 59_999);
    }
    send(&mut queues, "young", NOW + 59_999);
    assert_eq!(bodies(&receive(&mut queues, "jobs", NOW + 60_000)), ["young"]);
    assert_eq!(queues.counts("dead", NOW + 119_999).unwrap().visible, 1);
    assert_eq!(queues.counts("dead", NOW + 120_000).unwrap().visible, 0);
    assert_eq!(queues.counts("jobs", NOW + 119_999).unwrap(), QueueCounts::default());
}

#[test]
fn messages_come_in_the_order_in_which_they_became_visible() {
    let mut queues = with_queue(&[]);
    for body in ["a", "b", "c"] {
        send(&mut queues, body, NOW);
    }
    let received = receive(&mut queues, "jobs", NOW);
    queues.change_visibility("jobs", &received[2].receipt_handle, 1, NOW).unwrap();
    queues.change_visibility("jobs", &received[0].receipt_handle, 2, NOW).unwrap();
    send(&mut queues, "d", NOW + 1_500);
    assert_eq!(bodies(&receive(&mut queues, "jobs", NOW + 3_000)), ["c", "d", "a"]);
}

fn send_of(queues: &mut Queues, group: &str, body: &str, now_ms: u64) {
    let message = NewMessage { group: Some(group.to_owned()), ..NewMessage::new(body) };
    queues.send("jobs", message, now_ms).unwrap();
}

#[test]
fn one_groups_thousand_messages_do_not_keep_anothers_one_waiting() {
    let mut queues = with_queue(&[]);
    for n in 0..1_000 {
        send_of(&mut queues, "big", &format!("big {n}"), NOW);
    }
    assert_eq!(receive(&mut queues, "jobs", NOW).len(), 10);
    send_of(&mut queues, "small", "small", NOW + 5);
    assert_eq!(bodies(&receive(&mut queues, "jobs", NOW + 5))[..3], ["small", "big 10", "big 11"]);
}

#[test]
fn groups_take_turns_also_when_delays_and_visibility_timeouts_end() {
    let mut queues = with_queue(&[("VisibilityTimeout", "10")]);
    for body in ["a1", "a2", "a3"] {
        send_of(&mut queues, "a", body, NOW);
    }
    assert_eq!(bodies(&receive(&mut queues, "jobs", NOW)), ["a1", "a2", "a3"]);
    let late = NewMessage { group: Some("b".to_owned()), delay_s: Some(11), ..NewMessage::new("b1") };
    queues.send("jobs", late, NOW).unwrap();
    assert_eq!(bodies(&receive(&mut queues, "jobs", NOW + 11_000)), ["a1", "b1", "a2", "a3"]);
}

#[test]
fn a_message_keeps_its_group_in_the_dead_letter_queue_and_on_its_way_back() {
    let mut queues = with_queue(&[("VisibilityTimeout", "0"), ("RedrivePolicy", REDRIVE)]);
    send_of(&mut queues, "a", "poison", NOW);
    for _ in 0..3 {
        receive(&mut queues, "jobs", NOW);
    }
    queues.start_move("arn:aws:sqs:eu-central-1:000000000000:dead", None, None, NOW).unwrap();
    let back = receive(&mut queues, "jobs", NOW);
    assert_eq!((back[0].content.group.as_deref(), back[0].receive_count), (Some("a"), 1));
    assert_eq!(back[0].system_attributes("me")["MessageGroupId"], "a");
}

#[test]
fn creating_again_compares_only_the_given_attributes() {
    let mut queues = with_queue(&[("VisibilityTimeout", "7"), ("RedrivePolicy", REDRIVE)]);
    create(&mut queues, "jobs", &[]);
    create(&mut queues, "jobs", &[("VisibilityTimeout", "7")]);
    let differs =
        queues.create("jobs", &pairs(&[("VisibilityTimeout", "8")]), BTreeMap::new(), NOW).unwrap_err();
    assert_eq!(differs.kind, ErrorKind::QueueNameExists);
    assert!(queues.create("a.fifo", &BTreeMap::new(), BTreeMap::new(), NOW).is_err());
    assert!(queues.create("", &BTreeMap::new(), BTreeMap::new(), NOW).is_err());
    assert!(queues.create(&"x".repeat(81), &BTreeMap::new(), BTreeMap::new(), NOW).is_err());
}

#[test]
fn a_purge_takes_all_messages_and_is_refused_within_a_minute() {
    let mut queues = with_queue(&[]);
    send(&mut queues, "visible", NOW);
    send(&mut queues, "in flight", NOW);
    queues.receive("jobs", ReceiveOptions::default(), NOW).unwrap();
    queues.purge("jobs", NOW).unwrap();
    assert_eq!(queues.counts("jobs", NOW).unwrap(), QueueCounts::default());
    assert_eq!(queues.purge("jobs", NOW + 59_999).unwrap_err().kind, ErrorKind::PurgeQueueInProgress);
    queues.purge("jobs", NOW + 60_000).unwrap();
}

#[test]
fn a_receive_stops_at_its_size_but_takes_one_message_always() {
    let mut queues = with_queue(&[]);
    for _ in 0..3 {
        send(&mut queues, &"x".repeat(5_000), NOW);
    }
    let options = ReceiveOptions { messages_max: 10, visibility_timeout_s: None, event_bytes_max: 13_000 };
    assert_eq!(queues.receive("jobs", options, NOW).unwrap().len(), 2);
    let tiny = ReceiveOptions { event_bytes_max: 1, ..options };
    assert_eq!(queues.receive("jobs", tiny, NOW).unwrap().len(), 1);
}

#[test]
fn messages_up_to_the_limit_are_taken() {
    let mut queues = with_queue(&[]);
    send(&mut queues, &"x".repeat(limits::MESSAGE_BYTES_MAX), NOW);
    let larger = NewMessage::new("x".repeat(limits::MESSAGE_BYTES_MAX + 1));
    assert_eq!(queues.send("jobs", larger, NOW).unwrap_err().kind, ErrorKind::InvalidParameterValue);
    let empty = queues.send("jobs", NewMessage::default(), NOW).unwrap_err();
    assert_eq!(empty.kind, ErrorKind::MissingParameter);
}

#[test]
fn names_are_listed_by_prefix_in_pages() {
    let mut queues = Queues::new("eu-central-1", "000000000000");
    for name in ["a", "ab", "ac", "b"] {
        create(&mut queues, name, &[]);
    }
    assert_eq!(queues.names("a", None).collect::<Vec<_>>(), ["a", "ab", "ac"]);
    assert_eq!(queues.names("a", Some("ab")).collect::<Vec<_>>(), ["ac"]);
    assert_eq!(queues.names("", Some("ac")).collect::<Vec<_>>(), ["b"]);
    assert!(queues.names("c", None).next().is_none());
}

#[test]
fn at_random_the_counts_agree_with_a_plain_model() {
    // A list of (key, visible at) is the model: slow, and plainly right.
    let mut queues = with_queue(&[("VisibilityTimeout", "3")]);
    let mut model: Vec<(String, u64)> = Vec::new();
    let mut handles: Vec<(String, String)> = Vec::new();
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut now = NOW;
    for step in 0..4_000 {
        now += random(800);
        match random(5) {
            0 | 1 => {
                let delay_s = u32::try_from(random(3)).unwrap();
                let group =
                    [None, Some("a"), Some("b")][usize::try_from(random(3)).unwrap()].map(str::to_owned);
                let message = NewMessage { delay_s: Some(delay_s), group, ..NewMessage::new("m") };
                let id = queues.send("jobs", message, now).unwrap().message_id;
                model.push((id, now + u64::from(delay_s) * 1_000));
            }
            2 => {
                for received in receive(&mut queues, "jobs", now) {
                    let id = received.content.message_id.clone();
                    let entry = model.iter_mut().find(|(known, _)| *known == id).expect("it was deleted");
                    assert!(entry.1 <= now, "step {step}: received before it was visible");
                    entry.1 = now + 3_000;
                    handles.push((id, received.receipt_handle));
                }
            }
            3 if !handles.is_empty() => {
                let index = usize::try_from(random(handles.len() as u64)).unwrap();
                let (id, handle) = handles.swap_remove(index);
                queues.delete("jobs", &handle).unwrap();
                model.retain(|(known, _)| *known != id);
            }
            4 if !handles.is_empty() => {
                let index = usize::try_from(random(handles.len() as u64)).unwrap();
                let (id, handle) = &handles[index];
                let in_flight = model.iter_mut().find(|(known, at)| known == id && *at > now);
                let changed = queues.change_visibility("jobs", handle, 1, now);
                assert_eq!(changed.is_ok(), in_flight.is_some(), "step {step}");
                if let Some(entry) = in_flight {
                    entry.1 = now + 1_000;
                }
            }
            _ => {}
        }
        let counts = queues.counts("jobs", now).unwrap();
        assert_eq!(counts.visible, model.iter().filter(|(_, at)| *at <= now).count(), "step {step}");
        assert_eq!(counts.in_flight + counts.delayed, model.iter().filter(|(_, at)| *at > now).count());
    }
    assert!(model.len() > 10, "the test must have left something to count");
}
