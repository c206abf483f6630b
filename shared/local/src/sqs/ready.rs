//! The visible messages of a queue, in the order in which they are received: fair to the groups.
//!
//! Whatever its group has waiting, a message is received in a *round*. A message that becomes visible joins the round that is
//! being received, but where one of its group waits already it joins the round after that one's; within a round the message that
//! has been visible for longest comes first. So each group has at most one message in a round: however many one of them has
//! waiting, another's first one waits for at most one message of each. A message without a group is a group by itself, as on
//! AWS; where there are no groups, the order is that in which messages became visible.
//!
//! AWS's queues go further than taking turns: a group that is noisy waits until no other has anything
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Visible messages. Every operation costs O(log n), and a group is known while it has a message here: what is held is bounded by
/// the number of messages.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    order: BTreeSet<Place>,
    /// The round that is being received.
    round: u64,
    groups: HashMap<Arc<str>, Group>,
}

/// Where a message stands among the visible ones; the least is received next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    round: u64,
    visible_at_ms: u64,
    key: u64,
}

#[derive(Debug)]
struct Group {
    last_round: u64,
    messages: usize,
}

impl Ready {
    /// Lets a message take its place behind those of its group.
    pub(crate) fn insert(&mut self, group: Option<&Arc<str>>, visible_at_ms: u64, key: u64) -> Place {
        let round = match group {
            None => self.round,
            Some(group) => match self.groups.get_mut(group) {
                Some(known) => {
                    known.last_round = self.round.max(known.last_round + 1);
                    known.messages += 1;
                    known.last_round
                }
                None => {
                    self.groups.insert(Arc::clone(group), Group { last_round: self.round, messages: 1 });
                    self.round
                }
            },
        };
        let place = Place { round, visible_at_ms, key };
        self.order.insert(place);
        place
    }

    /// The key of the message that is received next.
    pub(crate) fn first(&self) -> Option<u64> {
        self.order.first().map(|place| place.key)
    }

    /// Takes a message out because it is received.
    pub(crate) fn take(&mut self, group: Option<&Arc<str>>, place: Place) {
        self.round = self.round.max(place.round);
        self.remove(group, place);
    }

    /// Takes a message out for another reason.
    pub(crate) fn remove(&mut self, group: Option<&Arc<str>>, place: Place) {
        self.order.remove(&place);
        let Some(group) = group else { return };
        if let Some(known) = self.groups.get_mut(group) {
            known.messages -= 1;
            if known.messages == 0 {
                self.groups.remove(group);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.groups.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of one queue by number, each of a group named by a letter; `-` is none.
    struct Messages {
        ready: Ready,
        groups: Vec<Option<Arc<str>>>,
        places: Vec<Place>,
    }

    impl Messages {
        fn new() -> Self {
            Self { ready: Ready::default(), groups: Vec::new(), places: Vec::new() }
        }

        /// One message for each letter, each visible a millisecond later than the one before.
        fn send(&mut self, groups: &str) {
            for group in groups.chars() {
                let group = (group != '-').then(|| Arc::from(group.to_string()));
                let key = self.groups.len() as u64;
                self.places.push(self.ready.insert(group.as_ref(), key, key));
                self.groups.push(group);
            }
        }

        fn receive(&mut self, count: usize) -> String {
            let mut received = String::new();
            for _ in 0..count {
                let Some(key) = self.ready.first() else { break };
                let index = key as usize;
                let group = self.groups[index].clone();
                self.ready.take(group.as_ref(), self.places[index]);
                received.push_str(group.as_deref().unwrap_or("-"));
            }
            received
        }
    }

    #[track_caller]
    fn check(sent: &str, expected: &str) {
        let mut messages = Messages::new();
        messages.send(sent);
        assert_eq!(messages.receive(usize::MAX), expected);
        assert!(messages.ready.is_empty() && messages.ready.groups.is_empty());
    }

    #[test]
    fn the_groups_take_turns() {
        check("aaaaab", "abaaaa");
        check("aaabbc", "abcaba");
        check("aaaa", "aaaa");
    }

    #[test]
    fn a_message_without_a_group_is_a_group_by_itself() {
        check("aaa-", "a-aa");
        check("aa---b", "a---ba");
        check("---", "---");
    }

    #[test]
    fn who_comes_late_is_in_the_round_that_is_received() {
        let mut messages = Messages::new();
        messages.send(&"a".repeat(1000));
        assert_eq!(messages.receive(500), "a".repeat(500));
        messages.send("bb");
        assert_eq!(messages.receive(5), "babaa");
    }

    #[test]
    fn a_group_that_has_drained_begins_anew() {
        let mut messages = Messages::new();
        messages.send("aaaa");
        messages.receive(4);
        messages.send("bbba");
        assert_eq!(messages.receive(4), "babb");
    }
}
