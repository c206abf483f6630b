//! All branches of a run, followed from their records.

use crate::reading;
use stepladder_asl::Definition;
use stepladder_engine::{
    Branch, Next, Opening, Outcome, Position, Recorded, Run, Transition, advance, start_branch,
};
use stepladder_protocol::RunView;

/// A branch's place in the run, whatever its seqs are: for each fork the how-manieth fan-out of its branch, and the index.
pub(crate) type Path = Vec<(usize, u32)>;

/// One branch, as its records tell it.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    pub(crate) path: Path,
    /// The position of each record.
    pub(crate) positions: Vec<Position>,
    pub(crate) recorded: &'a [Recorded],
}

/// All branches that have records; an error where a replay leads elsewhere than the run did.
pub(crate) fn told<'a>(view: &'a RunView, run: &Run) -> Result<Vec<Told<'a>>, String> {
    let root = Told { path: Path::new(), positions: view.replay.positions.clone(), recorded: &view.recorded };
    let (mut all, mut untold) = (Vec::new(), 0);
    let mut open = vec![(root, view.replay.last.clone())];
    while let Some((branch, last)) = open.pop() {
        let pending = match &last.next {
            Next::Wait(position) => Some(position),
            Next::End(_) => None,
        };
        let fan_outs = branch.positions.iter().chain(pending).filter(|position| position.fan_out().is_some());
        let mut ordinals = 0;
        for position in fan_outs {
            let updated = position.resumes.as_ref().is_some_and(|resumes| resumes.repeats_failures());
            // What an update opens is the same fan-out as before.
            ordinals += usize::from(!updated);
            let ordinal = ordinals.max(1) - 1;
            let state = definition_at(view, position).state(&position.state);
            if position.resumes.is_some() && state.is_some_and(stepladder_asl::State::reads_items) {
                // What they go on from is in the table, and no replay knows it.
                let first = position.branch.child(position.seq, 0);
                let behind = position.branch.child(position.seq + 1, 0);
                untold += view.branch_recorded.range(first..behind).count();
                continue;
            }
            for index in 0..position.fan_out().unwrap().count {
                let child = position.branch.child(position.seq, index);
                let Some(recorded) = view.branch_recorded.get(&child) else { continue };
                let Some(opening) = recorded.first().and_then(|first| first.opening) else {
                    return Err("a first record doesn't say what its branch was started with".to_owned());
                };
                let mut path = branch.path.clone();
                path.push((ordinal, index));
                // Where its branches go on from others, the replay of the whole run is asked.
                if let (Some(_), Some(replay)) = (&position.resumes, view.replay.branches.get(&child)) {
                    let index = replay.positions.first().and_then(|first| first.indexes().last().copied());
                    if let (true, Some(index), Some(last)) = (updated, index, path.last_mut()) {
                        last.1 = index;
                    }
                    let told = Told { path, positions: replay.positions.clone(), recorded };
                    open.push((told, replay.last.clone()));
                    continue;
                }
                open.push(follow(view, run, position, index, opening, path, recorded)?);
            }
        }
        all.push(branch);
    }
    match all.len() + untold == view.branch_recorded.len() + 1 {
        true => Ok(all),
        false => Err("there are records of branches that nobody opened".to_owned()),
    }
}

/// The definition that was in force when a position was come to.
fn definition_at<'a>(view: &'a RunView, position: &Position) -> &'a Definition {
    let seq = position.branch.0.first().map_or(position.seq, |fork| fork.seq);
    let before = view.recorded.iter().take(seq as usize);
    let mut count = before.filter_map(|recorded| match recorded.outcome {
        Outcome::Redriven { redrive_count, .. } => Some(redrive_count),
        _ => None,
    });
    view.definitions.at(count.next_back().unwrap_or(0))
}

fn follow<'a>(
    view: &RunView,
    run: &Run,
    parent: &Position,
    index: u32,
    opening: Opening,
    path: Path,
    recorded: &'a [Recorded],
) -> Result<(Told<'a>, Transition), String> {
    let definition = definition_at(view, parent);
    let inputs = reading::inputs(definition, run, parent).unwrap();
    let input = inputs.into_iter().find(|input| input.index == index).unwrap();
    let mut transition = start_branch(definition, run, &parent.head(), input, opening);
    let mut positions = Vec::new();
    for record in recorded {
        let Next::Wait(position) = transition.next else {
            return Err("a record follows the end of its branch".to_owned());
        };
        transition = advance(definition, run, &position, &record.outcome, record.finished_ms);
        if transition.digest() != record.digest {
            let branch: &Branch = &position.branch;
            return Err(format!("the replay of record {} of branch {branch} leads elsewhere", position.seq));
        }
        positions.push(position);
    }
    Ok((Told { path, positions, recorded }, transition))
}
