//! A request's parameters, checked by what its route takes.

use super::{
    problem::Problem,
    routes::{Parameter, Route, Takes},
};
use crate::limits::REST_ANSWER_SECONDS_MAX;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use stepladder_asl::timestamp;
use stepladder_codes::Code;

/// The parameters of a request. Each value is one that its route takes.
#[derive(Debug, Default)]
pub(super) struct Asked {
    path: BTreeMap<String, String>,
    query: BTreeMap<&'static str, Vec<String>>,
    usual: BTreeMap<&'static str, u64>,
}

impl Asked {
    pub(super) async fn read(route: &'static Route, parts: &mut Parts) -> Result<Self, Problem> {
        let mut asked = Self::default();
        if route.path.contains('{') {
            let no_text = |_| Problem::new(404, Code::NoSuchPath, "a part of the path is no UTF-8");
            let params = RawPathParams::from_request_parts(parts, &()).await.map_err(no_text)?;
            asked.path = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        }
        for pair in parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            asked.take(route, pair)?;
        }
        for parameter in route.query {
            if let Takes::Number { usual, .. } | Takes::Seconds { usual } = parameter.takes {
                asked.usual.insert(parameter.name, usual);
            }
        }
        Ok(asked)
    }

    fn take(&mut self, route: &'static Route, pair: &str) -> Result<(), Problem> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name).unwrap_or_default();
        let Some(parameter) = route.query.iter().find(|parameter| parameter.name == name) else {
            let known: Vec<&str> = route.query.iter().map(|parameter| parameter.name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Problem::invalid_parameter(&cut(&name), format!("is not known; there are: {known}")));
        };
        let value = decoded(value).filter(|value| is_taken(parameter, value));
        let value = value.ok_or_else(|| Problem::invalid_parameter(parameter.name, takes(parameter)))?;
        let values = self.query.entry(parameter.name).or_default();
        if !values.is_empty() && !matches!(parameter.takes, Takes::Several(_)) {
            return Err(Problem::invalid_parameter(parameter.name, "stands twice"));
        }
        if !values.contains(&value) {
            values.push(value);
        }
        Ok(())
    }

    /// A parameter of the path.
    pub(super) fn path(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name)?.first().map(String::as_str)
    }

    /// All values of a parameter that may stand several times.
    pub(super) fn several(&self, name: &str) -> &[String] {
        self.query.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// A number, or what is usual.
    pub(super) fn number(&self, name: &str) -> usize {
        let given = self.text(name).and_then(|text| text.parse().ok());
        let usual = || self.usual.get(name).copied().unwrap_or_default();
        usize::try_from(given.unwrap_or_else(usual)).unwrap_or(usize::MAX)
    }

    /// A time in milliseconds, or what is usual.
    pub(super) fn ms(&self, name: &str) -> i64 {
        let given = self.text(name).and_then(seconds);
        let seconds = given.or_else(|| self.usual.get(name).copied()).unwrap_or_default();
        i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
    }

    pub(super) fn flag(&self, name: &str, usual: bool) -> bool {
        self.text(name).map_or(usual, |text| text == "true")
    }
}

/// A part of a query; `None` if it is no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn is_taken(parameter: &Parameter, value: &str) -> bool {
    match parameter.takes {
        Takes::Text { chars_max } => !value.is_empty() && value.chars().count() <= chars_max,
        Takes::Number { max, .. } => {
            let is_plain = value.len() <= 10 && value.bytes().all(|byte| byte.is_ascii_digit());
            is_plain && value.parse().is_ok_and(|number: u64| (1..=max).contains(&number))
        }
        Takes::Seconds { .. } => seconds(value).is_some(),
        Takes::OneOf(names) | Takes::Several(names) => names.contains(&value),
        Takes::Time => timestamp::parse(value).is_some(),
        Takes::Flag { .. } => matches!(value, "true" | "false"),
    }
}

/// `10s`, without a leading zero.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('s')?;
    let is_plain = digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.parse().ok().filter(|_| is_plain && !digits.starts_with('0'))?;
    (seconds <= REST_ANSWER_SECONDS_MAX).then_some(seconds)
}

/// What a parameter takes, in words.
fn takes(parameter: &Parameter) -> String {
    match parameter.takes {
        Takes::Text { chars_max } => format!("takes 1 to {chars_max} characters of UTF-8"),
        Takes::Number { max, .. } => format!("takes a number from 1 to {max}"),
        Takes::Seconds { .. } => format!("takes a time from 1s to {REST_ANSWER_SECONDS_MAX}s"),
        Takes::OneOf(names) | Takes::Several(names) => format!("takes one of {}", names.join(", ")),
        Takes::Time => "takes a time as RFC 3339 has it: 2026-01-31T12:00:00Z".to_owned(),
        Takes::Flag { .. } => "takes true or false".to_owned(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
