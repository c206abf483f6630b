//! Maps that read their items: what lies in their objects, and what comes of it.

use crate::host::MemoryHost;
use serde_json::Value;
use stepladder_asl::{Definition, EvalError};
use stepladder_engine::{
    BranchInput, Children, ItemRow, Outcome, Position, Reading, Run, Source, branch_inputs, source,
};

/// The bucket of all objects.
pub(crate) const BUCKET: &str = "rows";

/// The objects have fewer lines than this.
const LINES_MAX: usize = 13;

/// The key of an object of so many lines.
pub(crate) fn key(lines: usize) -> String {
    format!("{}.jsonl", lines % LINES_MAX)
}

/// Writes the objects of all sizes.
pub(crate) fn put_objects(host: &MemoryHost) {
    for lines in 0..LINES_MAX {
        let text: String = (0..lines).map(|line| format!("{}\n", written(lines, line))).collect();
        host.put_object(BUCKET, &key(lines), text);
    }
}

/// A line as it is written. In a large object one is broken.
fn written(lines: usize, line: usize) -> String {
    match (lines > 10 && line == 8, line % 3) {
        (true, _) => "{".to_owned(),
        (false, 1) => "null".to_owned(),
        (false, _) => line.to_string(),
    }
}

fn rows(definition: &Definition, run: &Run, position: &Position) -> Vec<ItemRow> {
    let Source::Object { key, .. } = source(definition, run, position).unwrap() else {
        panic!("only objects are read")
    };
    let lines: usize = key.trim_end_matches(".jsonl").parse().unwrap();
    let row = |line: usize| {
        let item = serde_json::from_str::<Value>(&written(lines, line));
        ItemRow { line: Some(line as u64 + 1), item: item.map_err(|_| "it is broken".to_owned()) }
    };
    (0..lines).map(row).collect()
}

/// The children of a position that waits for its items, and how far it has come then.
fn children(
    definition: &Definition,
    run: &Run,
    begun: &Position,
) -> Result<(Vec<BranchInput>, Reading), EvalError> {
    let mut children = Children::new(definition, run, begun)?;
    let mut inputs = Vec::new();
    for row in rows(definition, run, begun) {
        let made = children.push(row)?;
        inputs.extend(made.before.into_iter().chain(made.after));
    }
    inputs.extend(children.finish());
    let (items, count, largest) = (children.items(), children.children(), children.largest());
    let reading = Reading { seq: begun.seq, items, children: count, largest, ..Reading::default() };
    Ok((inputs, reading))
}

/// What reading comes to.
pub(crate) fn outcome(definition: &Definition, run: &Run, position: &Position) -> Outcome {
    let (_, reading) = children(definition, run, &position.as_begun()).unwrap();
    Outcome::ItemsRead { reading: Box::new(reading), is_all: true }
}

/// The rows for a rehearsal.
pub(crate) fn rehearsed(definition: &Definition, run: &Run, position: &Position) -> Vec<ItemRow> {
    rows(definition, run, position)
}

/// What all branches of a fan-out start with that was opened anew.
pub(crate) fn inputs(
    definition: &Definition,
    run: &Run,
    parent: &Position,
) -> Result<Vec<BranchInput>, EvalError> {
    let fan_out = parent.fan_out().unwrap();
    let Some(seq) = fan_out.inputs_seq else {
        return branch_inputs(definition, run, parent, 0..fan_out.count);
    };
    let reading = Some(Box::new(Reading { seq, ..Reading::default() }));
    children(definition, run, &Position { seq, reading, ..parent.clone() }).map(|(inputs, _)| inputs)
}
