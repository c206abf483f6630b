//! One branch of a run, as far as all of its messages agree.

use crate::{
    batch::{Delivery, Invocation},
    message::{Enclosing, Message},
};
use stepladder_asl::Definition;
use stepladder_engine::{FanOut, Run};

/// One branch of a run, and on whose behalf something is done about it.
#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    pub(crate) run: &'a Run,
    pub(crate) definition: &'a Definition,
    /// The fan-outs that the branch stands in, outermost first.
    pub(crate) enclosing: Vec<Enclosing>,
    pub(crate) before: Before,
    /// The id of the message that is being handled.
    pub(crate) owner: &'a str,
}

/// Whether the same may have been done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Never,
    /// Whatever has a record needn't be started again.
    Perhaps,
}

impl Invocation {
    /// Whether the effects of what a message asks for may have been done by an earlier delivery of it.
    pub(crate) fn before(&self, delivery: &Delivery) -> Before {
        match delivery.receive_count > 1 || self.is_dead_letter() {
            true => Before::Perhaps,
            false => Before::Never,
        }
    }
}

impl<'a> Line<'a> {
    /// The branch that a message is about.
    pub(crate) fn of(message: &'a Message, definition: &'a Definition, before: Before) -> Self {
        Self {
            run: &message.run,
            definition,
            enclosing: message.enclosing.clone(),
            before,
            owner: &message.id,
        }
    }

    /// The root branch.
    pub(crate) fn root(message: &'a Message, definition: &'a Definition, before: Before) -> Self {
        Self { enclosing: Vec::new(), ..Self::of(message, definition, before) }
    }

    /// A branch of a fan-out that this branch has opened. `events` are on its path before it.
    pub(crate) fn child(&self, fan_out: FanOut, events: u64) -> Self {
        let mut child = self.clone();
        child.enclosing.push(Enclosing { fan_out, events });
        child
    }

    /// The branch that opened the fan-out that this branch belongs to, and that fan-out.
    pub(crate) fn parent(&self) -> Option<(Self, Enclosing)> {
        let mut parent = self.clone();
        let enclosing = parent.enclosing.pop()?;
        Some((parent, enclosing))
    }
}
