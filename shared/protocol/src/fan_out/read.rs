//! Reading the items of a distributed Map state.
//!
//! It is done piece by piece: each delivery reads some parts' worth of items, writes what their children start with, and
//! records how far it has come. What it does again after a crash is the same, for the object is pinned by its ETag, and a place
//! to go on from lies between two parts.

use super::{open::in_time, part::Part};
use crate::{
    Protocol,
    batch::Invocation,
    deliver::{Job, plain_bytes_max},
    fan_outs::{FanOuts, PartKey},
    item::RunKey,
    limits,
    message::Lock,
    objects::{ListPage, Listed, Listing, ObjectError, ObjectName, Objects},
    payload,
    traits::{Clock, Host, Retry, WorldError, WorldResult},
};
use serde_json::{Value, json};
use stepladder_asl::errors;
use stepladder_engine::{
    BranchInput, Children, ItemRow, ObjectFormat, Outcome, Phase, Position, Reading, Source,
    limits::CHILDREN_MAX, source,
};
use stepladder_items::{Csv, Format, Place, Reader, Unreadable};

/// Items that are being read.
struct ReadOn<'a, H> {
    protocol: &'a Protocol<H>,
    run: RunKey,
    /// The position as it was when reading began.
    begun: &'a Position,
    children: Children<'a>,
    /// The last place to go on from.
    reading: Reading,
    part: Part,
    parts: usize,
    until_ms: i64,
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
        let now_ms = self.host.clock().now_ms();
        let left_ms = invocation.deadline_ms.saturating_sub(now_ms) / 2;
        let reading = begun.reading.as_deref().cloned().unwrap_or_default();
        let mut read_on = ReadOn {
            protocol: self,
            run: RunKey::of(&run),
            begun: &begun,
            children,
            part: Part::default(),
            parts: 0,
            until_ms: now_ms.saturating_add(left_ms.min(limits::READ_MS)),
            reading,
        };
        let ended = match &source {
            Source::Object { .. } => read_on.rows(objects, &source).await,
            Source::Listing { bucket, prefix, expected_owner, items_max } => {
                let (bucket, prefix) = (bucket.clone(), prefix.clone());
                let listing = Listing { bucket, prefix, expected_owner: expected_owner.clone() };
                read_on.listed(objects, &listing, items_max.unwrap_or(u64::MAX)).await
            }
        };
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
    /// Reads the rows of an object, to its end or to as many as are wanted.
    async fn rows(&mut self, objects: &H::Objects, source: &Source) -> Result<(), Stop> {
        let Source::Object { bucket, key, version, expected_owner, format, items_max } = source else {
            return Ok(());
        };
        let object = ObjectName {
            bucket: bucket.clone(),
            key: key.clone(),
            version: version.clone(),
            expected_owner: expected_owner.clone(),
        };
        let items_max = items_max.unwrap_or(u64::MAX);
        let names_itself = matches!(format, ObjectFormat::Csv { headers: None, .. });
        let mut at = Place { offset: self.reading.offset, line: self.reading.line };
        let headers = self.reading.headers.clone();
        let unreadable = |error: Unreadable| Stop::Outcome(failed(&error.to_string()));
        let mut reader = match at.offset {
            0 => Reader::new(format_of(format)),
            _ => Reader::resume(format_of(format), at, headers),
        }
        .map_err(unreadable)?;
        let (mut etag, mut offset) = (self.reading.etag.clone(), at.offset);
        while self.children.items() < items_max {
            if let Some(row) = reader.next_row().map_err(unreadable)? {
                let headers = reader.headers().filter(|_| names_itself);
                let place = |at: Place| Reading {
                    etag: etag.clone(),
                    offset: at.offset,
                    line: at.line,
                    headers: headers.map(<[String]>::to_vec),
                    ..Reading::default()
                };
                let line = row.line;
                let cause = |cause: String| format!("Line {line} of {object} can't be read: {cause}");
                let item = ItemRow { line: Some(line), item: row.item.map_err(cause) };
                self.take(item, || place(at), || place(row.next)).await?;
                at = row.next;
                continue;
            }
            if reader.is_done() {
                break;
            }
            let bytes_max = self.protocol.host.settings().read_bytes_at_once;
            let read = objects.read(&object, etag.as_deref(), offset, bytes_max).await?;
            let chunk = read.map_err(|error| Stop::Outcome(refused(&object, etag.is_some(), &error)))?;
            offset = offset.saturating_add(chunk.bytes.len() as u64);
            if chunk.bytes.is_empty() || offset >= chunk.object_bytes {
                reader.push(&chunk.bytes);
                reader.finish();
            } else {
                reader.push(&chunk.bytes);
            }
            etag = Some(chunk.etag);
        }
        Ok(())
    }

    /// Reads the objects of a listing.
    async fn listed(&mut self, objects: &H::Objects, listing: &Listing, items_max: u64) -> Result<(), Stop> {
        let mut after = self.reading.after.clone();
        loop {
            let listed = objects.list(listing, after.as_deref()).await?;
            let ListPage { objects: page, has_more } = listed.map_err(|error| {
                Stop::Outcome(failed(&format!(
                    "The objects of s3://{} can't be listed: {error}",
                    listing.bucket
                )))
            })?;
            let is_last = !has_more || page.is_empty();
            for object in page {
                if self.children.items() >= items_max {
                    return Ok(());
                }
                let before = Reading { after: after.clone(), ..Reading::default() };
                let next = Reading { after: Some(object.key.clone()), ..Reading::default() };
                after = Some(object.key.clone());
                let item = ItemRow { line: None, item: Ok(listed_item(&object)) };
                self.take(item, || before, || next).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Takes one item. `before` and `after` are the places around it.
    async fn take(
        &mut self,
        item: ItemRow,
        before: impl FnOnce() -> Reading,
        after: impl FnOnce() -> Reading,
    ) -> Result<(), Stop> {
        let items = self.children.items();
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
            || self.protocol.host.clock().now_ms() >= self.until_ms;
        match is_over {
            true => {
                let reading = Box::new(self.reading.clone());
                Err(Stop::Outcome(Outcome::ItemsRead { reading, is_all: false }))
            }
            false => Ok(()),
        }
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

/// An object of a listing as an item
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>).
fn listed_item(object: &Listed) -> Value {
    let mut item = json!({
        "Etag": object.etag,
        "Key": object.key,
        "LastModified": object.modified_ms / 1000,
        "Size": object.bytes,
    });
    if let (Some(class), Value::Object(members)) = (&object.storage_class, &mut item) {
        members.insert("StorageClass".to_owned(), class.as_str().into());
    }
    item
}

fn format_of(format: &ObjectFormat) -> Format {
    match format {
        ObjectFormat::Json => Format::JsonArray,
        ObjectFormat::JsonLines => Format::JsonLines,
        ObjectFormat::Csv { delimiter, headers } => {
            Format::Csv(Csv { delimiter: *delimiter, headers: headers.clone() })
        }
    }
}

/// The object can't be read, whoever tries.
fn refused(object: &ObjectName, is_pinned: bool, error: &ObjectError) -> Outcome {
    match is_pinned && error.code == "PreconditionFailed" {
        true => failed(&format!("The object {object} has changed since the state began to read it.")),
        false => failed(&format!("The object {object} can't be read: {error}")),
    }
}

fn failed(cause: &str) -> Outcome {
    let error = errors::ITEM_READER_FAILED.to_owned();
    Outcome::Failed { error, cause: Some(cause.to_owned()), phase: Phase::Run }
}
