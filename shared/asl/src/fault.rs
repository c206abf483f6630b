//! What is wrong with a definition, and where.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{Serialize, Serializer};
use std::{fmt, ops::Range};

/// One fault of a definition. As JSON its code is the short one, and its span `{"start", "end"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub code: FaultCode,
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

/// All faults of a definition, in the order of their places. Never empty where a parse failed with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(pub(crate) Vec<Fault>);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $title:literal;)*) => {
        /// The stable code of a kind of fault: `SL00` the text, `SL01` fields, `SL02` transitions, `SL03` paths and
        /// functions, `SL04` Retry and Catch, `SL05` Choice rules, `SL06` what a definition refers to, `SL09` what this
        /// version leaves out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FaultCode { $($(#[$doc])* $name,)* }

        impl FaultCode {
            pub const ALL: &[FaultCode] = &[$(FaultCode::$name,)*];

            /// `SL0101` and the like: what stands in messages and in documentation.
            pub fn code(self) -> &'static str {
                match self { $(FaultCode::$name => $code,)* }
            }

            /// The kind of fault in a few words.
            pub fn title(self) -> &'static str {
                match self { $(FaultCode::$name => $title,)* }
            }
        }
    };
}

codes! {
    DefinitionTooLarge = "SL0001", "the definition is too large";
    InvalidJson = "SL0002", "the text is not JSON";
    NestedTooDeeply = "SL0003", "the definition is nested too deeply";
    DuplicateMember = "SL0004", "a member stands twice in an object";
    TooManyFaults = "SL0005", "there are more faults than are shown";
    MissingField = "SL0101", "a required field is missing";
    UnknownField = "SL0102", "a field is not known here";
    WrongType = "SL0103", "a value has the wrong type";
    OutOfRange = "SL0104", "a value is out of range";
    ConflictingFields = "SL0105", "fields exclude each other";
    InvalidValue = "SL0106", "a value is not allowed here";
    InvalidStateName = "SL0107", "a state's name is not allowed";
    InvalidResource = "SL0108", "a Resource is not known";
    OtherLanguage = "SL0109", "a field belongs to the other query language";
    LanguageDowngrade = "SL0110", "a state of a JSONata workflow cannot speak JSONPath";
    DuplicateState = "SL0111", "two states have the same name";
    InvalidVariable = "SL0112", "a variable's name is not allowed";
    InvalidLabel = "SL0113", "a Map state's label is not allowed";
    MissingTarget = "SL0201", "a transition leads to no state";
    Unreachable = "SL0202", "a state cannot be reached";
    NoTerminalState = "SL0203", "no state ends the workflow";
    InvalidPath = "SL0301", "a path is not valid";
    InvalidFunction = "SL0302", "an intrinsic function is not called rightly";
    UnknownFunction = "SL0303", "an intrinsic function is not known";
    DuplicateAfterRename = "SL0304", "two members of a template get the same name";
    InvalidTimestamp = "SL0305", "a timestamp is not valid";
    UnclosedExpression = "SL0306", "a JSONata expression is not opened or closed";
    InvalidJsonata = "SL0307", "a JSONata expression is not valid";
    ErrorEquals = "SL0401", "the names in ErrorEquals are not allowed";
    ChoiceRule = "SL0501", "a Choice rule has the wrong shape";
    NoSuchStep = "SL0601", "no program has the name of a function";
    Unsupported = "SL0901", "a feature is not supported by this version";
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
        write!(f, "{}:{}: error[{}]: ", self.line, self.column, self.code)?;
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
        let mut group = Level::ERROR.primary_title(self.code.title()).id(self.code.code()).element(snippet);
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
