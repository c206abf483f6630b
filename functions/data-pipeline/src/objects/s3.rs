//! Objects on S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use tokio::sync::OnceCell;

use super::{Head, Objects, ObjectsError, Read, Take};

/// [`Objects`] on S3.
#[derive(Debug)]
pub struct S3Objects {
    client: Client,
}

const TELL: &str = "tell of a file";
const GIVE: &str = "give a file";
const KEEP: &str = "take a file";

impl S3Objects {
    /// The objects of this process: the client is made on the first call.
    pub async fn from_env() -> &'static Self {
        static OBJECTS: OnceCell<S3Objects> = OnceCell::const_new();
        let make = async || {
            let is_emulated = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]
                .into_iter()
                .any(|name| std::env::var_os(name).is_some());
            let config = aws_sdk_s3::config::Builder::from(&stepladder::aws_config().await)
                // An emulator has no host name per bucket.
                .force_path_style(is_emulated);
            Self::new(Client::from_conf(config.build()))
        };
        OBJECTS.get_or_init(make).await
    }

    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Objects for S3Objects {
    async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, ObjectsError> {
        match self.client.head_object().bucket(bucket).key(key).send().await {
            Ok(there) => Ok(Some(Head {
                bytes: there.content_length.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
                etag: there.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
            })),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(None),
            Err(error) => Err(sdk_error(TELL, error)),
        }
    }

    async fn read(
        &self,
        bucket: &str,
        key: &str,
        etag: &str,
        take: &mut (dyn FnMut(&[u8]) -> Take + Send),
    ) -> Result<Read, ObjectsError> {
        let get = self.client.get_object().bucket(bucket).key(key).if_match(format!("\"{etag}\""));
        let mut body = match get.send().await {
            Ok(there) => there.body,
            Err(error)
                if matches!(error.code(), Some("PreconditionFailed" | "NoSuchKey" | "NoSuchBucket")) =>
            {
                return Ok(Read::Changed);
            }
            Err(error) => return Err(sdk_error(GIVE, error)),
        };
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| unusable(GIVE, &error.to_string()))?;
            if take(&piece) == Take::Enough {
                break;
            }
        }
        Ok(Read::Done)
    }

    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), ObjectsError> {
        let put = self.client.put_object().bucket(bucket).key(key).content_type("application/json");
        put.body(bytes.into()).send().await.map(|_| ()).map_err(|error| sdk_error(KEEP, error))
    }
}

fn unusable(what: &'static str, why: &str) -> ObjectsError {
    ObjectsError { what, why: why.chars().take(300).collect() }
}

fn sdk_error<E: std::error::Error + Send + Sync + 'static>(
    what: &'static str,
    error: SdkError<E, aws_sdk_s3::config::http::HttpResponse>,
) -> ObjectsError {
    unusable(what, &DisplayErrorContext(&error).to_string())
}
