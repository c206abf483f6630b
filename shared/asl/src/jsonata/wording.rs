//! The reference implementation's words for an error, which AWS shows in a cause, where the library has its own.

/// The message for a code; `plain` is the library's, without the code.
pub(super) fn reworded(code: &str, plain: &str) -> String {
    let fixed = match code {
        // The library appends the name.
        "T1006" => "Attempted to invoke a non-function",
        "T2003" => "The left side of the range operator (..) must evaluate to an integer",
        "T2004" => "The right side of the range operator (..) must evaluate to an integer",
        "D3001" => "Attempting to invoke string function on Infinity or NaN",
        "D3010" => "Second argument of replace function cannot be an empty string",
        "D3020" => "Third argument of split function must evaluate to a positive number",
        "D3136" => "The date/time picture string is missing specifiers required to parse the timestamp",
        "T2001" | "T2002" => return quoted_operator(plain).unwrap_or_else(|| plain.to_string()),
        "D3030" => return unable_to_cast(plain).unwrap_or_else(|| plain.to_string()),
        _ => plain,
    };
    fixed.to_string()
}

/// `The left side of the + operator …`: the operator stands in quotes.
fn quoted_operator(plain: &str) -> Option<String> {
    let (before, rest) = plain.split_once(" side of the ")?;
    let (operator, after) = rest.split_once(" operator ")?;
    Some(format!("{before} side of the \"{operator}\" operator {after}"))
}

/// `Cannot convert 'x' to number`.
fn unable_to_cast(plain: &str) -> Option<String> {
    let value = plain.strip_prefix("Cannot convert '")?.strip_suffix("' to number")?;
    Some(format!("Unable to cast value to a number: {}", serde_json::Value::from(value)))
}
