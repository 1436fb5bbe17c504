//! The PostgreSQL backend keeps the store contract: directly, through PgBouncer in transaction mode, and encrypted.

mod support;

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Result, Schema};
use aquifer_postgres::{PostgresBackend, PostgresOptions};
use aquifer_testkit::Server;
use async_trait::async_trait;

use support::Place;

/// One way to the server.
struct Postgres {
    name: &'static str,
    server: Server,
    options: &'static str,
}

struct Tables(Place);

#[async_trait]
impl Harness for Postgres {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        Ok(Box::new(Tables(Place::new(self.server, self.options))))
    }
}

#[async_trait]
impl Database for Tables {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        let options = PostgresOptions::from_url(&self.0.url)?;
        Ok(Arc::new(PostgresBackend::open(options, schema).await?))
    }
}

fn main() -> ExitCode {
    let direct = Postgres { name: "postgres", server: Server::Postgres, options: "max_connections=3" };
    // The pooler is found out, and so is that its sessions forget.
    let pooled = Postgres { name: "postgres-pgbouncer", server: Server::PgBouncer, options: "max_connections=3" };
    let encrypted =
        Postgres { name: "postgres-tls", server: Server::PostgresTls, options: "max_connections=3&sslmode=require" };
    let harnesses = [direct, pooled, encrypted].map(|harness| Arc::new(harness) as Arc<dyn Harness>);
    aquifer_conformance::main(harnesses)
}
