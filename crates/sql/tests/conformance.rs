//! The SQLite backend keeps the store contract.

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Error, Result, Schema};
use aquifer_sql::{SqliteBackend, SqliteOptions};
use async_trait::async_trait;
use tempfile::TempDir;

struct Sqlite;

struct File(TempDir);

#[async_trait]
impl Harness for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        let directory = tempfile::tempdir()
            .map_err(|error| Error::unavailable("no temporary directory to test in").with_source(error))?;
        Ok(Box::new(File(directory)))
    }
}

#[async_trait]
impl Database for File {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(SqliteBackend::open(SqliteOptions::new(self.0.path().join("data.db")), schema)?))
    }
}

fn main() -> ExitCode {
    aquifer_conformance::main([Arc::new(Sqlite) as Arc<dyn Harness>])
}
