//! What the conformance suite cannot know: plans, refusals, dead locks, broken migrations, lost replies, restarts. On MariaDB, and on MySQL
//! where it is to be had.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of tests may panic")]

mod contention;
mod faults;
mod migration;
mod plans;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use aquifer_core::kinds::Tenant;
use aquifer_core::{Entity, Key, Operation, Record, SCHEMA, Timestamp, Transaction, Value};
use aquifer_mysql::MysqlBackend;
use aquifer_testkit::Server;
use support::Scratch;

/// The servers there are.
fn servers() -> Vec<Server> {
    match aquifer_testkit::try_url(Server::Mysql) {
        Ok(_) => vec![Server::Mariadb, Server::Mysql],
        Err(error) => {
            eprintln!("MySQL is LEFT OUT, MariaDB stands for both: {error}");
            vec![Server::Mariadb]
        }
    }
}

/// An empty database on a server.
async fn scratch(server: Server) -> Scratch {
    Scratch::new(&aquifer_testkit::url(server)).await.expect("a database of the test's own")
}

/// A database with Aquifer's tables, opened.
async fn migrated(scratch: &Scratch) -> MysqlBackend {
    use aquifer_core::Backend;
    let backend = MysqlBackend::open(scratch.options.clone(), &SCHEMA).await.expect("the database opens");
    backend.migrate().await.expect("the database migrates");
    backend
}

fn tenant(id: &str) -> Record {
    let now = Value::from(Timestamp::EPOCH);
    Record::new(Tenant::KIND, vec![id.into(), id.into(), Value::Null, now.clone(), now])
}

fn key(id: &str) -> Key {
    Key::new(Tenant::KIND, [id])
}

fn insert(id: &str) -> Transaction {
    Transaction::new(vec![Operation::Insert(tenant(id))])
}
