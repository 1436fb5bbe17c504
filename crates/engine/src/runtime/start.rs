//! Starting executions: one commit each, owned from the first moment by the worker that accepted it.

use std::sync::Arc;

use aquifer_core::kinds::{Execution, Status, Workflow, WorkflowFormat, WorkflowVersion};
use aquifer_core::{
    BackendExt, Entity, Error, ExecutionId, Json, Key, Scan, Stored, TenantId, UserId, WorkerId, WorkflowId,
};
use serde_json::Map;

use super::engine::Inner;
use super::runner::{Place, Runner, advance, entries, parks};
use crate::code::Wanted;
use crate::data::Data;
use crate::depth::{MAX_DEPTH, is_too_deep};
use crate::journal::Journal;
use crate::machine::Machine;
use crate::redact::Redactor;

/// Which workflow to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowRef {
    /// By its id.
    Id(WorkflowId),
    /// By its name.
    Name {
        /// The namespace.
        namespace: String,
        /// The name within the namespace.
        name: String,
    },
}

/// Which version of a workflow to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VersionRef {
    /// The newest.
    #[default]
    Latest,
    /// The one with this number.
    Number(i64),
    /// The newest whose definition gives itself this version.
    Label(String),
}

/// A request to start an execution.
#[derive(Debug, Clone)]
pub struct Start {
    /// What to run.
    pub workflow: WorkflowRef,
    /// Which version of it.
    pub version: VersionRef,
    /// The workflow's input.
    pub input: serde_json::Value,
    /// Starting twice with one key starts once.
    pub idempotency_key: Option<String>,
    /// Names with values, for people.
    pub tags: Option<Map<String, serde_json::Value>>,
    /// Who starts it.
    pub user_id: Option<UserId>,
}

/// An execution that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub execution_id: ExecutionId,
    /// Whether it had been started before with the same idempotency key.
    pub existing: bool,
}

/// Why an execution was not started. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such workflow or version.
    #[error("{0}")]
    NotFound(String),
    /// The input is larger than the engine allows.
    #[error("the input has {size} bytes, more than the limit of {limit} (engine.max_input_bytes)")]
    InputTooLarge {
        /// Bytes of the input's JSON.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The input nests deeper than any value in a workflow may.
    #[error("the input nests deeper than {limit} levels")]
    InputTooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// The idempotency key was used to start something else.
    #[error("the idempotency key {key:?} was used for another workflow or input, by execution {execution_id}")]
    IdempotencyMismatch {
        /// The key.
        key: String,
        /// The execution that has it.
        execution_id: ExecutionId,
    },
    /// The engine is shutting down.
    #[error("the engine is shutting down: start it elsewhere, or again later")]
    ShuttingDown,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Inner {
    /// Starts an execution, to its end even if whoever awaits it goes away.
    pub(crate) async fn start(
        self: &Arc<Self>,
        tenant: &TenantId,
        request: Start,
        parent_id: Option<ExecutionId>,
    ) -> Result<Started, StartError> {
        let (inner, tenant) = (Arc::clone(self), tenant.clone());
        self.to_its_end(async move { inner.begin(&tenant, request, parent_id).await }).await
    }

    async fn begin(
        self: &Arc<Self>,
        tenant: &TenantId,
        mut request: Start,
        parent_id: Option<ExecutionId>,
    ) -> Result<Started, StartError> {
        let worker = self.owner_of_new()?;
        let input = Data::from(std::mem::take(&mut request.input));
        self.check_input(&input)?;
        if let Some(code) = self.code.named(&request.workflow) {
            return Ok(self.start_code(tenant, &code, Wanted::of(input, request, parent_id)).await?.0);
        }
        let workflow = self.find_workflow(tenant, &request.workflow).await?;
        let number = self.find_version(tenant, &workflow, &request.version).await?;
        if workflow.format == WorkflowFormat::Code {
            let wanted = Wanted::of(input, request, parent_id);
            return self.start_stored(tenant, &workflow, number, wanted).await;
        }
        let plan = self.plans.get(&self.store, tenant, &workflow.id, number).await.map_err(|error| {
            if error.is_not_found() { StartError::NotFound(error.message().to_owned()) } else { error.into() }
        })?;
        let now = self.now();
        let id = ExecutionId::generate(now);
        let secrets = self.secrets(tenant, &plan).await?;
        let redactor = Redactor::new(&secrets);
        let mut execution = Execution {
            tenant_id: tenant.clone(),
            id: id.clone(),
            workflow_id: workflow.id.clone(),
            namespace: workflow.namespace.clone(),
            name: workflow.name.clone(),
            version: number,
            status: Status::Running,
            input: Some(input.text().to_owned()),
            output: None,
            error: None,
            continuation: None,
            owner: Some(worker.clone()),
            wake_at: None,
            control: None,
            idempotency_key: request.idempotency_key.clone(),
            parent_id,
            user_id: request.user_id,
            tags: request.tags.as_ref().map(Json::encode).transpose()?,
            progress: None,
            last_event: 0,
            event_hash: None,
            last_step: 0,
            created_at: now,
            updated_at: now,
            ended_at: None,
        };
        // The pure tasks at the beginning run before anything is written: a workflow of pure tasks is one commit.
        let mut machine = Machine::new(plan, self.identity(id.as_str(), secrets), input.clone(), now);
        let turn = advance(&mut machine, now);
        let parked = parks(&machine, &turn, now, self.options.park_after);
        let place = if parked { Place::Store(turn.wake_at) } else { Place::Here };
        let entries = entries(&mut machine, &turn, place, now);
        let mut journal = Journal::new(self.store.clone(), worker.clone(), &execution, 0, redactor);
        let transaction = journal.insert(&execution, &entries, now);
        let nudges = self.registry.enter(&id, &worker);
        if let Err(error) = self.store.backend().commit_one(transaction).await {
            self.registry.leave(&id);
            self.doubt(&error);
            let key = request.idempotency_key.filter(|_| error.is_already_exists());
            let Some(key) = key else { return Err(error.into()) };
            execution.input = Some(input.text().to_owned());
            return self.started_before(tenant, &key, &execution).await;
        }
        self.tell(&id, &turn);
        metrics::counter!("aquifer_executions_started_total").increment(1);
        if let (true, Some(time)) = (parked, turn.wake_at) {
            self.registry.leave(&id);
            self.due_at(time);
            return Ok(Started { execution_id: id, existing: false });
        }
        match (turn.outcome, nudges) {
            (None, Some(nudges)) => {
                let mut runner = Runner::new(Arc::clone(self), journal, machine, nudges);
                runner.take_up(turn.starts, turn.wake_at, turn.more);
                self.spawn(runner.drive());
            }
            (outcome, _) => {
                self.registry.leave(&id);
                self.ended(&id, outcome.as_ref());
            }
        }
        Ok(Started { execution_id: id, existing: false })
    }

    /// This worker, if it may own something new.
    pub(crate) fn owner_of_new(&self) -> Result<WorkerId, StartError> {
        if self.stop.is_cancelled() {
            return Err(StartError::ShuttingDown);
        }
        let worker = self.may_own().ok_or_else(|| {
            Error::unavailable("the backend has not taken this worker's heartbeat for a while: try again")
        })?;
        Ok(worker)
    }

    /// Refuses an input that is too large or too deep.
    pub(crate) fn check_input(&self, input: &Data) -> Result<(), StartError> {
        let (size, limit) = (input.text().len(), self.options.max_input_bytes);
        if size > limit {
            return Err(StartError::InputTooLarge { size, limit });
        }
        if is_too_deep(input.value()) {
            return Err(StartError::InputTooDeep { limit: MAX_DEPTH });
        }
        Ok(())
    }

    /// The execution that was started with the same idempotency key, if it is the same start.
    pub(crate) async fn started_before(
        &self,
        tenant: &TenantId,
        key: &str,
        wanted: &Execution,
    ) -> Result<Started, StartError> {
        let scan = Scan::index(Execution::KIND, "by_idempotency_key").equals(tenant).equals(key).limit(1).with_detail();
        let page = self.store.backend().scan(&scan).await?;
        let Some(record) = page.records.into_iter().next() else {
            return Err(Error::conflict("the execution with this idempotency key is gone: try again").into());
        };
        let found = Execution::from_record(record)?;
        if found.workflow_id != wanted.workflow_id || found.input != wanted.input {
            return Err(StartError::IdempotencyMismatch { key: key.to_owned(), execution_id: found.id });
        }
        Ok(Started { execution_id: found.id, existing: true })
    }

    async fn find_workflow(&self, tenant: &TenantId, wanted: &WorkflowRef) -> Result<Stored<Workflow>, StartError> {
        let record = match wanted {
            WorkflowRef::Id(id) => {
                let key = Key::new(Workflow::KIND, [tenant.as_str(), id.as_str()]);
                self.store.backend().get_one(key).await?
            }
            WorkflowRef::Name { namespace, name } => {
                let scan = Scan::index(Workflow::KIND, "by_name")
                    .equals(tenant)
                    .equals(namespace.as_str())
                    .equals(name.as_str())
                    .limit(1);
                self.store.backend().scan(&scan).await?.records.into_iter().next()
            }
        };
        match record {
            Some(record) => Ok(Stored::from_record(record)?),
            None => Err(StartError::NotFound(match wanted {
                WorkflowRef::Id(id) => format!("there is no workflow {id}"),
                WorkflowRef::Name { namespace, name } => {
                    format!("there is no workflow {name:?} in the namespace {namespace:?}")
                }
            })),
        }
    }

    async fn find_version(
        &self,
        tenant: &TenantId,
        workflow: &Workflow,
        wanted: &VersionRef,
    ) -> Result<i64, StartError> {
        match wanted {
            VersionRef::Latest => Ok(workflow.latest_version),
            VersionRef::Number(number) => Ok(*number),
            VersionRef::Label(label) => {
                let scan = Scan::index(WorkflowVersion::KIND, "by_label")
                    .equals(tenant)
                    .equals(&workflow.id)
                    .equals(label.as_str())
                    .descending(true)
                    .limit(1);
                let page = self.store.backend().scan(&scan).await?;
                let version = page.records.into_iter().next().map(WorkflowVersion::from_record).transpose()?;
                version.map(|version| version.number).ok_or_else(|| {
                    StartError::NotFound(format!("the workflow {:?} has no version {label:?}", workflow.name))
                })
            }
        }
    }
}
