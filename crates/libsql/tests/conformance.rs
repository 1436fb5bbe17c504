//! The libSQL backend keeps the store contract.
//!
//! Each case has a server of its own, which is up in a moment. With a server given by its variable the cases take turns in its
//! one database, which is emptied before each.

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Error, Result, Schema};
use aquifer_libsql::{LibsqlBackend, LibsqlOptions};
use aquifer_testkit::{Instance, Options, Server};
use async_trait::async_trait;

mod given;

use given::Turn;

struct Libsql;

/// Where a case's data are, and what has to live as long.
enum Place {
    Own(Instance),
    Given(Turn),
}

#[async_trait]
impl Harness for Libsql {
    fn name(&self) -> &'static str {
        "libsql"
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        if let Some(turn) = Turn::take().await? {
            return Ok(Box::new(Place::Given(turn)));
        }
        let started = Instance::start_with(Server::Libsql, Options::default());
        let instance = started.map_err(|error| Error::unavailable(error.to_string()))?;
        Ok(Box::new(Place::Own(instance)))
    }
}

#[async_trait]
impl Database for Place {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        let url = match self {
            Self::Own(instance) => instance.url(),
            Self::Given(turn) => turn.url(),
        };
        let options = LibsqlOptions { max_connections: 3, ..LibsqlOptions::from_url(url)? };
        Ok(Arc::new(LibsqlBackend::open(options, schema).await?))
    }
}

fn main() -> ExitCode {
    aquifer_conformance::main([Arc::new(Libsql) as Arc<dyn Harness>])
}
