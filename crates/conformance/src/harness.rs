//! What a backend brings to the suite.

use std::sync::Arc;

use aquifer_core::{Backend, Result, Schema};
use async_trait::async_trait;

/// One way to run the suite: a backend as it is set up and wrapped.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// What the names of its tests begin with: `memory`, `sqlite`, `memory+layers`.
    fn name(&self) -> &'static str;

    /// A place for data that is empty and nobody else's: a file, a schema, a prefix. Each case asks for its own.
    async fn database(&self) -> Result<Box<dyn Database>>;
}

/// A place for data. What it holds outlives the backends that were opened on it; dropping it may remove everything.
#[async_trait]
pub trait Database: Send + Sync {
    /// Opens the data for the kinds of `schema`, without migrating it.
    ///
    /// Opened several times without closing, it gives handles that know nothing of each other, as several processes would have them.
    /// A backend that only one process may open gives the same handle again as long as that is not closed.
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>>;
}
