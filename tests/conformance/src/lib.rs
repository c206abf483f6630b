//! The recorded cases of the Amazon States Language: how they are found, compared and counted.
//!
//! They lie outside of the repository, in `../shared/asl` beside it, or in the folder that `ASL_CASES` names; the
//! README.md there gives their format. What is known to differ stands in `known.toml`, with its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

mod cases;
mod difference;
mod known;
mod report;

pub use cases::{cases, folder, text};
pub use difference::{difference, is_glob};
pub use report::{Report, caught};
