//! Objects of a bucket: a trait, and its homes on S3 and in memory.

mod memory;
mod s3;

use std::future::Future;

pub use memory::MemoryObjects;
pub use s3::S3Objects;

/// What the pipeline does with objects.
pub trait Objects: Send + Sync {
    /// An object's size and ETag; none where there is no such object or bucket.
    fn head(
        &self,
        bucket: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<Head>, ObjectsError>> + Send;

    /// Hands an object's bytes to `take`, piece by piece, as long as that takes them; if it still has this ETag.
    fn read(
        &self,
        bucket: &str,
        key: &str,
        etag: &str,
        take: &mut (dyn FnMut(&[u8]) -> Take + Send),
    ) -> impl Future<Output = Result<Read, ObjectsError>> + Send;

    /// Puts an object in place of the one that is there.
    fn put(
        &self,
        bucket: &str,
        key: &str,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), ObjectsError>> + Send;
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub bytes: u64,
    /// Without quotation marks, as S3's notifications have it.
    pub etag: String,
}

/// Whether further bytes are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    More,
    Enough,
}

/// How far an object was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// To its end, or as far as was wanted.
    Done,
    /// It is another one by now, or gone.
    Changed,
}

/// A bucket can't be used for the moment, or at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bucket can't {what}: {why}")]
pub struct ObjectsError {
    what: &'static str,
    why: String,
}
