use super::*;
use crate::Draws;
use proptest::prelude::*;
use serde_json::json;

/// Data of any shape, with the few names that the paths ask for.
pub(crate) fn data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        (-3i64..4).prop_map(|half| Value::from(half as f64 / 2.0)),
        "[ab1]{0,2}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

/// Texts that are paths, or nearly.
pub(crate) fn path_like() -> impl Strategy<Value = String> {
    let inner = prop_oneof![
        Just("@"),
        Just("@.a"),
        Just("$..b"),
        Just("@['c'][0]"),
        Just("1"),
        Just("'a'"),
        Just("[1,'a']"),
        Just("/a.*/i"),
        Just("null"),
        Just("word")
    ];
    let sign = prop_oneof![
        Just("=="),
        Just("!="),
        Just("<"),
        Just(">="),
        Just("=~"),
        Just("in"),
        Just("nin"),
        Just("size"),
        Just("empty"),
        Just("contains"),
        Just("anyof"),
        Just("&&"),
        Just("||"),
        Just(")("),
        Just("!")
    ];
    let condition =
        (inner.clone(), sign, inner).prop_map(|(left, sign, right)| format!("[?({left} {sign} {right})]"));
    let part = prop_oneof![
        Just(".a".to_string()),
        Just("..b".into()),
        Just("..*".into()),
        Just(".*".into()),
        Just("[*]".into()),
        Just("[0]".into()),
        Just("[-1]".into()),
        Just("[1:]".into()),
        Just("[:-1]".into()),
        Just("[0,1]".into()),
        Just("['a','b']".into()),
        Just("..[?(@.a)]".into()),
        Just(".length()".into()),
        Just("[(@.length-1)]".into()),
        condition,
        ".{0,4}",
        "[$.a\\[\\]'\",*:?@()0-9 \\\\<>=~!&|/-]{0,6}",
    ];
    let root = prop_oneof![Just("$"), Just("$$"), Just("$a"), Just(""), Just("$größe")];
    (root, prop::collection::vec(part, 0..6)).prop_map(|(root, parts)| root.to_string() + &parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever a path says, and whatever the data is, a parse and an evaluation end and give the same again.
    #[test]
    fn paths_never_panic(text in path_like(), input in data()) {
        let draws = Draws::new([0; 32]);
        let variables = json!({"a": input.clone()});
        let scope = Scope { variables: variables.as_object().unwrap(), ..Scope::new(&input, &input, &draws) };
        match Path::parse(&text) {
            Ok(path) => {
                prop_assert_eq!(path.as_str(), text.as_str());
                let found = path.select(&scope);
                prop_assert_eq!(&found, &Path::parse(&text).unwrap().select(&scope));
                if let Ok(found) = &found {
                    prop_assert!(path.is_definite() || found.is_array());
                    prop_assert!(!path.is_reference() || path.is_definite());
                }
                if let Err(miss) = found {
                    prop_assert!(!miss.to_string().is_empty());
                    prop_assert!(
                        path.is_definite() || path.variable().is_some() || miss.limit_error().is_some()
                            || miss.impossible().is_some()
                    );
                }
            }
            Err(error) => prop_assert!(text.get(..error.at).is_some(), "{error} at {}", error.at),
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Paths that multiply what they find end at a limit, soon, and not in an exponential amount of work.
    #[test]
    fn hostile_paths_end(parts in prop::collection::vec(prop_oneof![
        Just("..*"), Just("[*]"), Just("..['a','b']"), Just("..[0,0,0,0]"), Just("..[?(@..[?($..a in $..b)])]"), Just("[?(@.a =~ /(a*)*b/)]"), Just("..a"),
    ], 1..12), depth in 1usize..90, width in 1usize..20) {
        let nested = (0..depth).fold(json!("a".repeat(1_000)), |inner, n| {
            if n % 2 == 0 { json!({"a": inner, "b": ["a"]}) } else { json!(vec![inner; if n < 4 { width } else { 1 }]) }
        });
        let draws = Draws::new([0; 32]);
        let scope = Scope::new(&nested, &nested, &draws);
        let path = Path::parse(&format!("${}", parts.concat())).unwrap();
        if let Err(miss) = path.select(&scope) {
            prop_assert!(miss.limit_error().is_some() || miss.impossible().is_some());
        }
    }
}
