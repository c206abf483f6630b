//! A run that is driven by hand, for the tests of what follows from an outcome.

#![allow(dead_code)]

use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{
    Branch, End, Next, Outcome, Phase, Position, Recorded, Records, Replay, Run, Transition, advance, replay,
    start,
};

/// A run that is driven by hand. Every transition is checked against its replay.
pub(crate) struct Driven {
    pub(crate) definition: Definition,
    pub(crate) run: Run,
    pub(crate) input: Value,
    pub(crate) now_ms: i64,
    pub(crate) records: Vec<Recorded>,
    pub(crate) last: Transition,
}

impl Driven {
    pub(crate) fn new(definition: &Value, input: Value) -> Self {
        let definition =
            Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}"));
        let mut run = Run::for_test("flow", "run-1");
        if definition.mentions_execution_input {
            run.input = Some(input.clone());
        }
        let last = start(&definition, &run, input.clone(), 0);
        Self { definition, run, input, now_ms: 0, records: Vec::new(), last }
    }

    /// The position that it waits at.
    #[track_caller]
    pub(crate) fn waits(&self) -> &Position {
        match &self.last.next {
            Next::Wait(position) => position,
            Next::End(end) => panic!("it has ended: {end:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn end(&self) -> &End {
        match &self.last.next {
            Next::End(end) => end,
            Next::Wait(position) => panic!("it waits: {position:?}"),
        }
    }

    /// Applies an outcome at `now_ms`.
    #[track_caller]
    pub(crate) fn at(&mut self, now_ms: i64, outcome: Outcome) {
        self.now_ms = now_ms;
        let position = match (&self.last.next, &outcome) {
            (Next::End(end), Outcome::Redriven { redrive_count, .. }) => {
                self.run.redrive_count = *redrive_count;
                end.redrive_position(self.records.len() as u32)
            }
            _ => self.waits().clone(),
        };
        assert_eq!(position.seq as usize, self.records.len());
        self.last = advance(&self.definition, &self.run, &position, &outcome, now_ms);
        let digest = self.last.digest();
        self.records.push(Recorded {
            outcome,
            started_ms: Some(now_ms),
            finished_ms: now_ms,
            digest,
            opening: None,
        });
        let replayed = self.replay();
        assert_eq!(replayed.last, self.last);
        let events = match &self.last.next {
            Next::Wait(position) => position.events,
            Next::End(end) => end.events,
        };
        assert_eq!(replayed.events.len() as u64, events);
    }

    /// Applies an outcome when the position is due.
    #[track_caller]
    pub(crate) fn when_due(&mut self, outcome: Outcome) {
        let due_ms = self.now_ms.max(self.waits().due_ms());
        self.at(due_ms, outcome);
    }

    pub(crate) fn replay(&self) -> Replay {
        replay(&self.definition, &self.run, self.input.clone(), &root(&self.records)).unwrap()
    }

    pub(crate) fn event_types(&self) -> Vec<String> {
        self.replay().events.iter().map(|event| event.event.type_name()).collect()
    }
}

/// The records of a run that has no other branch.
pub(crate) fn root(records: &[Recorded]) -> Records {
    Records::from([(Branch::default(), records.to_vec())])
}

pub(crate) fn failed(error: &str) -> Outcome {
    Outcome::Failed { error: error.to_owned(), cause: Some("why".to_owned()), phase: Phase::Run }
}

pub(crate) fn succeeded(output: Value) -> Outcome {
    Outcome::Succeeded { output }
}

pub(crate) const RESOURCE: &str = "arn:aws:lambda:us-east-1:000000000000:function:work";

/// One Task state `Work` with these members, and a Pass state `Caught`.
pub(crate) fn with_task(members: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": RESOURCE, "End": true });
    task.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "StartAt": "Work", "States": { "Work": task, "Caught": { "Type": "Pass", "End": true } } })
}

/// Without the state that nothing leads to.
pub(crate) fn with_lone_task(members: Value) -> Value {
    let mut definition = with_task(members);
    definition["States"].as_object_mut().unwrap().remove("Caught");
    definition
}
