//! Where, with what, and by which definition runs go on: options that redrive and rerun have in common.

use crate::{
    completion,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    inputs,
};
use serde_json::{Value, json};
use stepladder_protocol::{Choice, Host, Protocol, Store, Unplaced, WorldResult};

/// Where runs go on, and with what.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Where, and with what")]
pub struct ChoiceArgs {
    /// A state that the run has entered, which begins anew with what it saw: Charge, or inside another one 'Map[3].Charge'
    #[arg(long, value_name = "STATE", conflicts_with = "skip", add = completion::states())]
    from: Option<String>,
    /// A state that is skipped; --result is its output
    #[arg(long, value_name = "STATE", requires = "result", add = completion::states())]
    skip: Option<String>,
    /// The output of the state that is skipped: a file, - for stdin, or the JSON itself
    #[arg(long, value_name = "JSON", requires = "skip")]
    result: Option<String>,
    /// The state's input instead of what it saw: a file, - for stdin, or the JSON itself
    #[arg(long, value_name = "JSON", conflicts_with = "skip")]
    input: Option<String>,
    /// A value to put into that input, as JSON or as text: --set '$.order.amount=12'; it may stand several times
    #[arg(long, value_name = "PATH=VALUE", conflicts_with = "skip", value_parser = assigned)]
    set: Vec<(String, Value)>,
    /// own, current (what new runs take), or the hash of a definition that the workflow has or had
    #[arg(long, value_name = "WHICH", default_value = "own", hide_default_value = false)]
    definition: String,
}

/// `$.path=value`: JSON, or else text.
fn assigned(text: &str) -> Result<(String, Value), String> {
    let Some((path, value)) = text.split_once('=') else {
        return Err("it is PATH=VALUE, like '$.order.amount=12'".to_owned());
    };
    let value = stepladder_protocol::json::parse(value.as_bytes()).unwrap_or_else(|_| Value::from(value));
    Ok((path.to_owned(), value))
}

/// A choice, but for the definition: which one is current is another matter for each workflow.
#[derive(Debug, Clone, Default)]
pub struct Choosing {
    choice: Choice,
    takes_current: bool,
}

impl ChoiceArgs {
    /// Reads what is given as files.
    pub fn read(self) -> Outcome<Choosing> {
        let Self { from, skip, result, input, set, definition } = self;
        let read =
            |given: Option<String>, option: &str| given.map(|given| inputs::read(&given, option)).transpose();
        let (given, input) = (read(result, "--result")?, read(input, "--input")?);
        let takes_current = definition == "current";
        let definition =
            Some(definition).filter(|which| which != "own" && which != "current" && !which.is_empty());
        let choice = Choice { from: from.or(skip), given, input, set, definition };
        Ok(Choosing { choice, takes_current })
    }
}

impl Choosing {
    /// The choice for the runs of a workflow.
    pub async fn of<H: Host>(
        &self,
        protocol: &Protocol<H>,
        workflow: &str,
    ) -> WorldResult<Result<Choice, Unplaced>> {
        let mut choice = self.choice.clone();
        if self.takes_current {
            match protocol.current_definition(workflow).await? {
                Some(current) => choice.definition = Some(current.hash),
                None => return Ok(Err(Unplaced(format!("there is no workflow '{workflow}' any more")))),
            }
        } else if let Some(hash) = &choice.definition
            && protocol.host().store().definition(workflow, hash).await?.is_none()
        {
            return Ok(Err(Unplaced(format!("the workflow '{workflow}' has no definition '{hash}'"))));
        }
        Ok(Ok(choice))
    }

    /// For the report of a query: whoever goes on with it has to choose the same.
    pub fn shape(&self) -> Value {
        let Self { choice, takes_current } = self;
        if choice.is_default() && !takes_current {
            return json!({});
        }
        let choice = serde_json::to_value(choice).unwrap_or_default();
        json!({ "choice": choice, "current": takes_current.then_some(true) })
    }
}

/// A choice that doesn't fit a run.
pub fn unplaced(what: &str, unplaced: &Unplaced) -> Failure {
    Failure::new(Exit::Conflict, Code::NotSo, format!("{what}: {unplaced}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_set_is_json_or_text() {
        assert_eq!(assigned("$.a=12"), Ok(("$.a".to_owned(), json!(12))));
        assert_eq!(assigned("$.a={\"b\": null}"), Ok(("$.a".to_owned(), json!({ "b": null }))));
        assert_eq!(assigned("$.a=b=c"), Ok(("$.a".to_owned(), json!("b=c"))));
        assert!(assigned("$.a").is_err());
    }

    #[test]
    fn what_is_chosen_is_told_in_the_report_and_nothing_else() {
        assert_eq!(
            ChoiceArgs { definition: "own".to_owned(), ..Default::default() }.read().unwrap().shape(),
            json!({})
        );
        let args = ChoiceArgs {
            skip: Some("Charge".to_owned()),
            result: Some("null".to_owned()),
            definition: "current".to_owned(),
            ..Default::default()
        };
        let expected = json!({ "choice": { "from": "Charge", "given": null }, "current": true });
        assert_eq!(args.read().unwrap().shape(), expected);
    }
}
