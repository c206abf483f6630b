//! `ResultWriter`: where the results of a distributed Map state are written, and how
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>).

use super::{MapRun, Seen, map_run, source::Arguments};
use crate::{position::Position, run::Run};
use serde_json::Value;
use stepladder_asl::{Budget, Definition, EvalError, Kind};

/// What becomes of the results of a distributed Map state that has a ResultWriter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writing {
    /// Where they are written to; none: the state's own result is what is made of them.
    pub place: Option<Place>,
    pub transformation: Transformation,
    /// One value per line, where an array is not wanted.
    pub is_lines: bool,
    pub map_run_arn: String,
    pub map_run: MapRun,
}

/// A place in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub bucket: String,
    /// Before each key; empty, or without a slash at its end.
    pub prefix: String,
    /// The account that the bucket has to belong to, twelve digits.
    pub expected_owner: Option<String>,
}

/// What is made of the children's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transformation {
    /// Each with what else is known of the child.
    None,
    /// The outputs alone.
    Compact,
    /// The same; of those that are arrays the elements.
    Flatten,
}

/// What becomes of the results of the fan-out that a position waits for; none where its state has no ResultWriter.
///
/// # Errors
///
/// Of a field of the ResultWriter: the state fails by it.
pub fn writing(
    definition: &Definition,
    run: &Run,
    position: &Position,
) -> Result<Option<Writing>, EvalError> {
    let Some(state) = definition.state(&position.state) else { return Ok(None) };
    let Kind::Map(map) = &state.kind else { return Ok(None) };
    let writer = map.distributed().and_then(|distributed| distributed.result_writer.as_ref());
    let (Some(writer), Some(map_run)) = (writer, map_run(definition, run, position)) else {
        return Ok(None);
    };
    let (seen, budget) = (Seen::new(definition, run, state, position), Budget::new());
    let evaluated = |name: &str, template: &Option<_>| match template {
        Some(template) => seen.field(name, &budget, |scope| {
            let template: &stepladder_asl::Template = template;
            template.evaluate(name, scope)
        }),
        None => Ok(Value::Null),
    };
    let config = evaluated("WriterConfig", &writer.writer_config)?;
    let text = |name: &str| config.get(name).and_then(Value::as_str);
    let arguments = evaluated("ResultWriter", &writer.arguments)?;
    let place = match writer.resource {
        None => None,
        Some(_) => Some(Place::of(&Arguments::new(&arguments, "ResultWriter")).map_err(EvalError::runtime)?),
    };
    let transformation = match (text("Transformation"), &place) {
        (Some("FLATTEN"), _) => Transformation::Flatten,
        (Some("NONE"), _) | (None, Some(_)) => Transformation::None,
        (Some(_), _) | (None, None) => Transformation::Compact,
    };
    let is_lines = text("OutputType") == Some("JSONL");
    let map_run_arn = run.map_run_arn(&map_run.label, &map_run.id);
    Ok(Some(Writing { place, transformation, is_lines, map_run_arn, map_run }))
}

impl Writing {
    /// The name of a child and its ARN; `index` is that of the state when it was opened anew.
    pub fn child(&self, run: &Run, index: u32) -> (String, String) {
        let name = run.child_name(&self.map_run.id, index);
        let arn = run.child_arn(&self.map_run.label, &name);
        (name, arn)
    }
}

impl Place {
    fn of(arguments: &Arguments<'_>) -> Result<Self, String> {
        let prefix = arguments.text("Prefix")?.unwrap_or_default();
        Ok(Self {
            bucket: arguments.required("Bucket")?,
            prefix: prefix.trim_end_matches('/').to_owned(),
            expected_owner: arguments.text("ExpectedBucketOwner")?,
        })
    }

    /// The key of something of a Map Run.
    pub fn key(&self, map_run_id: &str, name: &str) -> String {
        match self.prefix.is_empty() {
            true => format!("{map_run_id}/{name}"),
            false => format!("{}/{map_run_id}/{name}", self.prefix),
        }
    }
}
