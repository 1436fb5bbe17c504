//! Executions and what belongs to them.

use aquifer_core::kinds::{Execution, ExecutionLog, ExecutionState, LogLevel, Status, Step};
use aquifer_core::{ExecutionId, Json, Timestamp, UserId, WorkflowId};
use aquifer_engine::Event;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::schemas::{self, embed};

/// One run of a workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExecutionDocument {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ExecutionId,
    /// The workflow it runs.
    #[schema(value_type = String)]
    pub workflow_id: WorkflowId,
    /// The namespace of the workflow's name.
    pub namespace: String,
    /// The workflow's name.
    pub name: String,
    /// The number of the version it runs.
    pub version: i64,
    /// Its phase.
    #[schema(schema_with = schemas::status)]
    pub status: Status,
    /// The input, any JSON value. Not in listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub input: Option<Json>,
    /// The output, any JSON value; only once it has completed. Not in listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub output: Option<Json>,
    /// The error that it faulted with, a problem document of the workflow language. Not in listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub error: Option<Json>,
    /// Names with values.
    #[schema(value_type = Option<Value>)]
    pub tags: Option<Json>,
    /// How far it says it is, from 0 to 100.
    pub progress: Option<i64>,
    /// The idempotency key that it was started with.
    pub idempotency_key: Option<String>,
    /// The execution that started it.
    #[schema(value_type = Option<String>)]
    pub parent_id: Option<ExecutionId>,
    /// The user who started it.
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// The number of its last event.
    pub last_event: i64,
    /// The number of its last step.
    pub last_step: i64,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it is taken up again, if it waits for a time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub wake_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl From<&Execution> for ExecutionDocument {
    fn from(execution: &Execution) -> Self {
        Self {
            id: execution.id.clone(),
            workflow_id: execution.workflow_id.clone(),
            namespace: execution.namespace.clone(),
            name: execution.name.clone(),
            version: execution.version,
            status: execution.status,
            input: execution.input.as_deref().and_then(embed),
            output: execution.output.as_deref().and_then(embed),
            error: execution.error.as_deref().and_then(embed),
            tags: execution.tags.clone(),
            progress: execution.progress,
            idempotency_key: execution.idempotency_key.clone(),
            parent_id: execution.parent_id.clone(),
            user_id: execution.user_id.clone(),
            last_event: execution.last_event,
            last_step: execution.last_step,
            created_at: execution.created_at,
            updated_at: execution.updated_at,
            wake_at: execution.wake_at,
            ended_at: execution.ended_at,
        }
    }
}

/// One attempt of a task that reaches outside, or of a code-first step.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StepDocument {
    /// Counts the execution's steps from 1.
    pub number: i64,
    /// The task's JSON pointer in the definition, or the key of a code-first step.
    pub task: String,
    /// The task's name.
    pub name: String,
    /// Counts how often the execution came to this task, from 1.
    pub visit: i64,
    /// Counts the attempts of this visit, from 1.
    pub attempt: i64,
    /// How it ended.
    #[schema(schema_with = schemas::status)]
    pub status: Status,
    /// What it gave, any JSON value. Not in listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub output: Option<Json>,
    /// Why it failed: a problem document. Not in listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub error: Option<Json>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub ended_at: Timestamp,
}

impl From<&Step> for StepDocument {
    fn from(step: &Step) -> Self {
        Self {
            number: step.number,
            task: step.task.clone(),
            name: step.name.clone(),
            visit: step.visit,
            attempt: step.attempt,
            status: step.status,
            output: step.output.as_deref().and_then(embed),
            error: step.error.as_deref().and_then(embed),
            started_at: step.started_at,
            ended_at: step.ended_at,
        }
    }
}

/// A line a person reads about an execution.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogDocument {
    /// Orders the lines.
    pub number: i64,
    /// How much it matters.
    #[schema(schema_with = schemas::level)]
    pub level: LogLevel,
    /// What it says.
    pub message: String,
    /// The task it is about.
    pub task: Option<String>,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&ExecutionLog> for LogDocument {
    fn from(log: &ExecutionLog) -> Self {
        Self {
            number: log.number,
            level: log.level,
            message: log.message.clone(),
            task: log.task.clone(),
            created_at: log.created_at,
        }
    }
}

/// A value that a code-first execution keeps under a name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StateDocument {
    /// Its name.
    pub name: String,
    /// The value, any JSON value.
    #[schema(value_type = Option<Value>)]
    pub value: Option<Json>,
    /// When it was last set.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<&ExecutionState> for StateDocument {
    fn from(state: &ExecutionState) -> Self {
        Self { name: state.name.clone(), value: embed(&state.value), updated_at: state.updated_at }
    }
}

/// Something that happened in an execution.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventDocument {
    /// Its number in the execution's stream: from 1 without gaps.
    pub number: i64,
    /// The event in CloudEvents 1.0 JSON format.
    pub event: Value,
}

impl From<Event> for EventDocument {
    fn from(event: Event) -> Self {
        Self { number: event.number, event: event.cloud_event }
    }
}
