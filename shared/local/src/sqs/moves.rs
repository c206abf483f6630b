//! Move tasks: a dead-letter queue's messages sent back to where they came from.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>. A task here has
//! ended when its request is answered; so none is ever RUNNING, and a rate changes nothing. What is in flight stays where
//! it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::error::{ErrorKind, SqsError, error};
use super::message::new_uuid;
use super::queues::Queues;
use crate::limits;

/// A move task that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTask {
    pub task_handle: String,
    pub source_arn: String,
    /// `None`: each message went back to the queue that had given it up.
    pub destination_arn: Option<String>,
    pub messages_per_second: Option<u32>,
    /// Messages that have moved.
    pub moved: u64,
    /// Messages that were there to be moved.
    pub to_move: u64,
    /// Why it ended before all had moved: a code of AWS's.
    pub failure: Option<&'static str>,
    /// Milliseconds since 1970.
    pub started_at_ms: u64,
}

/// The last tasks of each source queue, by its name, the newest first.
pub(crate) type Moves = BTreeMap<String, Vec<MoveTask>>;

impl Queues {
    /// Moves what is visible in a dead-letter queue to `destination_arn`, or to the queues that it came from, as new
    /// messages. Answers with the task's handle.
    pub fn start_move(
        &mut self,
        source_arn: &str,
        destination_arn: Option<&str>,
        messages_per_second: Option<u32>,
        now_ms: u64,
    ) -> Result<String, SqsError> {
        let source = self.name_of("SourceArn", source_arn)?;
        if self.dead_letter_sources(&source)?.is_empty() {
            let message = "Source queue must be configured as a Dead Letter Queue.";
            return Err(error(ErrorKind::InvalidParameterValue, message));
        }
        let destination = destination_arn.map(|arn| self.name_of("DestinationArn", arn)).transpose()?;
        if destination.as_deref() == Some(source.as_str()) {
            let message = "Source queue arn and destination queue arn cannot be the same.";
            return Err(error(ErrorKind::InvalidParameterValue, message));
        }
        let to_move = self.counts(&source, now_ms)?.visible as u64;
        let mut moved = 0;
        let failure = loop {
            // What comes back to where it was is not moved again: a queue may be its own dead-letter queue.
            if moved >= to_move {
                break None;
            }
            match self.move_next(&source, destination.as_deref(), now_ms)? {
                Next::Moved => moved += 1,
                Next::Nothing => break None,
                Next::Stuck(why) => break Some(why),
            }
        };
        let handle = json!({ "taskId": new_uuid(), "sourceArn": source_arn }).to_string();
        let task = MoveTask {
            task_handle: BASE64.encode(handle),
            source_arn: source_arn.to_owned(),
            destination_arn: destination_arn.map(str::to_owned),
            messages_per_second,
            moved,
            to_move,
            failure,
            started_at_ms: now_ms,
        };
        let handle = task.task_handle.clone();
        let tasks = self.moves.entry(source).or_default();
        tasks.insert(0, task);
        tasks.truncate(limits::MOVE_TASKS_SHOWN_MAX);
        Ok(handle)
    }

    /// The last tasks of a source queue, the newest first.
    pub fn moves(&self, source_arn: &str) -> Result<&[MoveTask], SqsError> {
        let source = self.name_of("SourceArn", source_arn)?;
        Ok(self.moves.get(&source).map_or(&[], Vec::as_slice))
    }

    /// Refuses: a task that is known has ended.
    pub fn cancel_move(&self, task_handle: &str) -> Result<(), SqsError> {
        if self.moves.values().flatten().any(|task| task.task_handle == task_handle) {
            return Err(error(ErrorKind::InvalidParameterValue, "Only active tasks can be cancelled."));
        }
        Err(error(ErrorKind::ResourceNotFound, "Task does not exist."))
    }

    fn move_next(&mut self, source: &str, destination: Option<&str>, now_ms: u64) -> Result<Next, SqsError> {
        let Some((key, came_from)) = self.queue(source)?.first_ready() else {
            return Ok(Next::Nothing);
        };
        let target = match (destination, came_from.as_deref().and_then(|arn| arn.rsplit(':').next())) {
            (Some(destination), _) => destination.to_owned(),
            (None, Some(name)) => name.to_owned(),
            // It was sent here by somebody.
            (None, None) => return Ok(Next::Stuck("CouldNotDetermineMessageSource")),
        };
        if !self.exists(&target) {
            return Ok(Next::Stuck("AWS.SimpleQueueService.NonExistentQueue"));
        }
        let Some(content) = self.queue_mut(source)?.take(key) else {
            return Ok(Next::Nothing);
        };
        let key = self.next_key();
        self.queue_mut(&target)?.push(key, Arc::new(content.sent_anew(now_ms)), 0, now_ms);
        Ok(Next::Moved)
    }

    fn name_of(&self, parameter: &str, arn: &str) -> Result<String, SqsError> {
        let ["arn", _, "sqs", _, _, name] = arn.split(':').collect::<Vec<_>>()[..] else {
            let message = format!(
                "You must use this format to specify the {parameter}: \
                 arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            );
            return Err(error(ErrorKind::InvalidParameterValue, message));
        };
        match self.arn(name) {
            Ok(known) if *known == *arn => Ok(name.to_owned()),
            _ => {
                let message =
                    format!("The resource that you specified for the {parameter} parameter doesn't exist.");
                Err(error(ErrorKind::ResourceNotFound, message))
            }
        }
    }
}

/// What became of one step of a move.
enum Next {
    Moved,
    Nothing,
    Stuck(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::{NewMessage, ReceiveOptions};

    const DEAD: &str = "arn:aws:sqs:us-east-1:000000000000:dead";
    const NOW_MS: u64 = 1_000_000;

    /// `work`, which gives a message up after one receive, and `dead`; with as many dead messages.
    fn queues(dead: usize) -> Queues {
        let mut queues = Queues::new("us-east-1", "000000000000");
        queues.create("dead", &BTreeMap::new(), BTreeMap::new(), 0).unwrap();
        let policy = json!({ "deadLetterTargetArn": DEAD, "maxReceiveCount": 1 }).to_string();
        let attributes = BTreeMap::from([("RedrivePolicy".to_owned(), policy)]);
        queues.create("work", &attributes, BTreeMap::new(), 0).unwrap();
        let options =
            ReceiveOptions { messages_max: 10, visibility_timeout_s: Some(0), ..Default::default() };
        for n in 0..dead {
            queues.send("work", NewMessage::new(format!("message {n}")), 0).unwrap();
        }
        for _ in 0..2 {
            queues.receive("work", options, 1).unwrap();
        }
        assert_eq!(queues.counts("dead", 1).unwrap().visible, dead);
        queues
    }

    fn bodies(queues: &mut Queues, name: &str) -> Vec<(String, u32)> {
        let options = ReceiveOptions { messages_max: 10, ..ReceiveOptions::default() };
        let received = queues.receive(name, options, NOW_MS).unwrap();
        received.iter().map(|message| (message.content.body.clone(), message.receive_count)).collect()
    }

    #[test]
    fn dead_messages_go_back_as_new_ones() {
        let mut queues = queues(2);
        queues.start_move(DEAD, None, Some(5), NOW_MS).unwrap();
        let [task] = queues.moves(DEAD).unwrap() else { panic!("one task") };
        assert_eq!((task.moved, task.to_move, task.failure, task.started_at_ms), (2, 2, None, NOW_MS));
        assert_eq!(queues.counts("dead", NOW_MS).unwrap().visible, 0);
        let expected = [("message 0".to_owned(), 1), ("message 1".to_owned(), 1)];
        assert_eq!(bodies(&mut queues, "work"), expected);
    }

    #[test]
    fn a_destination_may_be_named_and_only_the_newest_tasks_are_known() {
        let mut queues = queues(1);
        queues.create("other", &BTreeMap::new(), BTreeMap::new(), 0).unwrap();
        let other = queues.arn("other").unwrap();
        for n in 0..12 {
            queues.start_move(DEAD, Some(&other), None, NOW_MS + n).unwrap();
        }
        assert_eq!(bodies(&mut queues, "other"), [("message 0".to_owned(), 1)]);
        let tasks = queues.moves(DEAD).unwrap();
        assert_eq!((tasks.len(), tasks[0].started_at_ms), (limits::MOVE_TASKS_SHOWN_MAX, NOW_MS + 11));
    }

    #[test]
    fn what_nobody_gave_up_stops_the_task() {
        let mut queues = queues(1);
        queues.send("dead", NewMessage::new("by hand"), 2).unwrap();
        queues.start_move(DEAD, None, None, NOW_MS).unwrap();
        let task = &queues.moves(DEAD).unwrap()[0];
        assert_eq!((task.moved, task.failure), (1, Some("CouldNotDetermineMessageSource")));
        assert_eq!(bodies(&mut queues, "dead"), [("by hand".to_owned(), 1)]);
    }

    #[test]
    fn a_source_that_is_gone_stops_the_task() {
        let mut queues = queues(1);
        // Another queue keeps `dead` a dead-letter queue.
        let policy = json!({ "deadLetterTargetArn": DEAD, "maxReceiveCount": 1 }).to_string();
        let attributes = BTreeMap::from([("RedrivePolicy".to_owned(), policy)]);
        queues.create("other", &attributes, BTreeMap::new(), 0).unwrap();
        queues.delete_queue("work").unwrap();
        queues.start_move(DEAD, None, None, NOW_MS).unwrap();
        let task = &queues.moves(DEAD).unwrap()[0];
        assert_eq!((task.moved, task.failure), (0, Some("AWS.SimpleQueueService.NonExistentQueue")));
    }

    #[test]
    fn each_message_of_a_queue_that_is_its_own_dead_letter_queue_is_moved_once() {
        let mut queues = queues(0);
        let work = queues.arn("work").unwrap();
        let policy = json!({ "deadLetterTargetArn": &*work, "maxReceiveCount": 1 }).to_string();
        let attributes = BTreeMap::from([("RedrivePolicy".to_owned(), policy)]);
        queues.set_attributes("work", &attributes, 0).unwrap();
        let options =
            ReceiveOptions { messages_max: 10, visibility_timeout_s: Some(0), ..Default::default() };
        for body in ["one", "two"] {
            queues.send("work", NewMessage::new(body.to_owned()), 0).unwrap();
        }
        for _ in 0..2 {
            queues.receive("work", options, 1).unwrap();
        }
        queues.start_move(&work, None, None, NOW_MS).unwrap();
        let task = &queues.moves(&work).unwrap()[0];
        assert_eq!((task.moved, task.to_move, task.failure), (2, 2, None));
        assert_eq!(queues.counts("work", NOW_MS).unwrap().visible, 2);
    }

    #[test]
    fn wrong_requests_are_refused_as_on_aws() {
        let mut queues = queues(0);
        let work = queues.arn("work").unwrap();
        let mut refused = |source: &str, destination| {
            queues.start_move(source, destination, None, NOW_MS).unwrap_err().kind
        };
        let missing = "arn:aws:sqs:us-east-1:000000000000:missing";
        assert_eq!(refused("dead", None), ErrorKind::InvalidParameterValue);
        assert_eq!(refused(missing, None), ErrorKind::ResourceNotFound);
        assert_eq!(refused(&work, None), ErrorKind::InvalidParameterValue);
        assert_eq!(refused(DEAD, Some(DEAD)), ErrorKind::InvalidParameterValue);
        assert_eq!(refused(DEAD, Some(missing)), ErrorKind::ResourceNotFound);
        let handle = queues.start_move(DEAD, None, None, NOW_MS).unwrap();
        assert_eq!(queues.cancel_move(&handle).unwrap_err().kind, ErrorKind::InvalidParameterValue);
        assert_eq!(queues.cancel_move("no handle").unwrap_err().kind, ErrorKind::ResourceNotFound);
    }
}
