//! The JSON file backend keeps the store contract.

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::layers::GroupCommit;
use aquifer_core::{Backend, Error, Result, Schema};
use aquifer_json::{JsonBackend, JsonOptions};
use async_trait::async_trait;
use tempfile::TempDir;

struct Json {
    name: &'static str,
    journal_limit: u64,
    grouped: bool,
}

struct Data {
    directory: TempDir,
    journal_limit: u64,
    grouped: bool,
}

#[async_trait]
impl Harness for Json {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        let directory = TempDir::new().map_err(|error| Error::unavailable("no directory").with_source(error))?;
        Ok(Box::new(Data { directory, journal_limit: self.journal_limit, grouped: self.grouped }))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        let path = self.directory.path().join("data.json");
        let backend = JsonBackend::open(JsonOptions { path, journal_limit: self.journal_limit }, schema)?;
        Ok(if self.grouped { Arc::new(GroupCommit::new(Arc::new(backend))) } else { Arc::new(backend) })
    }
}

fn main() -> ExitCode {
    let journal_limit = JsonOptions::JOURNAL_LIMIT;
    aquifer_conformance::main([
        Arc::new(Json { name: "json", journal_limit, grouped: false }) as Arc<dyn Harness>,
        // A new snapshot all the time.
        Arc::new(Json { name: "json-compacting", journal_limit: 0, grouped: false }),
        Arc::new(Json { name: "json-grouped", journal_limit, grouped: true }),
    ])
}
