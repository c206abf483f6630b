//! The document: it lists what is there, and answers are as it says.

use crate::{
    rest::routes_listed,
    testing::{World, pass, task, wait},
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepladder_protocol::{Host, Outgoing, Queue, QueueName, StartRequest};

/// A world in which each list has something.
fn world() -> World {
    let world = World::of(&task());
    world.publish("waits", &wait());
    world.publish("z", &pass());
    world.start("good", &json!({ "a": [1] }));
    world.start("bad", &json!({ "fail": "Bad" }));
    world.run();
    world.start("going", &json!({}));
    let request = StartRequest { workflow: "waits".to_owned(), name: "a".to_owned(), input: json!({}) };
    world.host.drive(world.protocol.start(request)).unwrap();
    let parked = json!({ "v": 1, "reason": "no reason", "queue": "work", "message_id": "m", "receive_count": 5,
        "body": "{}" });
    let messages = [Outgoing::new(parked.to_string(), 0)];
    world.host.drive(world.host.queue().send(&QueueName::Parked, &messages)).unwrap();
    world
}

fn post(path: &str) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(Body::from("{}")).unwrap()
}

#[test]
fn the_document_lists_exactly_the_routes() {
    let document = world().got("/api/v1/openapi.json");
    let mut documented = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            documented.insert((method.to_ascii_uppercase(), path.clone()));
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
        }
    }
    let routes: BTreeSet<_> = routes_listed().collect();
    assert_eq!(documented, routes);
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    for name in text.split("#/components/responses/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document["components"]["responses"][name].is_object(), "{name}");
    }
}

#[test]
fn each_path_answers_as_the_document_says() {
    let world = world();
    let document = world.got("/api/v1/openapi.json");
    let examples = [
        ("/api/v1/runs", "?status=FAILED&status=SUCCEEDED&status=RUNNING"),
        ("/api/v1/runs/{workflow}/{run}", "/w/going?data=true"),
        ("/api/v1/runs/{workflow}/{run}", "/w/good?data=true"),
        ("/api/v1/runs/{workflow}/{run}", "/w/bad"),
        ("/api/v1/runs/{workflow}/{run}/history", "/w/good/history?data=true&limit=2"),
        ("/api/v1/runs/{workflow}/{run}/pause", "/w/going/pause"),
        ("/api/v1/runs/{workflow}/{run}/resume", "/w/going/resume"),
        ("/api/v1/workflows/{workflow}/pause", "/w/pause"),
        ("/api/v1/workflows/{workflow}/resume", "/w/resume"),
        ("/api/v1/runs/{workflow}/{run}/stop", "/w/going/stop"),
        ("/api/v1/runs/{workflow}/{run}/redrive", "/w/bad/redrive"),
        ("/api/v1/runs/{workflow}/{run}/rerun", "/w/good/rerun"),
        ("/api/v1/timers", "?kind=wait&before=2099-12-31T00:00:00Z"),
        ("/api/v1/workflows", "?limit=1"),
        ("/api/v1/workflows/{workflow}", "/w"),
        ("/api/v1/workflows/{workflow}/graph", "/w/graph"),
        ("/api/v1/workflows/{workflow}/runs", "/z/runs?answer=P"),
        ("/api/v1/queues", "?limit=2"),
        ("/api/v1/dead-letters", "?data=true"),
        ("/api/v1/problems/{code}", "/SL1202"),
        ("/api/v1/openapi.json", ""),
    ];
    let mut answered = BTreeSet::new();
    for (path, rest) in examples {
        let base = path.split("/{").next().unwrap();
        let (method, operation) = document["paths"][path].as_object().unwrap().iter().next().unwrap();
        let url = format!("{base}{rest}");
        let (status, body) = match method.as_str() {
            "post" => {
                let (status, _, body) = world.raw(post(&url));
                (status, body)
            }
            _ => world.get(&url),
        };
        // No message of a run that was started just now is delivered here.
        let expected = if url.ends_with("?answer=P") || url.ends_with("/rerun") { 202 } else { 200 };
        assert_eq!(status, expected, "{url}: {body}");
        let schema = &operation["responses"][expected.to_string()]["content"]["application/json"]["schema"];
        conforms(&document, schema, &body, &url);
        answered.insert((method.to_ascii_uppercase(), path.to_owned()));
    }
    assert_eq!(answered, routes_listed().collect(), "each route has an example");
    let problem = json!({ "$ref": "#/components/schemas/ProblemDetails" });
    conforms(&document, &problem, &world.get("/api/v1/nothing").1, "a problem");
    world.start("gone", &json!({ "fail": "Bad" }));
    world.run();
    let again = Request::post("/api/v1/workflows/w/runs?answer=T").header("content-type", "application/json");
    let (status, _, failed) =
        world.raw(again.body(Body::from(r#"{"name":"gone","input":{"fail":"Bad"}}"#)).unwrap());
    assert_eq!(status, 422);
    conforms(&document, &problem, &failed, "a run that failed");
}

/// The value is one of the schema: no member is missing, and none stands there that isn't documented.
#[track_caller]
fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) {
    let mut documented = BTreeSet::new();
    fits(document, schema, value, at, &mut documented);
    if let Some(members) = value.as_object().filter(|_| !documented.is_empty()) {
        for name in members.keys() {
            assert!(documented.contains(name), "{at}: {name} is not documented");
        }
    }
}

#[track_caller]
fn fits(document: &Value, schema: &Value, value: &Value, at: &str, documented: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return fits(document, target, value, at, documented);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().for_each(|part| fits(document, part, value, at, documented));
    }
    if let Some(one) = schema["oneOf"].as_array() {
        let null = one.iter().find(|part| part["type"] == "null");
        let other = one.iter().find(|part| part["type"] != "null").unwrap();
        return match (null, value.is_null()) {
            (Some(_), true) => {}
            _ => conforms(document, other, value, at),
        };
    }
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{at}: {value} is none of {values:?}");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().map(|kind| kind.as_str().unwrap()).collect(),
        _ => return,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.contains(&kind), "{at}: {value} is no {types:?}");
    for item in value.as_array().into_iter().flatten() {
        conforms(document, &schema["items"], item, at);
    }
    if let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(members.contains_key(name.as_str().unwrap()), "{at}: {name} is missing in {value}");
        }
        assert_eq!(schema["required"].as_array().unwrap().len(), properties.len(), "{at}");
        for (name, schema) in properties {
            documented.insert(name.clone());
            conforms(document, schema, &members[name], &format!("{at} {name}"));
        }
    }
}
