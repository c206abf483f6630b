//! Objects of the users' own in S3, which a distributed Map state reads its items from and writes its results to.

use crate::traits::WorldResult;
use std::{fmt, future::Future};
use stepladder_items::{OpenGrouped, Packing, Unpack, Unreadable, unpacker};

/// An object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    pub bucket: String,
    pub key: String,
    /// The version to read, where it isn't the newest.
    pub version: Option<String>,
    /// The account that the bucket has to belong to, twelve digits.
    pub expected_owner: Option<String>,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// What a listing asks for (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub bucket: String,
    /// Empty: all objects of the bucket.
    pub prefix: String,
    /// The account that the bucket has to belong to, twelve digits.
    pub expected_owner: Option<String>,
}

/// Some bytes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub bytes: Vec<u8>,
    /// The size of the whole object.
    pub object_bytes: u64,
    /// S3's ETag of the object, as S3 spells it: a changed object has another one.
    pub etag: String,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub key: String,
    pub etag: String,
    pub bytes: u64,
    /// Milliseconds since the epoch.
    pub modified_ms: i64,
    pub storage_class: Option<String>,
}

/// One page of a listing, in the order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    pub objects: Vec<Listed>,
    /// Whether more objects follow the last one.
    pub has_more: bool,
}

/// The bucket or the object can't be read or written, whoever tries: it isn't there, it has changed, access is denied. It is the
/// state's own error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectError {
    /// S3's code: `NoSuchKey`, `NoSuchBucket`, `AccessDenied`, `PreconditionFailed`.
    pub code: String,
    pub message: String,
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// What reads objects that aren't plain text. It would make each step larger: only who has objects refers to it.
#[derive(Debug, Clone, Copy)]
pub struct Formats {
    pub(crate) unpack: fn(Packing) -> Result<Box<dyn Unpack>, Unreadable>,
    pub(crate) parquet: Option<OpenGrouped>,
}

impl Formats {
    /// What is compressed as a whole.
    pub const PLAIN: Self = Self { unpack: unpacker, parquet: None };

    /// Parquet files as well.
    pub const fn with_parquet(self, open: OpenGrouped) -> Self {
        Self { parquet: Some(open), ..self }
    }
}

/// The users' buckets. Only the timer function has them.
pub trait Objects: Send + Sync {
    /// What reads the objects in them.
    fn formats(&self) -> Formats;

    /// The bytes of an object from `from` on, at most `bytes_max`; fewer only at its end, and none behind it. With an ETag
    /// the object has to be the one that has it: else the error's code is `PreconditionFailed`.
    fn read(
        &self,
        object: &ObjectName,
        etag: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> impl Future<Output = WorldResult<Result<Chunk, ObjectError>>> + Send;

    /// The objects whose keys follow `after`: one page, at most 1,000 and at least one if there is one.
    fn list(
        &self,
        listing: &Listing,
        after: Option<&str>,
    ) -> impl Future<Output = WorldResult<Result<ListPage, ObjectError>>> + Send;

    /// Writes a whole object in place of what is there.
    fn write(
        &self,
        object: &ObjectName,
        bytes: Vec<u8>,
        content_type: &str,
    ) -> impl Future<Output = WorldResult<Result<(), ObjectError>>> + Send;
}
