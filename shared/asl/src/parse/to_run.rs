//! What is to be run is judged harder than what is written.

use super::Checked;
use crate::{
    definition::{Definition, Kind},
    fault::{Fault, FaultCode, Severity},
};

/// What becomes of a state whose resource can't be called here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// Its definition is refused.
    #[default]
    Refused,
    /// It fails once a run comes to it.
    Taken,
}

impl Checked {
    /// The same for a place where the definition is to run: what can't be run here, a warning to its author, is an error
    /// there. A state with an error of its own isn't told twice.
    pub fn to_run(self, unsupported: Unsupported) -> Self {
        let Checked { definition, errors, warnings } = self;
        let is_taken = |fault: &Fault| unsupported == Unsupported::Taken && is_task(&definition, fault);
        let is_told = |fault: &Fault| errors.iter().any(|error| error.state == fault.state);
        let is_refused =
            |fault: &Fault| fault.code == FaultCode::NotYetRun && !is_told(fault) && !is_taken(fault);
        let (refused, warnings): (Vec<Fault>, Vec<Fault>) = warnings.into_iter().partition(is_refused);
        let definition = definition.filter(|_| refused.is_empty());
        let refused = refused.into_iter().map(|fault| Fault { severity: Severity::Error, ..fault });
        let errors = errors.clone().into_iter().chain(refused).collect();
        Checked { definition, errors, warnings: warnings.into_iter().collect() }
    }
}

/// Nothing but a call can fail in the place of being done: a Map state that can't be run is no failed one.
fn is_task(definition: &Option<Definition>, fault: &Fault) -> bool {
    let state = definition.as_ref().zip(fault.state.as_ref());
    let state = state.and_then(|(definition, name)| definition.states.get(name));
    state.is_some_and(|state| matches!(state.kind, Kind::Task(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn checked(states: &str) -> Checked {
        let text = format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#);
        Definition::check(&text, &Options { reads_parquet: false, ..Options::default() })
    }

    const UNSUPPORTED: &str =
        r#""A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "End": true}"#;

    #[test]
    fn a_resource_that_can_not_be_called_is_an_error_where_it_is_to_run() {
        let checked = checked(UNSUPPORTED);
        assert_eq!((checked.errors.len(), checked.warnings.len()), (0, 1));
        let refused = checked.clone().to_run(Unsupported::Refused);
        assert!(refused.definition.is_none());
        assert_eq!((refused.errors.len(), refused.warnings.len()), (1, 0));
        assert!(refused.errors.iter().all(|fault| fault.severity == Severity::Error));
        let taken = checked.to_run(Unsupported::Taken);
        assert!(taken.definition.is_some());
        assert_eq!((taken.errors.len(), taken.warnings.len()), (0, 1));
    }

    #[test]
    fn what_can_not_even_fail_is_refused_in_any_case() {
        let distributed = r#""A": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "I", "ProcessorConfig":
            {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "States": {"I": {"Type": "Succeed"}}}, "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "PARQUET"}, "Parameters": {"Bucket": "b", "Key": "k"}}}"#;
        let taken = checked(distributed).to_run(Unsupported::Taken);
        assert!(taken.definition.is_none());
        assert_eq!(taken.errors.iter().map(|fault| fault.code).collect::<Vec<_>>(), [FaultCode::NotYetRun]);
    }

    #[test]
    fn a_state_with_another_error_is_told_once() {
        let both = UNSUPPORTED.replace(r#""End": true"#, r#""End": true, "Nonsense": 1"#);
        let refused = checked(&both).to_run(Unsupported::Refused);
        assert_eq!(
            refused.errors.iter().map(|fault| fault.code).collect::<Vec<_>>(),
            [FaultCode::UnknownField]
        );
    }
}
