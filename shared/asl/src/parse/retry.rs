//! `Retry` and `Catch`.

use super::{Parser, fields::Fields, language::Known};
use crate::{
    definition::{Catcher, Jitter, Retrier},
    errors,
    fault::FaultCode,
    json::Data,
    limits::{MAX_ATTEMPTS_MAX, MAX_DELAY_SECONDS_MAX, SECONDS_MAX},
};
use std::ops::RangeInclusive;

const RETRIER: [Known; 7] = [
    Known::Both("ErrorEquals"),
    Known::Both("IntervalSeconds"),
    Known::Both("MaxAttempts"),
    Known::Both("BackoffRate"),
    Known::Both("MaxDelaySeconds"),
    Known::Both("JitterStrategy"),
    Known::Both("Comment"),
];

const CATCHER: [Known; 6] = [
    Known::Both("ErrorEquals"),
    Known::Both("Next"),
    Known::JsonPath("ResultPath"),
    Known::Jsonata("Output"),
    Known::Both("Assign"),
    Known::Both("Comment"),
];

impl Parser<'_> {
    pub(super) fn retry(&mut self, fields: &Fields) -> Option<Vec<Retrier>> {
        self.each(fields, "Retry", "a retrier", Parser::retrier)
    }

    pub(super) fn catch(&mut self, fields: &Fields) -> Option<Vec<Catcher>> {
        self.each(fields, "Catch", "a catcher", Parser::catcher)
    }

    /// Reads each item of a list of objects, the last one as such.
    fn each<T>(
        &mut self,
        fields: &Fields,
        name: &str,
        what: &'static str,
        read: impl Fn(&mut Self, &Fields, Position) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(node) = fields.value(name) else {
            return Some(Vec::new());
        };
        let Some(items) = node.as_array() else {
            self.wrong_type(node, "an array", &format!("`{name}`"));
            return None;
        };
        let mut found = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let position = if index + 1 == items.len() { Position::Last } else { Position::Before };
            let read = self.fields(item, what).and_then(|fields| read(self, &fields, position));
            found.push(read);
        }
        found.into_iter().collect()
    }

    fn retrier(&mut self, fields: &Fields, position: Position) -> Option<Retrier> {
        self.known(fields, &RETRIER);
        let error_equals = self.error_equals(fields, position);
        let interval_seconds = self.number_or(fields, "IntervalSeconds", 1..=SECONDS_MAX, 1);
        let max_attempts = self.number_or(fields, "MaxAttempts", 0..=MAX_ATTEMPTS_MAX, 3);
        let max_delay_seconds = self.whole_number(fields, "MaxDelaySeconds", 1..=MAX_DELAY_SECONDS_MAX);
        if let (Some(max), Some(node)) = (max_delay_seconds, fields.value("MaxDelaySeconds"))
            && max <= interval_seconds
        {
            let message = format!(
                "`MaxDelaySeconds` must be greater than `IntervalSeconds`, which is {interval_seconds}"
            );
            self.fault(FaultCode::OutOfRange, node.span.clone(), message);
        }
        let backoff_rate = self.backoff_rate(fields);
        let jitter = self.jitter(fields);
        Some(Retrier {
            error_equals: error_equals?,
            interval_seconds,
            max_attempts,
            backoff_rate,
            max_delay_seconds,
            jitter,
        })
    }

    fn number_or(&mut self, fields: &Fields, name: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.whole_number(fields, name, range).unwrap_or(default)
    }

    fn backoff_rate(&mut self, fields: &Fields) -> f64 {
        let Some(node) = fields.value("BackoffRate") else {
            return 2.0;
        };
        match &node.data {
            Data::Number(number) => {
                let rate = number.as_f64().unwrap_or(f64::NAN);
                if !(rate.is_finite() && rate >= 1.0) {
                    let message = format!("`BackoffRate` must be at least 1.0, and this is {number}");
                    self.fault(FaultCode::OutOfRange, node.span.clone(), message);
                }
                rate
            }
            _ => {
                self.wrong_type(node, "a number", "`BackoffRate`");
                2.0
            }
        }
    }

    fn jitter(&mut self, fields: &Fields) -> Jitter {
        match (self.text(fields, "JitterStrategy"), fields.value("JitterStrategy")) {
            (Some("FULL"), _) => Jitter::Full,
            (Some("NONE") | None, _) => Jitter::None,
            (Some(other), node) => {
                let span = node.map_or_else(|| fields.opening(), |node| node.span.clone());
                let message = format!("there is no jitter strategy `{other}`: write \"FULL\" or \"NONE\"");
                self.fault(FaultCode::InvalidValue, span, message);
                Jitter::None
            }
        }
    }

    fn catcher(&mut self, fields: &Fields, position: Position) -> Option<Catcher> {
        self.known(fields, &CATCHER);
        let error_equals = self.error_equals(fields, position);
        let result_path = self.result_path(fields);
        let (assign, output) =
            self.with_states(&["errorOutput"], |parser| (parser.assign(fields), parser.output(fields)));
        let next = self.required_text(fields, "Next");
        Some(Catcher {
            error_equals: error_equals?,
            result_path: result_path?,
            assign: assign?,
            output: output?,
            next: next?.to_string(),
        })
    }

    /// States.ALL stands alone, and only in the last retrier or catcher.
    fn error_equals(&mut self, fields: &Fields, position: Position) -> Option<Vec<String>> {
        let node = self.required(fields, "ErrorEquals")?;
        let Some(items) = node.as_array() else {
            self.wrong_type(node, "an array of error names", "`ErrorEquals`");
            return None;
        };
        if items.is_empty() {
            self.fault(FaultCode::ErrorEquals, node.span.clone(), "`ErrorEquals` needs at least one name");
        }
        let mut names = Vec::with_capacity(items.len());
        for item in items {
            match item.as_str() {
                Some(name) => names.push(name.to_string()),
                None => self.wrong_type(item, "a string", "a name in `ErrorEquals`"),
            }
            if item.as_str() == Some(errors::ALL) {
                if items.len() > 1 {
                    self.fault(
                        FaultCode::ErrorEquals,
                        item.span.clone(),
                        "`States.ALL` must stand alone in `ErrorEquals`",
                    );
                }
                if position == Position::Before {
                    let message = format!("{} with `States.ALL` must be the last one", fields.what);
                    self.fault(FaultCode::ErrorEquals, item.span.clone(), message);
                }
            }
        }
        (names.len() == items.len()).then_some(names)
    }
}

/// Where an item stands in its list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Before,
    Last,
}
