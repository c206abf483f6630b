//! CreateStateMachine, UpdateStateMachine, DescribeStateMachine, DescribeStateMachineForExecution and
//! ValidateStateMachineDefinition.

use crate::testing::{ROLE, World, create, execution, machine, pass, wait, with};
use serde_json::{Value, json};

#[test]
fn a_state_machine_is_made_and_described_and_run() {
    let world = World::new();
    let made = world.ok("CreateStateMachine", create("w", &pass()));
    assert_eq!(made, json!({ "stateMachineArn": machine("w"), "creationDate": 1_700_000_000.0 }));
    let mut described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w") }));
    let definition: Value = serde_json::from_str(described["definition"].as_str().unwrap()).unwrap();
    assert_eq!(definition, pass());
    described["definition"] = json!(null);
    assert_eq!(
        described,
        json!({
            "stateMachineArn": machine("w"), "name": "w", "status": "ACTIVE", "definition": null, "roleArn": ROLE,
            "type": "STANDARD", "creationDate": 1_700_000_000.0,
            "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
            "tracingConfiguration": { "enabled": false },
            "encryptionConfiguration": { "type": "AWS_OWNED_KEY" },
        })
    );
    let without = json!({ "stateMachineArn": machine("w"), "includedData": "METADATA_ONLY" });
    assert_eq!(world.ok("DescribeStateMachine", without)["definition"], "{}");
    world.start("17", &json!({}));
    let first = &world.ok("GetExecutionHistory", json!({ "executionArn": execution("17") }))["events"][0];
    assert_eq!(first["executionStartedEventDetails"]["roleArn"], ROLE);
}

#[test]
fn making_the_same_again_changes_nothing_and_another_of_the_name_is_refused() {
    let world = World::new();
    let made = world.ok("CreateStateMachine", create("w", &pass()));
    world.host.wait(1_000);
    assert_eq!(world.ok("CreateStateMachine", create("w", &pass())), made);
    let other_role = with(create("w", &pass()), "roleArn", json!("arn:aws:iam::000000000000:role/other"));
    assert_eq!(world.ok("CreateStateMachine", other_role), made, "AWS passes over another role");
    let off = json!({ "level": "OFF" });
    assert_eq!(world.ok("CreateStateMachine", with(create("w", &pass()), "loggingConfiguration", off)), made);
    let message = format!("State Machine Already Exists: '{}'", machine("w"));
    for other in [
        create("w", &wait()),
        with(create("w", &pass()), "type", json!("EXPRESS")),
        with(create("w", &pass()), "tracingConfiguration", json!({ "enabled": true })),
    ] {
        world.refused("CreateStateMachine", other, "StateMachineAlreadyExists", &message);
    }
    let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w") }));
    assert_eq!(described["roleArn"], ROLE);
}

#[test]
fn configurations_are_kept_and_shown() {
    let world = World::new();
    let logging = json!({ "level": "ALL", "includeExecutionData": true, "destinations": [
        { "cloudWatchLogsLogGroup": { "logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:g:*" } }
    ] });
    let body = with(create("w", &pass()), "loggingConfiguration", logging.clone());
    world.ok("CreateStateMachine", with(body, "tracingConfiguration", json!({ "enabled": true })));
    let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w") }));
    assert_eq!(described["loggingConfiguration"], logging);
    assert_eq!(described["tracingConfiguration"], json!({ "enabled": true }));
}

#[test]
fn no_destinations_are_shown_where_none_were_given_by_name() {
    let world = World::new();
    let none = json!({ "destinations": [] });
    for (name, given, shown) in [("w", none.clone(), none), ("v", json!({}), json!({}))] {
        let body = with(create(name, &pass()), "loggingConfiguration", given);
        let made = world.ok("CreateStateMachine", body.clone());
        let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine(name) }));
        let mut expected = json!({ "level": "OFF", "includeExecutionData": false });
        expected.as_object_mut().unwrap().extend(shown.as_object().unwrap().clone());
        assert_eq!(described["loggingConfiguration"], expected);
        assert_eq!(world.ok("CreateStateMachine", body), made, "the same again");
    }
}

#[test]
fn a_state_machine_is_refused_with_awss_reasons() {
    let world = World::new();
    let check =
        |body: Value, kind: &str, message: &str| world.refused("CreateStateMachine", body, kind, message);
    check(
        json!({}),
        "ValidationException",
        "3 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; Value \
         null at 'definition'",
    );
    for name in ["a b", "a/b", "a*", "a#b", "a:b"] {
        check(create(name, &pass()), "InvalidName", &format!("Invalid Name: '{name}'"));
    }
    check(
        create("w", &json!({ "StartAt": "P" })),
        "InvalidDefinition",
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'",
    );
    let body = with(create("w", &pass()), "definition", json!("not a definition"));
    check(body, "InvalidDefinition", "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: ");
    check(with(create("w", &pass()), "roleArn", json!("role")), "InvalidArn", "Invalid Role Arn: 'role'");
    check(
        with(create("w", &pass()), "type", json!("FAST")),
        "ValidationException",
        "enum value set: [STANDARD, EXPRESS]",
    );
    let all = json!({ "level": "ALL" });
    check(
        with(create("w", &pass()), "loggingConfiguration", all),
        "InvalidLoggingConfiguration",
        "Invalid Logging Configuration: Must specify exactly one Log Destination.",
    );
    let odd = json!({ "level": "ALL", "destinations": [{ "x": "y" }] });
    check(with(create("w", &pass()), "loggingConfiguration", odd), "InvalidLoggingConfiguration", "");
    let key = json!({ "type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k" });
    check(with(create("w", &pass()), "encryptionConfiguration", key), "InvalidEncryptionConfiguration", "");
    check(
        with(create("w", &pass()), "versionDescription", json!("x")),
        "ValidationException",
        "Version description can only be set when publish is true",
    );
    assert_eq!(world.ok("ListStateMachines", json!({})), json!({ "stateMachines": [] }));
}

#[test]
fn what_can_not_be_run_here_is_refused_and_only_warned_of_by_the_validation() {
    let world = World::new();
    let task = |resource: &str, parameters: Value| {
        json!({ "StartAt": "T", "States": { "T": {
            "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true
        } } })
    };
    let object = task("arn:aws:states:::aws-sdk:s3:getObject", json!({ "Bucket": "b", "Key": "k" }));
    world.refused(
        "CreateStateMachine",
        create("w", &object),
        "InvalidDefinition",
        "this version cannot call `arn:aws:states:::aws-sdk:s3:getObject` yet",
    );
    let validated = world.ok(
        "ValidateStateMachineDefinition",
        json!({ "definition": object.to_string(), "severity": "WARNING" }),
    );
    assert_eq!(validated["result"], "OK");
    assert_eq!(validated["diagnostics"][0]["severity"], "WARNING");
    let sqs = task("arn:aws:states:::sqs:sendMessage", json!({ "QueueUrl": "q", "MessageBody": "b" }));
    world.ok("CreateStateMachine", create("sqs", &sqs));
    let body = json!({ "stateMachineArn": machine("sqs"), "definition": object.to_string() });
    world.refused("UpdateStateMachine", body, "InvalidDefinition", "cannot call");
    let chosen = task("arn:aws:states:::lambda:invoke", json!({ "FunctionName.$": "$.function" }));
    world.ok("CreateStateMachine", create("chosen", &chosen));
    let placeholder = task("${Function}", json!({}));
    world.refused("CreateStateMachine", create("w", &placeholder), "InvalidDefinition", "`${Function}`");
    let system = task("arn:aws:lambda:us-east-1:000000000000:function:timer", json!({}));
    world.refused(
        "CreateStateMachine",
        create("w", &system),
        "InvalidDefinition",
        "the name of a system queue",
    );
}

#[test]
fn a_reader_of_parquet_is_refused_where_no_function_reads_it() {
    let world = World::new();
    let definition = json!({ "StartAt": "M", "States": { "M": {
        "Type": "Map", "End": true,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": { "InputType": "PARQUET" },
            "Parameters": { "Bucket": "b", "Key": "k" },
        },
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "I", "States": { "I": { "Type": "Succeed" } },
        },
    } } });
    let told = "the functions of this stack read no Parquet";
    world.refused("CreateStateMachine", create("w", &definition), "InvalidDefinition", told);
    let body = json!({ "definition": definition.to_string(), "severity": "WARNING" });
    let validated = world.ok("ValidateStateMachineDefinition", body);
    assert_eq!(validated["result"], "OK");
    assert_eq!(validated["diagnostics"][0]["message"], told);
}

#[test]
fn an_express_state_machine_is_judged_by_awss_rules() {
    let world = World::new();
    let waits = json!({ "StartAt": "T", "States": { "T": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "Parameters": { "FunctionName": "work", "Payload": { "token.$": "$$.Task.Token" } }
    } } });
    let body = with(create("w", &waits), "type", json!("EXPRESS"));
    world.refused(
        "CreateStateMachine",
        body,
        "InvalidDefinition",
        "'SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at \
         /States/T/Resource'",
    );
    world.ok("CreateStateMachine", with(create("w", &pass()), "type", json!("EXPRESS")));
    assert_eq!(
        world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w") }))["type"],
        "EXPRESS"
    );
}

#[test]
fn an_update_makes_a_revision_and_running_executions_keep_theirs() {
    let world = World::new();
    world.ok("CreateStateMachine", create("w", &wait()));
    world.start("old", &json!({}));
    world.host.wait(5_000);
    let body = json!({ "stateMachineArn": machine("w"), "definition": pass().to_string() });
    let updated = world.ok("UpdateStateMachine", body.clone());
    assert_eq!(updated["updateDate"], 1_700_000_005.0);
    assert_eq!(updated["revisionId"].as_str().unwrap().len(), 36);
    world.host.wait(5_000);
    assert_eq!(world.ok("UpdateStateMachine", body), updated, "nothing is another: the revision stays");
    let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w") }));
    assert_eq!(
        (&described["revisionId"], &described["creationDate"]),
        (&updated["revisionId"], &json!(1_700_000_000.0))
    );
    world.start("new", &json!({}));
    let of =
        |name: &str| world.ok("DescribeStateMachineForExecution", json!({ "executionArn": execution(name) }));
    let definition =
        |shown: &Value| serde_json::from_str::<Value>(shown["definition"].as_str().unwrap()).unwrap();
    let (old, new) = (of("old"), of("new"));
    assert_eq!((definition(&old), definition(&new)), (wait(), pass()));
    assert_eq!((&old["updateDate"], old.get("revisionId")), (&json!(1_700_000_000.0), None));
    assert_eq!((&new["updateDate"], &new["revisionId"]), (&updated["updateDate"], &updated["revisionId"]));
    assert_eq!(new["encryptionConfiguration"], json!({ "type": "AWS_OWNED_KEY" }));
    assert_eq!(
        (&new["name"], &new["roleArn"], &new["stateMachineArn"]),
        (&json!("w"), &json!(ROLE), &json!(machine("w")))
    );
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    let world = World::new();
    world.ok("CreateStateMachine", create("w", &pass()));
    let other = "arn:aws:iam::000000000000:role/other";
    let first = world.ok("UpdateStateMachine", json!({ "stateMachineArn": machine("w"), "roleArn": other }));
    let body = json!({ "stateMachineArn": machine("w"), "tracingConfiguration": { "enabled": true } });
    let second = world.ok("UpdateStateMachine", body);
    assert_ne!(first["revisionId"], second["revisionId"]);
    let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w") }));
    assert_eq!(
        (&described["roleArn"], &described["tracingConfiguration"]["enabled"]),
        (&json!(other), &json!(true))
    );
    let body = json!({ "stateMachineArn": machine("w"), "tracingConfiguration": { "enabled": false } });
    world.ok("UpdateStateMachine", body);
    let described = world.ok("DescribeStateMachine", json!({ "stateMachineArn": machine("w") }));
    assert_eq!(described["tracingConfiguration"]["enabled"], false);
}

#[test]
fn an_update_is_refused_with_awss_reasons() {
    let world = World::of(&pass());
    let check =
        |body: Value, kind: &str, message: &str| world.refused("UpdateStateMachine", body, kind, message);
    check(
        json!({ "stateMachineArn": machine("w") }),
        "MissingRequiredParameter",
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
    );
    let of = |workflow: &str| json!({ "stateMachineArn": machine(workflow), "definition": "{}" });
    check(of("none"), "StateMachineDoesNotExist", &machine("none"));
    check(of("w/label"), "ValidationException", "does not support labeled state machine ARNs");
    check(
        of("w"),
        "InvalidDefinition",
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'",
    );
}

#[test]
fn a_definition_is_validated_with_awss_codes_and_places() {
    let world = World::new();
    let validate = |body: Value| world.ok("ValidateStateMachineDefinition", body);
    let ok = json!({ "result": "OK", "diagnostics": [], "truncated": false });
    assert_eq!(validate(json!({ "definition": pass().to_string() })), ok);
    let empty = validate(json!({ "definition": "{}" }));
    assert_eq!((&empty["result"], &empty["truncated"]), (&json!("FAIL"), &json!(false)));
    let fault = json!({ "severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "location": "/",
        "message": "These fields are required: [States, StartAt]" });
    assert_eq!(empty["diagnostics"], json!([fault]));
    let nothing = json!({ "severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED",
        "message": "Definition must be a valid JSON object" });
    assert_eq!(validate(json!({ "definition": " " }))["diagnostics"], json!([nothing]));
    let other_language = json!({ "QueryLanguage": "JSONata", "StartAt": "P", "States": {
        "P": { "Type": "Pass", "QueryLanguage": "JSONPath", "End": true }
    } });
    let fault = json!({ "severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "location": "/States/P",
        "message": "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine" });
    assert_eq!(validate(json!({ "definition": other_language.to_string() }))["diagnostics"], json!([fault]));
    let no_json = validate(json!({ "definition": "not a definition" }));
    assert_eq!(no_json["diagnostics"][0]["code"], "INVALID_JSON_DESCRIPTION");
    let path_as_text = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true, "Parameters": { "a": "$.b" } } } });
    assert_eq!(validate(json!({ "definition": path_as_text.to_string() })), ok);
    let warned = validate(json!({ "definition": path_as_text.to_string(), "severity": "WARNING" }));
    assert_eq!((&warned["result"], &warned["diagnostics"][0]["code"]), (&json!("OK"), &json!("NO_DOLLAR")));
    let states: Value = (0..5).map(|n| (format!("S{n}"), json!({ "Type": "Nothing" }))).collect();
    let many = json!({ "StartAt": "S0", "States": states }).to_string();
    let two = validate(json!({ "definition": many, "maxResults": 2 }));
    assert_eq!((two["diagnostics"].as_array().unwrap().len(), &two["truncated"]), (2, &json!(true)));
    world.refused(
        "ValidateStateMachineDefinition",
        json!({ "definition": many, "maxResults": 101 }),
        "ValidationException",
        "less than or equal to 100",
    );
    world.refused(
        "ValidateStateMachineDefinition",
        json!({ "definition": "" }),
        "ValidationException",
        "Value at 'definition'",
    );
}
