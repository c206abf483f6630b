//! What is refused, and how.

use crate::testing::{World, pass, wait};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use stepladder_codes::Code;

#[track_caller]
fn check(world: &World, request: Request<Body>, status: u16, code: Code, detail: &str) -> Value {
    let (given, response, body) = world.raw(request);
    assert_eq!((given, body["code"].as_str()), (status, Some(code.as_str())), "{body}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!((&body["status"], &body["title"]), (&json!(status), &json!(code.page().title)));
    assert!(body["detail"].as_str().unwrap().contains(detail), "no {detail:?} in {body}");
    // Its type leads to the page of its code.
    let page = world.got(body["type"].as_str().unwrap());
    assert_eq!(page, serde_json::to_value(code.page()).unwrap());
    body
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn post(path: &str, body: &str) -> Request<Body> {
    let body = Body::from(body.to_owned());
    Request::post(path).header("content-type", "application/json; charset=utf-8").body(body).unwrap()
}

#[test]
fn what_is_not_there_is_told() {
    let world = World::of(&pass());
    for path in ["/api/v1", "/api/v1/", "/api/v2/runs", "/api/v1/run", "/api/v1/runs/", "/api/v1/runs/w"] {
        check(&world, get(path), 404, Code::NoSuchPath, "openapi.json");
    }
    check(&world, get("/api/v1/runs/w/none"), 404, Code::NoSuchRun, "'w/none'");
    check(&world, get("/api/v1/runs/w/none/history"), 404, Code::NoSuchRun, "'w/none'");
    check(&world, get("/api/v1/runs/w/a%2Fb"), 404, Code::NoSuchRun, "not allowed");
    check(&world, get("/api/v1/runs/w/%ff"), 404, Code::NoSuchPath, "UTF-8");
    check(&world, post("/api/v1/runs/w/none/stop", "{}"), 404, Code::NoSuchRun, "'w/none'");
    check(&world, get("/api/v1/runs?workflow=none"), 404, Code::UnknownWorkflow, "'none'");
    check(&world, get("/api/v1/timers?workflow=none"), 404, Code::UnknownWorkflow, "'none'");
    check(&world, get("/api/v1/workflows/none"), 404, Code::UnknownWorkflow, "'none'");
    check(&world, get("/api/v1/workflows/none/graph"), 404, Code::UnknownWorkflow, "'none'");
    check(&world, get("/api/v1/workflows/w?definition=abc"), 404, Code::UnknownWorkflow, "'abc'");
    check(&world, get("/api/v1/problems/SL9999"), 404, Code::UnknownCode, "SL9999");
}

#[test]
fn a_fault_of_a_definition_has_its_page_too() {
    let page = World::new().got("/api/v1/problems/sl0201");
    assert_eq!((&page["code"], &page["next_step"]), (&json!("SL0201"), &json!("correct the name")));
}

#[test]
fn a_path_takes_one_method() {
    let world = World::of(&pass());
    check(&world, post("/api/v1/runs", "{}"), 405, Code::WrongMethod, "takes GET");
    check(&world, get("/api/v1/runs/w/a/stop"), 405, Code::WrongMethod, "takes POST");
    let (_, response, _) = world.raw(get("/api/v1/runs/w/a/stop"));
    assert_eq!(response.headers()["allow"], "POST");
    let (status, _, body) = world.raw(Request::head("/api/v1/runs").body(Body::empty()).unwrap());
    assert_eq!((status, body), (200, Value::Null));
}

#[test]
fn each_parameter_is_checked() {
    let world = World::of(&pass());
    let cases = [
        ("limit=0", "takes a number from 1 to 500"),
        ("limit=501", "takes a number from 1 to 500"),
        ("limit=%2B5", "takes a number"),
        ("limit=99999999999999999999", "takes a number"),
        ("limit=5&limit=5", "stands twice"),
        ("status=failed", "takes one of RUNNING, SUCCEEDED"),
        ("workflow=", "1 to 80 characters"),
        ("workflow=%ff", "of UTF-8"),
        ("since=1", "is not known; there are: workflow, where, status, limit, cursor"),
    ];
    for (query, detail) in cases {
        check(&world, get(&format!("/api/v1/runs?{query}")), 400, Code::InvalidParameter, detail);
    }
    let cases = [
        ("limit=0", "takes a number from 1 to 100"),
        ("limit=101", "takes a number from 1 to 100"),
        ("kind=Wait", "takes one of wait, retry, timeout, heartbeat, run_timeout"),
        ("kind=", "takes one of wait"),
        ("before=", "takes a time as RFC 3339 has it"),
        ("before=tomorrow", "takes a time"),
        ("before=2026-01-31", "takes a time"),
        ("before=2026-02-30T00:00:00Z", "takes a time"),
        // In a query a plus sign is a space.
        ("before=2026-01-31T00:00:00+01:00", "takes a time"),
        ("before=2026-01-31T00:00:00Z&before=2026-01-31T00:00:00Z", "stands twice"),
        ("after=1", "is not known; there are: workflow, kind, before, limit, cursor"),
    ];
    for (query, detail) in cases {
        check(&world, get(&format!("/api/v1/timers?{query}")), 400, Code::InvalidParameter, detail);
    }
    check(&world, get("/api/v1/runs/w/a?data=1"), 400, Code::InvalidParameter, "takes true or false");
    check(&world, get("/api/v1/openapi.json?x"), 400, Code::InvalidParameter, "there are: none");
    world.got("/api/v1/runs?&status=FAILED&status=FAILED&");
}

#[test]
fn a_cursor_leads_on_in_its_own_list_only() {
    let world = World::of(&wait());
    ["a", "b"].iter().for_each(|name| drop(world.start(name, &json!({}))));
    let cursor = world.got("/api/v1/runs?limit=1")["next"].as_str().unwrap().to_owned();
    world.got(&format!("/api/v1/runs?limit=7&cursor={cursor}"));
    let others =
        ["runs?workflow=w&", "runs?status=FAILED&", "timers?", "workflows?", "runs/w/a/history?", "queues?"];
    for path in others {
        check(
            &world,
            get(&format!("/api/v1/{path}cursor={cursor}")),
            400,
            Code::InvalidCursor,
            "begin again",
        );
    }
    check(&world, get("/api/v1/runs?cursor=x"), 400, Code::InvalidCursor, "begin again");
    let cursor = world.got("/api/v1/timers?kind=wait&limit=1")["next"].as_str().unwrap().to_owned();
    world.got(&format!("/api/v1/timers?limit=7&kind=wait&cursor={cursor}"));
    for query in ["", "kind=retry&", "kind=wait&workflow=w&", "kind=wait&before=2026-01-31T00:00:00Z&"] {
        let path = format!("/api/v1/timers?{query}cursor={cursor}");
        check(&world, get(&path), 400, Code::InvalidCursor, "begin again");
    }
    world.host.wait(86_400_000);
    check(&world, get(&format!("/api/v1/runs?cursor={cursor}")), 400, Code::InvalidCursor, "begin again");
}

#[test]
fn a_stop_is_json_and_not_large() {
    let world = World::of(&wait());
    world.start("a", &json!({}));
    let path = "/api/v1/runs/w/a/stop";
    let form = Request::post(path).header("content-type", "text/plain").body(Body::from("{}")).unwrap();
    check(&world, form, 415, Code::WrongMediaType, "application/json");
    check(&world, Request::post(path).body(Body::from("{}")).unwrap(), 415, Code::WrongMediaType, "");
    for body in ["[]", "{", r#"{"error":1}"#, &format!(r#"{{"error":"{}"}}"#, "x".repeat(257))] {
        check(&world, post(path, body), 400, Code::InvalidBody, "");
    }
    check(&world, post(path, &" ".repeat(1024 * 1024 + 1)), 413, Code::BodyTooLarge, "1048576");
    assert_eq!(world.got("/api/v1/runs/w/a")["status"], "RUNNING");
}

#[test]
fn a_page_of_another_origin_gets_nothing() {
    let world = World::of(&pass());
    for site in ["cross-site", "same-site"] {
        let request = Request::get("/api/v1/dead-letters").header("sec-fetch-site", site);
        check(&world, request.body(Body::empty()).unwrap(), 403, Code::OtherOrigin, "Sec-Fetch-Site");
    }
    let request = Request::get("/api/v1/runs").header("sec-fetch-site", "same-origin");
    let (status, response, _) = world.raw(request.body(Body::empty()).unwrap());
    assert_eq!(status, 200);
    let headers = response.headers();
    assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control")), "{headers:?}");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["x-request-id"].len(), 36);
}

#[test]
fn what_the_world_can_not_do_now_may_be_tried_again() {
    let world = World::of(&pass());
    world.host.throttle("get workflow", 1);
    check(&world, get("/api/v1/workflows/w"), 429, Code::Unreachable, "throttled");
    world.got("/api/v1/workflows/w");
}

#[test]
fn no_request_however_odd_is_a_fault_of_ours() {
    let world = World::of(&wait());
    world.start("a", &json!({}));
    let odd =
        ["", "%00", "%ff", "..", "%2e%2e%2f", "%7Brun%7D", "a%20b", "%F0%9F%98%80", "'", &"x".repeat(3_000)];
    let bases = [
        "runs/{}/a",
        "runs/w/{}",
        "runs/w/{}/history",
        "workflows/{}",
        "workflows/{}/graph",
        "problems/{}",
        "runs?workflow={}",
        "runs?cursor={}",
        "runs?{}=1",
        "runs?limit={}",
        "workflows/w?definition={}",
        "workflows?cursor={}",
        "queues?cursor={}",
        "timers?cursor={}",
        "timers?before={}",
        "timers?kind={}",
        "dead-letters?queue={}",
        "runs/w/a/history?cursor={}",
        "{}",
    ];
    for base in bases {
        for value in odd {
            let (status, body) = world.get(&format!("/api/v1/{}", base.replace("{}", value)));
            assert!(
                status < 500 && (status == 200) == body["code"].is_null(),
                "{base} {value}: {status} {body}"
            );
        }
    }
}
