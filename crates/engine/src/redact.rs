//! Keeping the values of secrets out of what people read.

use serde_json::Value;

/// Replaces the values of secrets in texts.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// The values as they stand in JSON text, without quotes; the longest first.
    values: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// Shorter texts are too likely to be something else.
const SHORTEST: usize = 4;

impl Redactor {
    /// A redactor for every text in the values of `secrets`.
    pub(crate) fn new(secrets: &Value) -> Self {
        let mut values = Vec::new();
        collect(secrets, &mut values);
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values }
    }

    /// The JSON text with every secret replaced by `***`.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, value| {
            if text.contains(value.as_str()) { text.replace(value.as_str(), "***") } else { text }
        })
    }
}

fn collect(value: &Value, values: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= SHORTEST => {
            let quoted = value.to_string();
            values.push(quoted.trim_matches('"').to_owned());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, values)),
        Value::Object(members) => members.values().for_each(|member| collect(member, values)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_vanish_from_json_text_whatever_they_contain() {
        let secrets = json!({"a": "s3cr3t", "b": {"user": "me", "password": "qu\"ote\nd"}, "c": "s3cr3t-longer"});
        let redactor = Redactor::new(&secrets);
        let text = json!({"x": "s3cr3t", "y": ["Bearer s3cr3t-longer", "qu\"ote\nd"], "z": "me"}).to_string();
        assert_eq!(redactor.redact(&text), r#"{"x":"***","y":["Bearer ***","***"],"z":"me"}"#);
    }
}
