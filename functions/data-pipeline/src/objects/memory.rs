//! Objects in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Head, Objects, ObjectsError, Read, Take};

/// [`Objects`] in a map of the process: bytes by `bucket/key`.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryObjects {
    /// An object's bytes.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.lock().get(&format!("{bucket}/{key}")).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Any text that differs where the bytes do.
fn etag(bytes: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

impl Objects for MemoryObjects {
    async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, ObjectsError> {
        let head = |bytes: Vec<u8>| Head { bytes: bytes.len() as u64, etag: etag(&bytes) };
        Ok(self.get(bucket, key).map(head))
    }

    async fn read(
        &self,
        bucket: &str,
        key: &str,
        expected: &str,
        take: &mut (dyn FnMut(&[u8]) -> Take + Send),
    ) -> Result<Read, ObjectsError> {
        let Some(bytes) = self.get(bucket, key).filter(|bytes| etag(bytes) == expected) else {
            return Ok(Read::Changed);
        };
        for piece in bytes.chunks(1_000) {
            if take(piece) == Take::Enough {
                break;
            }
        }
        Ok(Read::Done)
    }

    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), ObjectsError> {
        self.lock().insert(format!("{bucket}/{key}"), bytes);
        Ok(())
    }
}
