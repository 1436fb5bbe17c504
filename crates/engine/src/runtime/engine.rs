//! The engine as its users see it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aquifer_core::kinds::{
    Control, EventBatch, Execution, Status, Tenant, Workflow, WorkflowColumn, WorkflowFormat, WorkflowVersion,
};
use aquifer_core::{
    BackendExt, Change, Condition, Entity, Error, ExecutionId, Json, Key, Operation, Scan, Store, Stored, TenantId,
    Timestamp, Transaction, Value, WorkerId, WorkflowId,
};
use aquifer_dsl::Diagnostics;
use aquifer_dsl::Document;
use aquifer_effects::Failure;
use aquifer_effects::http::Client;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::control::ControlError;
use super::plans::Plans;
use super::reclaim::Doubt;
use super::registry::Registry;
use super::start::{Start, StartError, Started};
use super::worker::{Due, Lease};
use crate::code;
use crate::data::hex;
use crate::entry::{self, Event};
use crate::machine::{Identity, Outcome, Turn};
use crate::options::EngineOptions;
use crate::plan::{Invalid, Plan};

/// The id of the tenant that exists from the beginning.
pub const DEFAULT_TENANT: &str = "tn_default";

/// How often an operation that lost a race is tried again.
const RACES: usize = 10;

/// A durable workflow engine over a store. Cheap to clone; all clones are one worker.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

/// A definition that was stored, or was there already.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The workflow, as it is now.
    pub workflow: Stored<Workflow>,
    /// The number of the version with this definition.
    pub version: i64,
    /// Whether the workflow is new.
    pub created: bool,
    /// Whether the version is new.
    pub changed: bool,
}

/// Why a definition was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It is not one that this engine runs.
    #[error("{0}")]
    Invalid(Diagnostics),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) options: EngineOptions,
    pub(crate) registry: Registry,
    pub(crate) plans: Plans,
    pub(crate) code: code::Registry,
    pub(crate) lease: Lease,
    pub(crate) due: Due,
    pub(crate) doubt: Doubt,
    runtime: Arc<serde_json::Value>,
    http: OnceLock<Result<Client, Failure>>,
    /// Told whenever an execution leaves this process.
    pub(crate) left: Notify,
    /// Set when a shutdown begins.
    pub(crate) stop: CancellationToken,
    /// Set when effects under way are waited for no longer.
    pub(crate) hurry: CancellationToken,
    tasks: TaskTracker,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("store", &self.store).field("options", &self.options).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts an engine over a migrated store: registers this process as a worker, takes up what is due, and takes over what dead
    /// workers ran.
    ///
    /// # Errors
    /// What the store says.
    pub async fn open(store: Store, options: EngineOptions) -> Result<Self, Error> {
        let lease = Lease::register(&store, &options).await?;
        let since = store.clock().now();
        let inner = Arc::new(Inner {
            store,
            options,
            registry: Registry::default(),
            plans: Plans::default(),
            code: code::Registry::new(since),
            lease,
            due: Due::default(),
            doubt: Doubt::default(),
            runtime: Arc::new(serde_json::json!({
                "name": "Aquifer",
                "version": env!("CARGO_PKG_VERSION"),
                "metadata": {},
            })),
            http: OnceLock::new(),
            left: Notify::new(),
            stop: CancellationToken::new(),
            hurry: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        inner.ensure_default_tenant().await?;
        inner.start_loops();
        Ok(Self { inner })
    }

    /// The store underneath.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The id under which this process owns executions. It changes if the process was taken for dead.
    pub fn worker_id(&self) -> WorkerId {
        self.inner.lease.worker()
    }

    /// How many executions this process runs.
    pub fn running(&self) -> usize {
        self.inner.registry.len()
    }

    /// Checks a definition without storing anything. `name` is what diagnostics call the source.
    ///
    /// # Errors
    /// Everything that keeps the definition from being run.
    pub fn validate(source: &[u8], name: &str) -> Result<aquifer_dsl::Workflow, Diagnostics> {
        compile(source, name).map(|plan| plan.workflow)
    }

    /// Stores a definition as the newest version of the workflow that it names, unless that has the same source already.
    ///
    /// # Errors
    /// [`ApplyError::Invalid`] for a definition that does not run; nothing is stored then.
    pub async fn apply(&self, tenant: &TenantId, source: &[u8], name: &str) -> Result<Applied, ApplyError> {
        let plan = Arc::new(compile(source, name).map_err(ApplyError::Invalid)?);
        let definition = Json::encode(&*plan.definition)?;
        let document = &plan.workflow.document;
        let applied = self.inner.apply(tenant, document, WorkflowFormat::Dsl, &definition, source).await?;
        self.inner.plans.put((tenant.clone(), applied.workflow.id.clone(), applied.version), plan);
        Ok(applied)
    }

    /// Starts an execution. It is durable when this returns.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is stored then.
    pub async fn start(&self, tenant: &TenantId, request: Start) -> Result<Started, StartError> {
        self.inner.start(tenant, request, None).await
    }

    /// Waits until an execution has ended, wherever it runs.
    ///
    /// # Errors
    /// `NotFound` if there is no such execution, or what else the store says.
    pub async fn wait(&self, tenant: &TenantId, id: &ExecutionId) -> Result<Stored<Execution>, Error> {
        self.inner.wait(tenant, id).await
    }

    /// Cancels an execution: what it does outside is stopped, and its children are cancelled. Returns when that is durable; what another process
    /// runs it stops at its next wake-up. Cancelling twice is fine.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn cancel(&self, tenant: &TenantId, id: &ExecutionId) -> Result<Stored<Execution>, ControlError> {
        let (inner, tenant, id) = (Arc::clone(&self.inner), tenant.clone(), id.clone());
        self.inner.to_its_end(async move { inner.ask(&tenant, &id, Control::Cancel).await }).await
    }

    /// Pauses an execution: what it does outside is stopped, and done again when it resumes. Suspending twice is fine.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn suspend(&self, tenant: &TenantId, id: &ExecutionId) -> Result<Stored<Execution>, ControlError> {
        let (inner, tenant, id) = (Arc::clone(&self.inner), tenant.clone(), id.clone());
        self.inner.to_its_end(async move { inner.ask(&tenant, &id, Control::Suspend).await }).await
    }

    /// Resumes a suspended execution, in this process.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn resume(&self, tenant: &TenantId, id: &ExecutionId) -> Result<Stored<Execution>, ControlError> {
        let (inner, tenant, id) = (Arc::clone(&self.inner), tenant.clone(), id.clone());
        self.inner.to_its_end(async move { inner.resume(&tenant, &id).await }).await
    }

    /// The events of an execution with a number above `after`, in order; about `limit` of them.
    ///
    /// # Errors
    /// `NotFound` if there is no such execution; `Corrupt` if its stream cannot be read.
    pub async fn events(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, Error> {
        self.inner.events(tenant, id, after, limit).await
    }

    /// Stops: finishes the effects under way within [`EngineOptions::grace`], hands the rest back for other workers to take up at
    /// once, and removes this worker. Starting anything fails from now on.
    pub async fn shutdown(&self) {
        self.inner.shutdown().await;
    }
}

/// Parses and compiles a definition.
fn compile(source: &[u8], name: &str) -> Result<Plan, Diagnostics> {
    let workflow = aquifer_dsl::parse(source, name)?;
    Plan::compile(workflow).map_err(|Invalid(items)| Diagnostics {
        name: name.to_owned(),
        source: String::from_utf8_lossy(source).into(),
        items,
    })
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(future);
    }

    /// Runs a future to its end even if whoever awaits it goes away: between taking an execution and running it nothing may stop.
    pub(crate) async fn to_its_end<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        match self.tasks.spawn(future).await {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is being torn down, and with it whoever waits here.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// The HTTP client, made at the first call: most processes never make one.
    pub(crate) fn http_client(&self) -> Result<&Client, Failure> {
        self.http.get_or_init(|| Client::new(self.options.http.clone())).as_ref().map_err(Clone::clone)
    }

    pub(crate) fn identity(&self, id: &str, secrets: serde_json::Value) -> Identity {
        Identity {
            id: id.to_owned(),
            runtime: Arc::clone(&self.runtime),
            secrets,
            evaluation_time: self.options.evaluation_time,
            evaluation_memory: self.options.evaluation_memory,
        }
    }

    /// The values of the secrets that a definition declares, as far as they exist.
    pub(crate) async fn secrets(&self, tenant: &TenantId, plan: &Plan) -> Result<serde_json::Value, Error> {
        let mut secrets = serde_json::Map::new();
        for name in &plan.workflow.uses.secrets {
            if let Some(value) = self.options.secrets.get(tenant, name).await? {
                secrets.insert(name.clone(), value);
            }
        }
        Ok(serde_json::Value::Object(secrets))
    }

    /// Tells the observer what ended in a turn.
    pub(crate) fn tell(&self, id: &ExecutionId, turn: &Turn) {
        for trace in &turn.trace {
            let status = trace.status.map_or("skipped", Status::as_str);
            self.options.observer.task_ended(id, &trace.task, &trace.name, status);
        }
    }

    /// Tells those who wait that an execution has ended here.
    pub(crate) fn ended(&self, id: &ExecutionId, outcome: Option<&Outcome>) {
        let status = match outcome {
            Some(Outcome::Completed(_)) => Status::Completed,
            Some(Outcome::Cancelled) => Status::Cancelled,
            Some(Outcome::Faulted(_)) | None => Status::Faulted,
        };
        metrics::counter!("aquifer_executions_ended_total", "status" => status.as_str()).increment(1);
        self.registry.ended(id);
    }

    /// Done when the process stops: at once for an execution that does nothing outside, after the grace for others.
    pub(crate) async fn stopping(&self, idle: bool) {
        if idle { self.stop.cancelled().await } else { self.hurry.cancelled().await }
    }

    async fn ensure_default_tenant(&self) -> Result<(), Error> {
        let now = self.now();
        let tenant = Tenant {
            id: DEFAULT_TENANT.into(),
            name: "default".to_owned(),
            metadata: None,
            created_at: now,
            updated_at: now,
        };
        match self.store.backend().commit_one(Transaction::new(vec![Operation::Insert(tenant.to_record())])).await {
            Err(error) if !error.is_already_exists() => Err(error),
            _ => Ok(()),
        }
    }

    /// Stores a definition as the newest version of the workflow that its document names, unless that has the same source already.
    pub(crate) async fn apply(
        &self,
        tenant: &TenantId,
        document: &Document,
        format: WorkflowFormat,
        definition: &Json,
        source: &[u8],
    ) -> Result<Applied, Error> {
        let mut last = None;
        for _ in 0..RACES {
            match self.apply_once(tenant, document, format, definition, source).await {
                Err(error) if error.is_conflict() || error.is_already_exists() => last = Some(error),
                result => return result,
            }
        }
        Err(last.unwrap_or_else(|| Error::conflict("the workflow keeps changing")))
    }

    async fn apply_once(
        &self,
        tenant: &TenantId,
        document: &Document,
        format: WorkflowFormat,
        definition: &Json,
        source: &[u8],
    ) -> Result<Applied, Error> {
        let now = self.now();
        let source_hash = hex(&Sha256::digest(source));
        let scan = Scan::index(Workflow::KIND, "by_name")
            .equals(tenant)
            .equals(document.namespace.as_str())
            .equals(document.name.as_str())
            .limit(1);
        let found = self.store.backend().scan(&scan).await?.records.into_iter().next();
        let found = found.map(Stored::<Workflow>::from_record).transpose()?;
        let version = |workflow: &WorkflowId, number: i64| -> Result<Operation, Error> {
            let version = WorkflowVersion {
                tenant_id: tenant.clone(),
                workflow_id: workflow.clone(),
                number,
                label: document.version.clone(),
                definition: Some(definition.clone()),
                source: Some(String::from_utf8_lossy(source).into_owned()),
                source_hash: source_hash.clone(),
                change_notes: None,
                created_by: None,
                created_at: now,
            };
            Ok(Operation::Insert(version.to_record()))
        };
        let Some(found) = found else {
            let workflow = Workflow {
                tenant_id: tenant.clone(),
                id: WorkflowId::generate(now),
                namespace: document.namespace.clone(),
                name: document.name.clone(),
                title: document.title.clone(),
                format,
                latest_version: 1,
                owner_id: None,
                is_public: false,
                auto_restart: false,
                tags: (!document.tags.is_empty()).then(|| Json::encode(&document.tags)).transpose()?,
                created_at: now,
                updated_at: now,
            };
            let operations = vec![Operation::Insert(workflow.to_record()), version(&workflow.id, 1)?];
            self.store.backend().commit_one(Transaction::new(operations)).await?;
            let workflow = Stored { entity: workflow, revision: 1 };
            return Ok(Applied { workflow, version: 1, created: true, changed: true });
        };
        if found.format != format {
            let (namespace, name) = (&document.namespace, &document.name);
            return Err(Error::invalid(format!(
                "the workflow {namespace}/{name} is of the format {}, not {format}: choose another name",
                found.format
            )));
        }
        let latest = found.latest_version;
        let key =
            Key::new(WorkflowVersion::KIND, [Value::from(tenant), Value::from(&found.id), Value::Integer(latest)]);
        let newest = self.store.backend().get_one(key).await?.map(WorkflowVersion::from_record).transpose()?;
        if newest.is_some_and(|newest| newest.source_hash == source_hash) {
            return Ok(Applied { workflow: found, version: latest, created: false, changed: false });
        }
        let number = latest.saturating_add(1);
        let mut workflow = found.entity;
        workflow.latest_version = number;
        workflow.title = document.title.clone();
        workflow.updated_at = now;
        let update = Operation::Update {
            key: Key::new(Workflow::KIND, [tenant.as_str(), workflow.id.as_str()]),
            condition: Condition::Revision(found.revision),
            set: vec![
                (WorkflowColumn::latest_version as usize, Value::Integer(number)),
                (WorkflowColumn::title as usize, aquifer_core::Field::to_value(&workflow.title)),
                (WorkflowColumn::updated_at as usize, Value::from(now)),
            ],
        };
        let operations = vec![update, version(&workflow.id, number)?];
        let committed = self.store.backend().commit_one(Transaction::new(operations)).await?;
        let revision = committed.revisions.first().copied().unwrap_or(found.revision);
        Ok(Applied { workflow: Stored { entity: workflow, revision }, version: number, created: false, changed: true })
    }

    pub(crate) async fn execution(&self, tenant: &TenantId, id: &ExecutionId) -> Result<Stored<Execution>, Error> {
        let key = crate::journal::execution_key(tenant, id);
        match self.store.backend().get_one(key).await? {
            Some(record) => Stored::from_record(record),
            None => Err(Error::not_found(format!("there is no execution {id}"))),
        }
    }

    pub(crate) async fn wait(&self, tenant: &TenantId, id: &ExecutionId) -> Result<Stored<Execution>, Error> {
        let mut watch = None;
        loop {
            let ended = self.registry.wait(id);
            let execution = self.execution(tenant, id).await?;
            if execution.status.is_final() {
                drop(ended);
                self.registry.forget(id);
                return Ok(execution);
            }
            let clock = self.store.clock();
            let floor = clock.sleep_until(self.now().saturating_add(self.options.poll));
            if self.registry.contains(id) {
                // It ends in this process, or leaves it; the floor is for the latter.
                tokio::select! { _ = ended => {} () = floor => {} }
                continue;
            }
            if watch.is_none() {
                watch = Some(self.store.backend().watch(Execution::KIND).await?);
            }
            let partition = vec![Value::from(tenant), Value::from(id)];
            let changed = async {
                match &mut watch {
                    Some(watch) => loop {
                        match watch.next().await {
                            Change::Partition(changed) if changed != partition => {}
                            _ => return,
                        }
                    },
                    None => std::future::pending().await,
                }
            };
            tokio::select! { _ = ended => {} () = changed => {} () = floor => {} }
        }
    }

    async fn events(&self, tenant: &TenantId, id: &ExecutionId, after: i64, limit: usize) -> Result<Vec<Event>, Error> {
        let execution = self.execution(tenant, id).await?;
        let label = match self.code.label(&execution.namespace, &execution.name, tenant, execution.version) {
            Some(label) => label,
            None => {
                let plan = self.plans.get(&self.store, tenant, &execution.workflow_id, execution.version).await;
                plan.map(|plan| plan.workflow.document.version.clone()).unwrap_or_default()
            }
        };
        let scan = Scan::key(EventBatch::KIND)
            .equals(tenant)
            .equals(id)
            .from(std::ops::Bound::Excluded(Value::Integer(after)))
            .limit(limit.clamp(1, 200))
            .with_detail();
        let page = self.store.backend().scan(&scan).await?;
        let mut events = Vec::new();
        for record in page.records {
            let batch = EventBatch::from_record(record)?;
            events.extend(entry::events(&execution, &label, &batch, after)?);
            if events.len() >= limit {
                break;
            }
        }
        Ok(events)
    }

    async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        let clock = self.store.clock();
        let grace = clock.sleep_until(self.now().saturating_add(self.options.grace));
        tokio::select! {
            () = self.tasks.wait() => {}
            () = grace => {
                self.hurry.cancel();
                self.tasks.wait().await;
            }
        }
        self.lease.release(&self.store).await;
    }
}
