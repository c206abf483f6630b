//! Parallel and Map states, JSONata states, variables.

use super::{
    tests::{check, check_state, kind, state},
    *,
};
use crate::{
    definition::{Filter, Items, Kind, MapMode, Number, Percentage, Text, Until, WorkflowType},
    template::{Expression, Template},
};

/// A definition with fan-outs in fan-outs, in both query languages, with variables.
pub(super) const FAN_OUT: &str = r#"{
  "QueryLanguage": "JSONPath",
  "StartAt": "Prepare",
  "States": {
    "Prepare": {"Type": "Pass", "Assign": {"limit.$": "$.limit", "region": "eu"}, "Next": "Both"},
    "Both": {
      "Type": "Parallel",
      "Branches": [
        {"StartAt": "Left", "States": {
          "Left": {"Type": "Pass", "Parameters": {"region.$": "$region"}, "Next": "Items"},
          "Items": {
            "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3, "ToleratedFailurePercentage": 12.5,
            "ItemSelector": {"item.$": "$$.Map.Item.Value", "limit.$": "$limit"},
            "ItemProcessor": {
              "ProcessorConfig": {"Mode": "INLINE"},
              "StartAt": "Each",
              "States": {"Each": {"Type": "Task", "Resource": "arn:aws:lambda:::function:each", "End": true}}
            },
            "Retry": [{"ErrorEquals": ["States.ALL"]}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Gone", "Assign": {"why.$": "$.Cause"}}],
            "End": true
          },
          "Gone": {"Type": "Fail"}
        }},
        {"Comment": "in JSONata", "StartAt": "Right", "States": {
          "Right": {
            "Type": "Choice", "QueryLanguage": "JSONata",
            "Choices": [{"Condition": "{% $states.input.n > $limit %}", "Output": {"n": 1}, "Assign": {"m": 1}, "Next": "Pause"}],
            "Default": "Done"
          },
          "Pause": {"Type": "Wait", "QueryLanguage": "JSONata", "Seconds": "{% $m %}", "Next": "Done"},
          "Done": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.context.Execution.Input.x %}", "End": true}
        }}
      ],
      "ResultSelector": {"left.$": "$[0]"},
      "Next": "Far"
    },
    "Far": {
      "Type": "Map", "QueryLanguage": "JSONata", "Items": [1, "{% $limit %}"], "Label": "far",
      "MaxConcurrency": "{% $limit %}", "ToleratedFailureCount": 5,
      "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON", "MaxItems": "{% 2 %}"}, "Arguments": {"Bucket": "b", "Key": "{% $region %}"}},
      "ItemBatcher": {"MaxItemsPerBatch": 10, "BatchInput": {"r": "{% $region %}"}},
      "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Arguments": {"Bucket": "b", "Prefix": "p"}, "WriterConfig": {"OutputType": "JSONL", "Transformation": "FLATTEN"}},
      "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Child", "States": {"Child": {"Type": "Succeed"}}
      },
      "Output": "{% $states.result %}",
      "End": true
    }
  }
}"#;

fn parsed(text: &str) -> Definition {
    Definition::parse(text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn states_of_all_depths_are_found_by_their_names() {
    let definition = parsed(FAN_OUT);
    let names: Vec<&str> = definition.states.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["Prepare", "Both", "Left", "Items", "Each", "Gone", "Right", "Pause", "Done", "Far", "Child"]
    );
    let parent = |name: &str| {
        definition.state(name).unwrap().parent.as_ref().map(|parent| (parent.state.as_str(), parent.branch))
    };
    assert_eq!(
        (parent("Both"), parent("Left"), parent("Right")),
        (None, Some(("Both", 0)), Some(("Both", 1)))
    );
    assert_eq!((parent("Each"), parent("Child")), (Some(("Items", 0)), Some(("Far", 0))));
    let branches = definition.state("Both").unwrap().machines();
    assert_eq!(branches.len(), 2);
    assert_eq!(branches[1].start_at, "Right");
    assert!(branches[1].states.iter().eq(["Right", "Pause", "Done"]));
    assert!(
        definition.mentions_map_item && definition.mentions_execution_input && definition.mentions_context
    );
}

#[test]
fn map_states() {
    let definition = parsed(FAN_OUT);
    let Kind::Map(items) = &definition.state("Items").unwrap().kind else { panic!() };
    assert_eq!((&items.mode, &items.max_concurrency), (&MapMode::Inline, &Some(Number::Constant(3))));
    assert_eq!(items.tolerated_failure_percentage, Some(Percentage::Constant(12.5)));
    assert!(matches!(&items.items, Items::Path(path) if path.as_str() == "$.items"));
    assert!(matches!(items.item_selector, Some(Template::Object(_))));
    let Kind::Map(far) = &definition.state("Far").unwrap().kind else { panic!() };
    let MapMode::Distributed(distributed) = &far.mode else { panic!() };
    assert_eq!(
        (distributed.execution_type, distributed.label.as_deref()),
        (WorkflowType::Express, Some("far"))
    );
    assert!(matches!(far.max_concurrency, Some(Number::Expression(_))));
    assert!(matches!(&far.items, Items::Template(Template::Array(items)) if items.len() == 2));
    let batcher = distributed.item_batcher.as_ref().unwrap();
    assert_eq!(batcher.max_items_per_batch, Some(Number::Constant(10)));
    let reader = distributed.item_reader.as_ref().unwrap();
    let Some(Template::Object(config)) = &reader.reader_config else { panic!() };
    assert!(matches!(&config[1], (name, Template::Dynamic(_)) if name == "MaxItems"));
    assert!(distributed.result_writer.as_ref().unwrap().writer_config.is_some());
    // Without any of them the old field and the whole input count.
    let Kind::Map(old) = kind(
        r#"{"Type": "Map", "Parameters": {"a": 1}, "Iterator": {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}}, "Next": "T"}"#,
    ) else {
        panic!()
    };
    assert!(matches!(&old.items, Items::Path(path) if path.as_str() == "$"));
    assert!(old.item_selector.is_some() && old.max_concurrency.is_none());
}

#[test]
fn jsonata_states() {
    let choice = state(
        r#"{"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": true, "Next": "T"}], "Output": 5}"#,
    );
    assert_eq!(choice.data.output, Some(Template::Literal(5.into())));
    let Kind::Choice(rules) = &choice.kind else { panic!() };
    assert_eq!(rules.rules[0].rule, crate::Rule::Condition(Template::Literal(true.into())));
    let text = r#"{"Type": "Wait", "QueryLanguage": "JSONata", "Timestamp": "{% $now() %}", "Next": "T"}"#;
    assert!(matches!(kind(text), Kind::Wait(wait) if matches!(wait.until, Until::TimestampExpression(_))));
    let text = r#"{"StartAt": "F", "States": {"F": {"Type": "Fail", "QueryLanguage": "JSONata", "Error": "E", "Cause": "{% 'c' %}"}}}"#;
    let Kind::Fail(fail) = &parsed(text).states["F"].kind else { panic!() };
    assert!(matches!((&fail.error, &fail.cause), (Some(Text::Constant(_)), Some(Text::Expression(_)))));
    let task = state(
        r#"{"Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::lambda:invoke", "Next": "T",
            "Arguments": {"FunctionName": "f", "Payload": ["{%$states.input%}"]}, "TimeoutSeconds": "{% 5 %}",
            "Credentials": {"RoleArn": "{% 'r' %}"}, "Output": "{% $states.result %}",
            "Catch": [{"ErrorEquals": ["E"], "Output": "{% $states.errorOutput %}", "Next": "T"}]}"#,
    );
    assert_eq!((&task.data.input_path, task.query_language), (&Filter::default(), QueryLanguage::Jsonata));
    let Some(Template::Object(members)) = &task.data.arguments else { panic!() };
    let (_, Template::Array(payload)) = &members[1] else { panic!() };
    assert!(
        matches!(&payload[0], Template::Dynamic(Expression::Jsonata(text)) if text.as_str() == "$states.input")
    );
    assert!(task.catch[0].output.is_some());
}

#[test]
fn expressions_are_checked() {
    use FaultCode::*;
    let pass = |output: &str| {
        format!(r#"{{"Type": "Pass", "QueryLanguage": "JSONata", "Output": {output}, "Next": "T"}}"#)
    };
    for (output, code, piece) in [
        (r#""{% 10 %""#, UnclosedExpression, r#""{% 10 %""#),
        (r#""10 %}""#, UnclosedExpression, r#""10 %}""#),
        (r#"" {% 10 %}""#, UnclosedExpression, r#"" {% 10 %}""#),
        (r#""{%}""#, UnclosedExpression, r#""{%}""#),
        (r#"{"a": ["{% ( %}"]}"#, InvalidJsonata, " "),
        (r#""{% phone & 'x' %}""#, UnsupportedReference, "phone"),
        (r#""{% $$.a %}""#, UnsupportedReference, "$$"),
        (r#""{% 1 + $states.result %}""#, UnsupportedReference, "$states.result"),
        (r#""{% $states.errorOutput.Cause %}""#, UnsupportedReference, "$states.errorOutput"),
    ] {
        check_state(&pass(output), &[(code, piece)]);
    }
    for output in [r#""{%  %}x""#, r#""%{""#] {
        let found = Definition::parse(&format!(r#"{{"StartAt": "S", "States": {{"S": {}}}}}"#, pass(output)));
        assert!(found.is_err());
    }
    check_state(&pass(r#""{% $states.input.a[b = 1].(c + d) %}""#), &[]);
    check_state(&pass(r#""100 %""#), &[]);
}

#[test]
fn fields_belong_to_a_language() {
    use FaultCode::*;
    check_state(
        r#"{"Type": "Pass", "QueryLanguage": "JSONata", "InputPath": "$.a", "Parameters": {"a.$": 5}, "Next": "T"}"#,
        &[(OtherLanguage, "\"InputPath\""), (OtherLanguage, "\"Parameters\"")],
    );
    check_state(r#"{"Type": "Pass", "Output": {}, "Next": "T"}"#, &[(OtherLanguage, "\"Output\"")]);
    check_state(
        r#"{"Type": "Choice", "Choices": [{"Condition": true, "Output": 1, "Next": "T"}]}"#,
        &[(ChoiceRule, "{"), (OtherLanguage, "\"Condition\""), (OtherLanguage, "\"Output\"")],
    );
    check_state(
        r#"{"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "T"}]}"#,
        &[(MissingField, "{"), (OtherLanguage, "\"Variable\""), (OtherLanguage, "\"IsNull\"")],
    );
    check_state(
        r#"{"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": "yes", "Next": "T"}]}"#,
        &[(WrongType, "\"yes\"")],
    );
    check_state(
        r#"{"Type": "Pass", "QueryLanguage": "JSONAta", "Next": "T"}"#,
        &[(InvalidValue, "\"JSONAta\"")],
    );
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": {"Type": "Succeed", "QueryLanguage": "JSONPath"}}}"#,
        &[(LanguageDowngrade, "\"JSONPath\"")],
    );
    // What stands in a JSONata Map state speaks the definition's language, not the Map state's.
    check_state(
        r#"{"Type": "Map", "QueryLanguage": "JSONata", "Next": "T", "ItemProcessor": {"QueryLanguage": "JSONata", "StartAt": "I", "States": {
            "I": {"Type": "Pass", "Output": 1, "End": true}}}}"#,
        &[(UnknownField, "\"QueryLanguage\""), (OtherLanguage, "\"Output\"")],
    );
}

#[test]
fn fan_outs_are_checked() {
    use FaultCode::*;
    let map = |fields: &str| {
        format!(
            r#"{{"Type": "Map", "Next": "T", "ItemProcessor": {{"StartAt": "I", "States": {{"I": {{"Type": "Succeed"}}}}}}, {fields}}}"#
        )
    };
    for (fields, code, piece) in [
        (r#""MaxConcurrency": -1"#, OutOfRange, "-1"),
        (r#""MaxConcurrency": 1, "MaxConcurrencyPath": "$.m""#, ConflictingFields, "\"MaxConcurrencyPath\""),
        (r#""MaxConcurrencyPath": "$.m[*]""#, InvalidPath, "\"$.m[*]\""),
        (r#""ItemsPath": "$..a""#, InvalidPath, "\"$..a\""),
        (r#""ItemsPath": null"#, WrongType, "null"),
        (r#""ToleratedFailurePercentage": 101"#, OutOfRange, "101"),
        (r#""ToleratedFailureCount": 0.5"#, WrongType, "0.5"),
        (r#""TimeoutSeconds": 5"#, UnknownField, "\"TimeoutSeconds\""),
        (r#""ItemSelector": {}, "Parameters": {}"#, ConflictingFields, "\"Parameters\""),
        (r#""Iterator": {}"#, ConflictingFields, "\"Iterator\""),
    ] {
        check_state(&map(fields), &[(code, piece)]);
    }
    check_state(r#"{"Type": "Map", "Next": "T"}"#, &[(MissingField, "{")]);
    check_state(r#"{"Type": "Parallel", "Branches": [], "Next": "T"}"#, &[(MissingField, "[]")]);
    check_state(r#"{"Type": "Parallel", "Branches": {}, "Next": "T"}"#, &[(WrongType, "{}")]);
    check_state(
        r#"{"Type": "Parallel", "Next": "T", "Branches": [{"StartAt": "I", "States": {"I": {"Type": "Pass", "Next": "T"}}}]}"#,
        &[(MissingTarget, "\"T\"")],
    );
    check_state(
        r#"{"Type": "Parallel", "Next": "T", "Branches": [{"StartAt": "T", "States": {"T": {"Type": "Succeed"}}}]}"#,
        &[(DuplicateState, "\"T\"")],
    );
    check_state(
        r#"{"Type": "Parallel", "Next": "T", "Branches": [{"StartAt": "I", "States": {"I": {"Type": "Succeed"}, "J": {"Type": "Succeed"}}}]}"#,
        &[(Unreachable, "\"J\"")],
    );
}

#[test]
fn distributed_maps_are_checked() {
    use FaultCode::*;
    let map = |fields: &str| {
        format!(
            r#"{{"Type": "Map", "Next": "T", {fields}, "ItemProcessor": {{"ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}, "StartAt": "I", "States": {{"I": {{"Type": "Succeed"}}}}}}}}"#
        )
    };
    for (fields, code, piece) in [
        (r#""ItemReader": {}"#, MissingField, "{"),
        (
            r#""ItemReader": {"Resource": "arn:aws:states:::s3:putObject"}"#,
            InvalidResource,
            "\"arn:aws:states:::s3:putObject\"",
        ),
        (
            r#""ItemReader": {"Resource": "${Reader}", "ReaderConfig": {"InputType": "XML"}}"#,
            InvalidValue,
            "\"XML\"",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"MaxItems": 1, "MaxItemsPath": "$.m"}}"#,
            ConflictingFields,
            "\"MaxItemsPath\"",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"CSVHeaderLocation": "GIVEN"}}"#,
            MissingField,
            "{",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"Transformation": "LOAD_AND_FLATTEN"}}"#,
            MissingField,
            "{",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"Transformation": "LOAD_AND_FLATTEN", "InputType": "MANIFEST"}}"#,
            InvalidValue,
            "\"MANIFEST\"",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"ManifestType": "S3_INVENTORY", "InputType": "CSV"}}"#,
            ConflictingFields,
            "\"CSV\"",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "a"}}"#,
            InvalidValue,
            "\"a\"",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"ManifestType": "ATHENA_DATA"}}"#,
            MissingField,
            "{",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"ManifestType": "ATHENA_DATA", "InputType": "JSON"}}"#,
            InvalidValue,
            "\"JSON\"",
        ),
        (
            r#""ItemReader": {"Resource": "${R}", "ReaderConfig": {"InputType": "PARQUET"}, "Parameters": {"Key": "k", "VersionId.$": "$.v"}}"#,
            ConflictingFields,
            "\"VersionId.$\"",
        ),
        (r#""ItemBatcher": {}"#, MissingField, "{"),
        (r#""ItemBatcher": {"MaxInputBytesPerBatch": 262145}"#, OutOfRange, "262145"),
        (
            r#""ItemBatcher": {"MaxItemsPerBatch": 1, "MaxItemsPerBatchPath": "$.m"}"#,
            ConflictingFields,
            "\"MaxItemsPerBatchPath\"",
        ),
        (r#""ResultWriter": {}"#, MissingField, "{"),
        (r#""ResultWriter": {"Resource": "arn:aws:states:::s3:putObject"}"#, MissingField, "{"),
        (r#""ResultWriter": {"WriterConfig": {"OutputType": "JSON"}}"#, MissingField, "{"),
        (r#""Label": "a b""#, InvalidLabel, "\"a b\""),
    ] {
        check_state(&map(fields), &[(code, piece)]);
    }
    check_state(
        r#"{"Type": "Map", "Next": "T", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "I", "States": {"I": {"Type": "Succeed"}}}}"#,
        &[(MissingField, "{")],
    );
}

#[test]
fn nesting_is_bounded_by_the_depth_of_the_text() {
    let mut text = r#"{"Type": "Succeed"}"#.to_string();
    let mut levels = 0;
    while Definition::parse(&format!(r#"{{"StartAt": "S", "States": {{"S": {text}}}}}"#)).is_ok() {
        levels += 1;
        text = format!(
            r#"{{"Type": "Parallel", "Branches": [{{"StartAt": "S{levels}", "States": {{"S{levels}": {text}}}}}], "End": true}}"#
        );
        assert!(levels < 100);
    }
    assert_eq!(levels, 32);
    let faults = Definition::parse(&format!(r#"{{"StartAt": "S", "States": {{"S": {text}}}}}"#)).unwrap_err();
    assert_eq!(faults.iter().next().unwrap().code, FaultCode::NestedTooDeeply);
}

#[test]
fn what_aws_documents_of_readers_is_taken() {
    let checked = |reader: &str, reads_parquet| {
        let text = format!(
            r#"{{"StartAt": "M", "States": {{"M": {{"Type": "Map", "End": true, "ItemReader": {reader}, "ItemProcessor": {{"ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}, "StartAt": "I", "States": {{"I": {{"Type": "Succeed"}}}}}}}}}}}}"#
        );
        let checked = Definition::check(&text, &Options { reads_parquet, ..Options::default() });
        assert!(checked.errors.is_empty(), "{reader}: {}", checked.errors);
        checked.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>()
    };
    let get = |config: &str| {
        format!(
            r#"{{"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {config}, "Parameters": {{"Bucket": "b", "Key": "k"}}}}"#
        )
    };
    let list = |config: &str| get(config).replace("getObject", "listObjectsV2").replace("Key", "Prefix");
    for reader in [
        get(r#"{"InputType": "MANIFEST"}"#),
        get(r#"{"InputType": "MANIFEST", "CSVDelimiter": "COMMA", "MaxItems": 5}"#),
        get(r#"{"ManifestType": "S3_INVENTORY"}"#),
        get(r#"{"ManifestType": "ATHENA_DATA", "InputType": "CSV"}"#),
        get(r#"{"ManifestType": "ATHENA_DATA", "InputType": "JSONL"}"#),
        get(r#"{"Transformation": "NONE", "InputType": "CSV"}"#),
        get(r#"{"InputType": "JSON", "ItemsPointer": "/inventory/products/featured"}"#),
        list(r#"{"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"}"#),
    ] {
        assert_eq!(checked(&reader, false), [], "{reader}");
    }
    for reader in [
        get(r#"{"InputType": "PARQUET"}"#),
        get(r#"{"ManifestType": "ATHENA_DATA", "InputType": "PARQUET"}"#),
        list(r#"{"InputType": "PARQUET", "Transformation": "LOAD_AND_FLATTEN"}"#),
    ] {
        assert_eq!(checked(&reader, true), [], "{reader}");
        assert_eq!(checked(&reader, false), [FaultCode::NotYetRun], "{reader}");
    }
    for reader in [
        get(r#"{"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"}"#),
        get(r#"{"InputType": "JSONL", "ItemsPointer": "/a"}"#),
        list(r#"{"ManifestType": "ATHENA_DATA", "InputType": "CSV"}"#),
    ] {
        assert_eq!(checked(&reader, true), [FaultCode::IgnoredField], "{reader}");
    }
}
