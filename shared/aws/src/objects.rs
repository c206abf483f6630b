//! Objects of the users' own on S3.

use crate::{
    blobs::upload_timeouts,
    clients::Clients,
    error::{chain, is_throttle, later, world_error},
    limits::LISTED_OBJECTS_MAX,
};
use aws_sdk_s3::{
    config::{self, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
    operation::get_object::GetObjectOutput,
    primitives::ByteStream,
    types::{EncodingType, Object},
};
use futures::future::BoxFuture;
use std::{fmt, sync::Arc};
use stepladder_protocol::{
    Chunk, Formats, ListPage, Listed, Listing, ObjectError, ObjectName, Objects, WorldError, WorldResult,
};

/// [`Objects`] on S3. What calls it stands behind a pointer: a binary that never makes one of these doesn't hold it.
#[derive(Clone)]
pub struct S3Objects(Arc<dyn Calls>);

impl fmt::Debug for S3Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Objects")
    }
}

impl Objects for S3Objects {
    fn formats(&self) -> Formats {
        self.0.formats()
    }

    async fn read(
        &self,
        object: &ObjectName,
        etag: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Answer<Chunk> {
        self.0.read(object, etag, from, bytes_max).await
    }

    async fn list(&self, listing: &Listing, after: Option<&str>) -> Answer<ListPage> {
        self.0.list(listing, after).await
    }

    async fn write(&self, object: &ObjectName, bytes: Vec<u8>, content_type: &str) -> Answer<()> {
        self.0.write(object, bytes, content_type).await
    }
}

impl S3Objects {
    pub(crate) fn new(clients: Arc<Clients>) -> Self {
        Self(Arc::new(Buckets { clients }))
    }
}

type Answer<T> = WorldResult<Result<T, ObjectError>>;

/// [`Objects`] behind a pointer.
trait Calls: Send + Sync {
    fn formats(&self) -> Formats;

    fn read<'c>(
        &'c self,
        object: &'c ObjectName,
        etag: Option<&'c str>,
        from: u64,
        bytes_max: usize,
    ) -> BoxFuture<'c, Answer<Chunk>>;

    fn list<'c>(&'c self, listing: &'c Listing, after: Option<&'c str>) -> BoxFuture<'c, Answer<ListPage>>;

    fn write<'c>(
        &'c self,
        object: &'c ObjectName,
        bytes: Vec<u8>,
        content_type: &'c str,
    ) -> BoxFuture<'c, Answer<()>>;
}

struct Buckets {
    /// Their S3 client is built on first use.
    clients: Arc<Clients>,
}

impl Calls for Buckets {
    fn formats(&self) -> Formats {
        #[cfg(feature = "parquet")]
        return Formats::PLAIN.with_parquet(stepladder_parquet::open);
        #[cfg(not(feature = "parquet"))]
        Formats::PLAIN
    }

    fn read<'c>(
        &'c self,
        object: &'c ObjectName,
        etag: Option<&'c str>,
        from: u64,
        bytes_max: usize,
    ) -> BoxFuture<'c, Answer<Chunk>> {
        Box::pin(self.read(object, etag, from, bytes_max))
    }

    fn list<'c>(&'c self, listing: &'c Listing, after: Option<&'c str>) -> BoxFuture<'c, Answer<ListPage>> {
        Box::pin(self.list(listing, after))
    }

    fn write<'c>(
        &'c self,
        object: &'c ObjectName,
        bytes: Vec<u8>,
        content_type: &'c str,
    ) -> BoxFuture<'c, Answer<()>> {
        Box::pin(self.write(object, bytes, content_type))
    }
}

impl Buckets {
    async fn read(
        &self,
        object: &ObjectName,
        etag: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Answer<Chunk> {
        if let Some(error) = unreadable(&object.bucket).or_else(|| without_key(object)) {
            return Ok(Err(error));
        }
        // A range has one byte at least.
        let bytes_asked = u64::try_from(bytes_max.max(1)).unwrap_or(u64::MAX);
        let there = self.get(object, etag, Some((from, bytes_asked)), bytes_max).await?;
        if !is_behind_the_end(&there) {
            return Ok(there);
        }
        // That answer has neither size nor ETag.
        if from > 0 {
            let first = self.get(object, etag, Some((0, 1)), 0).await?;
            if !is_behind_the_end(&first) {
                return match first {
                    Ok(chunk) if chunk.object_bytes > from => {
                        Err(later(operation("read", object), "the object has changed meanwhile"))
                    }
                    first => Ok(first),
                };
            }
        }
        // No range fits into an empty object.
        self.get(object, etag, None, if from > 0 { 0 } else { bytes_max }).await
    }

    /// Asks for a range, given as its first byte and its length, or for all; keeps at most `bytes_max` of what comes.
    async fn get(
        &self,
        object: &ObjectName,
        etag: Option<&str>,
        range: Option<(u64, u64)>,
        bytes_max: usize,
    ) -> Answer<Chunk> {
        let asked = |(from, bytes): (u64, u64)| format!("bytes={from}-{}", from.saturating_add(bytes - 1));
        let answer = self
            .clients
            .s3()
            .get_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .set_version_id(object.version.clone())
            .set_expected_bucket_owner(object.expected_owner.clone())
            .set_if_match(etag.map(str::to_owned))
            .set_range(range.map(asked))
            .send()
            .await;
        match told(|| operation("read", object), answer)? {
            Ok(answer) => {
                let from = range.map_or(0, |(from, _)| from);
                let broken = |message: String| later(operation("read", object), message);
                chunk(answer, from, bytes_max, broken).await.map(Ok)
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn list(&self, listing: &Listing, after: Option<&str>) -> Answer<ListPage> {
        if let Some(error) = unreadable(&listing.bucket) {
            return Ok(Err(error));
        }
        let operation = || format!("list objects of s3://{}/{}", listing.bucket, listing.prefix);
        let answer = self
            .clients
            .s3()
            .list_objects_v2()
            .bucket(&listing.bucket)
            .set_prefix(Some(listing.prefix.clone()).filter(|prefix| !prefix.is_empty()))
            .set_start_after(after.map(str::to_owned))
            .set_expected_bucket_owner(listing.expected_owner.clone())
            .max_keys(LISTED_OBJECTS_MAX)
            // A key may hold what XML can't.
            .encoding_type(EncodingType::Url)
            .send()
            .await;
        let answer = match told(operation, answer)? {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error)),
        };
        // Whoever doesn't know of encodings says nothing of one.
        let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
        let listed = |object: &Object| listed(object, is_encoded);
        let objects: Option<Vec<Listed>> = answer.contents().iter().map(listed).collect();
        let Some(objects) = objects else {
            return Err(later(operation(), "the answer has an object without a key that can be read"));
        };
        let has_more = answer.is_truncated().unwrap_or(false);
        if has_more && objects.is_empty() {
            return Err(later(operation(), "the answer has no object, and says that more follow"));
        }
        Ok(Ok(ListPage { objects, has_more }))
    }

    async fn write(&self, object: &ObjectName, bytes: Vec<u8>, content_type: &str) -> Answer<()> {
        if let Some(error) = unreadable(&object.bucket).or_else(|| without_key(object)) {
            return Ok(Err(error));
        }
        let timeouts = upload_timeouts(bytes.len());
        let answer = self
            .clients
            .s3()
            .put_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .set_expected_bucket_owner(object.expected_owner.clone())
            .content_type(content_type)
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(config::Builder::new().timeout_config(timeouts))
            .send()
            .await;
        Ok(told(|| operation("write", object), answer)?.map(|_| ()))
    }
}

fn operation(verb: &str, object: &ObjectName) -> String {
    format!("{verb} {object}")
}

/// What came, whose first byte is the one at `from`.
async fn chunk(
    answer: GetObjectOutput,
    from: u64,
    bytes_max: usize,
    broken: impl Fn(String) -> WorldError,
) -> WorldResult<Chunk> {
    let announced = answer.content_length().and_then(|bytes| u64::try_from(bytes).ok());
    // Without a range it is the whole object.
    let range = answer.content_range().and_then(range).or(announced.map(|bytes| (0, bytes)));
    let Some((_, object_bytes)) = range.filter(|(first, _)| *first == from) else {
        return Err(broken(format!("the answer doesn't say that it begins at {from}")));
    };
    let Some(etag) = answer.e_tag().map(str::to_owned) else {
        return Err(broken("the answer has no ETag".to_owned()));
    };
    let announced = announced.unwrap_or(object_bytes.saturating_sub(from));
    let wanted = usize::try_from(announced).map_or(bytes_max, |bytes| bytes.min(bytes_max));
    let mut bytes: Vec<u8> = Vec::with_capacity(wanted);
    let mut body = answer.body;
    while bytes.len() < wanted {
        let Some(more) = body.next().await else {
            return Err(broken(format!("the answer broke off after {} bytes", bytes.len())));
        };
        let more = more.map_err(|error| broken(format!("the answer broke off: {error}")))?;
        // What was announced is not to be trusted.
        let taken = more.get(..wanted.saturating_sub(bytes.len())).unwrap_or(&more);
        bytes.extend_from_slice(taken);
    }
    Ok(Chunk { bytes, object_bytes, etag })
}

/// The first byte of a `Content-Range`, and the size of the whole object: `bytes 0-99/1234`.
fn range(header: &str) -> Option<(u64, u64)> {
    let (range, whole) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, whole.parse().ok()?))
}

fn listed(object: &Object, is_encoded: bool) -> Option<Listed> {
    let key = object.key()?;
    Some(Listed {
        key: if is_encoded { decoded(key)? } else { key.to_owned() },
        etag: object.e_tag().unwrap_or_default().to_owned(),
        bytes: object.size().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
        modified_ms: object.last_modified().and_then(|at| at.to_millis().ok()).unwrap_or(0),
        storage_class: object.storage_class().map(|class| class.as_str().to_owned()),
    })
}

/// A key as it was before S3 wrote it as forms write texts: `a+b%2Bc` is `a b+c`
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>, `EncodingType`).
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

fn is_behind_the_end(answer: &Result<Chunk, ObjectError>) -> bool {
    answer.as_ref().is_err_and(|error| error.code == "InvalidRange")
}

/// Bucket names that the SDK would not even send, or would ask for a session of its own with: no answer of S3 says what is
/// wrong with them.
fn unreadable(bucket: &str) -> Option<ObjectError> {
    let is_name = (3..=255).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let message = if !is_name {
        format!(
            "The specified bucket is not valid: {bucket:?} is no bucket's name, and no alias of an access point."
        )
    } else if bucket.ends_with("--x-s3") {
        format!("The specified bucket is not valid: {bucket} is a directory bucket.")
    } else {
        return None;
    };
    Some(ObjectError { code: "InvalidBucketName".to_owned(), message })
}

fn without_key(object: &ObjectName) -> Option<ObjectError> {
    object.key.is_empty().then(|| ObjectError {
        code: "InvalidArgument".to_owned(),
        message: "An object's key can't be empty.".to_owned(),
    })
}

/// What is the users' own of what S3 refuses is told apart from what is ours, and from what passes.
fn told<T, E>(operation: impl Fn() -> String, answer: Result<T, SdkError<E, HttpResponse>>) -> Answer<T>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let error = match answer {
        Ok(answer) => return Ok(Ok(answer)),
        Err(error) => error,
    };
    let refusal = match &error {
        SdkError::ServiceError(context) => refusal(&Refused {
            status: context.raw().status().as_u16(),
            code: context.err().code(),
            message: context.err().message(),
            region: context.raw().headers().get("x-amz-bucket-region"),
        }),
        // No request can be made of what the state says.
        SdkError::ConstructionFailure(_) => {
            Some(ObjectError { code: "InvalidRequest".to_owned(), message: chain(&error) })
        }
        _ => None,
    };
    match refusal {
        Some(refusal) => Ok(Err(refusal)),
        None => Err(world_error(operation(), &error)),
    }
}

/// An answer that is none of 200.
struct Refused<'a> {
    status: u16,
    code: Option<&'a str>,
    message: Option<&'a str>,
    /// Where the bucket is, if S3 says so.
    region: Option<&'a str>,
}

/// None where trying again may help
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
fn refusal(refused: &Refused) -> Option<ObjectError> {
    let Refused { status, code, message, region } = *refused;
    // Too many calls, the functions' own credentials and clock, and what meets another call.
    const PASSING: [&str; 13] = [
        "ConditionalRequestConflict",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteBody",
        "InvalidAccessKeyId",
        "InvalidSecurity",
        "InvalidToken",
        "OperationAborted",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    ];
    let is_passing = |code: &str| is_throttle(code) || PASSING.contains(&code);
    if !(status == 301 || (400..500).contains(&status)) || status == 429 || code.is_some_and(is_passing) {
        return None;
    }
    let usual = usual(status);
    let code = code.or(usual.map(|(code, _)| code))?;
    let message = match region {
        _ if code == "PermanentRedirect" && region.is_none() => "the bucket is in another region".to_owned(),
        Some(region) if matches!(code, "PermanentRedirect" | "AuthorizationHeaderMalformed") => {
            format!("the bucket is in another region: {region}")
        }
        _ => message.or(usual.map(|(_, message)| message)).unwrap_or(code).to_owned(),
    };
    Some(ObjectError { code: code.to_owned(), message })
}

/// S3's words for an answer without a body.
fn usual(status: u16) -> Option<(&'static str, &'static str)> {
    Some(match status {
        301 => ("PermanentRedirect", "the bucket is in another region"),
        403 => ("AccessDenied", "Access Denied"),
        404 => ("NoSuchKey", "The specified key does not exist."),
        405 => ("MethodNotAllowed", "The specified method is not allowed against this resource."),
        412 => ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
        416 => ("InvalidRange", "The requested range is not satisfiable"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, code: Option<&str>, expected: Option<(&str, &str)>) {
        let refused = Refused { status, code, message: Some("said"), region: Some("eu-west-1") };
        let error = refusal(&refused).map(|error| (error.code, error.message));
        assert_eq!(error.as_ref().map(|(code, message)| (code.as_str(), message.as_str())), expected);
    }

    #[test]
    fn what_is_the_users_own_is_no_failure_of_the_world() {
        for code in ["NoSuchKey", "NoSuchBucket", "NoSuchVersion"] {
            check(404, Some(code), Some((code, "said")));
        }
        check(403, Some("AccessDenied"), Some(("AccessDenied", "said")));
        check(403, Some("InvalidObjectState"), Some(("InvalidObjectState", "said")));
        check(412, Some("PreconditionFailed"), Some(("PreconditionFailed", "said")));
        check(400, Some("KMS.DisabledException"), Some(("KMS.DisabledException", "said")));
        check(400, Some("a code that nobody knows yet"), Some(("a code that nobody knows yet", "said")));
    }

    #[test]
    fn what_passes_and_what_is_ours_is_one() {
        for (status, code) in [(503, "SlowDown"), (400, "SlowDown"), (500, "InternalError"), (429, "Busy")] {
            check(status, Some(code), None);
        }
        for code in ["ExpiredToken", "RequestTimeout", "RequestTimeTooSkewed", "SignatureDoesNotMatch"] {
            check(400, Some(code), None);
        }
        check(409, Some("OperationAborted"), None);
        check(307, Some("TemporaryRedirect"), None);
        check(400, None, None);
    }

    #[test]
    fn a_bucket_in_another_region_is_told_with_the_region() {
        let there = "the bucket is in another region: eu-west-1";
        for (status, code) in [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")] {
            check(status, Some(code), Some((code, there)));
        }
        check(301, None, Some(("PermanentRedirect", there)));
        let untold = Refused { status: 301, code: Some("PermanentRedirect"), message: None, region: None };
        assert_eq!(refusal(&untold).unwrap().message, "the bucket is in another region");
    }

    #[test]
    fn an_answer_without_a_body_has_the_usual_words() {
        let refused = Refused { status: 404, code: None, message: None, region: None };
        assert_eq!(refusal(&refused).unwrap().to_string(), "The specified key does not exist. (NoSuchKey)");
    }

    #[test]
    fn a_name_that_would_never_be_answered_is_refused() {
        for name in ["", "ab", "a b", "arn:aws:s3:eu-west-1:1:accesspoint/x", "a/b", "x--euw1-az1--x-s3"] {
            assert_eq!(unreadable(name).unwrap().code, "InvalidBucketName", "{name}");
        }
        for name in ["abc", "orders.2026", "Old_One", "x-0123456789abcdef-s3alias"] {
            assert_eq!(unreadable(name), None, "{name}");
        }
    }

    #[test]
    fn a_range_says_where_it_begins_and_how_large_the_object_is() {
        assert_eq!(range("bytes 5-9/1234"), Some((5, 1234)));
        for other in ["bytes */1234", "bytes 5-9/*", "5-9/10", ""] {
            assert_eq!(range(other), None, "{other}");
        }
    }

    #[test]
    fn an_encoded_key_is_read() {
        assert_eq!(decoded("a+b%2Bc/%C3%A4%0A").as_deref(), Some("a b+c/ä\n"));
        for broken in ["%", "%2", "%zz", "%FF"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }
}
