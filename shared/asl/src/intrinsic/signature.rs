//! The functions by name, and what they take.

/// One of AWS's eighteen intrinsic functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Array,
    ArrayContains,
    ArrayGetItem,
    ArrayLength,
    ArrayPartition,
    ArrayRange,
    ArrayUnique,
    Base64Decode,
    Base64Encode,
    Format,
    Hash,
    JsonMerge,
    JsonToString,
    MathAdd,
    MathRandom,
    StringSplit,
    StringToJson,
    Uuid,
}

/// What a constant argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Any,
    Array,
    Boolean,
    Number,
    Object,
    Text,
}

const ALL: [(&str, Function); 18] = [
    ("States.Array", Function::Array),
    ("States.ArrayContains", Function::ArrayContains),
    ("States.ArrayGetItem", Function::ArrayGetItem),
    ("States.ArrayLength", Function::ArrayLength),
    ("States.ArrayPartition", Function::ArrayPartition),
    ("States.ArrayRange", Function::ArrayRange),
    ("States.ArrayUnique", Function::ArrayUnique),
    ("States.Base64Decode", Function::Base64Decode),
    ("States.Base64Encode", Function::Base64Encode),
    ("States.Format", Function::Format),
    ("States.Hash", Function::Hash),
    ("States.JsonMerge", Function::JsonMerge),
    ("States.JsonToString", Function::JsonToString),
    ("States.MathAdd", Function::MathAdd),
    ("States.MathRandom", Function::MathRandom),
    ("States.StringSplit", Function::StringSplit),
    ("States.StringToJson", Function::StringToJson),
    ("States.UUID", Function::Uuid),
];

impl Function {
    pub fn by_name(name: &str) -> Option<Function> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|(name, _)| *name)
    }

    pub fn name(self) -> &'static str {
        ALL.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| *name)
    }

    /// Whether its result can be a string: what `ErrorPath` and `CausePath` take.
    pub fn may_give_text(self) -> bool {
        use Function::*;
        matches!(self, ArrayGetItem | Base64Decode | Base64Encode | Format | Hash | JsonToString | Uuid)
    }

    /// Whether its result holds what it was given, or most of it.
    pub(crate) fn copies_arguments(self) -> bool {
        use Function::*;
        matches!(
            self,
            Array
                | ArrayPartition
                | ArrayUnique
                | Format
                | Hash
                | JsonMerge
                | JsonToString
                | StringSplit
                | StringToJson
        )
    }

    /// The arguments that it needs, the optional ones after them, and what any further ones must be.
    pub(crate) fn signature(self) -> (&'static [Takes], &'static [Takes], Option<Takes>) {
        use Takes::*;
        match self {
            Function::Array => (&[], &[], Some(Any)),
            Function::ArrayContains => (&[Array, Any], &[], None),
            Function::ArrayGetItem | Function::ArrayPartition => (&[Array, Number], &[], None),
            Function::ArrayLength | Function::ArrayUnique => (&[Array], &[], None),
            Function::ArrayRange => (&[Number, Number, Number], &[], None),
            Function::Base64Decode | Function::Base64Encode | Function::StringToJson => (&[Text], &[], None),
            Function::Format => (&[Text], &[], Some(Any)),
            Function::Hash => (&[Any, Text], &[], None),
            Function::JsonMerge => (&[Object, Object, Boolean], &[], None),
            Function::JsonToString => (&[Any], &[], None),
            Function::MathAdd => (&[Number, Number], &[], None),
            Function::MathRandom => (&[Number, Number], &[Number], None),
            Function::StringSplit => (&[Text, Text], &[], None),
            Function::Uuid => (&[], &[], None),
        }
    }
}

impl Takes {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Takes::Any => "a value",
            Takes::Array => "an array",
            Takes::Boolean => "a boolean",
            Takes::Number => "a number",
            Takes::Object => "an object",
            Takes::Text => "a string",
        }
    }
}
