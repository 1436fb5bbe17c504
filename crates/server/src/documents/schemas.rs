//! Schemas of values that several documents share.

use aquifer_core::Json;
use aquifer_core::kinds::{LogLevel, Status, WorkflowFormat};
use utoipa::openapi::schema::{ObjectBuilder, Type};

fn one_of(description: &str, values: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).enum_values(Some(values))
}

pub(crate) fn status() -> ObjectBuilder {
    one_of("The phase.", Status::ALL.iter().map(|status| status.as_str()))
}

pub(super) fn level() -> ObjectBuilder {
    one_of("How much it matters.", LogLevel::ALL.iter().map(|level| level.as_str()))
}

pub(super) fn format() -> ObjectBuilder {
    one_of("How the workflow is written.", WorkflowFormat::ALL.iter().map(|format| format.as_str()))
}

/// JSON text that the store keeps, to be embedded as it is; text that is not JSON becomes a JSON string.
pub(super) fn embed(text: &str) -> Option<Json> {
    Json::from_text(text.to_owned()).or_else(|_| Json::encode(text)).ok()
}
