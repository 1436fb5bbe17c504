//! Runtime expressions: bounded jq over JSON values.

mod arguments;
mod bounds;
mod error;
mod expression;
mod format;
mod library;
mod machine;
mod meter;
mod stop;
mod syntax;
mod template;
mod value;

pub use arguments::Arguments;
pub use bounds::Bounds;
pub use error::{CompileError, EvaluateError, EvaluateErrorKind};
pub use expression::{Expression, is_expression};
pub use template::{Mode, Template, TemplateError};

use serde_json::Value;

/// Whether a condition holds: everything but `null` and `false` is true, as in jq.
pub fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}
