//! From a request to the service that answers it.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;

use super::dynamodb::DynamoDb;
use super::guard::Guard;
use super::mounted::Mounted;
use super::s3::S3;
use crate::lambda::{self, LambdaHost};
use crate::limits;
use crate::sqs::{self, SharedQueues};

/// The services behind the port.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) mounted: Mounted,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) s3: S3,
    pub(crate) queues: SharedQueues,
    pub(crate) lambda: LambdaHost,
    pub(crate) guard: Guard,
}

pub(crate) type Answer = Response<Either<Full<Bytes>, s3s::Body>>;

impl Services {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        if let Err(reason) = self.guard.check(request.headers()) {
            return text(StatusCode::FORBIDDEN, &reason);
        }
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        if let Some(target) = target {
            if let Some(operation) = target.strip_prefix("DynamoDB_20120810.") {
                let operation = operation.to_owned();
                return match body(request, limits::DYNAMODB_REQUEST_BYTES_MAX).await {
                    Some(body) => self.dynamodb.handle(operation, body).await.map(Either::Left),
                    None => too_large(),
                };
            }
            if let Some(operation) = target.strip_prefix("AmazonSQS.") {
                let operation = operation.to_owned();
                let origin = origin(&request);
                return match body(request, limits::SQS_REQUEST_BYTES_MAX).await {
                    Some(body) => {
                        sqs::http::handle(&self.queues, &operation, &origin, &body).await.map(Either::Left)
                    }
                    None => too_large(),
                };
            }
            if let Some(service) = self.mounted.find(target) {
                return service(request).await;
            }
            let message = format!("X-Amz-Target {target} belongs to no service of this server.");
            return text(StatusCode::BAD_REQUEST, &message);
        }
        if let Some(service) = self.mounted.find(request.uri().path()) {
            return service(request).await;
        }
        if let Some(path) = request.uri().path().strip_prefix("/lambda/") {
            let (path, method, headers) =
                (path.to_owned(), request.method().clone(), request.headers().clone());
            let body = body(request, limits::INVOKE_BYTES_MAX).await;
            return lambda::http::runtime_api(&self.lambda, &method, &path, &headers, body)
                .await
                .map(Either::Left);
        }
        if let Some(path) = request.uri().path().strip_prefix("/2015-03-31/functions/") {
            let (path, method, headers) =
                (path.to_owned(), request.method().clone(), request.headers().clone());
            let body = body(request, limits::INVOKE_BYTES_MAX).await;
            return lambda::http::invoke_api(&self.lambda, &method, &path, &headers, body)
                .await
                .map(Either::Left);
        }
        self.s3(request).await
    }

    async fn s3(&self, request: Request<Incoming>) -> Answer {
        let request =
            request.map(|body| s3s::Body::http_body_unsync(Limited::new(body, limits::S3_REQUEST_BYTES_MAX)));
        match self.s3.service.call(request).await {
            Ok(response) => response.map(Either::Right),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("S3 failed: {error:?}")),
        }
    }
}

/// The whole body, or `None` if it is larger than the limit or its connection breaks.
async fn body(request: Request<Incoming>, bytes_max: usize) -> Option<Bytes> {
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > bytes_max as u64) {
        // Don't read what is refused anyway, but let a sender who has almost finished hear the answer.
        let _ = Limited::new(request.into_body(), 2 * bytes_max).collect().await;
        return None;
    }
    Limited::new(request.into_body(), bytes_max).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

/// `http://host:port` as the client calls this server. The guard has checked the host.
fn origin(request: &Request<Incoming>) -> String {
    let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or_default())
}

fn too_large() -> Answer {
    text(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.")
}

fn text(status: StatusCode, message: &str) -> Answer {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(message.to_owned()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
