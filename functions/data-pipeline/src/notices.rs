//! That a file has been dealt with: told to a queue, or kept as an object.

use std::future::Future;

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::objects::{Objects, S3Objects};

/// What is told of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same however often it is told.
    pub id: String,
    /// The run's name.
    pub upload: String,
    pub bucket: String,
    pub key: String,
    /// The key of the summary.
    pub result: String,
    pub readings: u64,
    pub bad: u64,
    pub total_wh: u64,
}

/// Who is told. A notice may come twice: its id tells.
pub trait Notices: Send + Sync {
    /// The error is a sentence; it is worth another attempt.
    fn tell(&self, notice: &Notice) -> impl Future<Output = Result<(), String>> + Send;
}

/// Notices as they are deployed: to the queue of `NOTICES_QUEUE_URL`; unless that is set, to the bucket.
#[derive(Debug)]
pub enum Deployed {
    Queue(SqsNotices),
    Bucket(&'static S3Objects),
}

impl Deployed {
    /// Of this process: made on the first call.
    pub async fn from_env() -> &'static Self {
        static NOTICES: OnceCell<Deployed> = OnceCell::const_new();
        let make = async || match std::env::var("NOTICES_QUEUE_URL").ok().filter(|url| !url.is_empty()) {
            Some(url) => {
                let client = aws_sdk_sqs::Client::new(&stepladder::aws_config().await);
                Self::Queue(SqsNotices { client, url })
            }
            None => Self::Bucket(S3Objects::from_env().await),
        };
        NOTICES.get_or_init(make).await
    }
}

impl Notices for Deployed {
    async fn tell(&self, notice: &Notice) -> Result<(), String> {
        match self {
            Self::Queue(queue) => queue.tell(notice).await,
            Self::Bucket(bucket) => BucketNotices(*bucket).tell(notice).await,
        }
    }
}

/// Messages of an SQS queue.
#[derive(Debug)]
pub struct SqsNotices {
    pub client: aws_sdk_sqs::Client,
    pub url: String,
}

impl Notices for SqsNotices {
    async fn tell(&self, notice: &Notice) -> Result<(), String> {
        let body = serde_json::to_string(notice).map_err(|error| error.to_string())?;
        let sending = self.client.send_message().queue_url(&self.url).message_body(body);
        let told =
            |error| aws_sdk_sqs::error::DisplayErrorContext(&error).to_string().chars().take(300).collect();
        sending.send().await.map(|_| ()).map_err(told)
    }
}

/// Objects beside the results.
#[derive(Debug)]
pub struct BucketNotices<'a, O>(pub &'a O);

impl<O: Objects> Notices for BucketNotices<'_, O> {
    async fn tell(&self, notice: &Notice) -> Result<(), String> {
        let key = format!("notices/{}.json", notice.upload);
        let bytes = serde_json::to_vec(notice).map_err(|error| error.to_string())?;
        self.0.put(&notice.bucket, &key, bytes).await.map_err(|error| error.to_string())
    }
}
