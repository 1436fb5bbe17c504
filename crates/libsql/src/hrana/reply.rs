//! What is answered.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::batch::StepId;

/// Servers pad base64 or not, as they like.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Float(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Cell {
    /// A number of ours: not negative.
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Integer(integer) => u64::try_from(*integer).ok(),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(rename = "type", borrow)]
            tag: Cow<'a, str>,
            #[serde(borrow, default)]
            value: Option<&'a RawValue>,
            #[serde(borrow, default)]
            base64: Option<Cow<'a, str>>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let value = raw.value.map_or("null", RawValue::get);
        let text = || serde_json::from_str::<String>(value).map_err(D::Error::custom);
        match raw.tag.as_ref() {
            "null" => Ok(Self::Null),
            "integer" => text()?.parse().map(Self::Integer).map_err(D::Error::custom),
            "float" => serde_json::from_str(value).map(Self::Float).map_err(D::Error::custom),
            "text" => text().map(Self::Text),
            "blob" => {
                let encoded = raw.base64.ok_or_else(|| D::Error::missing_field("base64"))?;
                BASE64.decode(encoded.as_bytes()).map(Self::Blob).map_err(D::Error::custom)
            }
            other => Err(D::Error::custom(format_args!("there is no type {other:?} of values"))),
        }
    }
}

/// Why a step, or a request as a whole, failed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct StepError {
    /// What the server says.
    pub(crate) message: String,
    /// What kind of error it is: `SQLITE_CONSTRAINT`.
    #[serde(default)]
    pub(crate) code: Option<String>,
}

impl StepError {
    /// Whether the error is of this kind, or of one of its subdivisions.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref().is_some_and(|given| given.starts_with(code))
    }
}

#[derive(Debug, Deserialize)]
struct Rows {
    rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Deserialize)]
struct BatchResult {
    step_results: Vec<Option<Rows>>,
    step_errors: Vec<Option<StepError>>,
}

#[derive(Debug, Deserialize)]
struct Response {
    result: Option<BatchResult>,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    response: Option<Response>,
    error: Option<StepError>,
}

#[derive(Debug, Deserialize)]
struct Pipeline {
    results: Vec<Outcome>,
}

/// What became of each step of a batch.
#[derive(Debug)]
pub(crate) struct Reply {
    results: Vec<Option<Rows>>,
    errors: Vec<Option<StepError>>,
}

impl Reply {
    /// Reads the reply to a batch of `steps` steps; the inner error is that of the batch as a whole.
    ///
    /// # Errors
    /// If it is not what the protocol says.
    pub(crate) fn read(body: &[u8], steps: usize) -> serde_json::Result<Result<Self, StepError>> {
        let refused = |message: &str| Err(serde_json::Error::custom(message));
        let pipeline: Pipeline = serde_json::from_slice(body)?;
        let Some(outcome) = pipeline.results.into_iter().next() else {
            return refused("the reply holds no result");
        };
        match (outcome.response.and_then(|response| response.result), outcome.error) {
            (_, Some(error)) => Ok(Err(error)),
            (Some(BatchResult { step_results, step_errors }), None) => {
                if step_results.len() != steps || step_errors.len() != steps {
                    return refused("the reply tells of another number of steps than were sent");
                }
                Ok(Ok(Self { results: step_results, errors: step_errors }))
            }
            (None, None) => refused("the reply holds neither a result nor an error"),
        }
    }

    /// Whether a step has run, and without an error.
    pub(crate) fn is_ok(&self, step: StepId) -> bool {
        self.results.get(step.place()).is_some_and(Option::is_some)
    }

    /// The error of a step that has run.
    pub(crate) fn error(&self, step: StepId) -> Option<&StepError> {
        self.errors.get(step.place()).and_then(Option::as_ref)
    }

    /// The errors of all steps, in order.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &StepError> {
        self.errors.iter().flatten()
    }

    /// The rows of a step; none if it did not run.
    pub(crate) fn rows(&self, step: StepId) -> &[Vec<Cell>] {
        self.results.get(step.place()).and_then(Option::as_ref).map_or(&[], |rows| rows.rows.as_slice())
    }

    /// Takes the rows of a step out of the reply.
    pub(crate) fn take_rows(&mut self, step: StepId) -> Vec<Vec<Cell>> {
        self.results
            .get_mut(step.place())
            .and_then(Option::as_mut)
            .map(|rows| std::mem::take(&mut rows.rows))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, steps: usize) -> serde_json::Result<Result<Reply, StepError>> {
        Reply::read(body.as_bytes(), steps)
    }

    #[test]
    fn a_reply_is_read_as_the_protocol_says() {
        let body = r#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"batch","result":{
            "step_results":[{"cols":[{"name":"a","decltype":null}],"rows":[[
                {"type":"null"},{"value":"-9223372036854775808","type":"integer"},{"type":"float","value":1.5},
                {"type":"text","value":"é\u0001"},{"type":"blob","base64":"AP8"},{"type":"blob","base64":"AP8="}
            ]],"affected_row_count":0,"last_insert_rowid":null},null,null],
            "step_errors":[null,{"message":"no","code":"SQLITE_CONSTRAINT_UNIQUE"},null]}}},
            {"type":"ok","response":{"type":"close"}}]}"#;
        let mut reply = read(body, 3).unwrap().unwrap();
        let mut batch = super::super::Batch::default();
        let [first, second, third] = std::array::from_fn(|_| batch.push("", vec![]));
        assert_eq!([first, second, third].map(|step| reply.is_ok(step)), [true, false, false]);
        assert!(reply.error(second).unwrap().is("SQLITE_CONSTRAINT"));
        assert_eq!(reply.error(third), None);
        assert_eq!(reply.errors().next(), reply.error(second));
        let row = [
            Cell::Null,
            Cell::Integer(i64::MIN),
            Cell::Float(1.5),
            Cell::Text("é\u{1}".to_owned()),
            Cell::Blob(vec![0, 255]),
            Cell::Blob(vec![0, 255]),
        ];
        assert_eq!(reply.take_rows(first), [row]);
        assert!(reply.rows(second).is_empty());
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"results":[]}"#,
            r#"{"results":[{"type":"ok","response":{"type":"close"}}]}"#,
            r#"{"results":[{"type":"ok","response":{"type":"batch","result":{"step_results":[],"step_errors":[]}}}]}"#,
            r#"{"results":[{"response":{"result":{"step_results":[{"rows":[[{"type":"new"}]]}],"step_errors":[null]}}}]}"#,
            r#"{"results":[{"response":{"result":{"step_results":[{"rows":[[{"type":"integer","value":"x"}]]}],"step_errors":[null]}}}]}"#,
        ] {
            assert!(read(body, 1).is_err(), "{body}");
        }
        let body =
            r#"{"results":[{"type":"error","error":{"message":"Response is too large","code":"RESPONSE_TOO_LARGE"}}]}"#;
        assert!(read(body, 1).unwrap().unwrap_err().is("RESPONSE_TOO_LARGE"));
    }
}
