//! The text of a query: `key=value` terms between blanks, with quotation marks around a value that has blanks.

use super::{ALWAYS, Query, QueryError};
use crate::{Settings, limits, search::SearchPath};
use std::{collections::BTreeSet, iter::Peekable, str::Chars};
use stepladder_asl::{nearest, timestamp};
use stepladder_engine::Status;

/// The keys that every query may have.
const KEYS: [&str; 8] =
    ["workflow", "status", "state", "error", "since", "until", "ended-since", "ended-until"];

pub(super) fn parse(text: &str, now_ms: i64, settings: &Settings) -> Result<Query, QueryError> {
    let bytes_max = limits::QUERY_BYTES_MAX;
    if text.len() > bytes_max {
        return Err(QueryError::new(format!("the query has {} bytes; {bytes_max} is the most", text.len())));
    }
    let terms = terms(text)?;
    let mut query = Query::default();
    let mut seen = BTreeSet::new();
    for (key, value) in &terms {
        if !seen.insert(key) {
            return Err(QueryError::new(format!("'{key}' stands twice")).hint(match key.as_str() {
                "status" => "several statuses are one term: status=failed,timed_out",
                _ => "a run has to fit all terms: ask twice",
            }));
        }
        match key.as_str() {
            "workflow" => query.workflow = Some(value.clone()),
            "status" => query.statuses = statuses(value)?,
            "state" => query.state = Some(value.clone()),
            "error" => query.error = Some(value.clone()),
            "since" => query.started.start = time(key, value, now_ms)?,
            "until" => query.started.end = time(key, value, now_ms)?,
            "ended-since" => query.ended.start = time(key, value, now_ms)?,
            "ended-until" => query.ended.end = time(key, value, now_ms)?,
            _ => query.attributes.push((key.clone(), value.clone())),
        }
    }
    for (name, range) in [("since", &query.started), ("ended-since", &query.ended)] {
        if *range != ALWAYS && range.is_empty() {
            return Err(QueryError::new(format!("{name} is not before its end: no run fits")));
        }
    }
    for (key, _) in &query.attributes {
        known(key, query.workflow.as_deref(), settings)?;
    }
    query.statuses_meant()?;
    Ok(query)
}

/// A key that is none of the general ones has to be an attribute: of the workflow that is named, or of any.
fn known(key: &str, workflow: Option<&str>, settings: &Settings) -> Result<(), QueryError> {
    let of_one = workflow.map(|workflow| settings.search_of(workflow));
    let of_all = settings.workflows.values().map(|settings| &settings.search);
    let paths: Vec<&SearchPath> = match of_one {
        Some(paths) => paths.iter().collect(),
        None => of_all.flat_map(|paths| paths.iter()).collect(),
    };
    if paths.iter().any(|path| path.is_called(key)) {
        return Ok(());
    }
    let attributes: BTreeSet<&str> = paths.iter().filter_map(|path| path.name()).collect();
    let message = match workflow {
        Some(workflow) => {
            format!("there is no key '{key}', and the workflow {workflow} has no such search attribute")
        }
        None => format!("there is no key '{key}', and no workflow has such a search attribute"),
    };
    let all: Vec<&str> = KEYS.into_iter().chain(attributes).collect();
    let there_are = format!("there are: {}", all.join(", "));
    Err(QueryError::new(message).hint(match nearest(key, all.iter().copied()) {
        Some(near) => format!("did you mean '{near}'? {there_are}"),
        None => there_are,
    }))
}

fn statuses(value: &str) -> Result<Vec<Status>, QueryError> {
    let one = |name: &str| {
        let name = name.replace('-', "_").to_ascii_uppercase();
        let found = Status::ALL.into_iter().find(|status| status.as_str() == name);
        let names = || Status::ALL.map(|status| status.as_str().to_ascii_lowercase()).join(", ");
        found.ok_or_else(|| {
            QueryError::new(format!("'{value}' is no status")).hint(format!("there are: {}", names()))
        })
    };
    let mut all = value.split(',').map(one).collect::<Result<Vec<Status>, _>>()?;
    all.dedup();
    Ok(all)
}

/// A duration back from now, or a point in time.
fn time(key: &str, value: &str, now_ms: i64) -> Result<i64, QueryError> {
    let found =
        duration_ms(value).map(|back_ms| now_ms.saturating_sub(back_ms)).or_else(|| timestamp::parse(value));
    let message = || format!("{key}={value} is no time");
    found.filter(|ms| *ms >= 0).ok_or_else(|| {
        QueryError::new(message())
            .hint("how long ago, like 30m, 2h or 7d; or a time like 2026-01-31T12:00:00Z")
    })
}

/// `90s`, `30m`, `2h`, `7d`.
fn duration_ms(text: &str) -> Option<i64> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit_ms)
}

fn terms(text: &str) -> Result<Vec<(String, String)>, QueryError> {
    let mut rest = text.chars().peekable();
    let mut terms = Vec::new();
    loop {
        while rest.next_if(|character| character.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return Ok(terms);
        }
        let mut key = String::new();
        while let Some(character) = rest.next_if(|character| *character != '=' && !character.is_whitespace())
        {
            key.push(character);
        }
        if key.is_empty() || rest.next_if_eq(&'=').is_none() {
            return Err(QueryError::new(format!("'{key}' is no term"))
                .hint("terms are like status=failed, with blanks between them"));
        }
        let value = value(&key, &mut rest)?;
        if value.is_empty() {
            return Err(QueryError::new(format!("'{key}' has no value")));
        }
        terms.push((key, value));
    }
}

/// Up to the next blank; or between quotation marks, with `\"` and `\\` between double ones.
fn value(key: &str, rest: &mut Peekable<Chars<'_>>) -> Result<String, QueryError> {
    let mut value = String::new();
    let Some(quote) = rest.next_if(|character| matches!(character, '"' | '\'')) else {
        while let Some(character) = rest.next_if(|character| !character.is_whitespace()) {
            value.push(character);
        }
        return Ok(value);
    };
    loop {
        match rest.next() {
            Some(character) if character == quote => break,
            Some('\\') if quote == '"' => match rest.next_if(|character| matches!(character, '"' | '\\')) {
                Some(escaped) => value.push(escaped),
                None => value.push('\\'),
            },
            Some(character) => value.push(character),
            None => {
                return Err(QueryError::new(format!(
                    "the value of '{key}' has no quotation mark at its end"
                )));
            }
        }
    }
    match rest.peek() {
        Some(character) if !character.is_whitespace() => {
            Err(QueryError::new(format!("something stands right behind the value of '{key}': {character}")))
        }
        _ => Ok(value),
    }
}
