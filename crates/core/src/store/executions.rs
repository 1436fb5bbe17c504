//! Executions and what belongs to them. The engine alone writes them: here they are read, and deleted once they have ended.

use super::query::{Listing, Paging, Query};
use super::tenancy::Tenancy;
use crate::entity::Stored;
use crate::error::{Error, Result};
use crate::id::{ExecutionId, UserId, WorkflowId};
use crate::kinds::{EventBatch, Execution, ExecutionLog, ExecutionState, Payload, Status, Step};

/// Which executions to list: all, by workflow, by status, by both, by user, or by parent. Nothing else has an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Those of this workflow.
    pub workflow: Option<WorkflowId>,
    /// Those in this phase.
    pub status: Option<Status>,
    /// Those that this user started.
    pub user: Option<UserId>,
    /// Those that this execution started.
    pub parent: Option<ExecutionId>,
}

impl ExecutionFilter {
    fn query(&self) -> Result<Query> {
        Ok(match (&self.workflow, self.status, &self.user, &self.parent) {
            (None, None, None, None) => Query::key(),
            (Some(workflow), None, None, None) => Query::index("by_workflow").equals(workflow),
            (None, Some(status), None, None) => Query::index("by_status").equals(status),
            (Some(workflow), Some(status), None, None) => {
                Query::index("by_workflow_status").equals(workflow).equals(status)
            }
            (None, None, Some(user), None) => Query::index("by_user").equals(user),
            (None, None, None, Some(parent)) => Query::index("by_parent").equals(parent),
            _ => {
                return Err(Error::invalid(
                    "executions are listed by workflow, by status, by workflow and status, by user, or by parent",
                ));
            }
        })
    }
}

impl Tenancy {
    /// Reads an execution; `NotFound` if there is none.
    pub async fn get_execution(&self, id: &ExecutionId) -> Result<Stored<Execution>> {
        self.get([id.into()]).await
    }

    /// The execution that was started with this idempotency key.
    pub async fn find_execution(&self, idempotency_key: &str) -> Result<Option<Stored<Execution>>> {
        self.find(Query::index("by_idempotency_key").equals(idempotency_key)).await
    }

    /// One page of the executions, by creation, without input and output. `Invalid` for a filter that no index serves.
    pub async fn list_executions(&self, filter: &ExecutionFilter, paging: &Paging) -> Result<Listing<Execution>> {
        self.list(filter.query()?.page(paging)).await
    }

    /// Deletes an execution that has ended, with its steps, events, logs, state and payloads.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Conflict` if it has not ended.
    pub async fn delete_execution(&self, id: &ExecutionId) -> Result<()> {
        self.delete::<Execution>([id.into()]).await
    }

    /// Reads a step with its output; `NotFound` if there is none.
    pub async fn get_step(&self, execution: &ExecutionId, number: i64) -> Result<Stored<Step>> {
        self.get([execution.into(), number.into()]).await
    }

    /// One page of an execution's steps, by number, without their outputs and errors.
    pub async fn list_steps(&self, execution: &ExecutionId, paging: &Paging) -> Result<Listing<Step>> {
        self.list(Query::key().equals(execution).page(paging)).await
    }

    /// One page of an execution's event batches that reach beyond event `after`, by number.
    pub async fn list_events(
        &self,
        execution: &ExecutionId,
        after: i64,
        paging: &Paging,
    ) -> Result<Listing<EventBatch>> {
        self.list(Query::key().equals(execution).above(after).page(paging)).await
    }

    /// One page of an execution's log, by time.
    pub async fn list_logs(&self, execution: &ExecutionId, paging: &Paging) -> Result<Listing<ExecutionLog>> {
        self.list(Query::key().equals(execution).page(paging)).await
    }

    /// Reads a value that an execution keeps; `NotFound` if there is none.
    pub async fn get_state(&self, execution: &ExecutionId, name: &str) -> Result<Stored<ExecutionState>> {
        self.get([execution.into(), name.into()]).await
    }

    /// One page of the values that an execution keeps, by name.
    pub async fn list_state(&self, execution: &ExecutionId, paging: &Paging) -> Result<Listing<ExecutionState>> {
        self.list(Query::key().equals(execution).page(paging)).await
    }

    /// Reads a large value of an execution by the SHA-256 of its JSON text; `NotFound` if there is none.
    pub async fn get_payload(&self, execution: &ExecutionId, hash: &str) -> Result<Stored<Payload>> {
        self.get([execution.into(), hash.into()]).await
    }
}
