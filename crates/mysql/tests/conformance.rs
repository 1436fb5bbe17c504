//! The backend keeps the store contract, on MariaDB and on MySQL.

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Result, Schema};
use aquifer_mysql::MysqlBackend;
use aquifer_testkit::Server;
use async_trait::async_trait;
use support::Scratch;

#[expect(dead_code, clippy::expect_used, reason = "other tests of the server ask for more, and these may panic")]
mod support;

/// A server on which each case has a database of its own.
struct Sql(Server);

struct Data(Scratch);

#[async_trait]
impl Harness for Sql {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        Ok(Box::new(Data(Scratch::new(&aquifer_testkit::url(self.0)).await?)))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(MysqlBackend::open(self.0.options.clone(), schema).await?))
    }
}

fn main() -> ExitCode {
    let mut harnesses: Vec<Arc<dyn Harness>> = vec![Arc::new(Sql(Server::Mariadb))];
    match aquifer_testkit::try_url(Server::Mysql) {
        Ok(_) => harnesses.push(Arc::new(Sql(Server::Mysql))),
        // Its packages move and are not to be had everywhere; MariaDB stands for both then.
        Err(error) => eprintln!("MySQL is LEFT OUT, MariaDB stands for both: {error}"),
    }
    aquifer_conformance::main(harnesses)
}
