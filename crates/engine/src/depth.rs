//! How deep data may nest.

use aquifer_dsl::Problem;
use serde_json::Value;

/// The deepest nesting of a value in a workflow. What is stored nests a little deeper, and everything that reads JSON here, and most
/// of what does elsewhere, stops at 128.
pub(crate) const MAX_DEPTH: usize = 100;

/// Whether `value` nests deeper than [`MAX_DEPTH`]. Does not recurse itself.
pub(crate) fn is_too_deep(value: &Value) -> bool {
    let mut open: Vec<(usize, &Value)> = vec![(0, value)];
    while let Some((depth, value)) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (depth + 1, item))),
            Value::Object(members) => open.extend(members.values().map(|member| (depth + 1, member))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => continue,
        }
        if depth >= MAX_DEPTH {
            return true;
        }
    }
    false
}

/// [`is_too_deep`] for a value that is there as JSON text.
pub(crate) fn is_text_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Passes a value on, unless it is too deep.
pub(crate) fn checked(value: Value) -> Result<Value, Problem> {
    if is_too_deep(&value) { Err(too_deep()) } else { Ok(value) }
}

/// The error of data that is too deep.
pub(crate) fn too_deep() -> Problem {
    Problem::runtime(format!("the data nests deeper than {MAX_DEPTH} levels"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_limit_is_exact() {
        let nest = |levels: usize| (0..levels).fold(json!(1), |value, _| json!({ "a": value }));
        assert!(!is_too_deep(&nest(MAX_DEPTH)));
        assert!(is_too_deep(&nest(MAX_DEPTH + 1)));
        assert!(!is_too_deep(&json!([1, "two", null, {"three": [[]]}])));
    }
}
