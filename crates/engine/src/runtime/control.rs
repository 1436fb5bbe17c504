//! What people ask of executions: to cancel, to suspend, to resume.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::{Control, Execution, ExecutionColumn, Status};
use aquifer_core::{BackendExt, Condition, Error, ExecutionId, Field, Operation, Stored, TenantId, Transaction, Value};

use super::adopt::Action;
use super::engine::Inner;
use crate::journal::execution_key;

/// How long a caller waits for another process to obey before it is told how things stand.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why nothing was asked of an execution.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such execution.
    #[error("{0}")]
    NotFound(String),
    /// It has ended.
    #[error("the execution has ended: it is {0}")]
    Ended(Status),
    /// It cannot be resumed, because it is not suspended.
    #[error("the execution is not suspended: it is {0}")]
    NotSuspended(Status),
    /// The store failed.
    #[error(transparent)]
    Store(Error),
}

impl From<Error> for ControlError {
    fn from(error: Error) -> Self {
        if error.is_not_found() { Self::NotFound(error.message().to_owned()) } else { Self::Store(error) }
    }
}

impl Inner {
    /// Asks something of an execution, wherever it is, and waits a while for it to happen.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        tenant: &TenantId,
        id: &ExecutionId,
        control: Control,
    ) -> Result<Stored<Execution>, ControlError> {
        let goal = match control {
            Control::Cancel => Status::Cancelled,
            Control::Suspend => Status::Suspended,
        };
        loop {
            let execution = self.execution(tenant, id).await?;
            if execution.status == goal {
                return Ok(execution);
            }
            if execution.status.is_final() {
                return Err(ControlError::Ended(execution.status));
            }
            if execution.owner.is_none() {
                // Nobody has it: do it here.
                if let Some(taken) = self.take(&execution, None).await? {
                    self.take_up(taken, Action::Obey(control)).await;
                    continue;
                }
            } else {
                let asked = execution.control == Some(control) || execution.control == Some(Control::Cancel);
                if asked || self.note(&execution, control).await? {
                    self.registry.nudge(id);
                    return self.obeyed(tenant, id, goal).await;
                }
            }
        }
    }

    /// What is asked of an execution, if anything.
    pub(crate) async fn asked(&self, tenant: &TenantId, id: &ExecutionId) -> Option<Control> {
        self.execution(tenant, id).await.ok().and_then(|execution| execution.control)
    }

    /// Cancels an execution without waiting, such as the child of a task that was cancelled.
    pub(crate) fn cancel_in_background(self: &Arc<Self>, tenant: &TenantId, id: ExecutionId) {
        let (inner, tenant) = (Arc::clone(self), tenant.clone());
        self.spawn(async move {
            match inner.ask(&tenant, &id, Control::Cancel).await {
                Ok(_) | Err(ControlError::Ended(_)) => {}
                Err(error) => tracing::warn!(execution = %id, %error, "a child execution could not be cancelled"),
            }
        });
    }

    /// Resumes a suspended execution in this process.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        tenant: &TenantId,
        id: &ExecutionId,
    ) -> Result<Stored<Execution>, ControlError> {
        loop {
            let execution = self.execution(tenant, id).await?;
            if execution.status.is_final() {
                return Err(ControlError::Ended(execution.status));
            }
            if execution.status != Status::Suspended {
                return Err(ControlError::NotSuspended(execution.status));
            }
            if let Some(taken) = self.take(&execution, Some(Status::Running)).await? {
                let answer = taken.clone();
                self.take_up(taken, Action::Resume).await;
                return Ok(answer);
            }
        }
    }

    /// Takes an execution that nobody has. `None` if somebody was faster.
    pub(crate) async fn take(
        &self,
        execution: &Stored<Execution>,
        status: Option<Status>,
    ) -> Result<Option<Stored<Execution>>, Error> {
        let worker = self.lease.worker();
        let mut set = vec![
            (ExecutionColumn::owner as usize, Value::from(&worker)),
            (ExecutionColumn::wake_at as usize, Value::Null),
        ];
        if let Some(status) = status {
            set.push((ExecutionColumn::status as usize, status.to_value()));
        }
        let Some(revision) = self.change(execution, set).await? else { return Ok(None) };
        let mut entity = execution.entity.clone();
        entity.owner = Some(worker);
        entity.wake_at = None;
        entity.status = status.unwrap_or(entity.status);
        Ok(Some(Stored { entity, revision }))
    }

    /// Writes down what is asked of an execution that somebody runs. False if it changed meanwhile.
    async fn note(&self, execution: &Stored<Execution>, control: Control) -> Result<bool, Error> {
        let set = vec![(ExecutionColumn::control as usize, control.to_value())];
        Ok(self.change(execution, set).await?.is_some())
    }

    pub(crate) async fn change(
        &self,
        execution: &Stored<Execution>,
        set: Vec<(usize, Value)>,
    ) -> Result<Option<u64>, Error> {
        let update = Operation::Update {
            key: execution_key(&execution.tenant_id, &execution.id),
            condition: Condition::Revision(execution.revision),
            set,
        };
        match self.store.backend().commit_one(Transaction::new(vec![update])).await {
            Ok(committed) => Ok(committed.revisions.first().copied()),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => {
                self.doubt(&error);
                Err(error)
            }
        }
    }

    async fn obeyed(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
        goal: Status,
    ) -> Result<Stored<Execution>, ControlError> {
        let deadline = self.now().saturating_add(PATIENCE);
        loop {
            let left = self.left.notified();
            let execution = self.execution(tenant, id).await?;
            let now = self.now();
            if execution.status == goal || execution.status.is_final() || now >= deadline {
                return Ok(execution);
            }
            let floor = self.store.clock().sleep_until(now.saturating_add(self.options.poll).min(deadline));
            tokio::select! { () = left => {} () = floor => {} }
        }
    }
}
