//! Where items come from: the rows of an object, of objects after one another, and the objects of a listing.

use super::{
    ReadOn, Stop,
    object::{Fetch, Rows, Start},
};
use crate::{
    limits,
    objects::{ListPage, Listed, Listing, ObjectName, Objects},
    traits::Host,
};
use serde_json::{Value, json};
use stepladder_engine::{ItemRow, Manifest, ObjectFormat, Reading, Source, SourceObject};
use stepladder_items::{Inventory, ListedFile, Packing, Place, Unreadable, athena_manifest};

/// One of the objects that are read after one another.
struct OneOf {
    name: ObjectName,
    /// The size that it has to have, if it is known.
    bytes: Option<u64>,
    /// What a place in it says beside: which of them it is.
    which: Reading,
    is_one_of_many: bool,
}

impl<H: Host> ReadOn<'_, H> {
    /// Reads all items, to their end or to as many as are wanted.
    pub(super) async fn all(&mut self, source: Source) -> Result<(), Stop> {
        match source {
            Source::Object { object, format, items_max } => {
                self.items_max = items_max.unwrap_or(u64::MAX);
                let start = start(&self.reading)?;
                let one = OneOf {
                    name: name(object),
                    bytes: None,
                    which: Reading::default(),
                    is_one_of_many: false,
                };
                self.rows(one, &format, start).await
            }
            Source::Manifest { object, manifest, items_max } => {
                self.items_max = items_max.unwrap_or(u64::MAX);
                self.listed_by(name(object), manifest).await
            }
            Source::Listing { bucket, prefix, expected_owner, rows, items_max } => {
                self.items_max = items_max.unwrap_or(u64::MAX);
                self.listed(&Listing { bucket, prefix, expected_owner }, rows.as_ref()).await
            }
        }
    }

    /// Reads the rows of an object.
    async fn rows(&mut self, one: OneOf, format: &ObjectFormat, start: Start) -> Result<(), Stop> {
        let protocol = self.protocol;
        // A group of rows takes much memory: one at a time in a process.
        let _alone = match format {
            ObjectFormat::Parquet => Some(protocol.group.lock().await),
            _ => None,
        };
        let settings = protocol.host.settings();
        let OneOf { name, bytes, which, is_one_of_many } = one;
        let fetch = Fetch {
            objects: self.objects,
            object: name,
            etag: start.etag.clone(),
            bytes,
            bytes_at_once: settings.read_bytes_at_once,
            is_one_of_many,
            offset: 0,
        };
        let names_itself = matches!(format, ObjectFormat::Csv { headers: None, .. });
        let mut at = start.at;
        let mut rows = Rows::new(fetch, format, start, settings.payload_bytes_max)?;
        while !self.is_enough() {
            let Some(row) = rows.next().await? else { break };
            let (etag, packing) = (&rows.fetch.etag, rows.packing());
            let headers = rows.headers().filter(|_| names_itself);
            let place = |at: Place| Reading {
                etag: etag.clone(),
                packing: packing.map(spelled),
                offset: at.offset,
                line: at.line,
                headers: headers.map(<[String]>::to_vec),
                ..which.clone()
            };
            let item = ItemRow { line: row.line, item: row.item };
            self.take(item, || place(at), || place(row.next)).await?;
            at = row.next;
        }
        Ok(())
    }

    /// Reads the rows of the objects that an object lists.
    async fn listed_by(&mut self, object: ObjectName, manifest: Manifest) -> Result<(), Stop> {
        let mut fetch = Fetch {
            objects: self.objects,
            object,
            etag: self.reading.manifest.clone(),
            bytes: None,
            bytes_at_once: self.protocol.host.settings().read_bytes_at_once,
            is_one_of_many: true,
            offset: 0,
        };
        let bytes = fetch.whole(limits::MANIFEST_BYTES_MAX).await?;
        let unreadable = |why: Unreadable| fetch.unreadable(&why);
        let (files, format) = match manifest {
            Manifest::Inventory { delimiter, headers } => {
                let inventory = Inventory::read(&bytes).map_err(unreadable)?;
                let headers = Some(headers.unwrap_or(inventory.headers));
                (inventory.files, ObjectFormat::Csv { delimiter, headers })
            }
            Manifest::Athena(format) => (athena_manifest(&bytes).map_err(unreadable)?, format),
        };
        drop(bytes);
        let (etag, expected_owner) = (fetch.etag, fetch.object.expected_owner);
        let begun = self.reading.files;
        for (number, file) in (0_u64..).zip(files).skip(usize::try_from(begun).unwrap_or(usize::MAX)) {
            if self.is_enough() {
                break;
            }
            let start = if number == begun { start(&self.reading)? } else { Start::default() };
            let ListedFile { bucket, key, bytes } = file;
            let name = ObjectName { bucket, key, version: None, expected_owner: expected_owner.clone() };
            let which = Reading { manifest: etag.clone(), files: number, ..Reading::default() };
            self.rows(OneOf { name, bytes, which, is_one_of_many: true }, &format, start).await?;
        }
        Ok(())
    }

    /// Reads the objects of a listing; or their rows, in that format.
    async fn listed(&mut self, listing: &Listing, rows: Option<&ObjectFormat>) -> Result<(), Stop> {
        let mut after = self.reading.after.clone();
        if let (Some(format), Some(key)) = (rows, after.clone()) {
            // In the middle of this one.
            let start = start(&self.reading)?;
            self.rows(one_listed(listing, key), format, start).await?;
        }
        loop {
            let listed = self.objects.list(listing, after.as_deref()).await?;
            let ListPage { objects: page, has_more } = listed.map_err(|error| {
                format!("The objects of s3://{} can't be listed: {error}", listing.bucket)
            })?;
            let is_last = !has_more || page.is_empty();
            for object in page {
                if self.is_enough() {
                    return Ok(());
                }
                let before = Reading { after: after.clone(), ..Reading::default() };
                let next = Reading { after: Some(object.key.clone()), ..Reading::default() };
                after = Some(object.key.clone());
                match rows {
                    None => {
                        let item = ItemRow { line: None, item: Ok(listed_item(&object)) };
                        self.take(item, || before, || next).await?;
                    }
                    Some(_) if is_folder(&object) => {}
                    Some(format) => {
                        self.rows(one_listed(listing, object.key), format, Start::default()).await?;
                    }
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// Where reading goes on in an object.
fn start(reading: &Reading) -> Result<Start, Stop> {
    let packing = match reading.packing.as_deref() {
        None => None,
        Some(spelled) => Some(
            serde_json::from_value::<Packing>(spelled.into())
                .map_err(|_| format!("How the object is compressed isn't known here: {spelled}."))?,
        ),
    };
    let at = Place { offset: reading.offset, line: reading.line };
    Ok(Start { etag: reading.etag.clone(), packing, at, headers: reading.headers.clone() })
}

fn spelled(packing: Packing) -> String {
    match packing {
        Packing::Gzip => "gzip",
        Packing::Zstd => "zstd",
    }
    .to_owned()
}

fn name(object: SourceObject) -> ObjectName {
    let SourceObject { bucket, key, version, expected_owner } = object;
    ObjectName { bucket, key, version, expected_owner }
}

fn one_listed(listing: &Listing, key: String) -> OneOf {
    let Listing { bucket, expected_owner, .. } = listing;
    let which = Reading { after: Some(key.clone()), ..Reading::default() };
    let (bucket, expected_owner) = (bucket.clone(), expected_owner.clone());
    let name = ObjectName { bucket, key, version: None, expected_owner };
    OneOf { name, bytes: None, which, is_one_of_many: true }
}

/// As S3's console makes them.
fn is_folder(object: &Listed) -> bool {
    object.bytes == 0 && object.key.ends_with('/')
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
