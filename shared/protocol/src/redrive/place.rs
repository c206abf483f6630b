//! Where in a run: a state, and the branches that it is in.

use super::choice::Unplaced;
use stepladder_asl::{Definition, Kind, State};

/// A state of a run, by the path that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    inside: Vec<Inside>,
    pub(crate) state: String,
}

/// A branch of a Parallel or Map state, as the state counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inside {
    pub(crate) state: String,
    pub(crate) index: u32,
}

impl Place {
    /// Reads `Charge`, or `Map[3].Charge`, or deeper. A state's name may hold whatever JSON may, so the definition says where one
    /// ends.
    pub(crate) fn find(text: &str, definition: &Definition) -> Result<Self, Unplaced> {
        let mut inside: Vec<Inside> = Vec::new();
        let mut rest = text;
        loop {
            let within = inside.last();
            if definition.state(rest).is_some_and(|state| is_within(state, within, definition)) {
                return Ok(Self { inside, state: rest.to_owned() });
            }
            let Some((next, after)) = branch(rest, within, definition) else {
                return Err(unknown(text, rest, within, definition));
            };
            inside.push(next);
            rest = after;
        }
    }

    /// The state of the top level that it is in, or is.
    pub(crate) fn outermost(&self) -> &str {
        self.inside.first().map_or(&self.state, |first| &first.state)
    }

    /// The branches that it is in, outermost first.
    pub(crate) fn inside(&self) -> &[Inside] {
        &self.inside
    }

    /// The branch within this one that leads to it; none: the state is in this one.
    pub(crate) fn after(&self, inside: &Inside) -> Option<&Inside> {
        let at = self.inside.iter().position(|other| std::ptr::eq(other, inside))?;
        self.inside.get(at.saturating_add(1))
    }
}

/// Whether a state stands in this branch; none: at the top level.
fn is_within(state: &State, within: Option<&Inside>, definition: &Definition) -> bool {
    match (&state.parent, within) {
        (None, None) => true,
        (Some(parent), Some(Inside { state, index })) => {
            let is_map = matches!(definition.state(state).map(|state| &state.kind), Some(Kind::Map(_)));
            parent.state == *state && (is_map || usize::try_from(*index) == Ok(parent.branch))
        }
        _ => false,
    }
}

/// The first `State[index].` of a text that names a branch there, and what follows it.
fn branch<'a>(text: &'a str, within: Option<&Inside>, definition: &Definition) -> Option<(Inside, &'a str)> {
    text.match_indices('[').find_map(|(at, _)| {
        let (name, rest) = (text.get(..at)?, text.get(at.checked_add(1)?..)?);
        let (index, after) = rest.split_once("].")?;
        let index = index.parse().ok()?;
        let state = definition.state(name)?;
        let is_there =
            is_within(state, within, definition) && matches!(state.kind, Kind::Map(_) | Kind::Parallel(_));
        is_there.then(|| (Inside { state: name.to_owned(), index }, after))
    })
}

fn unknown(text: &str, rest: &str, within: Option<&Inside>, definition: &Definition) -> Unplaced {
    let there = definition.states.iter().filter(|(_, state)| is_within(state, within, definition));
    let known = there.map(|(name, state)| match state.kind {
        Kind::Map(_) | Kind::Parallel(_) => format!("{name}, {name}[0].\u{2026}"),
        _ => name.clone(),
    });
    let known = known.collect::<Vec<String>>().join(", ");
    let place =
        within.map_or("the definition".to_owned(), |Inside { state, index }| format!("'{state}[{index}]'"));
    let what = if rest == text { String::new() } else { format!(" of '{text}'") };
    Unplaced(format!("{place} has no state '{rest}'{what}; it has: {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Definition {
        let text = r#"{ "StartAt": "Map", "States": {
            "Map": { "Type": "Map", "Next": "Both", "ItemProcessor": { "StartAt": "Charge", "States": {
                "Charge": { "Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:111122223333:function:charge", "Next": "In" },
                "In": { "Type": "Parallel", "End": true, "Branches": [
                    { "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } },
                    { "StartAt": "B[1].x", "States": { "B[1].x": { "Type": "Pass", "End": true } } }
                ] } } } },
            "Both": { "Type": "Pass", "Next": "a.b[0].c" },
            "a.b[0].c": { "Type": "Pass", "End": true }
        } }"#;
        Definition::parse(text).unwrap()
    }

    #[test]
    fn a_place_is_found_by_the_definition() {
        let definition = definition();
        let found = |text: &str| {
            Place::find(text, &definition).map(|place| {
                let inside = place
                    .inside
                    .iter()
                    .map(|inside| (inside.state.clone(), inside.index))
                    .collect::<Vec<_>>();
                (inside, place.state)
            })
        };
        let at = |state: &str, index| (state.to_owned(), index);
        assert_eq!(found("Both"), Ok((vec![], "Both".to_owned())));
        assert_eq!(found("a.b[0].c"), Ok((vec![], "a.b[0].c".to_owned())));
        assert_eq!(found("Map[3].Charge"), Ok((vec![at("Map", 3)], "Charge".to_owned())));
        assert_eq!(found("Map[3].In[0].A"), Ok((vec![at("Map", 3), at("In", 0)], "A".to_owned())));
        assert_eq!(found("Map[3].In[1].B[1].x"), Ok((vec![at("Map", 3), at("In", 1)], "B[1].x".to_owned())));
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let definition = definition();
        let why = |text: &str| Place::find(text, &definition).unwrap_err().0;
        assert_eq!(
            why("Charge"),
            "the definition has no state 'Charge'; it has: Map, Map[0].\u{2026}, Both, a.b[0].c"
        );
        assert_eq!(
            why("Map[3].A"),
            "'Map[3]' has no state 'A' of 'Map[3].A'; it has: Charge, In, In[0].\u{2026}"
        );
        assert!(
            why("Map[3].In[0].B[1].x").starts_with("'In[0]' has no state"),
            "{}",
            why("Map[3].In[0].B[1].x")
        );
        for text in
            ["", "Map[-1].Charge", "Map[99999999999].Charge", "Map[3]", "[3].Charge", "Both[0].x", "]."]
        {
            assert!(Place::find(text, &definition).is_err(), "{text}");
        }
    }
}
