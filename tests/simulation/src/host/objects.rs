//! The users' objects in memory.

use super::MemoryHost;
use sha2::{Digest, Sha256};
use stepladder_protocol::{
    Chunk, Formats, ListPage, Listed, Listing, ObjectError, ObjectName, Objects, WorldResult,
};

impl MemoryHost {
    /// Puts an object, in place of the one that is there.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: impl Into<Vec<u8>>) {
        self.state().objects.insert((bucket.to_owned(), key.to_owned()), bytes.into());
    }

    /// The keys of a bucket, in order.
    pub fn object_keys(&self, bucket: &str) -> Vec<String> {
        let state = self.state();
        state.objects.keys().filter(|(of, _)| of == bucket).map(|(_, key)| key.clone()).collect()
    }

    /// The bytes of an object, if it is there.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }
}

impl Objects for MemoryHost {
    fn formats(&self) -> Formats {
        match self.reads_parquet {
            true => Formats::PLAIN.with_parquet(stepladder_parquet::open),
            false => Formats::PLAIN,
        }
    }

    async fn read(
        &self,
        object: &ObjectName,
        etag: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> WorldResult<Result<Chunk, ObjectError>> {
        self.op("read object", |state| {
            if let Some(error) = missing(&object.bucket) {
                return Ok(Err(error));
            }
            let Some(bytes) = state.objects.get(&(object.bucket.clone(), object.key.clone())) else {
                return Ok(Err(error("NoSuchKey", "The specified key does not exist.")));
            };
            let now = etag_of(bytes);
            if etag.is_some_and(|etag| etag != now) {
                let message = "At least one of the pre-conditions you specified did not hold";
                return Ok(Err(error("PreconditionFailed", message)));
            }
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
            let to = from.saturating_add(bytes_max).min(bytes.len());
            Ok(Ok(Chunk { bytes: bytes[from..to].to_vec(), object_bytes: bytes.len() as u64, etag: now }))
        })
        .await
    }

    async fn list(
        &self,
        listing: &Listing,
        after: Option<&str>,
    ) -> WorldResult<Result<ListPage, ObjectError>> {
        self.op("list objects", |state| {
            if let Some(error) = missing(&listing.bucket) {
                return Ok(Err(error));
            }
            let is_wanted = |key: &str| {
                key.starts_with(&listing.prefix)
                    && after.is_none_or(|after| key.as_bytes() > after.as_bytes())
            };
            let all: Vec<_> = state
                .objects
                .iter()
                .filter(|((bucket, key), _)| *bucket == listing.bucket && is_wanted(key))
                .collect();
            // Small pages, so that few objects are more than one.
            let objects = all.iter().take(3).map(|((_, key), bytes)| Listed {
                key: key.clone(),
                etag: etag_of(bytes),
                bytes: bytes.len() as u64,
                modified_ms: 1_700_000_000_000,
                storage_class: Some("STANDARD".to_owned()),
            });
            Ok(Ok(ListPage { objects: objects.collect(), has_more: all.len() > 3 }))
        })
        .await
    }

    async fn write(
        &self,
        object: &ObjectName,
        bytes: Vec<u8>,
        _: &str,
    ) -> WorldResult<Result<(), ObjectError>> {
        self.op("write object", |state| {
            if let Some(error) = missing(&object.bucket) {
                return Ok(Err(error));
            }
            state.objects.insert((object.bucket.clone(), object.key.clone()), bytes);
            Ok(Ok(()))
        })
        .await
    }
}

fn etag_of(bytes: &[u8]) -> String {
    format!(
        "\"{}\"",
        Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>()
    )
}

/// All buckets are there, but for those whose names begin so.
fn missing(bucket: &str) -> Option<ObjectError> {
    bucket.starts_with("missing").then(|| error("NoSuchBucket", "The specified bucket does not exist"))
}

fn error(code: &str, message: &str) -> ObjectError {
    ObjectError { code: code.to_owned(), message: message.to_owned() }
}
