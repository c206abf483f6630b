//! The wire: AWS's JSON protocol, version 1.0
//! (<https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>).

use crate::{
    Api,
    error::{ApiError, Kind},
    fields::Fields,
    limits::{REQUEST_BYTES_MAX, REQUEST_MS_MAX},
    operations,
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::post,
};
use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use std::{pin::pin, sync::Arc};
use stepladder_protocol::{Clock, Host, uuid};

/// What stands before the operation's name in `X-Amz-Target`.
const TARGET: &str = "AWSStepFunctions.";
const JSON: &str = "application/x-amz-json-1.0";

pub(crate) fn router<H: Host + 'static>(api: Arc<Api<H>>) -> Router {
    Router::new().route("/", post(answer::<H>)).with_state(api)
}

async fn answer<H: Host + 'static>(State(api): State<Arc<Api<H>>>, request: Request) -> Response {
    let request_id = uuid(api.protocol.host().clock().random_u128());
    let (parts, body) = request.into_parts();
    let answered = match operation(&parts.headers) {
        Ok(operation) => {
            let answered = handle(&api, operation, body).await;
            if let Err(error) = &answered
                && error.kind.status() >= 500
            {
                // What an error says is about keys and sizes, never about payloads.
                tracing::warn!(operation, request_id, error = error.message, "a request was not answered");
            }
            answered
        }
        Err(error) => Err(error),
    };
    let (status, body) = match answered {
        Ok(body) => (200, body),
        Err(error) => (error.kind.status(), error.body()),
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", request_id);
    }
    response
}

/// The operation that the headers ask for.
fn operation(headers: &HeaderMap) -> Result<&str, ApiError> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let Some(operation) = target.and_then(|target| target.strip_prefix(TARGET)) else {
        return Err(ApiError::new(
            Kind::UnknownOperationException,
            format!("The header X-Amz-Target has to be {TARGET}<operation>"),
        ));
    };
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    // A page of another origin can't send this type without having asked.
    if !media.eq_ignore_ascii_case(JSON) {
        return Err(ApiError::new(
            Kind::UnsupportedMediaTypeException,
            format!("The header Content-Type has to be {JSON}"),
        ));
    }
    Ok(operation)
}

async fn handle<H: Host>(api: &Api<H>, operation: &str, body: Body) -> Result<Value, ApiError> {
    if !operations::NAMES.contains(&operation) {
        let message = format!("The operation {operation} is not known to this version of Stepladder");
        return Err(ApiError::new(Kind::UnknownOperationException, message));
    }
    let body = read(api, body).await?;
    operations::call(api, operation, Fields::read(&body)?).await
}

/// The whole body.
pub(crate) async fn read<H: Host>(api: &Api<H>, mut body: Body) -> Result<Bytes, ApiError> {
    let reading = pin!(async {
        match Limited::new(&mut body, REQUEST_BYTES_MAX).collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                // Somebody who has almost finished shall hear the answer, and not of a broken connection.
                let _ = Limited::new(&mut body, REQUEST_BYTES_MAX).collect().await;
                let message = format!("The request has more than {REQUEST_BYTES_MAX} bytes");
                Err(ApiError::new(Kind::RequestEntityTooLargeException, message))
            }
            Err(_) => Err(ApiError::new(Kind::SerializationException, "The request's body ended too early")),
        }
    });
    let waiting = pin!(api.protocol.host().clock().sleep(REQUEST_MS_MAX));
    match select(reading, waiting).await {
        Either::Left((read, _)) => read,
        Either::Right(_) => {
            Err(ApiError::new(Kind::RequestTimeout, "The request's body did not arrive in time"))
        }
    }
}
