//! Whose a run is: the tenant that its input names.
//!
//! It is computed once, at the start, and lies in the run item and in every message of the run; so nobody reads the input for
//! it again. The queues get it as the group of each message, and let no group starve the others. In its run item it takes no
//! more bytes than are left of a write unit beside an input and an ending: docs/decisions/0026.

use crate::{Settings, limits, message::Message, payload::hex, start};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};
use stepladder_asl::{
    ReferencePath,
    path::{PathError, ReferenceStep},
};

/// Where the input of a workflow's runs names their tenant: a Reference Path, such as `$.customer.id`.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantPath(ReferencePath);

impl FromStr for TenantPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        ReferencePath::parse(text).map(Self)
    }
}

impl fmt::Display for TenantPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TenantPath {
    /// The tenant that an input names: text, a number or a boolean. None where there is nothing at the path, or null, an empty
    /// text, an array or an object.
    pub(crate) fn tenant_of(&self, input: &Value) -> Option<String> {
        scalar_at(&self.0, input).map(shortened)
    }
}

/// The text, the number or the boolean at a path, as text; none for an empty one.
pub(crate) fn scalar_at(path: &ReferencePath, input: &Value) -> Option<String> {
    let found = path.steps().iter().try_fold(input, |value, step| match step {
        ReferenceStep::Child(name) => value.as_object()?.get(name),
        ReferenceStep::Index(at) => value.as_array()?.get(*at),
    });
    let text = match found? {
        Value::String(text) => text.clone(),
        scalar @ (Value::Number(_) | Value::Bool(_)) => scalar.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The name itself where a queue takes it as a group and it is short; else a hash that stands for it.
fn shortened(name: String) -> String {
    // What SQS takes: the printable characters of ASCII without the space
    // (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html).
    match name.len() <= limits::TENANT_CHARS_MAX && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => name,
        false => hex(&Sha256::digest(name)).chars().take(32).collect(),
    }
}

/// The tenant that a message's body speaks of, be it a run's message or a start: the group that it is sent with by who has
/// only its body.
pub fn tenant_of_body(body: &str, settings: &Settings) -> Option<String> {
    match Message::decode(body, settings.payload_bytes_max) {
        Ok(message) => message.run.tenant,
        Err(_) => {
            let (workflow, input) = start::asked(body)?;
            settings.tenant_of(&workflow, &input)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(path: &str, input: Value, expected: Option<&str>) {
        let path: TenantPath = path.parse().unwrap();
        assert_eq!(path.tenant_of(&input).as_deref(), expected);
    }

    #[test]
    fn a_scalar_at_the_path_is_the_tenant() {
        check("$.customer_id", json!({"customer_id": "acme"}), Some("acme"));
        check("$.customer.ids[1]", json!({"customer": {"ids": [1, 17]}}), Some("17"));
        check("$['customer id']", json!({"customer id": true}), Some("true"));
        check("$", json!("acme"), Some("acme"));
    }

    #[test]
    fn where_there_is_no_scalar_there_is_no_tenant() {
        for input in [json!({}), json!(null), json!("acme"), json!([{"customer_id": "acme"}])] {
            check("$.customer_id", input, None);
        }
        for value in [json!(null), json!(""), json!([]), json!(["acme"]), json!({"id": 1})] {
            check("$.customer_id", json!({ "customer_id": value }), None);
        }
        check("$[0]", json!({"0": "acme"}), None);
    }

    #[test]
    fn what_no_queue_takes_or_what_is_long_becomes_a_hash_of_it() {
        let uuid = "7f1c0d4e-3c1f-4f0e-9a53-0d7e3f6c2b11";
        check("$", json!(uuid), Some(uuid));
        let path: TenantPath = "$".parse().unwrap();
        let hashed = |name: &str| path.tenant_of(&json!(name)).unwrap();
        for name in ["two words", "Jörg", "tab\t", &"x".repeat(37), &"x".repeat(1000)] {
            let tenant = hashed(name);
            assert_eq!(tenant, hashed(name));
            assert!(tenant.len() == 32 && tenant.bytes().all(|b| b.is_ascii_hexdigit()), "{tenant}");
        }
        assert_ne!(hashed("two words"), hashed("two  words"));
        // The first 32 digits of the SHA-256 of "two words", for it must never change.
        assert_eq!(hashed("two words"), "a03f1d611645eb53ad16c1af546ca079");
    }

    #[test]
    fn only_a_reference_path_names_tenants() {
        for path in ["$$.Execution.Name", "$.a[*]", "$..id", "customer_id", ""] {
            assert!(path.parse::<TenantPath>().is_err(), "{path}");
        }
        assert_eq!("$.a.b".parse::<TenantPath>().unwrap().to_string(), "$.a.b");
    }
}
