//! Sums the file up while it is read: no more of it is held than a line.

use serde::{Deserialize, Serialize};
use stepladder::Step;

use super::PipelineError;
use super::ingest_upload::File;
use crate::objects::{Objects, Read, S3Objects, Take};
use crate::readings::{Reader, Summary};

/// A file, and what it comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processed {
    pub file: File,
    pub summary: Summary,
}

/// The step as it is deployed: with S3.
pub async fn process_upload(file: File, _step: Step) -> Result<Processed, PipelineError> {
    process(file, S3Objects::from_env().await).await
}

/// The step with any objects.
pub async fn process(file: File, objects: &impl Objects) -> Result<Processed, PipelineError> {
    let (mut reader, mut fault) = (Reader::default(), None);
    let mut take = |piece: &[u8]| match reader.push(piece) {
        Ok(()) => Take::More,
        Err(found) => {
            fault = Some(found);
            Take::Enough
        }
    };
    let read = objects.read(&file.bucket, &file.key, &file.etag, &mut take).await;
    if read.map_err(PipelineError::BucketUnavailable)? == Read::Changed {
        return Err(PipelineError::UploadChanged);
    }
    let summary = match fault {
        Some(fault) => Err(fault),
        None => reader.finish(),
    };
    let summary = summary.map_err(|fault| PipelineError::InvalidUpload { why: fault.to_string() })?;
    Ok(Processed { file, summary })
}
