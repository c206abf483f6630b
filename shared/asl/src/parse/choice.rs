//! Choice rules.

use super::{Parser, fields::Fields, language::Known};
use crate::{
    choice::{Kind, OPERATORS, Operand, Operator, Rule, comparison, question},
    definition::Branch,
    fault::FaultCode,
    json::{Data, Member},
    nearest::nearest,
    template::Template,
    timestamp,
};

/// Where a rule stands: only the outer ones lead to a state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    Nested,
}

const JSONATA_RULE: [Known; 5] = [
    Known::Both("Condition"),
    Known::Both("Next"),
    Known::Both("Assign"),
    Known::Both("Output"),
    Known::Both("Comment"),
];

impl Parser<'_> {
    pub(super) fn rules(&mut self, fields: &Fields) -> Option<Vec<Branch>> {
        let node = self.required(fields, "Choices")?;
        let Some(items) = node.as_array() else {
            self.wrong_type(node, "an array", "`Choices`");
            return None;
        };
        if items.is_empty() {
            self.fault(FaultCode::ChoiceRule, node.span.clone(), "`Choices` needs at least one rule");
            return None;
        }
        let mut branches = Vec::with_capacity(items.len());
        for item in items {
            let branch = self.fields(item, "a Choice rule").and_then(|fields| {
                let rule =
                    if self.is_jsonata() { self.condition(&fields) } else { self.rule(&fields, Level::Top) };
                let (assign, output) = (self.assign(&fields), self.output(&fields));
                let next = self.required_text(&fields, "Next");
                Some(Branch { rule: rule?, next: next?.to_string(), assign: assign?, output: output? })
            });
            branches.push(branch);
        }
        branches.into_iter().collect()
    }

    /// The rule of a JSONata state.
    fn condition(&mut self, fields: &Fields) -> Option<Rule> {
        let mut known = JSONATA_RULE.to_vec();
        known.extend(OPERATORS.iter().chain(&["Not", "Variable"]).map(|name| Known::JsonPath(name)));
        self.known(fields, &known);
        let node = self.required(fields, "Condition")?;
        match (&node.data, self.jsonata_only(node)?) {
            (Data::Bool(_), _) => Some(Rule::Condition(Template::Literal(node.to_value()))),
            (_, Some(template)) => Some(Rule::Condition(template)),
            _ => {
                self.wrong_type(node, "a boolean or an expression between `{%` and `%}`", "`Condition`");
                None
            }
        }
    }

    fn rule(&mut self, fields: &Fields, level: Level) -> Option<Rule> {
        let mut operators: Vec<&Member> = Vec::new();
        for member in fields.members {
            match (member.name.as_str(), level) {
                ("Variable" | "Comment", _) | ("Next" | "Assign", Level::Top) => {}
                ("Next", Level::Nested) => {
                    let message = "only the outermost rule has `Next`";
                    self.fault(FaultCode::ChoiceRule, member.name_span.clone(), message);
                }
                ("Condition" | "Output", _) => {
                    let name = &member.name;
                    let message = format!("`{name}` is a field of JSONata, and the state speaks JSONPath");
                    self.fault(FaultCode::OtherLanguage, member.name_span.clone(), message);
                }
                (name, _) if name == "Not" || OPERATORS.contains(&name) => operators.push(member),
                (name, _) => {
                    let candidates = OPERATORS.into_iter().chain(["Not", "Variable", "Next", "Comment"]);
                    let hint = nearest(name, candidates).filter(|near| fields.get(near).is_none());
                    let hint = hint.map(|near| format!("did you mean `{near}`?"));
                    let message = format!("a Choice rule has no field `{name}`");
                    self.fault_with_hint(FaultCode::UnknownField, member.name_span.clone(), message, hint);
                }
            }
        }
        let mut operators = operators.into_iter();
        let first = operators.next();
        for second in operators {
            let message = format!("a rule has one operator, and `{}` is a second one", second.name);
            self.fault(FaultCode::ChoiceRule, second.name_span.clone(), message);
        }
        match first {
            Some(operator) => self.operator(fields, operator),
            None => {
                let message = "a rule needs an operator, such as `StringEquals`, or `And`, `Or`, `Not`";
                self.fault(FaultCode::ChoiceRule, fields.opening(), message);
                None
            }
        }
    }

    fn operator(&mut self, fields: &Fields, operator: &Member) -> Option<Rule> {
        let is_combination = matches!(operator.name.as_str(), "And" | "Or" | "Not");
        if let Some(variable) = fields.get("Variable").filter(|_| is_combination) {
            let message = format!("`{}` combines rules, so `Variable` belongs into those", operator.name);
            self.fault(FaultCode::ChoiceRule, variable.name_span.clone(), message);
        }
        match operator.name.as_str() {
            "And" => self.combined(operator).map(Rule::And),
            "Or" => self.combined(operator).map(Rule::Or),
            "Not" => {
                let inner = self.fields(&operator.value, "a Choice rule")?;
                self.rule(&inner, Level::Nested).map(|rule| Rule::Not(Box::new(rule)))
            }
            _ => {
                let variable =
                    self.required(fields, "Variable").and_then(|node| self.reference(node, "`Variable`"));
                let operator = self.test(operator);
                Some(Rule::Test { variable: variable?, operator: operator? })
            }
        }
    }

    fn combined(&mut self, operator: &Member) -> Option<Vec<Rule>> {
        let Some(items) = operator.value.as_array() else {
            self.wrong_type(&operator.value, "an array of rules", &format!("`{}`", operator.name));
            return None;
        };
        if items.is_empty() {
            let message = format!("`{}` needs at least one rule", operator.name);
            self.fault(FaultCode::ChoiceRule, operator.value.span.clone(), message);
        }
        let mut rules = Vec::with_capacity(items.len());
        for item in items {
            let rule =
                self.fields(item, "a Choice rule").and_then(|fields| self.rule(&fields, Level::Nested));
            rules.push(rule);
        }
        rules.into_iter().collect()
    }

    fn test(&mut self, member: &Member) -> Option<Operator> {
        let name = member.name.as_str();
        if let Some(question) = question(name) {
            let Data::Bool(expected) = member.value.data else {
                self.wrong_type(&member.value, "a boolean", &format!("`{name}`"));
                return None;
            };
            return Some(Operator::Is { question, expected });
        }
        if name == "StringMatches" {
            return self.pattern(member);
        }
        let (kind, relation) = comparison(name.strip_suffix("Path").unwrap_or(name))?;
        let operand = if name.ends_with("Path") {
            Operand::Path(self.reference(&member.value, &format!("`{name}`"))?)
        } else {
            self.constant(member, kind)?
        };
        Some(Operator::Compare { kind, relation, operand })
    }

    fn constant(&mut self, member: &Member, kind: Kind) -> Option<Operand> {
        let (fits, expected) = match (kind, &member.value.data) {
            (Kind::String, data) => (matches!(data, Data::String(_)), "a string"),
            (Kind::Numeric, data) => (matches!(data, Data::Number(_)), "a number"),
            (Kind::Boolean, data) => (matches!(data, Data::Bool(_)), "a boolean"),
            (Kind::Timestamp, data) => (matches!(data, Data::String(_)), "a timestamp"),
        };
        if !fits {
            self.wrong_type(&member.value, expected, &format!("`{}`", member.name));
            return None;
        }
        if let (Kind::Timestamp, Some(text)) = (kind, member.value.as_str())
            && timestamp::parse(text).is_none()
        {
            let message = format!("`{text}` is not a timestamp of RFC 3339");
            self.fault(FaultCode::InvalidTimestamp, member.value.span.clone(), message);
            return None;
        }
        self.no_path(&member.value, &member.name);
        Some(Operand::Constant(member.value.to_value()))
    }

    fn pattern(&mut self, member: &Member) -> Option<Operator> {
        let Some(pattern) = member.value.as_str() else {
            self.wrong_type(&member.value, "a string", "`StringMatches`");
            return None;
        };
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            if char == '\\' && !matches!(chars.next(), Some('*' | '\\')) {
                let message = r"in `StringMatches` a backslash escapes only `*` and `\`";
                self.fault(FaultCode::InvalidValue, member.value.span.clone(), message);
                return None;
            }
        }
        Some(Operator::StringMatches(pattern.to_string()))
    }
}
