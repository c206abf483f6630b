use super::{nested_tests::FAN_OUT, tests::ORDERS, *};
use crate::path::Path;
use proptest::prelude::*;
use serde_json::{Value, json};

/// One change to a JSON tree, chosen by the numbers.
fn mutate(mut value: &mut Value, mut at: usize, replacement: &Value) {
    loop {
        let children = match value {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            _ => 0,
        };
        if children == 0 || at.is_multiple_of(4) {
            *value = replacement.clone();
            return;
        }
        let index = (at / 4) % children;
        at /= 4 * children;
        match value {
            Value::Object(members) if at % 7 == 1 => {
                let name = members.keys().nth(index).unwrap().clone();
                let member = members.shift_remove(&name).unwrap();
                members.insert(format!("{name}.$"), member);
                return;
            }
            Value::Object(members) => value = members.values_mut().nth(index).unwrap(),
            Value::Array(items) => value = &mut items[index],
            _ => return,
        }
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!([])),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[$]?[$.a-z\\[\\]'*:0-9-]{0,12}".prop_map(Value::from),
        "States\\.(Format|Array|UUID|MathAdd)\\([$.a-z'{}\\\\, 0-9()-]{0,20}".prop_map(Value::from),
        prop_oneof![Just("Charge"), Just("Pass"), Just("Task"), Just("States.ALL"), Just("$")]
            .prop_map(Value::from),
        prop_oneof![Just("JSONata"), Just("JSONPath"), Just("Map"), Just("Parallel"), Just("DISTRIBUTED")]
            .prop_map(Value::from),
        "[{]% ?[$a-z.(){}\\[\\]0-9 '+?:=~>|@#%*-]{0,24} ?%[}]".prop_map(Value::from),
    ]
}

/// A definition as large as one may be: it is read, and one byte more is refused.
#[test]
fn a_definition_may_be_as_large_as_the_limit_and_no_larger() {
    let around = |text: &str| {
        format!(r#"{{"StartAt":"A","Comment":"{text}","States":{{"A":{{"Type":"Pass","End":true}}}}}}"#)
    };
    let fill = crate::limits::DEFINITION_BYTES_MAX - around("").len();
    let largest = around(&"x".repeat(fill));
    assert_eq!(largest.len(), crate::limits::DEFINITION_BYTES_MAX);
    assert!(Definition::parse(&largest).is_ok());
    assert!(Definition::parse(&around(&"x".repeat(fill + 1))).is_err());
    // As many states as fit, each with a fault: it ends, and reports no more than anybody reads, and that there are more.
    let mut states = String::new();
    while states.len() + 200 < crate::limits::DEFINITION_BYTES_MAX {
        states.push_str(&format!(r#""S{}":{{"Type":"Pass","Next":"N{}"}},"#, states.len(), states.len()));
    }
    let text = format!(r#"{{"StartAt":"S0","States":{{{states}"Z":{{"Type":"Succeed"}}}}}}"#);
    let faults = Definition::parse(&text).unwrap_err();
    assert!((2..=crate::limits::FAULTS_MAX + 1).contains(&faults.len()), "{}", faults.len());
    assert!(!faults.render("large.asl.json", &text, false).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is put into a definition, a parse ends, gives the same again, and its report can be shown.
    #[test]
    fn mutated_definitions_never_panic(
        is_nested in any::<bool>(),
        changes in prop::collection::vec((any::<usize>(), replacement()), 1..4),
    ) {
        let text = if is_nested { FAN_OUT } else { ORDERS };
        let mut value: Value = serde_json::from_str(text).unwrap();
        changes.iter().for_each(|(at, replacement)| mutate(&mut value, *at, replacement));
        let text = value.to_string();
        let parsed = Definition::parse(&text);
        prop_assert_eq!(&parsed, &Definition::parse(&text));
        match parsed {
            Ok(mut definition) => {
                let mut again = Definition::parse(&definition.canonical).unwrap();
                prop_assert_eq!(definition.warnings.len(), again.warnings.len());
                // Their places differ: the canonical text has other ones.
                (definition.warnings, again.warnings) = (Faults::default(), Faults::default());
                prop_assert!(again.states.len() == definition.states.len());
                prop_assert!(definition.states.iter().all(|(name, state)| again.state(name) == Some(state)));
                prop_assert_eq!((&again.machine.start_at, &again.hash), (&definition.machine.start_at, &definition.hash));
            }
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                prop_assert!(faults.iter().all(|fault| text.get(fault.span.clone()).is_some()), "{}", faults);
                faults.render("mutated.asl.json", &text, true);
            }
        }
    }

    /// The same for the text itself: bytes cut out, doubled, replaced.
    #[test]
    fn mutated_texts_never_panic(
        is_nested in any::<bool>(),
        from in 0..ORDERS.len(),
        length in 0usize..40,
        inserted in ".{0,8}",
    ) {
        let mut text = if is_nested { FAN_OUT } else { ORDERS }.to_string();
        let from = from.min(text.len());
        let to = (from + length).min(text.len());
        text.replace_range(from..to, &inserted);
        if let Err(faults) = Definition::parse(&text) {
            prop_assert!(faults.iter().all(|fault| text.get(fault.span.clone()).is_some()), "{}", faults);
            faults.render("mutated.asl.json", &text, false);
        }
    }

    #[test]
    fn paths_and_calls_never_panic(text in "[$]{0,2}[$.a-zä\\[\\]'\",*:?@()0-9 \\\\-]{0,24}", call in "States\\.[A-Za-z]{0,6}[($.a-zä'{}\\\\, 0-9()\\[\\]-]{0,30}") {
        let (input, draws) = (json!({"a": [1, {"b": null}], "c": "x"}), crate::Draws::new([0; 32]));
        let scope = crate::Scope::new(&input, &input, &draws);
        if let Ok(path) = Path::parse(&text) {
            let _ = path.select(&scope);
            prop_assert_eq!(path.as_str(), text);
        }
        if let Ok(call) = crate::intrinsic::Call::parse(&call) {
            let _ = call.evaluate(&scope);
        }
    }
}
