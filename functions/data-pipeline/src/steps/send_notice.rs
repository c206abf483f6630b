//! Tells that there is a summary.

use stepladder::Step;

use super::PipelineError;
use super::store_summary::Stored;
use crate::notices::{Deployed, Notice, Notices};

/// The step as it is deployed: to the queue of `NOTICES_QUEUE_URL`, or to the bucket.
pub async fn send_notice(stored: Stored, step: Step) -> Result<Notice, PipelineError> {
    send(stored, &step, Deployed::from_env().await).await
}

/// The step with anybody who is told.
pub async fn send(stored: Stored, step: &Step, notices: &impl Notices) -> Result<Notice, PipelineError> {
    let Stored { upload, bucket, key, result, readings, bad, total_wh } = stored;
    // The same for all attempts: it was told, or it wasn't, nobody knows after one that failed.
    let id = step.operation_key().to_owned();
    let notice = Notice { id, upload, bucket, key, result, readings, bad, total_wh };
    notices.tell(&notice).await.map_err(|why| PipelineError::NoticeRefused { why })?;
    Ok(notice)
}
