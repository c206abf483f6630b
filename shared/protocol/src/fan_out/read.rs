//! Reading the items of a distributed Map state.
//!
//! It is done piece by piece: each delivery reads some parts' worth of items, writes what their children start with, and
//! records how far it has come. What it does again after a crash is the same, for each object is pinned by its ETag, and a place
//! to go on from lies between two parts.

mod object;
mod sources;

use super::{open::in_time, part::Part};
use crate::{
    Protocol,
    batch::Invocation,
    deliver::{Job, plain_bytes_max},
    fan_outs::{FanOuts, PartKey},
    item::RunKey,
    limits,
    message::Lock,
    payload,
    traits::{Clock, Host, Retry, WorldError, WorldResult},
};
use stepladder_asl::errors;
use stepladder_engine::{
    BranchInput, Children, ItemRow, Outcome, Phase, Position, Reading, limits::CHILDREN_MAX, source,
};

/// Items that are being read.
struct ReadOn<'a, H: Host> {
    protocol: &'a Protocol<H>,
    objects: &'a H::Objects,
    run: RunKey,
    /// The position as it was when reading began.
    begun: &'a Position,
    children: Children<'a>,
    /// So many items are wanted.
    items_max: u64,
    /// The last place to go on from.
    reading: Reading,
    part: Part,
    parts: usize,
    /// When the function is killed.
    deadline_ms: i64,
    /// Until when it is read; known once the first item is there.
    until_ms: Option<i64>,
}

/// Why no more items are read now.
enum Stop {
    Outcome(Outcome),
    World(WorldError),
}

impl From<WorldError> for Stop {
    fn from(error: WorldError) -> Self {
        Stop::World(error)
    }
}

/// It can't be read, whoever tries.
impl From<String> for Stop {
    fn from(cause: String) -> Self {
        let error = errors::ITEM_READER_FAILED.to_owned();
        Stop::Outcome(Outcome::Failed { error, cause: Some(cause), phase: Phase::Run })
    }
}

impl<H: Host> Protocol<H> {
    /// Reads more of the items that a position waits for: how far that has come, or why it can't be done.
    pub(crate) async fn read_items(
        &self,
        invocation: &Invocation,
        job: &Job,
        position: &Position,
    ) -> WorldResult<Outcome> {
        let Some(objects) = self.host.objects() else {
            return Err(WorldError {
                operation: format!("read the items of state '{}'", position.state),
                message: "this function reads no objects; deploy the stack again".to_owned(),
                retry: Retry::Later,
            });
        };
        let (begun, run) = (position.as_begun(), self.seeded(&job.message.run));
        let source = match in_time(position, source(&job.definition, &run, &begun))? {
            Ok(source) => source,
            Err(outcome) => return Ok(outcome),
        };
        let children = match in_time(position, Children::new(&job.definition, &run, &begun))? {
            Ok(children) => children,
            Err(outcome) => return Ok(outcome),
        };
        let is_begun = begun.reading.as_ref().is_some_and(|reading| reading.items > 0);
        if !is_begun {
            self.put_reading_map_run(&run, &job.definition, position).await?;
        }
        let mut read_on = ReadOn {
            protocol: self,
            objects,
            run: RunKey::of(&run),
            begun: &begun,
            children,
            items_max: u64::MAX,
            reading: begun.reading.as_deref().cloned().unwrap_or_default(),
            part: Part::default(),
            parts: 0,
            deadline_ms: invocation.deadline_ms,
            until_ms: None,
        };
        let ended = read_on.all(source).await;
        match ended {
            Ok(()) => match read_on.end().await {
                Ok(outcome) | Err(Stop::Outcome(outcome)) => Ok(outcome),
                Err(Stop::World(error)) => Err(error),
            },
            Err(Stop::Outcome(outcome)) => Ok(outcome),
            Err(Stop::World(error)) => Err(error),
        }
    }
}

impl<H: Host> ReadOn<'_, H> {
    /// Whether as many items have been read as are wanted.
    fn is_enough(&self) -> bool {
        self.children.items() >= self.items_max
    }

    /// Takes one item. `before` and `after` are the places around it.
    async fn take(
        &mut self,
        item: ItemRow,
        before: impl FnOnce() -> Reading,
        after: impl FnOnce() -> Reading,
    ) -> Result<(), Stop> {
        let items = self.children.items();
        self.until_ms();
        let made = match in_time(self.begun, self.children.push(item))? {
            Ok(made) => made,
            Err(outcome) => return Err(Stop::Outcome(outcome)),
        };
        if let Some(child) = made.before {
            self.child(child, || Reading { items, ..before() }).await?;
        }
        if let Some(child) = made.after {
            self.child(child, || Reading { items: items.saturating_add(1), ..after() }).await?;
        }
        Ok(())
    }

    /// Takes one child; where its part is full with it, the part is written, and there is a place to go on from.
    async fn child(&mut self, child: BranchInput, place: impl FnOnce() -> Reading) -> Result<(), Stop> {
        if child.index >= CHILDREN_MAX {
            // The state ends by it.
            let reading = Reading { children: CHILDREN_MAX.saturating_add(1), ..self.reading.clone() };
            return Err(Stop::Outcome(Outcome::ItemsRead { reading: Box::new(reading), is_all: false }));
        }
        let (index, next) = (child.index, child.index.saturating_add(1));
        let bytes_max = self.protocol.host.settings().payload_bytes_max;
        self.part.push(&child, bytes_max).map_err(Stop::Outcome)?;
        let part_branches = self.protocol.part_branches();
        if !next.is_multiple_of(part_branches) {
            return Ok(());
        }
        self.write(index / part_branches).await?;
        let seq = self.reading.seq;
        self.reading = Reading { seq, children: next, largest: self.children.largest(), ..place() };
        self.parts += 1;
        let is_over = self.parts >= self.protocol.host.settings().parts_read_per_delivery
            || self.protocol.host.clock().now_ms() >= self.until_ms();
        match is_over {
            true => {
                let reading = Box::new(self.reading.clone());
                Err(Stop::Outcome(Outcome::ItemsRead { reading, is_all: false }))
            }
            false => Ok(()),
        }
    }

    /// Counted from the first item on: before it, what was read of a compressed object has been passed over.
    fn until_ms(&mut self) -> i64 {
        let deadline_ms = self.deadline_ms;
        let clock = self.protocol.host.clock();
        *self.until_ms.get_or_insert_with(|| {
            let now_ms = clock.now_ms();
            let left_ms = deadline_ms.saturating_sub(now_ms) / 2;
            now_ms.saturating_add(left_ms.min(limits::READ_MS))
        })
    }

    async fn write(&mut self, part: u32) -> Result<(), Stop> {
        let part = PartKey { fan_out: Lock::of(self.begun).key(&self.run), part };
        let json = std::mem::take(&mut self.part).finish(&self.begun.head())?;
        let host = &self.protocol.host;
        let plain = plain_bytes_max(&self.run, &self.begun.branch);
        let inputs = payload::store(host.blobs(), &self.run, json, plain).await?;
        host.store().put_inputs(&part, &inputs, self.protocol.fan_out_expires_s(&self.run)).await?;
        Ok(())
    }

    /// All items have been read.
    async fn end(mut self) -> Result<Outcome, Stop> {
        if let Some(child) = self.children.finish() {
            let items = self.children.items();
            let last = self.reading.clone();
            match self.child(child, || Reading { items, ..last }).await {
                // There is nothing behind it.
                Ok(()) | Err(Stop::Outcome(Outcome::ItemsRead { .. })) => {}
                Err(stop) => return Err(stop),
            }
        }
        let children = self.children.children();
        if !self.part.is_empty() {
            self.write(children.saturating_sub(1) / self.protocol.part_branches()).await?;
        }
        let (items, largest) = (self.children.items(), self.children.largest());
        let reading = Reading { seq: self.reading.seq, items, children, largest, ..Reading::default() };
        Ok(Outcome::ItemsRead { reading: Box::new(reading), is_all: true })
    }
}
