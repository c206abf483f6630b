//! What a fault means, and what to do about it: the page of its code.

use super::FaultCode;

impl FaultCode {
    /// What the fault is, and what it comes from.
    pub fn explanation(self) -> &'static str {
        self.texts().0
    }

    /// What to do about it.
    pub fn next_step(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            FaultCode::DefinitionTooLarge => {
                ("the text has more than 1 MiB", "move data out of it, or start a workflow from a workflow")
            }
            FaultCode::InvalidJson => (
                "the text is not JSON; comments and trailing commas are not",
                "look at the place: it is where the text stops making sense",
            ),
            FaultCode::NestedTooDeeply => (
                "more than 127 objects and arrays within each other, about 30 nested fan-outs",
                "start a workflow from a workflow",
            ),
            FaultCode::DuplicateMember => (
                "a member stands twice in an object; most readers would silently drop one",
                "rename or remove one",
            ),
            FaultCode::TooManyFaults => {
                ("more than 200 errors; the rest is not shown", "likely it is another file than you think")
            }
            FaultCode::EmptyDefinition => {
                ("the text is empty", "write a definition: an object with `StartAt` and `States`")
            }
            FaultCode::MissingField => ("a field that must be there is not", "add it"),
            FaultCode::UnknownField => (
                "the state or object has no field of that name",
                "the hint names the nearest one; notes belong into `Comment`",
            ),
            FaultCode::WrongType => {
                ("a text where a number is needed, or the like", "write the type that the message names")
            }
            FaultCode::OutOfRange => ("a number is too small or too large", "the message names the bounds"),
            FaultCode::ConflictingFields => (
                "two fields say the same in different ways: `TimeoutSeconds` and `TimeoutSecondsPath`, `Next` and `End`",
                "keep one",
            ),
            FaultCode::InvalidValue => (
                "a word that the field doesn't know, such as a state type",
                "the message lists those it knows",
            ),
            FaultCode::InvalidStateName => {
                ("a state's name is empty or has more than 80 characters", "shorten it")
            }
            FaultCode::InvalidResource => (
                "a `Resource` is no ARN, no action of its service, or asks for a pattern that the service doesn't have",
                "copy the ARN from AWS's list of integrations",
            ),
            FaultCode::OtherLanguage => (
                "a JSONPath field in a JSONata state, or the other way round",
                "use its counterpart, or set the state's `QueryLanguage`; states inside a Map or Parallel state have the definition's language, not that state's",
            ),
            FaultCode::LanguageDowngrade => (
                "a state says JSONPath where the definition says JSONata",
                "set JSONata in the states that want it, and not at the top",
            ),
            FaultCode::DuplicateState => (
                "two states have one name; it counts in the whole definition, branches and iterations too",
                "rename one",
            ),
            FaultCode::InvalidVariable => {
                ("a variable is called `states`, or its name is empty or too long", "rename it")
            }
            FaultCode::InvalidLabel => (
                "a Map state's `Label` has more than 40 characters, or some that ARNs can't have",
                "use letters, digits and `-`",
            ),
            FaultCode::DuplicateLabel => ("two Map states have one `Label`", "rename one"),
            FaultCode::IgnoredField => (
                "a field is set that does nothing here, such as `ItemReader` in an inline Map state",
                "remove it, or make the Map state distributed",
            ),
            FaultCode::DeprecatedField => (
                "`Iterator` and a Map state's `Parameters` are the old names",
                "write `ItemProcessor` and `ItemSelector`",
            ),
            FaultCode::MissingTarget => (
                "`StartAt`, `Next` or `Default` names no state of its own machine; nothing leads out of a branch",
                "correct the name",
            ),
            FaultCode::Unreachable => ("no transition leads to a state", "lead to it, or remove it"),
            FaultCode::NoTerminalState => {
                ("no state ends the workflow", "set `\"End\": true`, or lead to a Succeed or Fail state")
            }
            FaultCode::EndlessBranch => (
                "no state ends a branch or an iteration: the run stays in it",
                "set `\"End\": true`, or lead to a Succeed or Fail state",
            ),
            FaultCode::InvalidPath => (
                "a path doesn't parse, or a field that needs a Reference Path has `*`, `..`, `?` or `:`",
                "the message says where it stops being one",
            ),
            FaultCode::InvalidFunction => (
                "a call of an intrinsic function has the wrong number or kind of arguments, or doesn't parse",
                "compare it with AWS's list of functions",
            ),
            FaultCode::UnknownFunction => {
                ("there is no such `States.` function", "the hint names the nearest one")
            }
            FaultCode::DuplicateAfterRename => {
                ("`a` and `a.$` in one object give two members `a`", "keep one")
            }
            FaultCode::InvalidTimestamp => {
                ("a timestamp is not RFC 3339, such as `2026-11-24T21:52:17Z`", "write `T` and a zone")
            }
            FaultCode::UnclosedExpression => (
                "a text begins with `{%` or ends with `%}`, but not both",
                "nothing may stand before or behind them",
            ),
            FaultCode::InvalidJsonata => ("an expression is no JSONata", "the message has JSONata's code"),
            FaultCode::UnsupportedReference => (
                "an expression reads what isn't there: a name without `$states.input`, `$$`, `$states.result` before the work, `$states.errorOutput` outside of a catcher",
                "the hint says what to write",
            ),
            FaultCode::UnknownMember => (
                "`$states` has no such member, so this is undefined",
                "`input`, `context`, `result`, `errorOutput`",
            ),
            FaultCode::UnknownJsonataFunction => {
                ("neither JSONata nor AWS has the function; its call fails", "correct the name")
            }
            FaultCode::NewerJsonata => (
                "`??` and `?:` came after the version that AWS has; this works here and not there",
                "write `$exists(x) ? x : y`",
            ),
            FaultCode::UndefinedVariable => (
                "no state of this machine or of one around it assigns the variable",
                "correct the name, or assign it",
            ),
            FaultCode::ShadowedVariable => (
                "a branch or an iteration assigns a variable of the machine around it, which it may only read",
                "rename it, and hand the value out in the result",
            ),
            FaultCode::MissingData => (
                "the states before have made all of the input, and what the path asks for is not in it; or it calls a function, which finds nothing",
                "correct the path",
            ),
            FaultCode::NoDollar => (
                "a member of a template looks like a path, but its name doesn't end in `.$`: it is taken as text",
                "name it `….$`",
            ),
            FaultCode::NoPath => {
                ("a field looks like a path and is taken as text", "write the field that ends in `Path`")
            }
            FaultCode::StaticResult => ("`Result` is never evaluated", "use `Parameters`"),
            FaultCode::VariableSyntax => (
                "a variable's name is no identifier, so no expression can say it",
                "letters, digits, `_`, a letter first",
            ),
            FaultCode::ErrorEquals => (
                "`ErrorEquals` is empty, or `States.ALL` stands beside other names or before other retriers or catchers",
                "split it; `States.ALL` comes alone and last",
            ),
            FaultCode::NeverMatches => (
                "an earlier retrier or catcher takes the error, or nothing ever raises it",
                "put the special one first; correct the name",
            ),
            FaultCode::ChoiceRule => (
                "a Choice rule has no operator or two, or `Next` in an inner rule",
                "one operator a rule; `Next` in the outermost",
            ),
            FaultCode::NoSuchStep => {
                ("a function that the definition calls has no program", "build the step, or correct the name")
            }
            FaultCode::NotInExpress => (
                "EXPRESS workflows have no `.sync`, `.waitForTaskToken`, activities and distributed Map states",
                "make it STANDARD",
            ),
            FaultCode::Unsupported => {
                ("the place where this is to run can't call the resource", "see the message")
            }
            FaultCode::OutsideFunction => (
                "a function that the definition calls has no program here, so it is called as one outside of the stack, by the function `invoke`",
                "nothing, if it is one; else build the step, or correct the name",
            ),
            FaultCode::NotYetRun => (
                "the definition is right, but the deployed system can't run this yet: where it is to run, that is an error",
                "mock it in `stepladder try`; leave it out of what you deploy, or deploy it with `--allow-unsupported`: then a state that calls it fails",
            ),
        }
    }
}
