//! What is printed of an execution that has ended.

use aquifer::core::kinds::{Execution, Status};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::{Exit, Failure, Result};
use crate::output::{Format, note, print_indented, print_json};

/// The one document on standard output.
#[derive(Debug, Serialize)]
struct Outcome<T> {
    status: &'static str,
    output: T,
    error: T,
}

/// Prints how an execution ended, and says what the process returns.
///
/// # Errors
/// If it cannot be printed.
pub(crate) fn conclude(execution: &Execution, format: Format) -> Result<Exit> {
    let status = execution.status.as_str();
    let (output, error) = (execution.output.as_deref(), execution.error.as_deref());
    match format {
        Format::Json => print_json(&Outcome { status, output: raw(output)?, error: raw(error)? })?,
        Format::Pretty => match (parsed(output), parsed(error)) {
            (Some(output), Some(error)) => print_indented(&Outcome { status, output, error })?,
            // Nested too deeply to be laid out.
            _ => print_json(&Outcome { status, output: raw(output)?, error: raw(error)? })?,
        },
    }
    if let Some(reason) = parsed(error).filter(|_| execution.status == Status::Faulted) {
        note(&format!("the execution faulted: {}", summary(&reason)));
    }
    Ok(if execution.status == Status::Completed { Exit::Done } else { Exit::Failed })
}

/// The text as it is, so that no digit of a number is lost.
fn raw(text: Option<&str>) -> Result<Option<Box<RawValue>>> {
    text.map(|text| RawValue::from_string(text.to_owned()))
        .transpose()
        .map_err(|error| Failure::failed("what is stored of the execution is not JSON").with_source(&error))
}

fn parsed(text: Option<&str>) -> Option<Value> {
    text.map_or(Some(Value::Null), |text| serde_json::from_str(text).ok())
}

/// A problem document in one line.
fn summary(problem: &Value) -> String {
    let member = |name: &str| problem.get(name).and_then(Value::as_str);
    let title = member("title").or_else(|| member("type")).unwrap_or("it did not say why");
    let place = member("instance").map(|instance| format!(" at {instance}")).unwrap_or_default();
    let detail = member("detail").map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{title}{place}{detail}")
}
