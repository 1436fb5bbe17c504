//! Starting code-first executions, and taking them up again.

use std::collections::VecDeque;
use std::sync::Arc;

use aquifer_core::kinds::{Control, Execution, ExecutionColumn, Status, Workflow, WorkflowFormat};
use aquifer_core::{BackendExt, Error, ExecutionId, Field, Json, Stored, TenantId, UserId, Value, WorkflowId};
use tokio::sync::{mpsc, oneshot};

use super::context::Context;
use super::desk::{Desk, Shared};
use super::history;
use super::registry::Registered;
use super::run::{Item, Run};
use super::runner::{Continuation, Place, Runner, entries, tell};
use crate::data::Data;
use crate::entry::Fact;
use crate::journal::{Entries, Journal};
use crate::machine::Outcome;
use crate::redact::Redactor;
use crate::runtime::{Action, Applied, Inner, Start, StartError, Started, VersionRef};

/// A start whose workflow has been found, with its input as text.
pub(crate) struct Wanted {
    input: Data,
    version: VersionRef,
    idempotency_key: Option<String>,
    tags: Option<serde_json::Map<String, serde_json::Value>>,
    user_id: Option<UserId>,
    parent_id: Option<ExecutionId>,
}

impl Wanted {
    /// What a request asks for; its input, checked, stands apart.
    pub(crate) fn of(input: Data, request: Start, parent_id: Option<ExecutionId>) -> Self {
        let Start { version, idempotency_key, tags, user_id, .. } = request;
        Self { input, version, idempotency_key, tags, user_id, parent_id }
    }

    /// The newest version with an input.
    pub(super) fn new(input: Data) -> Self {
        Self { input, version: VersionRef::Latest, idempotency_key: None, tags: None, user_id: None, parent_id: None }
    }
}

/// An execution that was started, and its outcome if it ends in this process.
pub(crate) type Begun = (Started, oneshot::Receiver<Outcome>);

impl Inner {
    /// Starts an execution of a stored workflow that is written in Rust. If this process does not know it, the execution waits for
    /// one that does.
    pub(crate) async fn start_stored(
        self: &Arc<Self>,
        tenant: &TenantId,
        workflow: &Workflow,
        version: i64,
        wanted: Wanted,
    ) -> Result<Started, StartError> {
        if let Some(registered) = self.code.find(&workflow.namespace, &workflow.name) {
            return Ok(self.start_code(tenant, &registered, wanted).await?.0);
        }
        let now = self.now();
        let execution = Execution {
            owner: None,
            wake_at: Some(now),
            continuation: Some(Continuation::new(true).text()),
            ..self.new_execution(tenant, (&workflow.id, version), (&workflow.namespace, &workflow.name), &wanted)?
        };
        let mut journal = self.journal(&execution, 0);
        let transaction = journal.insert(&execution, &Entries::default(), now);
        match self.store.backend().commit_one(transaction).await {
            Ok(_) => Ok(Started { execution_id: execution.id, existing: false }),
            Err(error) => self.started_already(tenant, &execution, error).await,
        }
    }

    pub(crate) async fn start_code(
        self: &Arc<Self>,
        tenant: &TenantId,
        registered: &Registered,
        wanted: Wanted,
    ) -> Result<Begun, StartError> {
        let code = &registered.code;
        let (workflow_id, version) = self.stored(tenant, registered).await?;
        let fits = match &wanted.version {
            VersionRef::Latest => true,
            VersionRef::Number(number) => *number == version,
            VersionRef::Label(label) => *label == code.document.version,
        };
        if !fits {
            return Err(StartError::NotFound(format!(
                "this process has version {:?} (number {version}) of the workflow {:?} only, which is written in code",
                code.document.version, code.document.name
            )));
        }
        let names = (code.document.namespace.as_str(), code.document.name.as_str());
        let execution = self.new_execution(tenant, (&workflow_id, version), names, &wanted)?;
        let now = execution.created_at;
        let shared = Shared::new(execution.id.clone(), Arc::clone(self.store.clock()), Desk::default());
        let function = code.function(Context::new(Arc::clone(&shared)), wanted.input);
        let mut run = Run::new(shared, Some(function), 0, Default::default());
        run.items = VecDeque::from([Item { facts: vec![Fact::WorkflowStarted], ..Item::default() }]);
        // The function runs up to its first steps before anything is written, so that a start is one commit.
        run.advance(now);
        let mut status = Status::Running;
        let entries = entries(&mut run, &mut status, Place::Here);
        let mut journal = self.journal(&execution, 0);
        let transaction = journal.insert(&execution, &entries, now);
        let owner = execution.owner.clone().unwrap_or_else(|| self.lease.worker());
        let nudges = self.registry.enter(&execution.id, &owner);
        if let Err(error) = self.store.backend().commit_one(transaction).await {
            self.registry.leave(&execution.id);
            self.doubt(&error);
            registered.forget(tenant);
            drop(run);
            let started = self.started_already(tenant, &execution, error).await?;
            // Its outcome is in the store, or comes there.
            return Ok((started, oneshot::channel().1));
        }
        tell(self, &journal, &entries);
        metrics::counter!("aquifer_executions_started_total").increment(1);
        let (reply, outcome) = oneshot::channel();
        let started = Started { execution_id: execution.id, existing: false };
        let over = run.outcome.is_some() && run.items.is_empty();
        match nudges {
            Some(nudges) if !over => {
                let (inner, reply) = (Arc::clone(self), Some(reply));
                self.spawn(Runner { inner, journal, run, nudges, asked: None, status, reply }.drive(true));
            }
            _ => {
                self.registry.leave(&started.execution_id);
                self.ended(&started.execution_id, run.outcome.as_ref());
                if let Some(outcome) = run.outcome.take() {
                    // Whoever stopped waiting does not need it.
                    let _ = reply.send(outcome);
                }
            }
        }
        Ok((started, outcome))
    }

    /// Takes up a code-first execution that this worker owns and that has been entered.
    pub(crate) async fn take_up_code(
        self: &Arc<Self>,
        execution: Stored<Execution>,
        action: Action,
        nudges: mpsc::UnboundedReceiver<()>,
    ) {
        let id = execution.id.clone();
        let asked = match action {
            Action::Obey(control) => Some(control),
            Action::Continue | Action::Resume => None,
        };
        match self.restore_code(&execution, asked, action == Action::Resume).await {
            Ok(Some((run, journal))) => {
                let status = execution.status;
                let inner = Arc::clone(self);
                self.spawn(Runner { inner, journal, run, nudges, asked, status, reply: None }.drive(false));
            }
            Ok(None) => {
                self.registry.leave(&id);
                self.put_aside(&execution).await;
            }
            Err(error) => {
                self.registry.leave(&id);
                self.put_down(&execution, &error).await;
            }
        }
    }

    /// The run of an execution as it stood; `None` if this process does not know its workflow. What a person asked of it is done
    /// without.
    async fn restore_code(
        &self,
        execution: &Stored<Execution>,
        asked: Option<Control>,
        resuming: bool,
    ) -> Result<Option<(Run, Journal)>, Error> {
        let continuation = execution.continuation.as_deref().unwrap_or_default();
        let continuation: Continuation = serde_json::from_str(continuation)
            .map_err(|error| Error::corrupt("the execution's continuation cannot be read").with_source(error))?;
        let mut journal = self.journal(execution, execution.revision);
        let clock = Arc::clone(self.store.clock());
        if asked.is_some() {
            let shared = Shared::new(execution.id.clone(), clock, Desk::default());
            return Ok(Some((Run::new(shared, None, execution.last_step, continuation.sleeps), journal)));
        }
        let Some(registered) = self.code.find(&execution.namespace, &execution.name) else { return Ok(None) };
        let mut desk = history::load(&self.store, execution).await?;
        desk.replaying = !continuation.fresh;
        desk.state.keys().for_each(|name| journal.knows_state(name));
        let shared = Shared::new(execution.id.clone(), clock, desk);
        let input = execution.input.clone().unwrap_or_else(|| "null".to_owned());
        let input = serde_json::value::RawValue::from_string(input)
            .map_err(|error| Error::corrupt("the execution's input cannot be read").with_source(error))?;
        let function = registered.code.function(Context::new(Arc::clone(&shared)), Data::from_text(input));
        let mut run = Run::new(shared, Some(function), execution.last_step, continuation.sleeps);
        run.resuming = resuming;
        if continuation.fresh {
            run.items.push_back(Item { facts: vec![Fact::WorkflowStarted], ..Item::default() });
            run.sleeps_changed = true;
        }
        Ok(Some((run, journal)))
    }

    /// Puts back an execution whose workflow this process does not know, for another to take.
    async fn put_aside(&self, execution: &Stored<Execution>) {
        let now = self.now();
        let (namespace, name) = (&execution.namespace, &execution.name);
        tracing::warn!(
            execution = %execution.id,
            "the workflow {namespace}/{name} is written in code that this process has not registered: put back"
        );
        // A process that has just begun may register it any moment; an older one leaves it to others for longer.
        let young = now.duration_since(self.code.since) < self.options.lease;
        let pause = if young { self.options.poll } else { self.options.lease };
        let later = now.saturating_add(pause.mul_f64(1.0 + fastrand::f64()));
        let set = vec![
            (ExecutionColumn::owner as usize, Value::Null),
            (ExecutionColumn::wake_at as usize, Some(later).to_value()),
        ];
        if let Err(error) = self.change(execution, set).await {
            // Its owner is this worker: whoever takes over from it finds it.
            tracing::warn!(execution = %execution.id, %error, "an execution could not be put back");
        }
    }

    /// The id and version under which a tenant has a workflow of this process; stores it if the tenant does not have it yet.
    async fn stored(&self, tenant: &TenantId, registered: &Registered) -> Result<(WorkflowId, i64), StartError> {
        if let Some(stored) = registered.stored(tenant) {
            return Ok(stored);
        }
        let applied = self.apply_code(tenant, registered).await?;
        Ok((applied.workflow.entity.id, applied.version))
    }

    /// Stores the description of a workflow of this process.
    pub(super) async fn apply_code(&self, tenant: &TenantId, registered: &Registered) -> Result<Applied, Error> {
        let code = &registered.code;
        let definition = Json::encode(&code.description)?;
        let source = code.source.as_bytes();
        let applied = self.apply(tenant, &code.document, WorkflowFormat::Code, &definition, source).await?;
        registered.remember(tenant, applied.workflow.id.clone(), applied.version);
        Ok(applied)
    }

    fn journal(&self, execution: &Execution, revision: u64) -> Journal {
        let worker = execution.owner.clone().unwrap_or_else(|| self.lease.worker());
        Journal::new(self.store.clone(), worker, execution, revision, Redactor::default())
    }

    /// An execution of a version of a workflow, that this worker owns from its first moment.
    fn new_execution(
        &self,
        tenant: &TenantId,
        (workflow_id, version): (&WorkflowId, i64),
        (namespace, name): (&str, &str),
        wanted: &Wanted,
    ) -> Result<Execution, StartError> {
        let worker = self.owner_of_new()?;
        let now = self.now();
        Ok(Execution {
            tenant_id: tenant.clone(),
            id: ExecutionId::generate(now),
            workflow_id: workflow_id.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version,
            status: Status::Running,
            input: Some(wanted.input.text().to_owned()),
            output: None,
            error: None,
            continuation: Some(Continuation::new(false).text()),
            owner: Some(worker),
            wake_at: None,
            control: None,
            idempotency_key: wanted.idempotency_key.clone(),
            parent_id: wanted.parent_id.clone(),
            user_id: wanted.user_id.clone(),
            tags: wanted.tags.as_ref().map(Json::encode).transpose()?,
            progress: None,
            last_event: 0,
            event_hash: None,
            last_step: 0,
            created_at: now,
            updated_at: now,
            ended_at: None,
        })
    }

    async fn started_already(
        &self,
        tenant: &TenantId,
        execution: &Execution,
        error: Error,
    ) -> Result<Started, StartError> {
        match &execution.idempotency_key {
            Some(key) if error.is_already_exists() => self.started_before(tenant, key, execution).await,
            _ => Err(error.into()),
        }
    }
}
