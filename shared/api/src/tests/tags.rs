//! TagResource, UntagResource and ListTagsForResource, and tags at CreateStateMachine and CreateActivity.

use crate::testing::{ARN, World, create, machine, pass, with};
use serde_json::{Value, json};

fn tags(count: usize) -> Value {
    (0..count).map(|n| json!({ "key": format!("k{n:02}"), "value": n.to_string() })).collect()
}

fn list(world: &World) -> Value {
    world.ok("ListTagsForResource", json!({ "resourceArn": machine("w") }))["tags"].clone()
}

fn tag(world: &World, tags: Value) -> Value {
    world.ok("TagResource", json!({ "resourceArn": machine("w"), "tags": tags }))
}

#[test]
fn tags_are_added_replaced_and_removed() {
    let world = World::new();
    world.ok(
        "CreateStateMachine",
        with(create("w", &pass()), "tags", json!([{ "key": "team", "value": "é 1" }])),
    );
    assert_eq!(list(&world), json!([{ "key": "team", "value": "é 1" }]));
    // What is made again keeps its tags, as on AWS.
    world.ok("CreateStateMachine", with(create("w", &pass()), "tags", json!([{ "key": "other" }])));
    for _repeated in 0..2 {
        let added = json!([{ "key": "a/b", "value": "" }, { "key": "team", "value": "2" }]);
        assert_eq!(tag(&world, added), json!({}));
    }
    assert_eq!(list(&world), json!([{ "key": "a/b", "value": "" }, { "key": "team", "value": "2" }]));
    assert_eq!(tag(&world, json!([])), json!({}));
    for _repeated in 0..2 {
        let body = json!({ "resourceArn": machine("w"), "tagKeys": ["team", "none"] });
        assert_eq!(world.ok("UntagResource", body), json!({}));
    }
    assert_eq!(list(&world), json!([{ "key": "a/b", "value": "" }]));
    world.publish("v", &pass());
    assert_eq!(
        world.ok("ListTagsForResource", json!({ "resourceArn": machine("v") })),
        json!({ "tags": [] })
    );
}

#[test]
fn an_activity_is_made_with_tags_which_change_and_go_with_it() {
    let world = World::new();
    let arn = format!("{ARN}:activity:pack");
    let listed = || world.ok("ListTagsForResource", json!({ "resourceArn": arn }))["tags"].clone();
    let create = |tags: Value| world.ok("CreateActivity", json!({ "name": "pack", "tags": tags }));
    let made = create(json!([{ "key": "team", "value": "é" }, { "key": "stage" }]));
    world.host.wait(1_000);
    // What is made again keeps its tags, as on AWS.
    assert_eq!(create(json!([{ "key": "other", "value": "" }])), made);
    assert_eq!(listed(), json!([{ "key": "stage", "value": "" }, { "key": "team", "value": "é" }]));
    for _repeated in 0..2 {
        let added = json!([{ "key": "team", "value": "2" }, { "key": "a", "value": "b" }]);
        world.ok("TagResource", json!({ "resourceArn": arn, "tags": added }));
        world.ok("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["stage", "none"] }));
    }
    assert_eq!(listed(), json!([{ "key": "a", "value": "b" }, { "key": "team", "value": "2" }]));
    world.refused("TagResource", json!({ "resourceArn": arn, "tags": tags(50) }), "TooManyTags", &arn);
    assert_eq!(listed().as_array().unwrap().len(), 2, "nothing was added");

    world.ok("DeleteActivity", json!({ "activityArn": arn }));
    let gone = json!({ "resourceArn": arn });
    world.refused("ListTagsForResource", gone, "ResourceNotFound", &format!("Resource not found: '{arn}'"));
    world.ok("CreateActivity", json!({ "name": "pack" }));
    assert_eq!(listed(), json!([]));
    world.ok("TagResource", json!({ "resourceArn": arn, "tags": tags(50) }));
    assert_eq!(listed(), tags(50));
}

#[test]
fn an_activity_is_refused_for_its_tags_or_its_key() {
    let world = World::new();
    let check = |member: &str, value: Value, kind: &str, message: &str| {
        world.refused("CreateActivity", json!({ "name": "pack", member: value }), kind, message);
    };
    check("tags", tags(51), "TooManyTags", &format!("{ARN}:activity:pack"));
    check(
        "tags",
        json!([{ "key": "aws:k", "value": "v" }]),
        "ValidationException",
        "must not start with 'aws:'",
    );
    check(
        "tags",
        json!([{ "value": "v" }]),
        "ValidationException",
        "Value null at 'tags.1.member.key' failed",
    );
    let key = "encryptionConfiguration";
    let own = json!({ "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k" });
    check(key, own, "InvalidEncryptionConfiguration", "Customer managed keys are not supported");
    check(key, json!({}), "ValidationException", "Value null at 'encryptionConfiguration.type' failed");
    check(
        key,
        json!({ "type": "X" }),
        "ValidationException",
        "Value 'X' at 'encryptionConfiguration.type' failed",
    );
    assert_eq!(world.ok("ListActivities", json!({})), json!({ "activities": [] }));
    world.ok("CreateActivity", json!({ "name": "pack", key: { "type": "AWS_OWNED_KEY" } }));
}

#[test]
fn a_state_machine_has_fifty_tags_at_most() {
    let world = World::new();
    let body = with(create("w", &pass()), "tags", tags(51));
    world.refused("CreateStateMachine", body, "TooManyTags", &machine("w"));
    world.ok("CreateStateMachine", with(create("w", &pass()), "tags", tags(49)));
    tag(&world, tags(50));
    let more = json!({ "resourceArn": machine("w"), "tags": [{ "key": "more", "value": "" }] });
    world.refused("TagResource", more.clone(), "TooManyTags", &machine("w"));
    let (status, _, body) = world.raw(World::request("TagResource", more.to_string()));
    assert_eq!((status, &body["resourceName"]), (400, &json!(machine("w"))));
    assert_eq!(list(&world), tags(50), "nothing was added");
    tag(&world, json!([{ "key": "k07", "value": "new" }]));
}

#[test]
fn tags_are_refused_with_awss_reasons() {
    let world = World::of(&pass());
    world.ok("PublishStateMachineVersion", json!({ "stateMachineArn": machine("w") }));
    let check = |tags: Value, kind: &str, message: &str| {
        let body = json!({ "resourceArn": machine("w"), "tags": tags });
        world.refused("TagResource", body, kind, message);
    };
    let one = |key: &str, value: &str| json!([{ "key": key, "value": value }]);
    let validation = "ValidationException";
    check(Value::Null, validation, "Value null at 'tags' failed");
    check(json!([{ "value": "v" }]), validation, "Value null at 'tags.1.member.key' failed");
    check(
        one("", "v"),
        validation,
        "Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length",
    );
    check(one(&"k".repeat(129), "v"), validation, "less than or equal to 128");
    check(one("k", &"v".repeat(257)), validation, "less than or equal to 256");
    check(
        one("k", "<v>"),
        validation,
        "Value '<v>' at 'tags.1.member.value' failed to satisfy constraint: Member must satisfy",
    );
    check(one("aws:k", "v"), validation, "must not start with 'aws:'");
    check(json!("x"), "SerializationException", "cannot be converted to List");
    check(json!(["x"]), "SerializationException", "cannot be converted to Structure");
    tag(&world, one(&"k".repeat(128), &"v".repeat(256)));
    for (arn, kind) in [
        (machine("none"), "ResourceNotFound"),
        (machine("w:1"), "ResourceNotFound"),
        (format!("{ARN}:activity:a"), "ResourceNotFound"),
        (format!("{ARN}:execution:w:1"), "InvalidArn"),
        ("x".to_owned(), "InvalidArn"),
    ] {
        let message = if kind == "InvalidArn" {
            "Invalid Arn".to_owned()
        } else {
            format!("Resource not found: '{arn}'")
        };
        world.refused("TagResource", json!({ "resourceArn": arn, "tags": [] }), kind, &message);
        world.refused("UntagResource", json!({ "resourceArn": arn, "tagKeys": [] }), kind, &message);
        world.refused("ListTagsForResource", json!({ "resourceArn": arn }), kind, &message);
    }
    world.refused(
        "UntagResource",
        json!({ "resourceArn": machine("w"), "tagKeys": [1] }),
        "SerializationException",
        "",
    );
}
