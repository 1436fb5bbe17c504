//! Databases of a test's own on a server.

use std::str::FromStr;

use aquifer_core::{Error, Result};
use aquifer_mysql::MysqlOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};

/// A database that is dropped with this value.
pub(crate) struct Scratch {
    /// How to open it.
    pub(crate) options: MysqlOptions,
    url: String,
}

impl Scratch {
    /// An empty database on the server at `url`, whose user has all rights.
    pub(crate) async fn new(url: &str) -> Result<Self> {
        let mut options = MysqlOptions::from_url(url)?;
        options.database = format!("aquifer_{:016x}", fastrand::u64(..));
        options.max_connections = 3;
        let scratch = Self { options, url: url.to_owned() };
        // Not Aquifer's own character set and collation: nothing may depend on those of the database.
        scratch.admin(&format!("CREATE DATABASE `{}` CHARACTER SET latin1", scratch.options.database)).await?;
        Ok(scratch)
    }

    /// A connection as the user with all rights, in the database of the URL.
    pub(crate) async fn connection(&self) -> Result<MySqlConnection> {
        connect(&self.url).await
    }

    /// Runs a statement as the user with all rights.
    pub(crate) async fn admin(&self, statement: &str) -> Result<()> {
        run(&self.url, statement).await
    }

    /// Runs a statement in the database of this value, and gives what it returns as text.
    pub(crate) async fn ask(&self, statement: &str) -> Vec<Vec<String>> {
        let mut connection = self.connection().await.expect("a connection");
        let using = format!("USE `{}`", self.options.database);
        connection.execute(AssertSqlSafe(using)).await.expect("the database");
        let rows = connection.fetch_all(AssertSqlSafe(statement)).await.expect("an answer");
        let text = |row: &sqlx::mysql::MySqlRow, column| {
            let bytes: Option<Vec<u8>> = row.try_get_unchecked(column).expect("a value");
            String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
        };
        rows.iter().map(|row| (0..row.len()).map(|column| text(row, column)).collect()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (url, drop) = (self.url.clone(), format!("DROP DATABASE IF EXISTS `{}`", self.options.database));
        // A runtime of its own, because this one may be ending.
        let done = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(&url, &drop))
        });
        if let Ok(Err(error)) = done.join() {
            eprintln!("{}: {error:?}", self.options.database);
        }
    }
}

async fn connect(url: &str) -> Result<MySqlConnection> {
    let failed = |error: sqlx::Error| Error::unavailable("the test server cannot be reached").with_source(error);
    MySqlConnectOptions::from_str(url).map_err(failed)?.disable_statement_logging().connect().await.map_err(failed)
}

async fn run(url: &str, statement: &str) -> Result<()> {
    let mut connection = connect(url).await?;
    let failed = |error: sqlx::Error| Error::invalid(format!("{statement} failed")).with_source(error);
    connection.execute(AssertSqlSafe(statement)).await.map_err(failed)?;
    connection.close().await.map_err(failed)
}
