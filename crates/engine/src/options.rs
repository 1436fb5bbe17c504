//! How an engine is set up.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use aquifer_core::{Error, ExecutionId, TenantId};
use aquifer_effects::http::HttpOptions;
use async_trait::async_trait;
use serde_json::{Map, Value};

/// How an engine works. The defaults suit a server.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// A worker whose last heartbeat is older than this is taken for dead, and others take over what it ran. It beats
    /// three times as often.
    pub lease: Duration,
    /// How often to look for due work where no wake-up tells: the floor under wake-ups.
    pub poll: Duration,
    /// An execution that waits longer than this leaves memory until it is due.
    pub park_after: Duration,
    /// How long a shutdown waits for effects under way before it hands them back.
    pub grace: Duration,
    /// The longest that one evaluation of an expression may take.
    pub evaluation_time: Duration,
    /// The most bytes that one evaluation of an expression may make.
    pub evaluation_memory: usize,
    /// The largest input of an execution, in bytes of JSON.
    pub max_input_bytes: usize,
    /// Whether `run: shell` and `run: script` are allowed.
    pub processes: bool,
    /// Where the values of secrets come from.
    pub secrets: Arc<dyn SecretSource>,
    /// Who is told of tasks that end.
    pub observer: Arc<dyn Observer>,
    /// How HTTP calls are made.
    pub http: HttpOptions,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            park_after: Duration::from_secs(5),
            grace: Duration::from_secs(10),
            evaluation_time: Duration::from_secs(1),
            evaluation_memory: 64 << 20,
            max_input_bytes: 10 << 20,
            processes: true,
            secrets: Arc::new(NoSecrets),
            observer: Arc::new(()),
            http: HttpOptions::default(),
        }
    }
}

/// Where the values of secrets come from.
#[async_trait]
pub trait SecretSource: Debug + Send + Sync + 'static {
    /// The value of a tenant's secret: text, or an object of fields; `None` if there is none of this name.
    ///
    /// # Errors
    /// Whatever keeps the source from answering.
    async fn get(&self, tenant: &TenantId, name: &str) -> Result<Option<Value>, Error>;
}

/// No secrets at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn get(&self, _tenant: &TenantId, _name: &str) -> Result<Option<Value>, Error> {
        Ok(None)
    }
}

/// Secrets given as a JSON object, the same for every tenant.
#[derive(Clone, Default)]
pub struct MapSecrets(pub Map<String, Value>);

impl Debug for MapSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[async_trait]
impl SecretSource for MapSecrets {
    async fn get(&self, _tenant: &TenantId, name: &str) -> Result<Option<Value>, Error> {
        Ok(self.0.get(name).cloned())
    }
}

/// Is told of what happens in this process's executions, as it happens. Must not block.
pub trait Observer: Debug + Send + Sync + 'static {
    /// A task ended, or was skipped. `status` is `completed`, `faulted`, `cancelled` or `skipped`.
    fn task_ended(&self, execution: &ExecutionId, task: &str, name: &str, status: &str) {
        let _ = (execution, task, name, status);
    }
}

impl Observer for () {}
