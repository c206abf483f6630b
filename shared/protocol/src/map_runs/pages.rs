//! The children of a Map Run, a page at a time: only those that are asked for are read.

use super::look::{Generation, GoneOn, MapRunEnd, MapRunFound, beginner};
use crate::{
    Protocol,
    fan_outs::{Ended, EndedHow, FanOuts, Part, PartKey},
    item::{Ending, Record, RecordKey},
    limits,
    message::Lock,
    redrive::Old,
    traits::{Host, WorldResult},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use stepladder_engine::{Plan, Run};

/// How far a child of a Map Run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildStatus {
    Running,
    Succeeded,
    Failed,
    Aborted,
    /// A redrive is to send it on, and hasn't yet.
    PendingRedrive,
}

impl ChildStatus {
    /// AWS's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChildStatus::Running => "RUNNING",
            ChildStatus::Succeeded => "SUCCEEDED",
            ChildStatus::Failed => "FAILED",
            ChildStatus::Aborted => "ABORTED",
            ChildStatus::PendingRedrive => "PENDING_REDRIVE",
        }
    }
}

/// A child of a Map Run. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRunChild {
    /// As the state counts.
    pub index: u32,
    pub name: String,
    pub status: ChildStatus,
    pub started_ms: i64,
    /// None as long as it runs, and of one that was aborted with its Map Run and has no record of that.
    pub stopped_ms: Option<i64>,
    /// How many items it has; none where that isn't known without its input.
    pub items: Option<u64>,
    pub redrives: u32,
    pub redriven_ms: Option<i64>,
}

/// Which children are asked for.
#[derive(Debug, Clone, Copy)]
pub struct ChildrenAsked<F> {
    /// Those with lower indexes; none: all.
    pub before: Option<u32>,
    pub wanted: usize,
    /// So many children are looked at, and then the page is done.
    pub looked_at_max: usize,
    /// By status, and by how often it was redriven.
    pub is_wanted: F,
}

/// Some children of a Map Run, by index, backwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildPage {
    pub children: Vec<MapRunChild>,
    /// What the next page is before; none after the last.
    pub before: Option<u32>,
}

/// A child of a Map Run with its data.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunChildData {
    pub found: MapRunFound,
    pub child: MapRunChild,
    pub input: Value,
    pub ending: Ending,
}

/// A child, before any of its records is read.
#[derive(Debug)]
struct Sketch {
    index: u32,
    status: ChildStatus,
    /// The first record that it can have.
    first: RecordKey,
    /// How it ended, and in which fan-out.
    ended: Option<(RecordKey, Ended)>,
    /// Whose end it began with, where it has come no further.
    begun_by: Option<RecordKey>,
    redrives: u32,
    /// The redrive count since it was redriven last.
    redriven: Option<u32>,
}

/// The fan-outs of a Map Run, and the lists of ended branches that have been read.
struct Pages<'a> {
    found: &'a MapRunFound,
    end: MapRunEnd,
    generations: Vec<Generation>,
    parts: HashMap<(usize, u32), Part>,
}

impl<H: Host> Protocol<H> {
    /// Some children of a Map Run. Those that have not begun are no executions yet.
    pub async fn map_run_children(
        &self,
        found: &MapRunFound,
        end: MapRunEnd,
        asked: ChildrenAsked<impl Fn(ChildStatus, u32) -> bool>,
    ) -> WorldResult<ChildPage> {
        let mut pages = self.pages(found, end).await?;
        let total = match pages.generations.is_empty() {
            true => 0,
            false => found.item.now.children,
        };
        let mut before = asked.before.unwrap_or(total).min(total);
        let (mut children, mut some, mut looked_at) = (Vec::new(), Vec::new(), 0);
        while let Some(index) = before.checked_sub(1) {
            if looked_at >= asked.looked_at_max {
                break;
            }
            before = index;
            looked_at += 1;
            let sketch = self.sketch(&mut pages, index).await?;
            some.extend(sketch.filter(|sketch| (asked.is_wanted)(sketch.status, sketch.redrives)));
            let is_full = children.len().saturating_add(some.len()) >= asked.wanted;
            if is_full || some.len() >= limits::RESULTS_READ_AT_ONCE {
                children.extend(self.drawn(&pages, std::mem::take(&mut some)).await?);
            }
            if children.len() >= asked.wanted {
                break;
            }
        }
        children.extend(self.drawn(&pages, some).await?);
        Ok(ChildPage { children, before: (before > 0).then_some(before) })
    }

    /// A child of a workflow's Map Run by its name; none where there is none.
    pub async fn map_run_child(&self, workflow: &str, name: &str) -> WorldResult<Option<MapRunChildData>> {
        let Some(found) = self.find_map_run_by_digits(workflow, name).await? else { return Ok(None) };
        let run = self.seeded(&found.run.run());
        let index = run.child_index(&found.item.id, name);
        let Some(index) = index.filter(|index| *index < found.item.now.children) else { return Ok(None) };
        let end = self.map_run_end(&found).await?;
        let mut pages = self.pages(&found, end).await?;
        let Some(sketch) = self.sketch(&mut pages, index).await? else { return Ok(None) };
        let ended = sketch.ended.clone();
        let Some(child) = self.drawn(&pages, vec![sketch]).await?.into_iter().next() else {
            return Ok(None);
        };
        let ending = match &ended {
            Some((fan_out, ended)) => self.ending_of(fan_out, ended).await?,
            None => Ending::default(),
        };
        let input = self.child_input(&pages, index).await?;
        Ok(Some(MapRunChildData { child, input, ending, found }))
    }

    async fn pages<'a>(&self, found: &'a MapRunFound, end: MapRunEnd) -> WorldResult<Pages<'a>> {
        let generations = self.generations(found).await?;
        Ok(Pages { found, end, generations, parts: HashMap::new() })
    }

    async fn ending_of(&self, fan_out: &RecordKey, ended: &Ended) -> WorldResult<Ending> {
        let records = self.last_records(fan_out, &[*ended]).await?;
        let Some(record) = records.first() else { return Ok(Ending::default()) };
        let end = self.branch_end(fan_out, ended, record).await?;
        Ok(Ending { output: end.output, error: end.error, cause: end.cause })
    }

    /// What a child was started with, of those of its part.
    async fn child_input(&self, pages: &Pages<'_>, index: u32) -> WorldResult<Value> {
        let Some(first) = pages.generations.first() else { return Ok(Value::Null) };
        let item = &pages.found.run;
        let definitions = self.definitions_of(item).await?;
        let redrive_count = match &first.left {
            Some((_, gone_on)) => gone_on.count_before(),
            None => pages.found.item.redrive_count,
        };
        let definition = definitions.at(redrive_count);
        let input = match definition.mentions_execution_input {
            true => Some(self.input(item).await?),
            false => None,
        };
        let run = self.seeded(&Run { redrive_count, input, ..item.run() });
        let lock = Lock { branch: first.fan_out.branch.clone(), seq: first.fan_out.seq };
        let position = self.opened(&first.fan_out.run, &lock).await?.position;
        let old = Old::new(&run, definition, &position)?;
        let inputs = self.old_inputs(&old, index / self.part_branches()).await?;
        let own = inputs.into_iter().find(|input| input.index == index);
        Ok(own.map(|input| input.data).unwrap_or_default())
    }

    /// A part of one of the fan-outs.
    async fn part_of_page<'p>(
        &self,
        pages: &'p mut Pages<'_>,
        generation: usize,
        part: u32,
    ) -> WorldResult<&'p Part> {
        let read = match (pages.parts.contains_key(&(generation, part)), pages.generations.get(generation)) {
            (false, Some(of)) => {
                self.host.store().part(&PartKey { fan_out: of.fan_out.clone(), part }).await?
            }
            _ => Part::default(),
        };
        Ok(pages.parts.entry((generation, part)).or_insert(read))
    }

    /// Where a child is; none where it has not begun, and is no execution yet.
    async fn sketch(&self, pages: &mut Pages<'_>, index: u32) -> WorldResult<Option<Sketch>> {
        let Some(Place { generation, number, first, redrives, redriven, is_last, failed }) =
            pages.place(index)
        else {
            return Ok(None);
        };
        let Some(of) = pages.generations.get(generation) else { return Ok(None) };
        let (fan_out, shape) = (of.fan_out.clone(), of.shape);
        // What failed before an update ended there; that it fails again is only how it is counted since.
        let (ended_in, ended_as) = failed.unwrap_or((generation, number));
        let part = self.part_of_page(pages, ended_in, ended_as / self.part_branches()).await?;
        let ended = part.ended.iter().find(|ended| ended.index == ended_as).copied();
        let ended_of = pages.generations.get(ended_in).map(|of| of.fan_out.clone());
        let mut begun_by = None;
        let status = match ended.map(|ended| ended.how) {
            Some(EndedHow::Ok) => ChildStatus::Succeeded,
            Some(EndedHow::Failed | EndedHow::Unread) => ChildStatus::Failed,
            // What a redrive has kept has succeeded.
            None if !is_last => ChildStatus::Succeeded,
            None => {
                let is_begun = match self.begun_by(&shape, number) {
                    None => true,
                    Some((part, place)) => {
                        let part = self.part_of_page(pages, generation, part).await?;
                        let ender = beginner(&shape, part, place);
                        begun_by = ender.map(|ender| record_of(&fan_out, ender.index, ender.seq));
                        ender.is_some()
                    }
                };
                match (is_begun, first.is_some(), pages.end.is_over()) {
                    (true, _, false) => ChildStatus::Running,
                    (true, _, true) | (false, true, true) => ChildStatus::Aborted,
                    (false, true, false) => ChildStatus::PendingRedrive,
                    (false, false, _) => return Ok(None),
                }
            }
        };
        Ok(Some(Sketch {
            index,
            status,
            first: first.unwrap_or_else(|| record_of(&fan_out, number, 0)),
            ended: ended_of.zip(ended),
            begun_by,
            redrives,
            redriven,
        }))
    }

    /// Children with their times. Of a Map Run that is over, one that was to begin with the end of another and has no record may
    /// never have begun.
    async fn drawn(&self, pages: &Pages<'_>, sketches: Vec<Sketch>) -> WorldResult<Vec<MapRunChild>> {
        let last_of = |sketch: &Sketch| {
            sketch.ended.as_ref().map(|(fan_out, ended)| record_of(fan_out, ended.index, ended.seq))
        };
        let firsts = sketches.iter().map(|sketch| sketch.first.clone());
        let records = self.records_by_key(firsts.chain(sketches.iter().filter_map(last_of))).await?;
        let unseen = sketches.iter().filter(|sketch| !records.contains_key(&sketch.first));
        let enders = self.records_by_key(unseen.filter_map(|sketch| sketch.begun_by.clone())).await?;
        let MapRunFound { item, run } = pages.found;
        let seeded = self.seeded(&run.run());
        let drawn = sketches.iter().filter_map(|sketch| {
            let first = records.get(&sketch.first);
            if first.is_none() && sketch.begun_by.is_some() && pages.end.is_over() {
                return None;
            }
            let opened_ms = first.and_then(|record| record.opening).map(|opening| opening.started_ms);
            let begun_ms = || sketch.begun_by.as_ref().and_then(|ender| enders.get(ender));
            let started_ms =
                opened_ms.or_else(|| begun_ms().map(|ender| ender.finished_ms)).unwrap_or(item.now.opened_ms);
            let last_ms = last_of(sketch).and_then(|last| records.get(&last)).map(|last| last.finished_ms);
            let stopped_ms = match sketch.status {
                ChildStatus::Succeeded | ChildStatus::Failed => last_ms,
                ChildStatus::Aborted => pages.end.stopped_ms,
                ChildStatus::Running | ChildStatus::PendingRedrive => None,
            };
            Some(MapRunChild {
                index: sketch.index,
                name: seeded.child_name(&item.id, sketch.index),
                status: sketch.status,
                started_ms,
                stopped_ms,
                items: item.items_known_of(sketch.index),
                redrives: sketch.redrives,
                redriven_ms: sketch.redriven.and_then(|redriven| run.redriven_to_ms(redriven)),
            })
        });
        Ok(drawn.collect())
    }

    /// Those records that are there.
    async fn records_by_key(
        &self,
        keys: impl Iterator<Item = RecordKey>,
    ) -> WorldResult<BTreeMap<RecordKey, Record>> {
        let keys: Vec<RecordKey> = keys.collect::<BTreeSet<RecordKey>>().into_iter().collect();
        let records = self.host.store().records_at(&keys).await?;
        Ok(keys.into_iter().zip(records).filter_map(|(key, record)| Some((key, record?))).collect())
    }
}

/// Where a child stands among the fan-outs of its Map Run.
struct Place {
    /// The last one that it belongs to, and its number there.
    generation: usize,
    number: u32,
    /// Whether no redrive came after that one.
    is_last: bool,
    /// Its first record, where it had one before the last redrive.
    first: Option<RecordKey>,
    redrives: u32,
    redriven: Option<u32>,
    /// The fan-out in which it failed, and its number there, if an update came after it and no redrive.
    failed: Option<(usize, u32)>,
}

impl Pages<'_> {
    fn place(&self, index: u32) -> Option<Place> {
        let mut place = Place {
            generation: 0,
            number: index,
            is_last: false,
            first: None,
            redrives: 0,
            redriven: None,
            failed: None,
        };
        for (at, generation) in self.generations.iter().enumerate() {
            place.generation = at;
            let Some((plan, gone_on)) = &generation.left else {
                place.is_last = true;
                return Some(place);
            };
            let Some((next, records)) = left_as(plan, place.number) else { return Some(place) };
            if records > 0 {
                place.first.get_or_insert_with(|| record_of(&generation.fan_out, place.number, 0));
            }
            match gone_on {
                GoneOn::Updated(_) if records > 0 => {
                    place.failed.get_or_insert((at, place.number));
                }
                GoneOn::Redriven(since) if records > 0 || place.failed.take().is_some() => {
                    place.failed = None;
                    place.redrives = place.redrives.saturating_add(1);
                    place.redriven = Some(*since);
                }
                GoneOn::Updated(_) | GoneOn::Redriven(_) => {}
            }
            place.number = next;
        }
        None
    }
}

/// The index that a branch goes on with, and how many of its records count; none where it is kept.
fn left_as(plan: &Plan, number: u32) -> Option<(u32, u32)> {
    let mut before = 0_u32;
    for left in &plan.left {
        if let Some(within) = number.checked_sub(left.first).filter(|within| *within < left.count) {
            return Some((before.saturating_add(within), left.records));
        }
        before = before.saturating_add(left.count);
    }
    None
}

fn record_of(fan_out: &RecordKey, index: u32, seq: u32) -> RecordKey {
    RecordKey { run: fan_out.run.clone(), branch: fan_out.branch.child(fan_out.seq, index), seq }
}
