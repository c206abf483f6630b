//! A name that leads to this machine by its hosts file.

use crate::limits::{HOST_NAME_CHARS_MAX, LABEL_CHARS_MAX};
use std::{fmt, str::FromStr};

/// A name for a port of this machine, in lower case: letters, digits and hyphens, with dots between.
///
/// AWS's clients put `sync-` before the host of some operations, so that a name is always two.
///
/// ```
/// let name: stepladder_local::HostName = "flows.test".parse().unwrap();
/// assert_eq!(name.hosts_line(), "127.0.0.1 flows.test sync-flows.test");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

/// It can't name a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it must be a host's name without a port: letters, digits and hyphens, with dots between, and no address"
)]
pub struct InvalidHostName;

impl HostName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the hosts file has to say for clients to come here by this name.
    pub fn hosts_line(&self) -> String {
        format!("127.0.0.1 {name} sync-{name}", name = self.0)
    }
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, InvalidHostName> {
        let is_label = |label: &str| {
            (1..=LABEL_CHARS_MAX).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // What ends in a number is an address.
        let is_address =
            text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        // `sync-` comes before the first label.
        let first = text.split('.').next().unwrap_or_default();
        let fits = text.len() <= HOST_NAME_CHARS_MAX && first.len() + "sync-".len() <= LABEL_CHARS_MAX;
        if !fits || is_address || !text.split('.').all(is_label) {
            return Err(InvalidHostName);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_name_and_no_address() {
        for name in ["flows", "Flows.Example", "a-1.b2", &"a".repeat(58)] {
            let read: HostName = name.parse().unwrap();
            assert_eq!(read.as_str(), name.to_ascii_lowercase());
        }
        let long = vec!["a".repeat(50); 5].join(".");
        for text in [
            "",
            ".",
            "a.",
            "-a",
            "a-",
            "a_b",
            "a b",
            "a:80",
            "é",
            "127.0.0.1",
            "a.1",
            "[::1]",
            &"a".repeat(59),
            &long,
        ] {
            assert_eq!(text.parse::<HostName>(), Err(InvalidHostName), "{text}");
        }
    }
}
