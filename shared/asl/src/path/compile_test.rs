use super::*;
use crate::limits::PATH_FILTER_DEPTH_MAX;

#[track_caller]
fn check(text: &str, root: Root, steps: &[Step]) {
    let path = compile(text).unwrap();
    assert_eq!((path.root, path.steps.as_slice()), (root, steps), "{text}");
}

fn child(name: &str) -> Step {
    Step::Child(name.into())
}

#[test]
fn paths_compile() {
    check("$", Root::Input, &[]);
    check("$$", Root::Context, &[]);
    check("$.a.b-c", Root::Input, &[child("a"), child("b-c")]);
    check("$$.Execution.Id", Root::Context, &[child("Execution"), child("Id")]);
    check("$['a b'][\"c\"]", Root::Input, &[child("a b"), child("c")]);
    check(r"$['it\'s']", Root::Input, &[child("it's")]);
    check(r#"$['Test\""Name"']"#, Root::Input, &[child(r#"Test\""Name""#)]);
    check("$[0][-1]", Root::Input, &[Step::Index(0), Step::Index(-1)]);
    check("$.a[1:5].b", Root::Input, &[child("a"), Step::Slice { from: Some(1), to: Some(5) }, child("b")]);
    check("$[:1]", Root::Input, &[Step::Slice { from: None, to: Some(1) }]);
    check("$[-2:]", Root::Input, &[Step::Slice { from: Some(-2), to: None }]);
    check("$[ 0 , 2 ]", Root::Input, &[Step::Indexes(vec![0, 2])]);
    check("$['a','b']", Root::Input, &[Step::Children(vec!["a".into(), "b".into()])]);
    check("$.*[*]", Root::Input, &[Step::Wildcard, Step::Wildcard]);
    check("$..a", Root::Input, &[Step::Descend, child("a")]);
    check("$..[0]", Root::Input, &[Step::Descend, Step::Index(0)]);
    check("$.ключ.名前", Root::Input, &[child("ключ"), child("名前")]);
}

#[track_caller]
fn refuse(text: &str, at: usize) {
    let error = compile(text).unwrap_err();
    assert_eq!(error.at, at, "{text}: {error}");
}

#[test]
fn what_is_no_path_is_refused_with_its_place() {
    for (text, at) in [
        ("", 0),
        ("a", 0),
        (" $", 0),
        ("bug$.library", 0),
        ("$$23", 2),
        ("$ ", 1),
        ("$.", 2),
        ("$..", 3),
        ("$...", 3),
        ("$.a.", 4),
        ("$.a b", 2),
        ("$[", 2),
        ("$[a]", 2),
        ("$[0", 3),
        ("$['a]", 3),
        ("$['a',]", 6),
        ("$['a',\"b\"]", 6),
        ("$[1:2:3]", 5),
        ("$[:]", 3),
        ("$[99999999999]", 2),
        ("$[-]", 2),
        ("$[0]a", 4),
    ] {
        refuse(text, at);
    }
}

#[test]
fn variables_compile() {
    let variable = |name: &str| Root::Variable(name.into());
    check("$order", variable("order"), &[]);
    check("$order.lines[0]", variable("order"), &[child("lines"), Step::Index(0)]);
    check("$_a1['b c']", variable("_a1"), &[child("b c")]);
    check("$größe", variable("größe"), &[]);
    for (text, at) in [("$1", 1), ("$a-b", 2), ("$a b", 2), ("$a(", 2), ("$a$b", 2), ("$$a", 2)] {
        refuse(text, at);
    }
    let longest = "v".repeat(VARIABLE_NAME_CHARS_MAX);
    assert!(compile(&format!("${longest}.a")).is_ok());
    refuse(&format!("${longest}w"), 1);
}

#[test]
fn functions_are_members_with_parentheses() {
    let function = |text: &str| Step::Function(text.into());
    check("$.a.length()", Root::Input, &[child("a"), function("length()")]);
    check("$.sum($.a[0], max(1))[1]", Root::Input, &[function("sum($.a[0], max(1))"), Step::Index(1)]);
    assert_eq!(compile("$..n.max()").unwrap().function(), Some("max()"));
    assert_eq!(compile("$.n['max()']").unwrap().function(), None);
    refuse("$.a.length(", 10);
    refuse("$.a.length((1)", 10);
}

#[test]
fn a_place_from_the_end_may_be_written_as_an_expression() {
    check("$[(@.length-1)].bar", Root::Input, &[Step::Index(-1), child("bar")]);
    check("$.a[( @.length - 12 )]", Root::Input, &[child("a"), Step::Index(-12)]);
    for (text, at) in [("$[(@.length)]", 2), ("$[(@.length-0)]", 2), ("$[(1)]", 2), ("$[(@.length-1)", 14)] {
        refuse(text, at);
    }
}

#[test]
fn filters_are_refused_with_their_place() {
    for (text, at) in [
        ("$[?", 3),
        ("$[?@.a]", 3),
        ("$[?()]", 4),
        ("$[?(@.a]", 7),
        ("$[?(@.a)", 8),
        ("$[?(@.a ==)]", 10),
        ("$[?(@.a = 1)]", 8),
        ("$[?(@.a near 1)]", 8),
        ("$[?(@.a == 1 && )]", 16),
        ("$[?(@.a == 1 or @.b)]", 13),
        ("$[?(true)]", 4),
        ("$[?(@.a == 'b)]", 12),
        ("$[?(@.a == 1x)]", 11),
        ("$[?(@.a == [1,])]", 11),
        ("$[?(@.a == [1)]", 11),
        ("$[?(@.a == {'b': 1)]", 11),
        ("$[?(@.a =~ 'b')]", 11),
        ("$[?(@.a == /b/)]", 11),
        ("$[?(@.a =~ /b)]", 11),
        ("$[?(@.a =~ /(/)]", 11),
        ("$[?(@.a =~ /a)|(b/)]", 11),
        ("$[?(@.a =~ /a/q)]", 11),
        ("$[?(@. == 1)]", 6),
    ] {
        refuse(text, at);
    }
}

#[test]
fn filters_and_parentheses_are_bounded() {
    let nest = |levels: usize| format!("$[?{}@.a{}]", "(".repeat(levels), ")".repeat(levels));
    assert!(compile(&nest(PATH_FILTER_DEPTH_MAX)).is_ok());
    assert!(compile(&nest(PATH_FILTER_DEPTH_MAX + 1)).is_err());
    assert!(compile(&nest(100_000)).is_err());
    assert!(compile(&format!("${}", "[?(@".repeat(10_000))).is_err());
    assert!(compile(&format!("$[?({}@.a)]", "!".repeat(100_000))).is_ok());
    let conditions = |count: usize| format!("$[?({})]", vec!["@"; count].join(" && "));
    assert!(compile(&conditions(PATH_STEPS_MAX - 1)).is_ok());
    assert!(compile(&conditions(PATH_STEPS_MAX)).is_err());
}

#[test]
fn a_regular_expression_has_a_bounded_size() {
    assert!(compile("$[?(@.a =~ /[a-z]{1,20}/i)]").is_ok());
    assert!(compile("$[?(@.a =~ /((a{100}){100}){100}/)]").is_err());
    assert!(compile(&format!("$[?(@.a =~ /{}/)]", "(".repeat(100_000))).is_err());
    assert!(compile(&format!("$[?(@.a =~ /{}/)]", "a?".repeat(100_000))).is_err());
}

#[test]
fn a_path_has_a_bounded_number_of_steps() {
    assert!(compile(&format!("${}", ".a".repeat(PATH_STEPS_MAX))).is_ok());
    assert!(compile(&format!("${}", ".a".repeat(PATH_STEPS_MAX + 1))).is_err());
}
