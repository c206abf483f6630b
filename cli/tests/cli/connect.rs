//! Commands that find no stack: a clear error at once, and what to do.

use crate::stepladder;

#[test]
fn without_any_stack_the_error_names_both_ways_to_one() {
    let shown = stepladder(&["run", "list"]).in_folder(&std::env::temp_dir()).transcript();
    insta::assert_snapshot!(shown);
}

#[test]
fn an_endpoint_where_nobody_listens() {
    // Bound and dropped: nobody else gets this port in a moment.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    for args in [["run", "list"], ["run", "show"], ["repair", "x"], ["start", "order"]] {
        let more: &[&str] = if args == ["run", "show"] { &["x"] } else { &[] };
        let args = [&args[..], more, &["--endpoint", &url]].concat();
        let shown = stepladder(&args).transcript();
        assert!(shown.starts_with("exit code: 75"), "{shown}");
        assert!(shown.contains(&format!("error[SL1302]: nobody answers at {url}")), "{shown}");
        assert!(shown.contains("hint: start the local stack: `make dev`"), "{shown}");
    }
    let json = stepladder(&["run", "list", "-o", "json", "--endpoint", &url]).transcript();
    let error = json.rsplit_once("----- stderr -----\n").unwrap().1;
    let error: serde_json::Value = serde_json::from_str(error).unwrap();
    assert_eq!(
        (&error["schema"], &error["code"], &error["exit_code"]),
        (&"stepladder.error/1".into(), &"SL1302".into(), &75.into())
    );
}

#[test]
fn a_word_that_is_no_url() {
    let shown = stepladder(&["run", "list", "--endpoint", "localhost:7700"]).transcript();
    assert!(shown.starts_with("exit code: 2"), "{shown}");
}
