//! Who may call: only those who mean this server on this machine.
//!
//! A page in a browser can send requests to 127.0.0.1, under its own name by DNS rebinding, or across origins. Both show
//! in a header that the page can't set.

use super::HostName;
use http::header::{HOST, HeaderMap, ORIGIN};

/// What a port answers to.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    port: u16,
    /// A name beside those that every machine has.
    name: Option<HostName>,
}

/// The names of this machine. Nobody can have such a name in the public DNS: it has no dot in it, or ends in a number.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// What AWS's clients put before the host of an operation that waits for its end.
const SYNC: &str = "sync-";

impl Guard {
    pub(crate) fn new(port: u16, name: Option<HostName>) -> Self {
        Self { port, name }
    }

    /// Whether the request names this server and comes from no foreign page; else the reason for a 403.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), String> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        if hosts.next().is_some() || !host.is_some_and(|host| self.is_this_server(host)) {
            let names = match &self.name {
                Some(name) => format!("127.0.0.1, localhost, [::1] or {name}"),
                None => "127.0.0.1, localhost or [::1]".to_owned(),
            };
            return Err(format!("The Host header must be {names} with this server's port."));
        }
        for origin in headers.get_all(ORIGIN) {
            let from_here = origin
                .to_str()
                .ok()
                .and_then(|origin| origin.strip_prefix("http://"))
                .is_some_and(|host| self.is_this_server(host));
            if !from_here {
                return Err("Requests from pages of other origins are refused.".to_owned());
            }
        }
        Ok(())
    }

    fn is_this_server(&self, host: &str) -> bool {
        let Some((name, port)) = host.rsplit_once(':') else { return false };
        let name = name.to_ascii_lowercase();
        let is_own =
            |name: &str| NAMES.contains(&name) || self.name.as_ref().is_some_and(|own| own.as_str() == name);
        let is_named = is_own(&name) || name.strip_prefix(SYNC).is_some_and(is_own);
        port.parse() == Ok(self.port) && is_named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check_call(guard: &Guard, host: &str, origin: Option<&str>, allowed: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        assert_eq!(guard.check(&headers).is_ok(), allowed, "{host} {origin:?}");
    }

    #[test]
    fn only_this_server_and_its_own_pages_are_allowed() {
        let guard = Guard::new(7700, None);
        let check_call = |host, origin, allowed| check_call(&guard, host, origin, allowed);
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
            "sync-sync-localhost:7700",
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
        assert!(guard.check(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_name_that_is_given_is_allowed_too_and_no_other() {
        let guard = Guard::new(7700, Some("Flows.Example".parse().unwrap()));
        let check_call = |host, origin, allowed| check_call(&guard, host, origin, allowed);
        check_call("flows.example:7700", None, true);
        check_call("sync-FLOWS.example:7700", Some("http://flows.example:7700"), true);
        check_call("127.0.0.1:7700", Some("http://sync-flows.example:7700"), true);
        for host in ["flows.example:7701", "flows.example", "a.flows.example:7700", "flows.example.evil:7700"]
        {
            check_call(host, None, false);
        }
        check_call("flows.example:7700", Some("http://evil.example:7700"), false);
        let reason = guard.check(&HeaderMap::new()).unwrap_err();
        assert_eq!(
            reason,
            "The Host header must be 127.0.0.1, localhost, [::1] or flows.example with this server's port."
        );
    }
}
