//! The four steps. Each is a plain function of its input, the call it is in, and what it works with.

pub mod ingest_upload;
pub mod process_upload;
pub mod send_notice;
pub mod store_summary;

use stepladder::StepError;

use crate::objects::ObjectsError;

/// Why a step has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipelineError {
    /// The file is none that can be summed up: another attempt finds the same.
    #[error("{why}")]
    InvalidUpload { why: String },
    /// Another file lies there by now, which has a run of its own; or none.
    #[error("the file is not there any more as it was uploaded")]
    UploadChanged,
    /// Worth another attempt.
    #[error("{0}")]
    BucketUnavailable(ObjectsError),
    /// Worth another attempt.
    #[error("the notice was not taken: {why}")]
    NoticeRefused { why: String },
}

impl StepError for PipelineError {}
