//! Keeps the summary where whoever wants it finds it.

use serde::{Deserialize, Serialize};
use stepladder::Step;

use super::PipelineError;
use super::process_upload::Processed;
use crate::objects::{Objects, S3Objects};

/// Where a summary lies, and what of it is worth telling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    pub upload: String,
    pub bucket: String,
    pub key: String,
    pub result: String,
    pub readings: u64,
    pub bad: u64,
    pub total_wh: u64,
}

/// The step as it is deployed: with S3.
pub async fn store_summary(processed: Processed, _step: Step) -> Result<Stored, PipelineError> {
    store(processed, S3Objects::from_env().await).await
}

/// The step with any objects. The key and the bytes are the file's own, so that storing it again changes nothing.
pub async fn store(processed: Processed, objects: &impl Objects) -> Result<Stored, PipelineError> {
    let Processed { file, summary } = processed;
    let result = format!("results/{}.json", file.upload);
    let bytes = serde_json::to_vec(&summary)
        .map_err(|error| PipelineError::InvalidUpload { why: error.to_string() })?;
    objects.put(&file.bucket, &result, bytes).await.map_err(PipelineError::BucketUnavailable)?;
    Ok(Stored {
        upload: file.upload,
        bucket: file.bucket,
        key: file.key,
        result,
        readings: summary.readings,
        bad: summary.bad,
        total_wh: summary.total_wh,
    })
}
