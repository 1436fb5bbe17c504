//! The domain, written once on the contract.
//!
//! [`Store::tenant`] gives the only way to a tenant's records: a [`Tenancy`], which can neither read nor write those of another.
//! Its functions are named verb and noun: `get_workflow`, `list_executions`. What they have in common is in [`Tenancy::get`],
//! [`Tenancy::list`], [`Tenancy::create`], [`Tenancy::update`] and [`Tenancy::delete`], for every [`TenantEntity`].

mod audit;
mod executions;
mod owned;
mod query;
mod references;
mod removal;
mod schedules;
mod secrets;
mod settings;
mod sweep;
mod tenancy;
mod tenants;
mod users;
mod validity;
mod workflows;

use std::sync::Arc;

pub use audit::AuditFilter;
pub use executions::ExecutionFilter;
pub use owned::TenantEntity;
pub use query::{Listing, Order, Paging, Query};
pub use tenancy::Tenancy;
pub use validity::{MAX_DOCUMENT_BYTES, MAX_NAME_BYTES};
pub use workflows::WorkflowFilter;

use crate::backend::Backend;
use crate::clock::Clock;
use crate::id::TenantId;
use crate::layers::Chunks;
use crate::timestamp::Timestamp;

/// The domain API over a backend.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    chunks: Option<Arc<Chunks>>,
}

impl Store {
    /// A store over `backend`, with time from `clock`.
    pub fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Self {
        Self { backend, clock, chunks: None }
    }

    /// The same store, which sweeps the parts of large values too. `chunks` is among the layers of its backend.
    pub fn with_chunks(self, chunks: Arc<Chunks>) -> Self {
        Self { chunks: Some(chunks), ..self }
    }

    /// The backend underneath.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Where the time comes from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The records of one tenant. Costs nothing; whether there is such a tenant shows when something is created.
    pub fn tenant(&self, id: &TenantId) -> Tenancy {
        Tenancy::new(self.clone(), id.clone())
    }
}
