//! Whether two flows hold the same.

use serde_json::value::RawValue;

use crate::text::{Members, members};

/// What is nested deeper is compared as text, so that no file can exhaust the stack.
const MAX_DEPTH: usize = 100;

/// Whether two documents hold the same, whatever their white space, the order of members and the escapes in texts. Numbers are compared as
/// they are written: two that are equal when they are rounded may be two.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    is_same_within(a, b, MAX_DEPTH)
}

fn is_same_within(a: &str, b: &str, depth: usize) -> bool {
    if a == b {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    let same = |(a, b): (&&RawValue, &&RawValue)| is_same_within(a.get(), b.get(), depth);
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => match (members(a), members(b)) {
            (Ok(a), Ok(b)) => has_names_of(&a, &b) && a.values().zip(b.values()).all(same),
            _ => false,
        },
        (Some(b'['), Some(b'[')) => match (items(a), items(b)) {
            (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(&b).all(same),
            _ => false,
        },
        (Some(b'"'), Some(b'"')) => text(a).is_some_and(|a| Some(a) == text(b)),
        _ => false,
    }
}

fn has_names_of(a: &Members<'_>, b: &Members<'_>) -> bool {
    a.len() == b.len() && a.keys().eq(b.keys())
}

fn items(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

fn text(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_no_content() {
        for (a, b) in [
            ("{}", "{ }"),
            (r#"{"a":1,"b":[1,{"c":"x"}]}"#, "{ \"b\" : [ 1, { \"c\": \"x\" } ],\n \"a\": 1 }"),
            (r#"["\u00fc","/"]"#, r#"["ü", "\/"]"#),
        ] {
            assert!(is_same(a, b) && is_same(b, a), "{a} {b}");
        }
    }

    #[test]
    fn everything_else_is() {
        for (a, b) in [
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
            ("[1,2]", "[2,1]"),
            ("[1]", "[1,1]"),
            ("[]", "{}"),
            ("null", "false"),
            (r#""1""#, "1"),
            ("12345678901234567890123", "12345678901234567890124"),
        ] {
            assert!(!is_same(a, b) && !is_same(b, a), "{a} {b}");
        }
    }

    #[test]
    fn deep_nesting_is_compared_as_text() {
        let nest = |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(is_same(&nest("1"), &nest("1")));
        assert!(!is_same(&nest("1"), &nest("2")));
    }
}
