//! Search attributes: runs are found by what their input holds.
//!
//! Each attribute that a run's input has is one small item, keyed by workflow, attribute and value. They are written at the start,
//! behind the run item and before the first message; so a run that has moved is found, and a start that was interrupted between
//! is finished by whoever takes it up: its repetition, repair, or a stop. An item names the run's nonce: one that leads to another
//! run of the name, or to none, is stale. docs/decisions/0036.

use crate::{
    Protocol,
    item::{RunId, RunItem, RunKey},
    limits,
    payload::hex,
    read::Head,
    tenant::scalar_at,
    traits::{Host, WorldResult},
};
use futures::future::try_join_all;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{fmt, future::Future};
use stepladder_asl::{ReferencePath, path::ReferenceStep};
use stepladder_engine::Status;

/// One attribute: a Reference Path into a run's input, such as `$.customer.id`.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPath(ReferencePath);

impl fmt::Display for SearchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl SearchPath {
    fn parse(text: &str) -> Result<Self, String> {
        let bytes_max = limits::SEARCH_PATH_BYTES_MAX;
        let path = ReferencePath::parse(text).map_err(|error| format!("{text:?} is no path: {error}"))?;
        if text.len() > bytes_max {
            return Err(format!("{text:?} has {} bytes; {bytes_max} is the most", text.len()));
        }
        if text.contains(|character: char| character.is_whitespace() || "=\"".contains(character)) {
            return Err(format!(
                "{text:?} has a blank, an equals sign or a quotation mark in it: no query could name it"
            ));
        }
        let path = Self(path);
        match path.name() {
            Some(_) => Ok(path),
            None => Err(format!("{text:?} names no field")),
        }
    }

    /// What a query may call it: the last name of the path.
    pub fn name(&self) -> Option<&str> {
        self.0.steps().iter().rev().find_map(|step| match step {
            ReferenceStep::Child(name) => Some(name.as_str()),
            ReferenceStep::Index(_) => None,
        })
    }

    /// Whether a query's key means it.
    pub fn is_called(&self, key: &str) -> bool {
        self.name() == Some(key) || self.to_string() == key
    }
}

/// The attributes of a workflow, at most [`limits::SEARCH_ATTRIBUTES_MAX`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchPaths(Vec<SearchPath>);

impl SearchPaths {
    pub(crate) const NONE: Self = Self(Vec::new());

    /// Reads them as the settings write them. The error says what is wrong with which.
    pub fn parse(texts: &[impl AsRef<str>]) -> Result<Self, String> {
        let attributes_max = limits::SEARCH_ATTRIBUTES_MAX;
        if texts.len() > attributes_max {
            return Err(format!("there are {} paths; {attributes_max} is the most", texts.len()));
        }
        let mut paths: Vec<SearchPath> = Vec::with_capacity(texts.len());
        for text in texts.iter().map(AsRef::as_ref) {
            let path = SearchPath::parse(text)?;
            if paths.contains(&path) {
                return Err(format!("{text:?} stands twice"));
            }
            paths.push(path);
        }
        Ok(Self(paths))
    }

    pub fn iter(&self) -> impl Iterator<Item = &SearchPath> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What leads to a run with this input.
    fn items(&self, run: &RunItem, input: &Value) -> Vec<SearchItem> {
        let item = |path: &SearchPath| {
            let value = scalar_at(&path.0, input)?;
            let by = SearchKey::new(&run.id.workflow, path, &value);
            Some(SearchItem { by, run: run.key(), started_ms: run.started_ms, expires_s: run.expires_s })
        };
        self.0.iter().filter_map(item).collect()
    }
}

/// What runs are found by: an attribute's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SearchKey {
    pub workflow: String,
    /// The attribute's path.
    pub attribute: String,
    /// The value itself up to [`limits::SEARCH_VALUE_BYTES_MAX`], else a hash that stands for it.
    pub value: String,
}

impl SearchKey {
    /// What leads to the runs of a workflow with this value, however long it is.
    pub fn new(workflow: &str, attribute: &SearchPath, value: &str) -> Self {
        const HASHED: &str = "~";
        let value = match value.len() <= limits::SEARCH_VALUE_BYTES_MAX && !value.starts_with(HASHED) {
            true => value.to_owned(),
            false => {
                let hash: String = hex(&Sha256::digest(value)).chars().take(32).collect();
                format!("{HASHED}{hash}")
            }
        };
        Self { workflow: workflow.to_owned(), attribute: attribute.to_string(), value }
    }
}

impl fmt::Display for SearchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value is somebody's data.
        write!(f, "the runs of {} by {}", self.workflow, self.attribute)
    }
}

/// What leads from a value to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchItem {
    pub by: SearchKey,
    pub run: RunKey,
    /// Milliseconds since the epoch.
    pub started_ms: i64,
    /// Seconds since the epoch: as the run item does.
    pub expires_s: i64,
}

/// A run as an index knows it. What it is now says only its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRun {
    pub id: RunId,
    /// When it started, or ended: what the index sorts by. Milliseconds since the epoch.
    pub at_ms: i64,
    /// The run that was meant, where the index knows it.
    pub nonce: Option<String>,
}

/// What runs are found by beside their names and their start times.
///
/// The lists are read eventually: a run of the last moment may be missing.
pub trait Searches: Send + Sync {
    /// Writes what leads to a run. Repeating it changes nothing, and another expiry moves it.
    fn put_search(&self, item: &SearchItem) -> impl Future<Output = WorldResult<()>> + Send;

    /// Takes it away again, if it is there.
    fn remove_search(&self, item: &SearchItem) -> impl Future<Output = WorldResult<()>> + Send;

    /// Whether the value leads to this run, which started then.
    fn has_search(
        &self,
        by: &SearchKey,
        run: &RunKey,
        started_ms: i64,
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// The runs with this value that started in `from_ms..until_ms`, newest first, at most `limit`.
    fn runs_with(
        &self,
        by: &SearchKey,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> impl Future<Output = WorldResult<Vec<FoundRun>>> + Send;

    /// The runs of a workflow that ended with this status in `from_ms..until_ms`, newest first, at most `limit`: only FAILED,
    /// TIMED_OUT and ABORTED ones are listed.
    fn runs_ended(
        &self,
        workflow: &str,
        status: Status,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> impl Future<Output = WorldResult<Vec<FoundRun>>> + Send;
}

impl<H: Host> Protocol<H> {
    /// What leads to a run by its input, as its workflow's settings are now.
    pub async fn search_items(&self, run: &RunItem) -> WorldResult<Vec<SearchItem>> {
        let paths = self.host.settings().search_of(&run.id.workflow);
        match paths.is_empty() {
            true => Ok(Vec::new()),
            false => Ok(paths.items(run, &self.input(run).await?)),
        }
    }

    /// Writes what leads to a run with this input, all at once.
    pub(crate) async fn put_search_items(&self, run: &RunItem, input: &Value) -> WorldResult<()> {
        let items = self.host.settings().search_of(&run.id.workflow).items(run, input);
        self.put_all(&items).await
    }

    /// A start may have died before it had written them all; once there is a record it hasn't.
    pub(crate) async fn finish_search_items(&self, head: &Head) -> WorldResult<()> {
        match head.next_seq {
            0 => self.put_all(&self.search_items(&head.item).await?).await,
            _ => Ok(()),
        }
    }

    /// What leads to a run is kept as long as its item.
    pub(crate) async fn renew_search_items(&self, run: &RunItem, expires_s: i64) -> WorldResult<()> {
        let renewed = |item| SearchItem { expires_s, ..item };
        let items: Vec<SearchItem> = self.search_items(run).await?.into_iter().map(renewed).collect();
        self.put_all(&items).await
    }

    async fn put_all(&self, items: &[SearchItem]) -> WorldResult<()> {
        let store = self.host.store();
        try_join_all(items.iter().map(|item| store.put_search(item))).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(texts: &[&str], why: &str) {
        let error = SearchPaths::parse(texts).unwrap_err();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn five_paths_that_a_query_can_name() {
        let paths =
            SearchPaths::parse(&["$.customer.id", "$.order_id", "$.ids[0]", "$['a-b']", "$.x"]).unwrap();
        let names: Vec<&str> = paths.iter().filter_map(SearchPath::name).collect();
        assert_eq!(names, ["id", "order_id", "ids", "a-b", "x"]);
        let first = paths.iter().next().unwrap();
        assert!(first.is_called("id") && first.is_called("$.customer.id") && !first.is_called("customer"));
        check_refused(&["$.a", "$.b", "$.c", "$.d", "$.e", "$.f"], "there are 6 paths; 5 is the most");
        check_refused(&["$.a", "$.a"], "\"$.a\" stands twice");
        check_refused(&["customer"], "is no path");
        check_refused(&["$.rows[*].id"], "is no path");
        check_refused(&["$"], "names no field");
        check_refused(&["$['a b']"], "no query could name it");
        check_refused(&[&format!("$.{}", "x".repeat(63))], "has 65 bytes; 64 is the most");
    }

    #[test]
    fn a_long_value_is_there_by_its_hash() {
        let paths = SearchPaths::parse(&["$.a"]).unwrap();
        let key = |value: &str| SearchKey::new("w", paths.iter().next().unwrap(), value).value;
        assert_eq!(key("c-17"), "c-17");
        assert_eq!(key(&"x".repeat(64)), "x".repeat(64));
        let hashed = key(&"x".repeat(65));
        assert!(hashed.len() == 33 && hashed.starts_with('~'), "{hashed}");
        assert_eq!(hashed, key(&"x".repeat(65)));
        assert_ne!(hashed, key(&"x".repeat(66)));
        // A value that looks like a hash isn't taken for one.
        assert_ne!(key(&hashed), hashed);
    }
}
