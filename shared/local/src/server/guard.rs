//! Who may call: only those who mean this server on this machine.
//!
//! A page in a browser can send requests to 127.0.0.1, under its own name by DNS rebinding, or across origins. Both show
//! in a header that the page can't set.

use http::header::{HOST, HeaderMap, ORIGIN};

/// Whether the request names this server and comes from no foreign page; else the reason for a 403.
pub(crate) fn check(headers: &HeaderMap, port: u16) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    if hosts.next().is_some() || !host.is_some_and(|host| is_this_server(host, port)) {
        return Err("The Host header must be 127.0.0.1, localhost or [::1] with this server's port.");
    }
    for origin in headers.get_all(ORIGIN) {
        let from_here = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|host| is_this_server(host, port));
        if !from_here {
            return Err("Requests from pages of other origins are refused.");
        }
    }
    Ok(())
}

/// The names of this machine; and with what AWS's clients put before the host of an operation that waits for its end. Nobody
/// can have such a name in the public DNS: it has no dot in it, or ends in a number.
const NAMES: [&str; 5] = ["127.0.0.1", "localhost", "[::1]", "sync-127.0.0.1", "sync-localhost"];

fn is_this_server(host: &str, port: u16) -> bool {
    match host.rsplit_once(':') {
        Some((name, given)) => {
            given.parse() == Ok(port) && NAMES.iter().any(|own| name.eq_ignore_ascii_case(own))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check_call(host: &str, origin: Option<&str>, allowed: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        assert_eq!(check(&headers, 7700).is_ok(), allowed, "{host} {origin:?}");
    }

    #[test]
    fn only_this_server_and_its_own_pages_are_allowed() {
        check_call("127.0.0.1:7700", None, true);
        check_call("localhost:7700", Some("http://127.0.0.1:7700"), true);
        check_call("[::1]:7700", Some("http://localhost:7700"), true);
        check_call("LOCALHOST:7700", None, true);
        check_call("sync-127.0.0.1:7700", None, true);
        check_call("sync-localhost:7700", None, true);
        for host in [
            "127.0.0.1",
            "localhost:7701",
            "evil.example:7700",
            "bucket.localhost:7700",
            "sync-evil.example:7700",
            "sync-127.0.0.1",
            "127.0.0.1.evil:7700",
            "",
        ] {
            check_call(host, None, false);
        }
        for origin in [
            "http://evil.example",
            "null",
            "https://127.0.0.1:7700",
            "http://127.0.0.1:8080",
            "http://evil:7700",
        ] {
            check_call("127.0.0.1:7700", Some(origin), false);
        }
        assert!(check(&HeaderMap::new(), 7700).is_err());
    }
}
