//! The JSON file backend keeps the store contract.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod reopening;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aquifer_conformance::{Database, Harness};
use aquifer_core::layers::GroupCommit;
use aquifer_core::{Backend, Error, Result, Schema};
use aquifer_json::{JsonBackend, JsonOptions};
use async_trait::async_trait;
use tempfile::TempDir;

use crate::reopening::{Reopening, Shared};

/// The ways in which the suite uses the backend.
#[derive(Clone, Copy)]
enum Use {
    Plain,
    /// With a new snapshot all the time.
    Compacting,
    /// Below the layer that gathers commits.
    Grouped,
    /// Opened anew before everything that reads.
    Reopening,
}

struct Json(&'static str, Use);

struct Data {
    directory: TempDir,
    shared: Arc<Shared>,
    how: Use,
}

impl Data {
    fn path(&self) -> PathBuf {
        self.directory.path().join("data.json")
    }
}

#[async_trait]
impl Harness for Json {
    fn name(&self) -> &'static str {
        self.0
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        let directory = TempDir::new().map_err(|error| Error::unavailable("no directory").with_source(error))?;
        let shared = Arc::new(Shared::new(directory.path().join("data.json")));
        Ok(Box::new(Data { directory, shared, how: self.1 }))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        let options = JsonOptions::new(self.path());
        Ok(match self.how {
            Use::Plain => Arc::new(JsonBackend::open(options, schema)?),
            Use::Compacting => Arc::new(JsonBackend::open(JsonOptions { journal_limit: 0, ..options }, schema)?),
            Use::Grouped => Arc::new(GroupCommit::new(Arc::new(JsonBackend::open(options, schema)?))),
            Use::Reopening => {
                self.shared.reopen(schema).await?;
                Arc::new(Reopening { shared: Arc::clone(&self.shared), schema, closed: AtomicBool::new(false) })
            }
        })
    }
}

fn main() -> ExitCode {
    let uses = [
        Json("json", Use::Plain),
        Json("json-compacting", Use::Compacting),
        Json("json-grouped", Use::Grouped),
        Json("json-reopening", Use::Reopening),
    ];
    aquifer_conformance::main(uses.map(|json| Arc::new(json) as Arc<dyn Harness>))
}
