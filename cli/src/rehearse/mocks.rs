//! What tasks answer: our own format, and that of Step Functions Local
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-test-sm-exec.html>).

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use stepladder_asl::{Definition, Kind, State, nearest};
use stepladder_engine::present;

/// The answers of all tasks, and how many of them have been given.
#[derive(Debug, Clone, Default)]
pub struct Mocks {
    answers: BTreeMap<(String, Iterations), Answers>,
    given: HashMap<(String, Iterations), usize>,
    /// Tasks without an answer return what they are called with.
    pub echo: bool,
}

/// Which Map iterations answers are for, outermost first: all, or those with these indexes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Iterations {
    Any,
    These(Vec<u64>),
}

#[derive(Debug, Clone)]
enum Answers {
    /// The same one every time.
    Always(Answer),
    /// One per call.
    InTurn(Vec<Answer>),
    /// By the number of the call, from 0 on.
    Numbered(Vec<(std::ops::RangeInclusive<u64>, Answer)>),
}

/// What a call comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub result: Answered,
    /// How long the call takes, in milliseconds.
    pub after_ms: i64,
    /// Of a task that waits for a job or a token: the response of the call that begins it.
    pub submitted: Option<Value>,
}

/// How a call ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// The step's own answer; `lambda:invoke` puts AWS's response around it.
    Return(Value),
    /// The whole response of the integration.
    Respond(Value),
    Throw {
        error: String,
        cause: Option<String>,
    },
    /// It never answers: only a timeout ends it.
    Never,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nothing is said of the state.
    Unknown,
    /// So many answers were given, and there are no more.
    UsedUp(usize),
}

impl Mocks {
    /// Reads a mock file. `machine` is the name of the state machine in a file of Step Functions Local; where that has
    /// just one machine, or one test case, it need not be named.
    pub fn read(
        text: &[u8],
        shown: &str,
        definition: &Definition,
        machine: &str,
        test_case: Option<&str>,
    ) -> Outcome<Self> {
        let invalid = |why: String| {
            Failure::new(Exit::Usage, Code::InvalidMock, format!("can't use the mocks of {shown}: {why}"))
        };
        let value: Value =
            serde_json::from_slice(text).map_err(|error| invalid(format!("no JSON: {error}")))?;
        let is_aws = value.get("StateMachines").is_some() || value.get("MockedResponses").is_some();
        let mocks = match (is_aws, test_case) {
            (true, _) => {
                let file: AwsFile =
                    serde_json::from_value(value).map_err(|error| invalid(error.to_string()))?;
                file.mocks(machine, test_case).map_err(invalid)?
            }
            (false, Some(_)) => {
                return Err(invalid("--test-case is for files of Step Functions Local".to_owned()));
            }
            (false, None) => {
                let file: OwnFile = serde_json::from_value(value).map_err(|error| {
                    invalid(error.to_string()).hint(
                        r#"a mock file reads {"states": {"<name>": {"return": …}}}; see docs/testing.md"#,
                    )
                })?;
                file.mocks().map_err(invalid)?
            }
        };
        mocks.check_names(definition).map_err(|(why, hint)| invalid(why).hint(hint))?;
        Ok(mocks)
    }

    /// A name that no Task state has is a slip of the pen, and would never be asked for.
    fn check_names(&self, definition: &Definition) -> Result<(), (String, String)> {
        for (name, _) in self.answers.keys() {
            let why = match definition.state(name).map(|state| &state.kind) {
                Some(Kind::Task(_)) => continue,
                Some(other) => {
                    format!("'{name}' is a {} state, and only tasks are mocked", other.type_name())
                }
                None => format!("the definition has no state '{name}'"),
            };
            let hint = match nearest(name, tasks(definition).map(|state| state.name.as_str())) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "the names are those of the definition's Task states".to_owned(),
            };
            return Err((why, hint));
        }
        Ok(())
    }

    /// The next answer of a state. What is said of just this iteration comes before what is said of all.
    pub fn next(&mut self, state: &str, iterations: &[u64]) -> Result<Answer, NoAnswer> {
        let these = (state.to_owned(), Iterations::These(iterations.to_vec()));
        let key = match self.answers.contains_key(&these) {
            true => these,
            false => (state.to_owned(), Iterations::Any),
        };
        let Some(answers) = self.answers.get(&key) else { return Err(NoAnswer::Unknown) };
        let given = self.given.entry(key).or_insert(0);
        let number = *given;
        let answer = match answers {
            Answers::Always(answer) => Some(answer),
            Answers::InTurn(answers) => answers.get(number),
            Answers::Numbered(answers) => {
                let number = number as u64;
                answers.iter().find(|(range, _)| range.contains(&number)).map(|(_, answer)| answer)
            }
        };
        let answer = answer.cloned().ok_or(NoAnswer::UsedUp(number))?;
        *given += 1;
        Ok(answer)
    }

    /// What nobody asked for, in words.
    pub fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (key, answers) in &self.answers {
            let given = self.given.get(key).copied().unwrap_or(0);
            let all = match answers {
                Answers::Always(_) => 1,
                Answers::InTurn(answers) => answers.len(),
                Answers::Numbered(answers) => {
                    let last = answers.iter().map(|(range, _)| range.end().saturating_add(1)).max();
                    usize::try_from(last.unwrap_or(0)).unwrap_or(usize::MAX)
                }
            };
            let state = &key.0;
            match given {
                0 => left.push(format!("the mock of state '{state}' was not asked for")),
                given if given < all => {
                    left.push(format!(
                        "of the mocks of state '{state}' only the first {given} of {all} were asked for"
                    ));
                }
                _ => {}
            }
        }
        left
    }
}

/// The Task states of a definition, at any depth.
pub fn tasks(definition: &Definition) -> impl Iterator<Item = &State> {
    definition.states.values().filter(|state| matches!(state.kind, Kind::Task(_)))
}

/// A mock file to begin with: each of these states returns the empty object.
pub fn sketch<'s>(states: impl Iterator<Item = &'s State>) -> Value {
    let states: serde_json::Map<String, Value> =
        states.map(|state| (state.name.clone(), json!({ "return": {} }))).collect();
    json!({ "states": states })
}

/// Our own format.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnFile {
    /// `stepladder.mock/1`
    #[serde(default)]
    schema: Option<String>,
    states: BTreeMap<String, OwnState>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an answer, a list of answers, or {\"iterations\": …} is expected")]
enum OwnState {
    InTurn(Vec<OwnAnswer>),
    /// By the indexes of the enclosing Map iterations: `0`, `1/2`; `*` for all others.
    Iterations(OwnIterations),
    Always(Box<OwnAnswer>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnIterations {
    iterations: BTreeMap<String, OwnAnswers>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an answer or a list of answers is expected")]
enum OwnAnswers {
    InTurn(Vec<OwnAnswer>),
    Always(Box<OwnAnswer>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnAnswer {
    #[serde(rename = "return", default, deserialize_with = "present")]
    returned: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    respond: Option<Value>,
    #[serde(default)]
    throw: Option<Thrown>,
    #[serde(default)]
    never: Option<bool>,
    #[serde(default)]
    after_ms: u32,
    #[serde(default, deserialize_with = "present")]
    submitted: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thrown {
    #[serde(alias = "Error")]
    error: String,
    #[serde(alias = "Cause", default)]
    cause: Option<String>,
}

impl OwnFile {
    fn mocks(self) -> Result<Mocks, String> {
        if let Some(schema) = self.schema.filter(|schema| schema != "stepladder.mock/1") {
            return Err(format!("its schema is '{schema}', and this version reads stepladder.mock/1"));
        }
        let mut mocks = Mocks::default();
        for (state, answers) in self.states {
            let in_state = |why: String| format!("state '{state}': {why}");
            match answers {
                OwnState::InTurn(answers) => {
                    let answers = in_turn(answers).map_err(in_state)?;
                    mocks.answers.insert((state, Iterations::Any), answers);
                }
                OwnState::Always(answer) => {
                    let answer = answer.read().map_err(in_state)?;
                    mocks.answers.insert((state, Iterations::Any), Answers::Always(answer));
                }
                OwnState::Iterations(OwnIterations { iterations }) => {
                    for (indexes, answers) in iterations {
                        let key = Iterations::parse(&indexes).map_err(in_state)?;
                        let answers = match answers {
                            OwnAnswers::InTurn(answers) => in_turn(answers),
                            OwnAnswers::Always(answer) => answer.read().map(Answers::Always),
                        };
                        mocks.answers.insert((state.clone(), key), answers.map_err(in_state)?);
                    }
                }
            }
        }
        Ok(mocks)
    }
}

fn in_turn(answers: Vec<OwnAnswer>) -> Result<Answers, String> {
    answers.into_iter().map(OwnAnswer::read).collect::<Result<_, _>>().map(Answers::InTurn)
}

impl Iterations {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Iterations::Any);
        }
        let indexes: Result<Vec<u64>, _> = text.split('/').map(str::parse).collect();
        indexes.map(Iterations::These).map_err(|_| {
            format!("'{text}' names no iteration: `2` is the third one, `0/2` the third one within the first, `*` all others")
        })
    }
}

impl OwnAnswer {
    fn read(self) -> Result<Answer, String> {
        let mut results = Vec::new();
        results.extend(self.returned.map(Answered::Return));
        results.extend(self.respond.map(Answered::Respond));
        results.extend(self.throw.map(|Thrown { error, cause }| Answered::Throw { error, cause }));
        results.extend(self.never.filter(|never| *never).map(|_| Answered::Never));
        let mut results = results.into_iter();
        match (results.next(), results.next()) {
            (Some(result), None) => {
                Ok(Answer { result, after_ms: i64::from(self.after_ms), submitted: self.submitted })
            }
            _ => Err("an answer has one of `return`, `respond`, `throw` and `never`".to_owned()),
        }
    }
}

/// The format of Step Functions Local.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AwsFile {
    #[serde(default)]
    state_machines: BTreeMap<String, AwsMachine>,
    #[serde(default)]
    mocked_responses: BTreeMap<String, BTreeMap<String, AwsResponse>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AwsMachine {
    #[serde(default)]
    test_cases: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
enum AwsResponse {
    Return(Value),
    Throw(Thrown),
}

impl AwsFile {
    fn mocks(self, machine: &str, test_case: Option<&str>) -> Result<Mocks, String> {
        // As in the ARN that Step Functions Local takes: <machine>#<case>.
        let (machine, test_case) = match test_case.and_then(|given| given.split_once('#')) {
            Some((machine, case)) => (machine, Some(case)),
            None => (machine, test_case),
        };
        let (machine, cases) =
            match (self.state_machines.get_key_value(machine), self.state_machines.iter().next()) {
                (Some(found), _) => found,
                (None, Some(only)) if self.state_machines.len() == 1 => only,
                _ => {
                    let all = listed(self.state_machines.keys());
                    return Err(format!(
                        "it has no state machine '{machine}', but {all}; name one by --test-case MACHINE#CASE"
                    ));
                }
            };
        let cases = &cases.test_cases;
        let states = match (test_case, cases.iter().next()) {
            (Some(name), _) => cases.get(name).ok_or_else(|| {
                format!("'{machine}' has no test case '{name}', but {}", listed(cases.keys()))
            })?,
            (None, Some((_, only))) if cases.len() == 1 => only,
            (None, _) => {
                return Err(format!(
                    "name one of the test cases of '{machine}' by --test-case: {}",
                    listed(cases.keys())
                ));
            }
        };
        let mut mocks = Mocks::default();
        for (state, response) in states {
            let responses = self
                .mocked_responses
                .get(response)
                .ok_or_else(|| format!("state '{state}': there is no mocked response '{response}'"))?;
            let mut answers = Vec::new();
            for (numbers, answer) in responses {
                let range = range(numbers).ok_or_else(|| {
                    format!(
                        "mocked response '{response}': '{numbers}' is no number of a call, like `0` or `1-2`"
                    )
                })?;
                let result = match answer.clone() {
                    AwsResponse::Return(value) => Answered::Respond(value),
                    AwsResponse::Throw(Thrown { error, cause }) => Answered::Throw { error, cause },
                };
                answers.push((range, Answer { result, after_ms: 0, submitted: None }));
            }
            answers.sort_by_key(|(range, _)| *range.start());
            mocks.answers.insert((state.clone(), Iterations::Any), Answers::Numbered(answers));
        }
        Ok(mocks)
    }
}

/// `0`, or `1-2`.
fn range(text: &str) -> Option<std::ops::RangeInclusive<u64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some(first..=last)
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
    if names.is_empty() { "none at all".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
#[path = "mocks_test.rs"]
mod tests;
