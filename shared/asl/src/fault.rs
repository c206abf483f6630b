//! What is wrong with a definition, and where.

mod page;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{Serialize, Serializer};
use std::{fmt, ops::Range};

/// One fault of a definition. As JSON its code is the short one, and its span `{"start", "end"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub code: FaultCode,
    pub severity: Severity,
    /// AWS's code, see [`FaultCode::aws`].
    pub aws_code: Option<&'static str>,
    /// What AWS says instead of `message`, where its words are known: for its clients alone.
    #[serde(skip)]
    pub aws_message: Option<String>,
    /// The member or object that the place lies in, as AWS writes it: `/States/Pay/Catch[0]/Next`.
    pub path: String,
    /// Bytes of the source.
    pub span: Range<usize>,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// The state in which it lies.
    pub state: Option<String>,
    pub message: String,
    pub hint: Option<String>,
}

/// Faults of a definition, in the order of their places. Never empty where a parse failed with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(pub(crate) Vec<Fault>);

/// Whether a definition with such a fault can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// It is refused.
    Error,
    /// It is taken, but likely does something else than what was meant.
    Warning,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident, $aws:expr, $title:literal;)*) => {
        /// The stable code of a kind of fault: `SL00` the text, `SL01` fields, `SL02` transitions, `SL03` paths, functions,
        /// expressions and variables, `SL04` Retry and Catch, `SL05` Choice rules, `SL06` what a definition refers to,
        /// `SL09` what this version leaves out. [`FaultCode::explanation`] and `docs/definitions.md` tell of each what it
        /// means, and what to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FaultCode { $($(#[$doc])* $name,)* }

        impl FaultCode {
            pub const ALL: &[FaultCode] = &[$(FaultCode::$name,)*];

            /// `SL0101` and the like: what stands in messages and in documentation.
            pub fn code(self) -> &'static str {
                match self { $(FaultCode::$name => $code,)* }
            }

            pub fn severity(self) -> Severity {
                match self { $(FaultCode::$name => Severity::$severity,)* }
            }

            /// The code under which AWS's CreateStateMachine and ValidateStateMachineDefinition report it
            /// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html>);
            /// none where AWS says nothing.
            pub fn aws(self) -> Option<&'static str> {
                match self { $(FaultCode::$name => $aws,)* }
            }

            /// The kind of fault in a few words.
            pub fn title(self) -> &'static str {
                match self { $(FaultCode::$name => $title,)* }
            }
        }
    };
}

const SCHEMA: Option<&str> = Some("SCHEMA_VALIDATION_FAILED");

codes! {
    DefinitionTooLarge = "SL0001", Error, SCHEMA, "the definition is too large";
    InvalidJson = "SL0002", Error, Some("INVALID_JSON_DESCRIPTION"), "the text is not JSON";
    NestedTooDeeply = "SL0003", Error, Some("TOO_DEEPLY_NESTED"), "the definition is nested too deeply";
    DuplicateMember = "SL0004", Error, Some("INVALID_JSON_DESCRIPTION"), "a member stands twice in an object";
    TooManyFaults = "SL0005", Error, None, "there are more faults than are shown";
    EmptyDefinition = "SL0006", Error, SCHEMA, "there is no definition";
    MissingField = "SL0101", Error, SCHEMA, "a required field is missing";
    UnknownField = "SL0102", Error, SCHEMA, "a field is not known here";
    WrongType = "SL0103", Error, SCHEMA, "a value has the wrong type";
    OutOfRange = "SL0104", Error, SCHEMA, "a value is out of range";
    ConflictingFields = "SL0105", Error, SCHEMA, "fields exclude each other";
    InvalidValue = "SL0106", Error, SCHEMA, "a value is not allowed here";
    InvalidStateName = "SL0107", Error, Some("INVALID_STATE_NAME"), "a state's name is not allowed";
    InvalidResource = "SL0108", Error, SCHEMA, "a Resource is not known";
    OtherLanguage = "SL0109", Error, SCHEMA, "a field belongs to the other query language";
    LanguageDowngrade = "SL0110", Error, SCHEMA, "a state of a JSONata workflow cannot speak JSONPath";
    DuplicateState = "SL0111", Error, Some("DUPLICATE_STATE_NAME"), "two states have the same name";
    InvalidVariable = "SL0112", Error, SCHEMA, "a variable's name is not allowed";
    InvalidLabel = "SL0113", Error, Some("INVALID_LABEL_NAME"), "a Map state's label is not allowed";
    DuplicateLabel = "SL0114", Error, Some("DUPLICATE_LABEL_NAME"), "two Map states have the same label";
    IgnoredField = "SL0115", Warning, None, "a field has no effect here";
    DeprecatedField = "SL0116", Warning, None, "a field has a newer name";
    MissingTarget = "SL0201", Error, Some("MISSING_TRANSITION_TARGET"), "a transition leads to no state";
    Unreachable = "SL0202", Error, Some("MISSING_TRANSITION_TARGET"), "a state cannot be reached";
    NoTerminalState = "SL0203", Error, Some("MISSING_END_STATE"), "no state ends the workflow";
    EndlessBranch = "SL0204", Warning, None, "no state ends a branch or an iteration";
    InvalidPath = "SL0301", Error, SCHEMA, "a path is not valid";
    InvalidFunction = "SL0302", Error, SCHEMA, "an intrinsic function is not called rightly";
    UnknownFunction = "SL0303", Error, SCHEMA, "an intrinsic function is not known";
    DuplicateAfterRename = "SL0304", Error, SCHEMA, "two members of a template get the same name";
    InvalidTimestamp = "SL0305", Error, SCHEMA, "a timestamp is not valid";
    UnclosedExpression = "SL0306", Error, SCHEMA, "a JSONata expression is not opened or closed";
    InvalidJsonata = "SL0307", Error, Some("INVALID_JSONATA_EXPRESSION"), "a JSONata expression is not valid";
    UnsupportedReference = "SL0308", Error, Some("UNSUPPORTED_JSONATA_EXPRESSION"),
        "a JSONata expression refers to what is not there";
    UnknownMember = "SL0309", Warning, None, "`$states` has no such member";
    UnknownJsonataFunction = "SL0310", Warning, None, "a JSONata function is not known";
    NewerJsonata = "SL0311", Warning, None, "a JSONata operator is newer than AWS's version";
    UndefinedVariable = "SL0312", Warning, None, "a variable is assigned nowhere in its scope";
    ShadowedVariable = "SL0313", Error, SCHEMA, "a variable of an outer scope is assigned";
    MissingData = "SL0314", Warning, None, "a path finds nothing that a state before it has made";
    NoDollar = "SL0315", Warning, Some("NO_DOLLAR"), "a member looks like a path and is taken as text";
    NoPath = "SL0316", Warning, Some("NO_PATH"), "a field looks like a path and is taken as text";
    StaticResult = "SL0317", Warning, Some("PASS_RESULT_IS_STATIC"), "a path in `Result` is taken as text";
    VariableSyntax = "SL0318", Warning, None, "a variable's name is no identifier";
    ErrorEquals = "SL0401", Error, SCHEMA, "the names in ErrorEquals are not allowed";
    NeverMatches = "SL0402", Warning, None, "a retrier or catcher never matches";
    ChoiceRule = "SL0501", Error, SCHEMA, "a Choice rule has the wrong shape";
    NoSuchStep = "SL0601", Error, None, "no program has the name of a function";
    NotInExpress = "SL0602", Error, SCHEMA, "an EXPRESS workflow cannot do this";
    OutsideFunction = "SL0603", Warning, None, "a function is no step of this workspace";
    Unsupported = "SL0901", Error, None, "a feature is not supported by this version";
    NotYetRun = "SL0902", Warning, None, "this version cannot run it yet";
}

impl Serialize for FaultCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Faults {
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults with the lines they lie in, as rustc shows its own.
    pub fn render(&self, file_name: &str, source: &str, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let blocks: Vec<String> =
            self.iter().map(|fault| fault.render(file_name, source, &renderer)).collect();
        blocks.join("\n\n") + "\n"
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// One line per fault.
impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        Self(faults.into_iter().collect())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}: {severity}[{}]: ", self.line, self.column, self.code)?;
        if let Some(state) = &self.state {
            write!(f, "state `{state}`: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl Fault {
    fn render(&self, file_name: &str, source: &str, renderer: &Renderer) -> String {
        let (excerpt, offset) = excerpt(source, &self.span);
        let span =
            self.span.start.saturating_sub(offset)..self.span.end.saturating_sub(offset).min(excerpt.len());
        let annotation = AnnotationKind::Primary.span(span).label(self.message.as_str());
        let snippet = Snippet::source(excerpt).path(file_name).line_start(self.line).annotation(annotation);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(self.code.title()).id(self.code.code()).element(snippet);
        if let Some(state) = &self.state {
            group = group.element(Level::NOTE.message(format!("in state `{state}`")));
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        renderer.render(&[group]).to_string()
    }
}

/// The lines of a span, up to three of them, and the byte at which they begin.
fn excerpt<'a>(source: &'a str, span: &Range<usize>) -> (&'a str, usize) {
    let start =
        source.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let rest = source.get(start..).unwrap_or_default();
    let length = rest.split_inclusive('\n').take(3).map(str::len).sum();
    (rest.get(..length).unwrap_or_default(), start.min(source.len()))
}

/// Where lines begin, to turn byte offsets into places.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    source: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(source: &'a str) -> Lines<'a> {
        let newlines = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { source, starts: std::iter::once(0).chain(newlines).collect() }
    }

    /// Line and column, both 1-based, the column in characters.
    pub(crate) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.source.get(start..offset).unwrap_or_default();
        (line.max(1), before.chars().count() + 1)
    }

    /// The offset of a line and a column in bytes, both 1-based, moved back to the start of a character.
    pub(crate) fn offset(&self, line: usize, column_bytes: usize) -> usize {
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.source.len());
        let offset = (start + column_bytes.saturating_sub(1)).min(self.source.len());
        (0..=offset).rev().find(|at| self.source.is_char_boundary(*at)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<&str> = FaultCode::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), FaultCode::ALL.len());
    }

    #[test]
    fn places_count_characters() {
        let lines = Lines::new("ab\nä€x\n");
        assert_eq!(lines.place(0), (1, 1));
        assert_eq!(lines.place(2), (1, 3));
        assert_eq!(lines.place(3), (2, 1));
        assert_eq!(lines.place(8), (2, 3));
        assert_eq!(lines.place(10), (3, 1));
        assert_eq!(lines.offset(2, 4), 5);
        assert_eq!(lines.offset(9, 9), 10);
    }

    #[test]
    fn a_fault_is_shown_in_its_line() {
        let source = "{\n  \"StartAt\": \"Ä\",\n  \"States\": 5\n}";
        let start = source.find('5').unwrap();
        let fault = Fault {
            code: FaultCode::WrongType,
            severity: Severity::Error,
            aws_code: FaultCode::WrongType.aws(),
            aws_message: Some("AWS's own words".into()),
            path: "/States".into(),
            span: start..start + 1,
            line: 3,
            column: 13,
            state: Some("Pay".into()),
            message: "an object is expected".into(),
            hint: Some("write {}".into()),
        };
        let faults = Faults(vec![fault]);
        assert_eq!(
            faults.to_string(),
            "3:13: error[SL0103]: state `Pay`: an object is expected (hint: write {})"
        );
        let text = faults.render("flow.asl.json", source, false);
        assert_eq!(
            text,
            "error[SL0103]: a value has the wrong type\n --> flow.asl.json:3:13\n  |\n3 |   \"States\": 5\n  |             ^ an object is \
             expected\n  |\n  = note: in state `Pay`\n  = help: write {}\n"
        );
        assert!(faults.render("flow.asl.json", source, true).contains('\u{1b}'));
        let json = serde_json::to_value(&faults).unwrap();
        assert_eq!((&json[0]["code"], &json[0]["span"]["start"]), (&"SL0103".into(), &start.into()));
        // A source that is not the one that was parsed must not panic.
        faults.render("flow.asl.json", "ä", false);
        faults.render("flow.asl.json", "", false);
    }
}
