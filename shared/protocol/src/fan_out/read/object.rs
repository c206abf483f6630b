//! The rows of one object, fetched as they are needed.

use super::Stop;
use crate::{
    limits,
    objects::{Chunk, ObjectError, ObjectName, Objects},
};
use serde_json::Value;
use stepladder_engine::ObjectFormat;
use stepladder_items::{
    Csv, Format, GroupRows, Grouped, OpenGrouped, Opened, Packing, Place, Reader, Row, Unpack, Unpacked,
    Unreadable,
};

/// Where rows are read from on.
#[derive(Debug, Clone, Default)]
pub(super) struct Start {
    /// None: it has not been begun.
    pub(super) etag: Option<String>,
    pub(super) packing: Option<Packing>,
    pub(super) at: Place,
    /// The names that the first row of a CSV gave.
    pub(super) headers: Option<Vec<String>>,
}

/// A row, and where it lies.
pub(super) struct Found {
    /// The number of the line that it begins on, from 1; none where there are no lines.
    pub(super) line: Option<u64>,
    /// The place behind it.
    pub(super) next: Place,
    /// The item; or why this row alone is none: a sentence.
    pub(super) item: Result<Value, String>,
}

/// The rows of an object.
pub(super) struct Rows<'a, O: Objects> {
    pub(super) fetch: Fetch<'a, O>,
    pub(super) body: Body,
}

/// How the rows lie in the object.
pub(super) enum Body {
    Text(Text),
    Groups(Groups),
}

impl<'a, O: Objects> Rows<'a, O> {
    pub(super) fn new(
        mut fetch: Fetch<'a, O>,
        format: &ObjectFormat,
        start: Start,
        group_bytes_max: usize,
    ) -> Result<Self, Stop> {
        let Start { packing, at, headers, .. } = start;
        let body = match format {
            ObjectFormat::Parquet => {
                let open = fetch.objects.formats().parquet.ok_or_else(|| {
                    let object = &fetch.object;
                    format!("The object {object} can't be read: this stack reads no Parquet files. {WITHOUT_PARQUET}")
                })?;
                let bytes_max = u64::try_from(group_bytes_max).unwrap_or(u64::MAX);
                Body::Groups(Groups { open, bytes_max, file: None, rows: None, at })
            }
            _ => {
                let reader = match at.offset {
                    0 => Reader::new(text_format(format)),
                    _ => Reader::resume(text_format(format), at, headers),
                };
                let reader = reader.map_err(|why| fetch.unreadable(&why))?;
                let skip = if packing.is_some() { at.offset } else { 0 };
                fetch.offset = at.offset - skip;
                Body::Text(Text { reader, packing, unpack: None, skip })
            }
        };
        Ok(Self { fetch, body })
    }

    /// The next row; none behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Found>, Stop> {
        match &mut self.body {
            Body::Text(text) => text.next(&mut self.fetch).await,
            Body::Groups(groups) => groups.next(&mut self.fetch).await,
        }
    }

    /// The names that the first row of a CSV gave.
    pub(super) fn headers(&self) -> Option<&[String]> {
        match &self.body {
            Body::Text(text) => text.reader.headers(),
            Body::Groups(_) => None,
        }
    }

    pub(super) fn packing(&self) -> Option<Packing> {
        match &self.body {
            Body::Text(text) => text.packing,
            Body::Groups(_) => None,
        }
    }
}

/// What is to be done about it.
const WITHOUT_PARQUET: &str =
    "Build its functions with the feature `parquet`: default = [\"parquet\"] in functions/system/Cargo.toml.";

/// Fetches the bytes of an object that is the same all the time.
pub(super) struct Fetch<'a, O> {
    pub(super) objects: &'a O,
    pub(super) object: ObjectName,
    pub(super) etag: Option<String>,
    /// The size that it has to have, if it is known.
    pub(super) bytes: Option<u64>,
    pub(super) bytes_at_once: usize,
    /// Whether the state names other objects than this one.
    pub(super) is_one_of_many: bool,
    /// Where the next bytes begin.
    pub(super) offset: u64,
}

impl<O: Objects> Fetch<'_, O> {
    /// The whole object can't be read, whoever tries. Of the only one AWS's causes don't say which it is.
    pub(super) fn unreadable(&self, why: &Unreadable) -> Stop {
        match self.is_one_of_many {
            true => format!("The object {} can't be read: {why}", self.object).into(),
            false => why.to_string().into(),
        }
    }

    /// The next bytes, and whether they are the last.
    async fn next(&mut self) -> Result<(Vec<u8>, bool), Stop> {
        let chunk = self.chunk(self.offset, self.bytes_at_once).await?;
        self.offset = self.offset.saturating_add(chunk.bytes.len() as u64);
        let is_last = chunk.bytes.is_empty() || self.offset >= chunk.object_bytes;
        Ok((chunk.bytes, is_last))
    }

    async fn chunk(&mut self, from: u64, bytes_max: usize) -> Result<Chunk, Stop> {
        let read = self.objects.read(&self.object, self.etag.as_deref(), from, bytes_max).await?;
        let chunk = read.map_err(|error| refused(&self.object, self.etag.is_some(), &error))?;
        if let Some(bytes) = self.bytes.filter(|bytes| *bytes != chunk.object_bytes) {
            let (object, there) = (&self.object, chunk.object_bytes);
            let cause = format!(
                "The object {object} is another one than its manifest lists: it has {there} bytes, and not {bytes}."
            );
            return Err(cause.into());
        }
        self.etag = Some(chunk.etag.clone());
        Ok(chunk)
    }

    /// All bytes of a range.
    async fn range(&mut self, from: u64, count: u64) -> Result<Vec<u8>, Stop> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut bytes: Vec<u8> = Vec::new();
        while bytes.len() < count {
            let left = count - bytes.len();
            let at = from.saturating_add(bytes.len() as u64);
            let chunk = self.chunk(at, left.min(self.bytes_at_once)).await?;
            if chunk.bytes.is_empty() {
                return Err(format!("The object {} ends before its byte {}.", self.object, at + 1).into());
            }
            bytes.reserve_exact(left);
            bytes.extend_from_slice(&chunk.bytes);
        }
        Ok(bytes)
    }

    /// The whole object, which may have at most so many bytes.
    pub(super) async fn whole(&mut self, bytes_max: usize) -> Result<Vec<u8>, Stop> {
        let first = self.chunk(0, self.bytes_at_once).await?;
        if first.object_bytes > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
            let (object, there) = (&self.object, first.object_bytes);
            return Err(format!(
                "The object {object} can't be read: it has {there} bytes; a manifest has {bytes_max} at most."
            )
            .into());
        }
        let (mut bytes, read) = (first.bytes, first.object_bytes);
        let from = bytes.len() as u64;
        bytes.extend(self.range(from, read.saturating_sub(from)).await?);
        Ok(bytes)
    }
}

/// Rows of text, which may be compressed.
pub(super) struct Text {
    reader: Reader,
    packing: Option<Packing>,
    unpack: Option<Box<dyn Unpack>>,
    /// So many bytes that a compressed object holds have been read before, and are to be passed over.
    skip: u64,
}

impl Text {
    async fn next<O: Objects>(&mut self, fetch: &mut Fetch<'_, O>) -> Result<Option<Found>, Stop> {
        loop {
            let row = self.reader.next_row().map_err(|why| fetch.unreadable(&why))?;
            if let Some(Row { line, next, item }) = row {
                let object = &fetch.object;
                let cause = |why: String| format!("Line {line} of {object} can't be read: {why}");
                return Ok(Some(Found { line: Some(line), next, item: item.map_err(cause) }));
            }
            if self.reader.is_done() {
                return Ok(None);
            }
            self.more(fetch).await?;
        }
    }

    /// Fetches bytes, or unpacks them, so that the reader has more.
    async fn more<O: Objects>(&mut self, fetch: &mut Fetch<'_, O>) -> Result<(), Stop> {
        if let Some(unpack) = &mut self.unpack {
            loop {
                match unpack.next().map_err(|why| fetch.unreadable(&why))? {
                    Unpacked::Bytes(bytes) => {
                        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                        self.skip -= passed as u64;
                        let bytes = bytes.get(passed..).unwrap_or_default();
                        if !bytes.is_empty() {
                            self.reader.push(bytes);
                            return Ok(());
                        }
                    }
                    Unpacked::End => {
                        self.reader.finish();
                        return Ok(());
                    }
                    Unpacked::Needs => {
                        let (bytes, is_last) = fetch.next().await?;
                        unpack.push(bytes);
                        if is_last {
                            unpack.finish();
                        }
                    }
                }
            }
        }
        let is_beginning = fetch.offset == 0;
        let (bytes, is_last) = fetch.next().await?;
        if is_beginning && self.packing.is_none() {
            self.packing = Packing::of(&bytes);
        }
        match self.packing {
            Some(packing) => {
                let unpack = (fetch.objects.formats().unpack)(packing);
                let unpack = self.unpack.insert(unpack.map_err(|why| fetch.unreadable(&why))?);
                unpack.push(bytes);
                if is_last {
                    unpack.finish();
                }
            }
            None => {
                self.reader.push(&bytes);
                if is_last {
                    self.reader.finish();
                }
            }
        }
        Ok(())
    }
}

/// Rows in groups. Its place is one of rows and groups.
pub(super) struct Groups {
    open: OpenGrouped,
    /// What a group may have, and take beside that.
    bytes_max: u64,
    file: Option<Box<dyn Grouped>>,
    /// Those of the group that it is at, from its place on.
    rows: Option<GroupRows>,
    at: Place,
}

impl Groups {
    async fn next<O: Objects>(&mut self, fetch: &mut Fetch<'_, O>) -> Result<Option<Found>, Stop> {
        if self.file.is_none() {
            self.file = Some(self.opened(fetch).await?);
        }
        loop {
            let Some(file) = &self.file else { return Ok(None) };
            let group = usize::try_from(self.at.line).unwrap_or(usize::MAX);
            if group >= file.groups() {
                return Ok(None);
            }
            let told = |why: Unreadable| fetch.unreadable(&why);
            let Some(rows) = &mut self.rows else {
                let range = file.range(group, self.bytes_max).map_err(told)?;
                let bytes = fetch.range(range.start, range.end.saturating_sub(range.start)).await?;
                let told = |why: Unreadable| fetch.unreadable(&why);
                let Some(file) = &self.file else { return Ok(None) };
                let mut rows = file.rows(group, bytes, self.bytes_max).map_err(told)?;
                for _ in 0..self.at.offset {
                    rows.next().transpose().map_err(told)?;
                }
                self.rows = Some(rows);
                continue;
            };
            let Some(row) = rows.next().transpose().map_err(told)? else {
                self.rows = None;
                self.at = Place { offset: 0, line: self.at.line + 1 };
                continue;
            };
            self.at.offset += 1;
            let (row_number, object) = (self.at.offset, &fetch.object);
            let cause = |why: String| {
                format!("Row {row_number} of row group {} of {object} can't be read: {why}", group + 1)
            };
            return Ok(Some(Found { line: None, next: self.at, item: row.map_err(cause) }));
        }
    }

    /// Reads the end of the file, which says where its groups are.
    async fn opened<O: Objects>(&mut self, fetch: &mut Fetch<'_, O>) -> Result<Box<dyn Grouped>, Stop> {
        let file_bytes = fetch.chunk(0, 1).await?.object_bytes;
        let mut needed = limits::FILE_END_BYTES;
        loop {
            let bytes = needed.min(file_bytes);
            let end = fetch.range(file_bytes - bytes, bytes).await?;
            match (self.open)(&end, file_bytes).map_err(|why| fetch.unreadable(&why))? {
                Opened::File(file) => return Ok(file),
                Opened::Needs(more) if more > bytes && more <= file_bytes => needed = more,
                Opened::Needs(_) => {
                    return Err(format!("The end of the object {} can't be read.", fetch.object).into());
                }
            }
        }
    }
}

fn text_format(format: &ObjectFormat) -> Format {
    match format {
        ObjectFormat::Json { pointer } if !pointer.is_empty() => Format::JsonArrayAt(pointer.clone()),
        ObjectFormat::Json { .. } | ObjectFormat::Parquet => Format::JsonArray,
        ObjectFormat::JsonLines => Format::JsonLines,
        ObjectFormat::Csv { delimiter, headers } => {
            Format::Csv(Csv { delimiter: *delimiter, headers: headers.clone() })
        }
    }
}

fn refused(object: &ObjectName, is_pinned: bool, error: &ObjectError) -> Stop {
    let cause = match is_pinned && error.code == "PreconditionFailed" {
        true => format!("The object {object} has changed since the state began to read it."),
        false => format!("The object {object} can't be read: {error}"),
    };
    cause.into()
}
