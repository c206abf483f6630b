use super::*;
use crate::{
    errors,
    limits::VALUE_DEPTH_MAX,
    scope::Draws,
    template::{Expression, Template},
};
use serde_json::json;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Evaluates something with this input, in a Context object that holds a name.
fn with<T>(input: &Value, evaluate: impl Fn(&Scope) -> Result<T, EvalError>) -> Result<T, String> {
    let (context, draws) = (json!({"Execution": {"Name": "run"}}), Draws::new([0; 32]));
    evaluate(&Scope::new(input, &context, &draws)).map_err(|error| error.to_string())
}

/// A Parameters template as a definition would hold it.
fn template(text: &str) -> Template {
    let text = format!(
        r#"{{"StartAt": "S", "States": {{"S": {{"Type": "Pass", "Parameters": {text}, "End": true}}}}}}"#
    );
    let definition = crate::Definition::parse(&text).unwrap_or_else(|faults| panic!("{faults}"));
    definition.state("S").unwrap().data.arguments.clone().unwrap()
}

#[test]
fn a_filter_gives_a_part_of_the_input() {
    let apply = |filter: Filter, input: Value| {
        with(&input, |scope| filter.select("InputPath", scope).map(Cow::into_owned))
    };
    assert_eq!(apply(Filter::Empty, json!([1])), Ok(json!({})));
    assert_eq!(apply(Filter::Path(path("$.a")), json!({"a": null})), Ok(json!(null)));
    assert_eq!(apply(Filter::Path(path("$$.Execution.Name")), json!({})), Ok(json!("run")));
    assert_eq!(
        apply(Filter::Path(path("$.no.such.result.path")), json!({})),
        Err("States.Runtime: Invalid path '$.no.such.result.path' : Missing property in path $['no']".into())
    );
}

#[test]
fn the_whole_input_is_passed_on_without_a_copy() {
    let input = json!({"a": 1});
    let (context, draws) = (json!({}), Draws::new([0; 32]));
    let scope = Scope::new(&input, &context, &draws);
    let selected = Filter::Path(path("$")).select("InputPath", &scope);
    assert!(matches!(selected, Ok(Cow::Borrowed(value)) if std::ptr::eq(value, &input)));
}

#[test]
fn a_template_fills_its_dynamic_members() {
    let filled =
        |text: &str, input: Value| with(&input, |scope| template(text).evaluate("Parameters", scope));
    assert_eq!(
        filled(
            r#"{"z": 1, "a.$": "$.x", "list": ["$.x", {"b.$": "$$.Execution.Name"}], "n": {"c.$": "States.Array($.x)"}}"#,
            json!({"x": [true]})
        )
        .map(|value| value.to_string()),
        Ok(r#"{"z":1,"a":[true],"list":["$.x",{"b":"run"}],"n":{"c":[[true]]}}"#.into())
    );
    assert_eq!(filled(r#"["$.x"]"#, json!({})), Ok(json!(["$.x"])));
    assert_eq!(filled(r#"{"a.$": "$.items[5]"}"#, json!({"items": [1]})), Ok(json!({"a": null})));
    assert_eq!(filled(r#"{"a.$": "$.items[*].n"}"#, json!({"items": [{"n": 1}, {}]})), Ok(json!({"a": [1]})));
    assert_eq!(
        filled(r#"{"list": [{"value.$": "$.nope.deep"}]}"#, json!({"int-literal": 0})),
        Err("States.Runtime: The JSONPath '$.nope.deep' specified for the field 'value.$' could not be found in the input \
             '{\"int-literal\":0}'"
            .into())
    );
    assert!(
        filled(r#"{"a.$": "$$.Task.Token"}"#, json!({}))
            .unwrap_err()
            .ends_with("'{\"Execution\":{\"Name\":\"run\"}}'")
    );
}

#[test]
fn a_template_cannot_nest_or_grow_without_bound() {
    let deep = (0..VALUE_DEPTH_MAX - 1).fold(json!(1), |inner, _| json!([inner]));
    let filled =
        |text: &str, input: &Value| with(input, |scope| template(text).evaluate("Parameters", scope));
    assert!(filled(r#"{"a.$": "$"}"#, &deep).is_ok());
    assert!(filled(r#"{"a": {"b.$": "$"}}"#, &deep).unwrap_err().starts_with("States.DataLimitExceeded: "));
    assert!(filled(r#"{"a.$": "States.Array($)"}"#, &deep).is_err());
    let wide = json!("x".repeat(20_000_000));
    let members = |count: usize| {
        let members: Vec<String> = (0..count).map(|n| format!(r#""m{n}.$": "$""#)).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(filled(&members(3), &wide).is_ok());
    assert!(filled(&members(4), &wide).unwrap_err().starts_with("States.DataLimitExceeded: "));
}

#[test]
fn a_result_goes_where_its_path_says() {
    let at = |text: &str| ResultPath::At(ReferencePath::parse(text).unwrap());
    let raw = json!({"a": {"b": 1}, "list": [1, {"x": 2}]});
    let apply = |path: ResultPath, raw: &Value| path.apply(raw, json!("r"));
    assert_eq!(apply(ResultPath::Whole, &raw), Ok(json!("r")));
    assert_eq!(apply(ResultPath::Discard, &raw), Ok(raw.clone()));
    assert_eq!(apply(at("$.a.b"), &raw).map(|value| value["a"].clone()), Ok(json!({"b": "r"})));
    assert_eq!(apply(at("$.new.deep"), &json!({})), Ok(json!({"new": {"deep": "r"}})));
    assert_eq!(apply(at("$.list[1].x"), &raw).map(|value| value["list"].clone()), Ok(json!([1, {"x": "r"}])));
    for (path, raw) in
        [("$.a", json!("input1")), ("$.a.b.c", raw.clone()), ("$.list[2]", raw.clone()), ("$.a[0]", raw)]
    {
        let error = apply(at(path), &raw).unwrap_err();
        assert_eq!(error.error, errors::REFERENCE_PATH_CONFLICT);
        assert_eq!(error.cause_in("S", 2), format!("Unable to apply ReferencePath {path} to input {raw}"));
    }
    let deep = (0..VALUE_DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
    assert!(at("$.a").apply(&json!({}), deep).is_err());
}

#[test]
fn numbers_come_from_the_data() {
    let number =
        |input: Value| with(&input, |scope| Number::Path(path("$.t")).evaluate("TimeoutSecondsPath", scope));
    assert_eq!(number(json!({"t": 5})), Ok(5));
    assert_eq!(number(json!({"t": 5.0})), Ok(5));
    assert_eq!(
        number(json!({})),
        Err("States.Runtime: Invalid path '$.t' : No results for path: $['t']".into())
    );
    for (value, shown) in
        [(json!("NoNumber"), "NoNumber"), (json!({}), "{}"), (json!(-1), "-1"), (json!(1.5), "1.5")]
    {
        assert_eq!(
            number(json!({"t": value})),
            Err(format!(
                "States.Runtime: The TimeoutSecondsPath field refers to value \"{shown}\" which is not a valid integer: $.t"
            ))
        );
    }
}

#[test]
fn texts_come_from_the_data() {
    let text = |input: Value| with(&input, |scope| Text::Path(path("$.c")).evaluate("CausePath", scope));
    assert_eq!(text(json!({"c": "why"})), Ok("why".into()));
    assert_eq!(
        text(json!({})),
        Err("States.Runtime: The JSONPath '$.c' specified for the field 'CausePath' could not be found in the input '{}'"
            .into())
    );
    assert!(text(json!({"c": 5})).unwrap_err().contains("not a string: $.c == 5"));
    let call = crate::intrinsic::Call::parse("States.Format('{}!', $.c)").unwrap();
    let call = Text::Expression(Template::Dynamic(Expression::Call(call)));
    assert_eq!(with(&json!({"c": 5}), |scope| call.evaluate("CausePath", scope)), Ok("5!".into()));
}

#[test]
fn waits_end_when_they_say() {
    let due = |until: Until, input: Value| with(&input, |scope| until.due_ms(1_000, scope));
    let seconds = |value: Value| due(Until::SecondsPath(path("$.s")), json!({"s": value}));
    let timestamp = |value: &str| due(Until::TimestampPath(path("$.t")), json!({"t": value}));
    assert_eq!(due(Until::Seconds(2), json!({})), Ok(3_000));
    assert_eq!(due(Until::Timestamp("1970-01-01T00:00:00Z".into()), json!({})), Ok(0));
    assert_eq!(seconds(json!(0)), Ok(1_000));
    assert_eq!(timestamp("1970-01-01T01:00:05+01:00"), Ok(5_000));
    assert_eq!(
        due(Until::SecondsPath(path("$.input.waitSeconds")), json!({})),
        Err("States.Runtime: The SecondsPath parameter does not reference an input value: $.input.waitSeconds".into())
    );
    assert_eq!(
        timestamp("2016-12-05T21:29:29"),
        Err("States.Runtime: The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time \
             format string: $.t == 2016-12-05T21:29:29"
            .into())
    );
    assert!(seconds(json!("5")).unwrap_err().ends_with("cannot be parsed as a long value: $.s == 5"));
    assert!(seconds(json!(-5)).unwrap_err().ends_with("references a negative value: $.s == -5"));
    assert!(seconds(json!(100_000_000)).unwrap_err().contains("greater than 99999999"));
}

#[test]
fn data_that_doubles_from_state_to_state_meets_a_limit() {
    let path = ResultPath::At(ReferencePath::parse("$.x").unwrap());
    let mut data = serde_json::json!({ "text": "x".repeat(1 << 20) });
    for _ in 0..40 {
        match path.apply(&data, data.clone()) {
            Ok(doubled) => data = doubled,
            Err(error) => return assert_eq!(error.error, crate::errors::DATA_LIMIT_EXCEEDED),
        }
    }
    panic!("forty states doubled it without an error");
}
