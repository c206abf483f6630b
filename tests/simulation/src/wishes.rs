//! Runs that go on, or are done again, as somebody has chosen: what must hold of them.

use serde_json::Value;
use stepladder_engine::{Chosen, Event, HistoryEvent, Kept, Left, Outcome, Plan};
use stepladder_protocol::RunView;

/// Whether a run with this redrive count did not end, but was sent elsewhere.
pub(crate) fn went_elsewhere(view: &RunView, count: u64) -> bool {
    view.recorded.iter().zip(&view.replay.positions).any(|(recorded, position)| {
        // A position that was redriven from an end has entered nothing.
        matches!(&recorded.outcome, Outcome::Redriven { redrive_count, .. } if u64::from(*redrive_count) == count + 1)
            && position.entered_ms != 0
    })
}

/// The places that a run went on from, of which its history doesn't say that they saw what they were given.
pub(crate) fn unseen(view: &RunView) -> Vec<String> {
    let (mut unseen, mut count) = (Vec::new(), 0);
    for (recorded, position) in view.recorded.iter().zip(&view.replay.positions) {
        let Outcome::Redriven { kept, chosen, .. } = &recorded.outcome else { continue };
        count += 1;
        let redriven = |event: &HistoryEvent| matches!(event.event, Event::ExecutionRedriven { redrive_count } if redrive_count == count);
        let behind = view.replay.events.iter().position(redriven).unwrap_or(0);
        let before = &view.replay.events[..behind];
        let mut places: Vec<&Chosen> = Vec::new();
        // Whoever stops a run for another state has chosen the state alone.
        if position.entered_ms == 0 {
            places.extend(chosen.as_deref());
        }
        if let Some(Kept::FanOut(plan)) = kept {
            chosen_in(plan, &mut places);
        }
        unseen.extend(
            places
                .into_iter()
                .filter(|chosen| !is_seen(before, chosen))
                .map(|chosen| format!("'{}' went on with what it never saw", chosen.state)),
        );
    }
    unseen
}

fn chosen_in<'a>(plan: &'a Plan, places: &mut Vec<&'a Chosen>) {
    for Left { chosen, inner, .. } in &plan.left {
        places.extend(chosen.as_ref().map(|chosen| &chosen.at));
        if let Some(Kept::FanOut(inner)) = inner.as_deref() {
            chosen_in(inner, places);
        }
    }
}

/// Whether the states before saw this; a state that nobody entered is no matter of this.
fn is_seen(before: &[HistoryEvent], chosen: &Chosen) -> bool {
    let mut entered = before.iter().filter_map(|event| match &event.event {
        Event::StateEntered { name, input, .. } if *name == chosen.state => Some(input),
        _ => None,
    });
    let data = unpatched(&chosen.data);
    let (mut any, mut same) = (false, false);
    for input in entered.by_ref() {
        any = true;
        same |= unpatched(input) == data;
    }
    same || !any
}

fn unpatched(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.remove("patched");
    }
    value
}

/// What a rerun has otherwise than the run that it does again.
pub(crate) fn unlike(old: &RunView, rerun: &RunView) -> Vec<String> {
    let mut unlike = Vec::new();
    match &rerun.beginning.chosen {
        Some(chosen) if !is_seen(&old.replay.events, chosen) => {
            unlike.push(format!("a rerun began at '{}' with what that never saw", chosen.state));
        }
        Some(_) => {}
        None if unpatched(&rerun.beginning.input) != unpatched(&old.beginning.input) => {
            unlike.push("a rerun has another input".to_owned());
        }
        None => {}
    }
    unlike
}
