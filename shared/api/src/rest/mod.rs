//! Our REST under [`BASE`]: what AWS's API has no word for. It starts, stops, pauses and resumes runs; all else reads.
//!
//! [`routes::ROUTES`] is the one list of what is answered: requests are checked by it, and the document is made of it.
//! What is refused is a [`Problem`] with a code that `stepladder explain` knows. `docs/rest-api.md` is its manual.
//!
//! An answer carries no CORS header, so that no page of another origin can read it; and what such a page asks for, as its
//! browser tells, is refused, because a look into a queue shows on the messages. A POST needs a content type that such a page
//! can't send without having asked.

mod again;
mod asked;
mod document;
mod history;
mod pauses;
mod problem;
mod queues;
mod routes;
mod runs;
mod shapes;
mod starts;
mod timers;
mod workflows;

use crate::{Api, wire};
use asked::Asked;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::{MethodFilter, any, on},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    request::Parts,
};
use problem::Problem;
use routes::{Operation, ROUTES, Route};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use stepladder_codes::Code;
use stepladder_protocol::{Clock, Host, on_heap, uuid};

/// What stands before all paths.
pub(crate) const BASE: &str = "/api/v1";

const JSON: &str = "application/json";

pub(crate) fn router<H: Host + 'static>(api: Arc<Api<H>>) -> Router {
    let mut router = Router::new();
    for route in &ROUTES {
        let filter = match route.method {
            Method::POST => MethodFilter::POST,
            _ => MethodFilter::GET,
        };
        let answering = move |State(api): State<Arc<Api<H>>>, request: Request| answer(api, route, request);
        let refusing = move || async { wrong_method(route) };
        router = router.route(route.path, on(filter, answering).fallback(refusing));
    }
    let missing = || async {
        let detail = format!("{BASE}/openapi.json lists the paths");
        written(Err(Problem::new(404, Code::NoSuchPath, detail)))
    };
    router.route(BASE, any(missing)).route("/api/{*path}", any(missing)).with_state(api)
}

async fn answer<H: Host + 'static>(api: Arc<Api<H>>, route: &'static Route, request: Request) -> Response {
    let request_id = uuid(api.protocol.host().clock().random_u128());
    let (mut parts, body) = request.into_parts();
    let answered = checked(&api, route, &mut parts, body).await;
    if let Err(problem) = &answered
        && problem.status >= 500
        && problem.status != 501
    {
        // What it says is about keys and sizes, never about payloads.
        tracing::warn!(path = route.path, request_id, error = problem.detail, "a request was not answered");
    }
    let mut response = written(answered);
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", request_id);
    }
    response
}

async fn checked<H: Host>(
    api: &Api<H>,
    route: &'static Route,
    parts: &mut Parts,
    body: Body,
) -> Result<Reply, Problem> {
    refuse_foreign(&parts.headers)?;
    if route.method == Method::POST {
        refuse_other_media(&parts.headers)?;
    }
    let asked = Asked::read(route, parts).await?;
    let body = match route.method {
        Method::POST => Some(wire::read(api, body).await?),
        _ => None,
    };
    call(api, route, &asked, &body.unwrap_or_default()).await
}

async fn call<H: Host>(
    api: &Api<H>,
    route: &'static Route,
    asked: &Asked,
    body: &[u8],
) -> Result<Reply, Problem> {
    let body = match route.operation {
        Operation::StartRun => return on_heap(|| starts::start(api, asked, body)).await,
        Operation::RedriveRun => return on_heap(|| again::redrive(api, asked, body)).await,
        Operation::RerunRun => return on_heap(|| again::rerun(api, asked, body)).await,
        Operation::ListRuns => on_heap(|| runs::list(api, asked)).await,
        Operation::GetRun => on_heap(|| runs::get(api, asked)).await,
        Operation::StopRun => on_heap(|| runs::stop(api, asked, body)).await,
        Operation::GetRunHistory => on_heap(|| history::get(api, asked)).await,
        Operation::ListTimers => on_heap(|| timers::list(api, asked)).await,
        Operation::ListWorkflows => on_heap(|| workflows::list(api, asked)).await,
        Operation::GetWorkflow => on_heap(|| workflows::get(api, asked)).await,
        Operation::GetWorkflowGraph => on_heap(|| workflows::graph(api, asked)).await,
        Operation::ListQueues => on_heap(|| queues::list(api, asked)).await,
        Operation::ListDeadLetters => on_heap(|| queues::kept(api, asked)).await,
        Operation::PauseRun => on_heap(|| pauses::run(api, asked, body, pauses::To::Paused)).await,
        Operation::ResumeRun => on_heap(|| pauses::run(api, asked, body, pauses::To::Resumed)).await,
        Operation::PauseWorkflow => on_heap(|| pauses::workflow(api, asked, body, pauses::To::Paused)).await,
        Operation::ResumeWorkflow => {
            on_heap(|| pauses::workflow(api, asked, body, pauses::To::Resumed)).await
        }
        Operation::GetProblem => problem::page(asked),
        Operation::GetDocument => document::document(),
    };
    body.map(Reply::of)
}

/// An answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    body: Value,
}

impl Reply {
    fn of(body: Value) -> Self {
        Self { status: 200, body }
    }
}

/// What a browser says of a request: that a page of another origin made it.
fn refuse_foreign(headers: &HeaderMap) -> Result<(), Problem> {
    let is_own = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    match headers.get_all("sec-fetch-site").iter().all(is_own) {
        true => Ok(()),
        false => Err(Problem::new(403, Code::OtherOrigin, "the header Sec-Fetch-Site names another origin")),
    }
}

fn refuse_other_media(headers: &HeaderMap) -> Result<(), Problem> {
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    match media.eq_ignore_ascii_case(JSON) {
        true => Ok(()),
        false => {
            Err(Problem::new(415, Code::WrongMediaType, format!("the header Content-Type has to be {JSON}")))
        }
    }
}

fn wrong_method(route: &Route) -> Response {
    let detail = format!("{} takes {}", route.path, route.method);
    let mut response = written(Err(Problem::new(405, Code::WrongMethod, detail)));
    if let Ok(method) = HeaderValue::from_str(route.method.as_str()) {
        response.headers_mut().insert(ALLOW, method);
    }
    response
}

fn written(answered: Result<Reply, Problem>) -> Response {
    let (status, media, body) = match answered {
        Ok(Reply { status, body }) => (status, JSON, body),
        Err(problem) => (problem.status, "application/problem+json", problem.body()),
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    // It may hold payloads, which belong into no cache, and is no page.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Method and path of each route.
#[cfg(test)]
pub(crate) fn routes_listed() -> impl Iterator<Item = (String, String)> {
    ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned()))
}

/// A shape as JSON.
fn json(shape: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(shape)
        .map_err(|_| Problem::new(500, Code::StackFailed, "an answer could not be written as JSON"))
}
