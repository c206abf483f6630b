//! Names that may be typed, and a word about each.

use super::line::Line;
use crate::{
    commands::explain::pages,
    connect::Stack,
    definitions::{Against, Checked},
    failure::Outcome,
    limits,
    printer::{Format, Printer},
    profiles::Profiles,
    project::{WorkflowFile, workflow_files},
    runs::newest_ids,
    text::{TimeStyle, escaped, time},
};
use clap::builder::StyledStr;
use clap_complete::CompletionCandidate;
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    ffi::OsStr,
    path::PathBuf,
};
use stepladder_asl::WorkflowType;
use stepladder_engine::Status;
use stepladder_protocol::{Items, RunId, Store, check_name};

/// A name that may be typed, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer {
    name: String,
    about: Option<String>,
}

impl From<String> for Offer {
    fn from(name: String) -> Self {
        Self { name, about: None }
    }
}

pub(super) fn envs(typed: &OsStr) -> Vec<CompletionCandidate> {
    let here = std::env::current_dir().unwrap_or_default();
    let profiles = Profiles::find(&here).ok().flatten().unwrap_or_default();
    candidates(env_offers(&profiles), typed)
}

pub(super) fn workflows(typed: &OsStr) -> Vec<CompletionCandidate> {
    let of_stack = ask(async |stack: Stack| -> Outcome<Vec<String>> { Ok(stack.store().workflows().await?) });
    let mut names: BTreeSet<String> = of_stack.unwrap_or_default().into_iter().collect();
    names.extend(workspace_names());
    candidates(names.into_iter().map(Offer::from), typed)
}

pub(super) fn workspace_workflows(typed: &OsStr) -> Vec<CompletionCandidate> {
    candidates(workspace_names().map(Offer::from), typed)
}

pub(super) fn runs(typed: &OsStr) -> Vec<CompletionCandidate> {
    let shown = typed.to_string_lossy();
    candidates(newest(&shown).offers(&shown), typed)
}

pub(super) fn running(typed: &OsStr) -> Vec<CompletionCandidate> {
    let shown = typed.to_string_lossy();
    candidates(newest(&shown).running().offers(&shown), typed)
}

pub(super) fn redrivable(typed: &OsStr) -> Vec<CompletionCandidate> {
    let shown = typed.to_string_lossy();
    candidates(newest(&shown).redrivable().offers(&shown), typed)
}

pub(super) fn run_ids(typed: &OsStr) -> Vec<CompletionCandidate> {
    let shown = typed.to_string_lossy();
    let whole = newest(&shown).offers(&shown).into_iter().filter(|offer| offer.name.contains('/'));
    candidates(whole, typed)
}

pub(super) fn codes(typed: &OsStr) -> Vec<CompletionCandidate> {
    let offers = pages()
        .into_iter()
        .map(|page| Offer { name: page.page.code.to_owned(), about: Some(page.page.title.to_owned()) });
    candidates(offers, typed)
}

pub(super) fn states(typed: &OsStr) -> Vec<CompletionCandidate> {
    let line = Line::of_process();
    let named = line.others().map(PathBuf::from);
    let named =
        named.filter(|path| path.extension().is_some_and(|ending| ending == "json") && path.is_file());
    let mut names = states_of(named);
    if names.is_empty() {
        let workflow = line.value_of("--workflow");
        let meant = workspace().into_iter().filter(|file| workflow.is_none_or(|name| name == file.name));
        names = states_of(meant.map(|file| file.path));
    }
    candidates(names.into_iter().map(Offer::from), typed)
}

/// Those that begin with what is typed. A name that would move the cursor is not offered.
fn candidates(offers: impl IntoIterator<Item = Offer>, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fits =
        |offer: &Offer| offer.name.starts_with(&*typed) && matches!(escaped(&offer.name), Cow::Borrowed(_));
    let about = |about: String| StyledStr::from(escaped(&about).into_owned());
    let offers = offers.into_iter().filter(fits);
    offers.map(|offer| CompletionCandidate::new(offer.name).help(offer.about.map(about))).collect()
}

fn env_offers(profiles: &Profiles) -> Vec<Offer> {
    let offers = profiles.env.iter().map(|(name, profile)| {
        let region = profile.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
        Offer { name: name.clone(), about: Some(format!("the stack {}{region}", profile.stack)) }
    });
    offers.collect()
}

/// The definitions of the workspace around the current folder. Cargo is not asked: it takes its time.
fn workspace() -> Vec<WorkflowFile> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut found = here.ancestors().filter_map(|folder| workflow_files(folder).ok());
    found.find(|files| !files.is_empty()).unwrap_or_default()
}

fn workspace_names() -> impl Iterator<Item = String> {
    workspace().into_iter().map(|file| file.name).filter(|name| check_name(name).is_ok())
}

/// The states of these definitions, at any depth. One with faults has none.
fn states_of(files: impl Iterator<Item = PathBuf>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files {
        if let Ok(definition) = Checked::read(&file, Against::Language, WorkflowType::Standard).result {
            names.extend(definition.states.into_keys());
        }
    }
    names
}

/// The newest runs of the stack, the newest first.
#[derive(Debug, Default)]
struct Newest {
    ids: Vec<RunId>,
    /// Status and start time. None of them is there where time was up before they were read.
    known: HashMap<RunId, (Status, i64)>,
    now_ms: i64,
}

/// The newest runs: of one workflow where that is typed already.
fn newest(typed: &str) -> Newest {
    let mut newest = Newest::default();
    let _ = ask(async |stack: Stack| -> Outcome {
        let workflows = match typed.split_once('/') {
            Some((workflow, _)) => vec![workflow.to_owned()],
            None => stack.store().workflows().await?,
        };
        newest.now_ms = stack.now_ms();
        newest.ids = newest_ids(&stack, &workflows, 0, limits::COMPLETION_RUNS_MAX).await?;
        let read = Items::read(stack.store(), newest.now_ms, newest.ids.clone()).await?;
        let known = read.items.into_iter().map(|item| (item.id, (item.status, item.started_ms)));
        newest.known = known.collect();
        Ok(())
    });
    newest
}

impl Newest {
    /// Without those that are known to have ended.
    fn running(mut self) -> Self {
        let known = &self.known;
        self.ids.retain(|id| known.get(id).is_none_or(|(status, _)| *status == Status::Running));
        self
    }

    /// Without those that are known to go, or to have succeeded.
    fn redrivable(mut self) -> Self {
        let known = &self.known;
        let can_be = |status: &Status| !matches!(status, Status::Running | Status::Succeeded);
        self.ids.retain(|id| known.get(id).is_none_or(|(status, _)| can_be(status)));
        self
    }

    /// Those that begin with what is typed: as `workflow/name`, else by a name that no other of them has.
    fn offers(&self, typed: &str) -> Vec<Offer> {
        let is_alone = |name: &str| self.ids.iter().filter(|id| id.name == name).count() == 1;
        let offers = self.ids.iter().filter_map(|id| {
            let whole = id.to_string();
            let name = if whole.starts_with(typed) {
                whole
            } else if id.name.starts_with(typed) && is_alone(&id.name) {
                id.name.clone()
            } else {
                return None;
            };
            let about = self.known.get(id).map(|(status, started_ms)| {
                let started = time(*started_ms, self.now_ms, TimeStyle::Relative);
                format!("{}, started {started}", status.as_str())
            });
            Some(Offer { name, about })
        });
        offers.collect()
    }
}

/// Asks the stack that the line names. `None`: there is none, it refuses, or it takes too long.
fn ask<T>(question: impl AsyncFnOnce(Stack) -> Outcome<T>) -> Option<T> {
    let global = Line::of_process().global()?;
    // It tells details with -v alone, which it was not given.
    let printer = Printer::new(Format::Text, TimeStyle::Relative);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let answer = runtime.block_on(async {
        let answer = async { question(Stack::glance(&global, &printer).await?).await };
        tokio::time::timeout(limits::COMPLETION_TIMEOUT, answer).await
    });
    // A host's name that is still being looked up would hold the answer back.
    runtime.shutdown_background();
    answer.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> RunId {
        let (workflow, name) = id.split_once('/').unwrap();
        RunId::new(workflow, name)
    }

    fn newest(runs: &[(&str, Option<Status>)]) -> Newest {
        let known = runs.iter().filter_map(|(run, status)| Some((id(run), ((*status)?, 1_000))));
        Newest { ids: runs.iter().map(|(run, _)| id(run)).collect(), known: known.collect(), now_ms: 181_000 }
    }

    fn names(offers: &[Offer]) -> Vec<&str> {
        offers.iter().map(|offer| offer.name.as_str()).collect()
    }

    #[test]
    fn runs_are_offered_whole_or_by_a_name_of_their_own() {
        let newest =
            newest(&[("order/7f3c", None), ("order/17", None), ("ship/17", None), ("ship/o-1", None)]);
        assert_eq!(names(&newest.offers("")), ["order/7f3c", "order/17", "ship/17", "ship/o-1"]);
        assert_eq!(names(&newest.offers("order/")), ["order/7f3c", "order/17"]);
        assert_eq!(names(&newest.offers("7")), ["7f3c"]);
        // Two runs have that name, so that it alone would be refused.
        assert!(newest.offers("1").is_empty());
        assert_eq!(names(&newest.offers("o")), ["order/7f3c", "order/17", "o-1"]);
    }

    #[test]
    fn what_is_known_of_a_run_stands_beside_it() {
        let newest = newest(&[("w/a", Some(Status::Running)), ("w/b", Some(Status::Failed)), ("w/c", None)]);
        let about: Vec<Option<String>> = newest.offers("").into_iter().map(|offer| offer.about).collect();
        let running = Some("RUNNING, started 3 min ago".to_owned());
        assert_eq!(about, [running, Some("FAILED, started 3 min ago".to_owned()), None]);
        // One that nobody knows anything of may still run.
        assert_eq!(names(&newest.running().offers("")), ["w/a", "w/c"]);
    }

    #[test]
    fn only_what_fits_and_is_plain_is_offered() {
        let offers = ["prod", "prod-eu", "test", "prod\u{1b}[2J"].map(|name| Offer::from(name.to_owned()));
        let fitting = candidates(offers, OsStr::new("pro"));
        let fitting: Vec<_> = fitting.iter().map(CompletionCandidate::get_value).collect();
        assert_eq!(fitting, ["prod", "prod-eu"]);
    }

    #[test]
    fn an_environment_says_what_it_is() {
        let text = "[env.prod]\nstack = 'orders'\nregion = 'eu-west-1'\n[env.test]\nstack = 'x'\n";
        let offers = env_offers(&toml::from_str(text).unwrap());
        let about: Vec<_> =
            offers.iter().map(|offer| (offer.name.as_str(), offer.about.as_deref())).collect();
        let expected = [("prod", Some("the stack orders in eu-west-1")), ("test", Some("the stack x"))];
        assert_eq!(about, expected);
    }

    #[test]
    fn states_are_those_of_definitions_without_faults() {
        let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cli/fixtures");
        let files = ["good/workflow.asl.json", "faulty.asl.json", "none.asl.json"];
        let names = states_of(files.iter().map(|file| fixtures.join(file)));
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["Charge", "Done"]);
    }
}
