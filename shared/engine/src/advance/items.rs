//! A distributed Map state that reads its items.
//!
//! Reading is a wait of its own: whoever reads records now and then how far it has come, and at last that there is no more.
//! Then the state waits for the children.

use super::{Flow, Walk, failure::Failure};
use crate::{
    event::Event,
    fan_out::Seen,
    limits::CHILDREN_MAX,
    position::{Awaiting, Position, Reading},
    transition::Next,
};
use stepladder_asl::{State, errors};

impl Walk<'_> {
    /// Begins to read the items of the state that has been entered.
    pub(super) fn read_items(&mut self, state: &State, position: &Position) -> Flow {
        let seen = Seen::new(self.definition, self.run, state, position);
        let at_once = seen.concurrency(&self.budget);
        let source = at_once.and_then(|_| seen.source(&self.budget));
        let source = match source {
            Ok(source) => source,
            Err(error) => return self.failed_evaluation(state, position, &error),
        };
        self.event(|| Event::MapStateStarted { length: 0 });
        if let Err(error) = seen.tolerates(0, &self.budget, self.probe()) {
            return self.failed_evaluation(state, position, &error);
        }
        if let Some(map_run_arn) = self.map_run_arn(state, position) {
            self.event(|| Event::MapRunStarted { map_run_arn });
        }
        if let Err(cause) = source {
            return self.map_run_failed(state, position, &reader_failed(&cause));
        }
        let (seq, events) = (self.origin.next_seq, self.events);
        let reading = Some(Box::new(Reading { seq, ..Reading::default() }));
        let awaiting = Awaiting::Items;
        Flow::Stop(Next::Wait(Position { seq, awaiting, events, opening: None, reading, ..position.clone() }))
    }

    /// Items have been read: it waits for more of them, or for the children that they make.
    pub(super) fn items_read(
        &mut self,
        state: &State,
        position: &Position,
        reading: &Reading,
        is_all: bool,
    ) -> Flow {
        if reading.children > CHILDREN_MAX {
            let cause = format!("A state may have {CHILDREN_MAX} children at most; its items make more.");
            return self.map_run_failed(state, position, &reader_failed(&cause));
        }
        let seq = self.origin.next_seq;
        if !is_all {
            let reading = Some(Box::new(reading.clone()));
            return Flow::Stop(Next::Wait(Position { seq, opening: None, reading, ..position.clone() }));
        }
        if reading.children == 0 {
            return self.joined(state, position, Vec::new());
        }
        // As it was seen when it was entered.
        let entered = Position { seq: reading.seq, ..position.clone() };
        let seen = Seen::new(self.definition, self.run, state, &entered);
        let fan_out = match seen.read_fan_out(reading, &self.budget) {
            Ok(fan_out) => fan_out,
            Err(error) => return self.failed_evaluation(state, position, &error),
        };
        let awaiting = Awaiting::Branches(fan_out);
        let reading = None;
        Flow::Stop(Next::Wait(Position { seq, awaiting, opening: None, reading, ..position.clone() }))
    }
}

fn reader_failed(cause: &str) -> Failure {
    Failure::new(Some(errors::ITEM_READER_FAILED), Some(cause))
}
