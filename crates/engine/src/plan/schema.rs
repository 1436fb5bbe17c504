//! Checking data against JSON Schema.

use std::fmt;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// A compiled schema.
pub(crate) struct Schema(Validator);

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl Schema {
    /// Compiles `document`. Nothing is fetched: a `$ref` leads into the document or fails here.
    pub(crate) fn compile(format: &str, document: &Value) -> Result<Self, String> {
        let (name, version) = format.split_once(':').map_or((format, None), |(name, version)| (name, Some(version)));
        if name != "json" {
            return Err(format!("schema format {format:?} is not supported: use \"json\""));
        }
        // Linear-time patterns only, so that no schema can make a value hang the engine.
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let options = match version.map(|version| version.trim_start_matches("draft").trim_start_matches('-')) {
            None | Some("2020-12" | "202012" | "") => options,
            Some("2019-09" | "201909") => options.with_draft(jsonschema::Draft::Draft201909),
            Some("07" | "7") => options.with_draft(jsonschema::Draft::Draft7),
            Some("06" | "6") => options.with_draft(jsonschema::Draft::Draft6),
            Some("04" | "4") => options.with_draft(jsonschema::Draft::Draft4),
            Some(other) => {
                return Err(format!("JSON Schema version {other:?} is not known: use 2020-12, 2019-09, 07, 06 or 04"));
            }
        };
        options.build(document).map(Self).map_err(|error| format!("not a valid JSON Schema: {error}"))
    }

    /// What `value` violates first, with its place; `None` if nothing.
    pub(crate) fn violation(&self, value: &Value) -> Option<String> {
        self.0.validate(value).err().map(|error| {
            let place = error.instance_path().to_string();
            // The offending value itself stays out: it may be large, and it may be secret.
            let error = error.masked_with("the value");
            if place.is_empty() { error.to_string() } else { format!("{error} at {place}") }
        })
    }
}
