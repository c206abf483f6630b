use super::*;
use crate::{
    Draws,
    limits::{EVALUATION_BYTES_MAX, INTRINSIC_CALLS_MAX},
    path::fuzz,
};
use proptest::prelude::*;
use serde_json::json;

/// Texts that are calls, or nearly.
fn call_like() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        9 => prop::sample::select(Function::names().collect::<Vec<_>>()).prop_map(String::from),
        1 => "States\\.[A-Za-z]{0,6}",
    ];
    let leaf = prop_oneof![
        2 => "'([a-z{} ,.:=]|\\\\['{}\\\\]|\\{\\}){0,8}'",
        1 => Just("'{}-{}'".to_string()),
        1 => prop_oneof![Just("'SHA-1'"), Just("'MD5'"), Just("'aGk='"), Just("'[1,2]'")].prop_map(String::from),
        2 => (-3i64..5).prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(String::from),
        2 => prop_oneof![Just("$"), Just("$.a"), Just("$.b"), Just("$.c[0]"), Just("$var"), Just("$$.a"), Just("$..a")].prop_map(String::from),
        1 => fuzz::path_like(),
        1 => ".{0,4}",
    ];
    leaf.prop_recursive(4, 12, 4, move |inner| {
        (name.clone(), prop::collection::vec(inner, 0..4))
            .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", ")))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever a call says, and whatever the data is, a parse and an evaluation end and give the same again.
    #[test]
    fn calls_never_panic(text in call_like(), input in fuzz::data(), seed in any::<[u8; 32]>()) {
        let variables = json!({"var": input.clone()});
        match Call::parse(&text) {
            Ok(call) => {
                let evaluate = || {
                    let draws = Draws::new(seed);
                    let scope = Scope { variables: variables.as_object().unwrap(), ..Scope::new(&input, &input, &draws) };
                    call.evaluate(&scope)
                };
                let value = evaluate();
                prop_assert_eq!(&value, &evaluate());
                if let Err(error) = value {
                    prop_assert!(!error.cause.is_empty());
                }
            }
            Err(error) => prop_assert!(text.get(..error.at).is_some(), "{error} at {}", error.at),
        }
    }
}

/// Every function doubles its text or copies it many times; the sum of it all is bounded.
#[test]
fn calls_that_multiply_data_are_stopped() {
    let (context, draws) = (json!({}), Draws::new([0; 32]));
    let input = json!({"text": "x".repeat(EVALUATION_BYTES_MAX / 8), "t": "{}".repeat(9)});
    let scope = Scope::new(&input, &context, &draws);
    for call in [
        format!("States.Array({})", ["$.text"; 9].join(", ")),
        format!("States.Format($.t, {})", ["$.text"; 9].join(", ")),
        format!("States.Array({})", ["States.JsonToString($.text)"; INTRINSIC_CALLS_MAX - 1].join(", ")),
        format!("States.Array({})", ["$..*"; 9].join(", ")),
    ] {
        let error = Call::parse(&call).unwrap().evaluate(&scope).unwrap_err();
        assert_eq!(error.error.as_str(), crate::errors::DATA_LIMIT_EXCEEDED, "{call}");
    }
    let call = Call::parse("States.ArrayLength(States.StringSplit($.text, $.text))").unwrap();
    assert_eq!(call.evaluate(&scope), Ok(json!(0)));
}
