//! Workflows written in Rust, as users of the engine see them.

use std::any::type_name;
use std::marker::PhantomData;
use std::sync::Arc;

use aquifer_core::kinds::Status;
use aquifer_core::{Error, ExecutionId, TenantId};
use aquifer_dsl::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::context::decode;
use super::start::Wanted;
use super::workflow::Workflow;
use crate::data::Data;
use crate::machine::Outcome;
use crate::runtime::{Applied, Engine, StartError};

/// Why a workflow that was run gave no output.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It was not started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The input cannot be written as JSON.
    #[error("the input cannot be written as JSON")]
    Input(#[source] serde_json::Error),
    /// It faulted.
    #[error("the workflow faulted: {0}")]
    Faulted(Problem),
    /// It was cancelled.
    #[error("the workflow was cancelled")]
    Cancelled,
    /// Its output does not read as the workflow's type.
    #[error("the workflow's output does not read as {wanted}")]
    Output {
        /// The type.
        wanted: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// An execution that was started, and will give an `O`. Dropping it changes nothing.
#[derive(Debug)]
pub struct Handle<O> {
    engine: Engine,
    tenant: TenantId,
    id: ExecutionId,
    outcome: oneshot::Receiver<Outcome>,
    output: PhantomData<fn() -> O>,
}

impl<O: DeserializeOwned> Handle<O> {
    /// The execution's id.
    pub fn execution_id(&self) -> &ExecutionId {
        &self.id
    }

    /// Waits until the execution has ended, here or in another process, and gives its output.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn output(self) -> Result<O, RunError> {
        let outcome = match self.outcome.await {
            Ok(outcome) => outcome,
            // It went on elsewhere, or was parked meanwhile.
            Err(_) => stored(&self.engine, &self.tenant, &self.id).await?,
        };
        match outcome {
            Outcome::Completed(output) => {
                decode(&output).map_err(|source| RunError::Output { wanted: type_name::<O>(), source })
            }
            Outcome::Faulted(problem) => Err(RunError::Faulted(problem)),
            Outcome::Cancelled => Err(RunError::Cancelled),
        }
    }
}

async fn stored(engine: &Engine, tenant: &TenantId, id: &ExecutionId) -> Result<Outcome, Error> {
    let execution = engine.wait(tenant, id).await?;
    let corrupt = |error| Error::corrupt("the execution's outcome cannot be read").with_source(error);
    Ok(match execution.status {
        Status::Completed => {
            let output = execution.output.as_deref().unwrap_or("null");
            Outcome::Completed(Data::new(serde_json::from_str(output).map_err(corrupt)?))
        }
        Status::Cancelled => Outcome::Cancelled,
        _ => {
            let problem = execution.error.as_deref().unwrap_or_default();
            Outcome::Faulted(serde_json::from_str(problem).map_err(corrupt)?)
        }
    })
}

impl Engine {
    /// Makes a workflow known to this process, for every tenant: it can be started by its name, and its executions are taken up
    /// here, whichever version they began with. Of several workflows with one name the last counts.
    ///
    /// A tenant has the workflow in its lists from its first start on; see [`Engine::apply_code`].
    pub fn register<I, O>(&self, workflow: &Workflow<I, O>) {
        self.inner.code.register(&workflow.code);
    }

    /// Registers a workflow and stores its description as the newest version that a tenant has of it, unless that is the same
    /// already: so that the tenant has it in its lists before it is first started.
    ///
    /// # Errors
    /// `Invalid` if there is a workflow of this name in the DSL, or what else the store says.
    pub async fn apply_code<I, O>(&self, tenant: &TenantId, workflow: &Workflow<I, O>) -> Result<Applied, Error> {
        let registered = self.inner.code.register(&workflow.code);
        self.inner.apply_code(tenant, &registered).await
    }

    /// Registers a workflow and starts an execution of it. It is durable when this returns.
    ///
    /// # Errors
    /// See [`RunError`]; nothing is stored then.
    pub async fn start_code<I: Serialize, O>(
        &self,
        tenant: &TenantId,
        workflow: &Workflow<I, O>,
        input: &I,
    ) -> Result<Handle<O>, RunError> {
        let registered = self.inner.code.register(&workflow.code);
        let input = serde_json::value::to_raw_value(input).map_err(RunError::Input)?;
        let input = Data::from_text(input);
        self.inner.check_input(&input)?;
        let wanted = Wanted::new(input);
        let (inner, owner) = (Arc::clone(&self.inner), tenant.clone());
        let starting = async move { inner.start_code(&owner, &registered, wanted).await };
        let (started, outcome) = self.inner.to_its_end(starting).await?;
        Ok(Handle {
            engine: self.clone(),
            tenant: tenant.clone(),
            id: started.execution_id,
            outcome,
            output: PhantomData,
        })
    }

    /// Registers a workflow, starts an execution of it, and waits for its output.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn run_code<I: Serialize, O: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        workflow: &Workflow<I, O>,
        input: &I,
    ) -> Result<O, RunError> {
        self.start_code(tenant, workflow, input).await?.output().await
    }
}
