//! Files whose rows lie in groups, each of which is read as a whole: Parquet. What reads one is larger than all the rest, so it
//! is a crate of its own, which only those link that read such files.

use crate::Unreadable;
use serde_json::Value;
use std::ops::Range;

/// Such a file, once its end is known, which says where its groups lie.
pub trait Grouped: Send + Sync {
    /// So many groups follow one another.
    fn groups(&self) -> usize;

    /// Where the bytes of a group lie in the file.
    ///
    /// # Errors
    ///
    /// There is no such group, or it has more than `bytes_max`.
    fn range(&self, group: usize, bytes_max: u64) -> Result<Range<u64>, Unreadable>;

    /// The rows of a group whose bytes these are.
    ///
    /// # Errors
    ///
    /// They are broken, or would take more memory than `bytes_max` to read, beside themselves.
    fn rows(&self, group: usize, bytes: Vec<u8>, bytes_max: u64) -> Result<GroupRows, Unreadable>;
}

/// The rows of a group in their order: each an item, or why this row alone is none. Behind what is unreadable there are no more.
pub type GroupRows = Box<dyn Iterator<Item = Result<Result<Value, String>, Unreadable>> + Send>;

/// What the end of a file says.
pub enum Opened {
    File(Box<dyn Grouped>),
    /// So many bytes are needed from its end on.
    Needs(u64),
}

/// Opens a file by its last bytes, at least eight of them; `file_bytes` is its size.
pub type OpenGrouped = fn(end: &[u8], file_bytes: u64) -> Result<Opened, Unreadable>;

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Opened::File(file) => write!(f, "a file of {} groups", file.groups()),
            Opened::Needs(bytes) => write!(f, "{bytes} bytes are needed"),
        }
    }
}
