//! What happens in an execution, as its event stream keeps it and as CloudEvents show it.
//!
//! The stream keeps the least that the CloudEvents follow from: `["task.completed", "/do/0/a", output]`. Everything else in an
//! event (its id, source, time and type) follows from its execution and its number.

use aquifer_core::kinds::{EventBatch, Execution};
use aquifer_core::{Error, Result, Timestamp};
use aquifer_dsl::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::data::Data;

/// Something that happened, before it has a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    WorkflowStarted,
    WorkflowSuspended,
    WorkflowResumed,
    WorkflowCancelled,
    WorkflowFaulted(Problem),
    WorkflowCompleted(Data),
    TaskCreated(String),
    TaskStarted(String),
    TaskSuspended(String),
    TaskResumed(String),
    TaskRetried(String),
    TaskCancelled(String),
    TaskFaulted(String, Problem),
    TaskCompleted(String, Data),
    /// A CloudEvent that an `emit` task gave.
    Emitted(Data),
}

/// An event as the stream keeps it: what, where, its data, and the hash of the data where it is too large to stand here.
#[derive(Debug, Serialize, Deserialize)]
struct Entry(
    String,
    #[serde(default)] Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<String>,
);

impl Fact {
    /// The value that the fact carries, where it may be large.
    pub(crate) fn data(&self) -> Option<&Data> {
        match self {
            Self::WorkflowCompleted(data) | Self::TaskCompleted(_, data) | Self::Emitted(data) => Some(data),
            _ => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::WorkflowStarted => "workflow.started",
            Self::WorkflowSuspended => "workflow.suspended",
            Self::WorkflowResumed => "workflow.resumed",
            Self::WorkflowCancelled => "workflow.cancelled",
            Self::WorkflowFaulted(_) => "workflow.faulted",
            Self::WorkflowCompleted(_) => "workflow.completed",
            Self::TaskCreated(_) => "task.created",
            Self::TaskStarted(_) => "task.started",
            Self::TaskSuspended(_) => "task.suspended",
            Self::TaskResumed(_) => "task.resumed",
            Self::TaskRetried(_) => "task.retried",
            Self::TaskCancelled(_) => "task.cancelled",
            Self::TaskFaulted(..) => "task.faulted",
            Self::TaskCompleted(..) => "task.completed",
            Self::Emitted(_) => "emitted",
        }
    }

    fn task(&self) -> Option<&str> {
        match self {
            Self::TaskCreated(task)
            | Self::TaskStarted(task)
            | Self::TaskSuspended(task)
            | Self::TaskResumed(task)
            | Self::TaskRetried(task)
            | Self::TaskCancelled(task)
            | Self::TaskFaulted(task, _)
            | Self::TaskCompleted(task, _) => Some(task),
            _ => None,
        }
    }

    /// Appends the fact's JSON to the text of a batch.
    pub(crate) fn write(&self, text: &mut String) {
        text.push_str("[\"");
        text.push_str(self.name());
        text.push('"');
        let problem = match self {
            Self::WorkflowFaulted(problem) | Self::TaskFaulted(_, problem) => serde_json::to_string(problem).ok(),
            _ => None,
        };
        let data = self.data();
        if self.task().is_some() || data.is_some() || problem.is_some() {
            text.push(',');
            match self.task() {
                Some(task) => text.push_str(&Value::from(task).to_string()),
                None => text.push_str("null"),
            }
        }
        match data {
            Some(data) if data.is_large() => {
                text.push_str(",null,\"");
                text.push_str(data.hash());
                text.push('"');
            }
            Some(data) => {
                text.push(',');
                text.push_str(data.text());
            }
            None => {}
        }
        if let Some(problem) = problem {
            text.push(',');
            text.push_str(&problem);
        }
        text.push(']');
    }
}

/// An event of an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number in the execution's stream: from 1 without gaps.
    pub number: i64,
    /// The event in CloudEvents 1.0 JSON format.
    pub cloud_event: Value,
}

/// The events of a batch that lie above `after`.
///
/// # Errors
/// `Corrupt` if the batch cannot be read.
pub(crate) fn events(execution: &Execution, label: &str, batch: &EventBatch, after: i64) -> Result<Vec<Event>> {
    let corrupt = || Error::corrupt("an event batch cannot be read").with_record_kind("events");
    let entries: Vec<Entry> = serde_json::from_str(&batch.entries).map_err(|error| corrupt().with_source(error))?;
    if batch.first.checked_add(i64::try_from(entries.len()).map_err(|_| corrupt())?) != batch.last.checked_add(1) {
        return Err(corrupt());
    }
    Ok((batch.first..)
        .zip(entries)
        .filter(|(number, _)| *number > after)
        .map(|(number, entry)| Event {
            number,
            cloud_event: cloud_event(execution, label, number, entry, batch.created_at),
        })
        .collect())
}

fn cloud_event(execution: &Execution, label: &str, number: i64, entry: Entry, time: Timestamp) -> Value {
    let Entry(name, task, data, hash) = entry;
    let uri = hash.map(|hash| format!("/api/v1/executions/{}/payloads/{hash}", execution.id));
    if name == "emitted" {
        let mut event = match data {
            Some(Value::Object(event)) => event,
            _ => Map::new(),
        };
        if let Some(uri) = uri {
            event.insert("dataref".to_owned(), json!(uri));
        }
        return Value::Object(event);
    }
    let qualified = format!("{}-{}.{}", execution.name, execution.id, execution.namespace);
    let (subject, verb) = name.split_once('.').unwrap_or(("workflow", name.as_str()));
    let mut body = Map::new();
    match task {
        Some(task) => {
            body.insert("workflow".to_owned(), json!(qualified));
            body.insert("task".to_owned(), json!(task));
        }
        None => {
            body.insert("name".to_owned(), json!(qualified));
        }
    }
    if name == "workflow.started" {
        body.insert(
            "definition".to_owned(),
            json!({ "namespace": execution.namespace, "name": execution.name, "version": label }),
        );
    }
    body.insert(format!("{verb}At"), json!(time.to_string()));
    if let Some(data) = data {
        body.insert(if verb == "faulted" { "error" } else { "output" }.to_owned(), data);
    }
    if let Some(uri) = uri {
        body.insert("outputUri".to_owned(), json!(uri));
    }
    json!({
        "specversion": "1.0",
        "id": format!("{}-{number}", execution.id),
        "source": format!("/api/v1/executions/{}", execution.id),
        "type": format!("io.serverlessworkflow.{subject}.{verb}.v1"),
        "subject": execution.id,
        "time": time.to_string(),
        "datacontenttype": "application/json",
        "data": body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let facts = [
            Fact::WorkflowStarted,
            Fact::TaskCreated("/do/0/\"a\"".to_owned()),
            Fact::TaskCompleted("/do/0/a".to_owned(), Data::from(json!({"x": [1, "two"]}))),
            Fact::TaskCompleted("/do/0/a".to_owned(), Data::null()),
            Fact::TaskFaulted("/do/1/b".to_owned(), Problem::timeout("late")),
            Fact::WorkflowCompleted(Data::from(json!("x".repeat(100_000)))),
        ];
        let mut text = String::new();
        for (position, fact) in facts.iter().enumerate() {
            text.push(if position == 0 { '[' } else { ',' });
            fact.write(&mut text);
        }
        text.push(']');
        let entries: Vec<Entry> = serde_json::from_str(&text).unwrap();
        assert_eq!(entries.len(), facts.len());
        assert_eq!(entries[1].1.as_deref(), Some("/do/0/\"a\""));
        assert_eq!(entries[2].2, Some(json!({"x": [1, "two"]})));
        assert_eq!(entries[4].2.as_ref().unwrap()["status"], 408);
        assert!(entries[5].2.is_none() && entries[5].3.is_some());
        assert!(text.len() < 1000, "large data stands elsewhere");
    }
}
