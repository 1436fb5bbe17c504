//! Places for data of the tests' own.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "each test target takes what it needs, and may fail"
)]

use std::future::Future;

use aquifer_testkit::Server;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// A schema of its own, gone when this is.
pub struct Place {
    server: Server,
    pub schema: String,
    /// The server's URL with the schema and options.
    pub url: String,
}

impl Place {
    pub fn new(server: Server, options: &str) -> Self {
        let schema = format!("aquifer_test_{:016x}", fastrand::u64(..));
        let url = with(&aquifer_testkit::url(server), &format!("schema={schema}&{options}"));
        Self { server, schema, url }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // PgBouncer's own database is that of the server behind it.
        let server = if self.server == Server::PgBouncer { Server::Postgres } else { self.server };
        let drop = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.schema);
        let url = aquifer_testkit::url(server);
        // Within a runtime no other may block: a thread has its own.
        let dropped = std::thread::spawn(move || block_on(async { administer(&url, &drop).await }));
        let _ = dropped.join();
    }
}

/// A URL with further options.
pub fn with(url: &str, options: &str) -> String {
    let options = options.trim_end_matches('&');
    format!("{url}{}{options}", if url.contains('?') { '&' } else { '?' })
}

/// Runs statements as the user of the URL, with sqlx alone.
pub async fn administer(url: &str, statements: &str) {
    let mut connection = PgConnection::connect(url).await.expect("the server is there");
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.expect("the statements run");
    connection.close().await.expect("the connection closes");
}

/// The rows of one statement, each as the text of its first column.
pub async fn ask(url: &str, statement: &str) -> Vec<String> {
    use sqlx::Row as _;
    let mut connection = PgConnection::connect(url).await.expect("the server is there");
    let rows = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(&mut connection).await;
    let rows = rows.expect("the statement runs");
    connection.close().await.expect("the connection closes");
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}
