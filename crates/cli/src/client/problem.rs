//! What a refused request means to the person who made it.

use serde_json::Value;

use crate::failure::Failure;

/// The statuses that say that what was given cannot be used.
const UNUSABLE: [u16; 4] = [400, 413, 415, 422];

/// The failure that a reply stands for: a problem document, or whatever else answered.
pub(super) fn failure(status: u16, body: &[u8]) -> Failure {
    let new = |text: String| if UNUSABLE.contains(&status) { Failure::unusable(text) } else { Failure::failed(text) };
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |name: &str| document.get(name).and_then(Value::as_str);
    let Some(title) = member("title") else {
        return new(format!("the server refused with status {status}: is it Aquifer?"));
    };
    let mut text = match member("detail") {
        Some(detail) if detail != title => format!("{title}: {detail}"),
        _ => title.to_owned(),
    };
    for mistake in document.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| mistake.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        let part = |name: &str| part(name).unwrap_or_default();
        text.push_str(&format!("\n  {}:{}: {}", part("line"), part("column"), part("message")));
    }
    new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn problems_become_text_and_an_exit_code() {
        let missing = failure(404, br#"{"title":"there is no such thing","detail":"no workflow wf_1","status":404}"#);
        assert_eq!(missing.text(), "error: there is no such thing: no workflow wf_1\n");
        assert_eq!(missing.exit(), Exit::Failed);
        let body =
            br#"{"title":"the definition is invalid","errors":[{"line":3,"column":1,"message":"unknown task"}]}"#;
        let invalid = failure(422, body);
        assert_eq!(invalid.text(), "error: the definition is invalid\n  3:1: unknown task\n");
        assert_eq!(invalid.exit(), Exit::Unusable);
    }

    #[test]
    fn whatever_else_answers_is_said_to_be_no_aquifer() {
        assert_eq!(failure(502, b"<html>").text(), "error: the server refused with status 502: is it Aquifer?\n");
    }
}
