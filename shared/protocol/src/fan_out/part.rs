//! What the branches of one part start with, as it is stored.

use crate::{
    Protocol,
    fan_outs::{FanOuts, PartKey},
    json, payload,
    traits::{Host, WorldResult},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor},
};
use std::fmt;
use stepladder_asl::errors;
use stepladder_engine::{Awaiting, BranchInput, FanOut, Outcome, Phase, Position};

/// What the branches of one part are started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartInputs {
    /// The position that waits for the fan-out, without its data.
    pub(crate) parent: Position,
    /// As in [`Opened`](super::Opened).
    pub(crate) opened_ms: i64,
    pub(crate) inputs: Vec<BranchInput>,
}

/// A part that is being made: only the text of what is in it is held.
#[derive(Debug, Default)]
pub(super) struct Part {
    inputs: Vec<u8>,
}

impl Part {
    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// Adds a branch. An error is the outcome that the state gets: together they would be too large.
    pub(super) fn push(&mut self, input: &BranchInput, bytes_max: usize) -> Result<(), Outcome> {
        let comma: &[u8] = if self.inputs.is_empty() { b"" } else { b"," };
        self.inputs.extend_from_slice(comma);
        let written = serde_json::to_writer(&mut self.inputs, input);
        let bytes = self.inputs.len();
        if written.is_ok() && bytes <= bytes_max {
            return Ok(());
        }
        let cause = format!(
            "What 64 branches start with has {bytes} bytes; {bytes_max} is the most (payload_bytes_max)."
        );
        let error = errors::DATA_LIMIT_EXCEEDED.to_owned();
        Err(Outcome::Failed { error, cause: Some(cause), phase: Phase::Schedule })
    }

    /// The text of [`PartInputs`].
    pub(super) fn finish(self, parent: &Position) -> WorldResult<Vec<u8>> {
        let none = PartInputs { parent: parent.clone(), opened_ms: 0, inputs: Vec::new() };
        let mut json = serde_json::to_vec(&none)
            .map_err(|error| payload::unreadable("encode a payload", &error.to_string()))?;
        // Behind the bracket that opens the list, which is the last member.
        json.truncate(json.len().saturating_sub(2));
        json.extend_from_slice(&self.inputs);
        json.extend_from_slice(b"]}");
        Ok(json)
    }
}

impl<H: Host> Protocol<H> {
    /// What the branches of a part are started with. `read` is the fan-out itself, where its items were read.
    pub(crate) async fn part_inputs(&self, part: &PartKey, read: Option<FanOut>) -> WorldResult<PartInputs> {
        let json = self.part_json(part, read).await?;
        let inputs: PartInputs = serde_json::from_slice(&json).map_err(|error| {
            payload::unreadable(&format!("read the inputs of {part}"), &json::fault(&error))
        })?;
        Ok(PartInputs { parent: waiting(inputs.parent, part, read), ..inputs })
    }

    /// What one branch is started with: the position that waits for the fan-out, and its own. The others of its part are passed
    /// over, and never in memory as values.
    pub(crate) async fn branch_input(
        &self,
        part: &PartKey,
        read: Option<FanOut>,
        index: u32,
    ) -> WorldResult<(Position, BranchInput)> {
        let json = self.part_json(part, read).await?;
        let at = index % self.part_branches();
        let mut deserializer = serde_json::Deserializer::from_slice(&json);
        let found = One(at).deserialize(&mut deserializer);
        let operation = || format!("start branch {index} of the fan-out at {}", part.fan_out);
        let (parent, input) =
            found.map_err(|error| payload::unreadable(&operation(), &json::fault(&error)))?;
        match (parent, input) {
            (Some(parent), Some(input)) if input.index == index => Ok((waiting(parent, part, read), input)),
            _ => Err(payload::unreadable(&operation(), "its input is not there")),
        }
    }

    async fn part_json(&self, part: &PartKey, read: Option<FanOut>) -> WorldResult<Vec<u8>> {
        let mut stored = part.clone();
        stored.fan_out.seq = read.and_then(|read| read.inputs_seq).unwrap_or(stored.fan_out.seq);
        let Some(payload) = self.host.store().inputs(&stored).await? else {
            return Err(payload::unreadable(&format!("read the inputs of {part}"), "they are not there"));
        };
        let bytes_max = self.host.settings().payload_bytes_max.saturating_mul(2);
        payload::load(self.host.blobs(), &part.fan_out.run, &payload, bytes_max).await
    }
}

/// The position that waits for the fan-out: where the items were read it was not known yet when its inputs were stored.
fn waiting(parent: Position, part: &PartKey, read: Option<FanOut>) -> Position {
    let Some(fan_out) = read else { return parent };
    let (seq, awaiting) = (part.fan_out.seq, Awaiting::Branches(fan_out));
    Position { seq, awaiting, reading: None, ..parent }
}

/// The parent of [`PartInputs`], and the input at one place of the list.
struct One(u32);

impl<'de> DeserializeSeed<'de> for One {
    type Value = (Option<Position>, Option<BranchInput>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One {
    type Value = (Option<Position>, Option<BranchInput>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the inputs of a part")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut parent, mut input) = (None, None);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "parent" => parent = Some(map.next_value()?),
                "inputs" => input = map.next_value_seed(Nth(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok((parent, input))
    }
}

/// The input at one place of a list.
struct Nth(u32);

impl<'de> DeserializeSeed<'de> for Nth {
    type Value = Option<BranchInput>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Nth {
    type Value = Option<BranchInput>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of inputs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        for _ in 0..self.0 {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = seq.next_element()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}
