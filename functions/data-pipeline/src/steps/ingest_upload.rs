//! Looks at the file before anything is read of it.

use serde::{Deserialize, Serialize};
use stepladder::Step;

use super::PipelineError;
use crate::limits::FILE_BYTES_MAX;
use crate::objects::{Objects, S3Objects};

/// An upload, as a run is started with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    pub bucket: String,
    pub key: String,
    pub etag: String,
}

/// A file that is there as it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub bucket: String,
    pub key: String,
    pub etag: String,
    pub bytes: u64,
    /// The run's name.
    pub upload: String,
}

/// The step as it is deployed: with S3.
pub async fn ingest_upload(uploaded: Uploaded, step: Step) -> Result<File, PipelineError> {
    ingest(uploaded, &step, S3Objects::from_env().await).await
}

/// The step with any objects.
pub async fn ingest(uploaded: Uploaded, step: &Step, objects: &impl Objects) -> Result<File, PipelineError> {
    let Uploaded { bucket, key, etag } = uploaded;
    let head = objects.head(&bucket, &key).await.map_err(PipelineError::BucketUnavailable)?;
    let head = head.filter(|head| head.etag == etag).ok_or(PipelineError::UploadChanged)?;
    let why = match head.bytes {
        0 => Some("the file is empty".to_owned()),
        bytes if bytes > FILE_BYTES_MAX => {
            Some(format!("the file has {bytes} bytes; {FILE_BYTES_MAX} are the most"))
        }
        _ => None,
    };
    match why {
        Some(why) => Err(PipelineError::InvalidUpload { why }),
        None => Ok(File { bucket, key, etag, bytes: head.bytes, upload: step.run_name().to_owned() }),
    }
}
