//! What the server does through its driver without Aquifer.

use std::time::Duration;

use aquifer_core::{BARE_ROW_BYTES, BareRates, Error, Result};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::sync::Mutex;

use crate::connect::{Connector, within};
use crate::options::MysqlOptions;

/// Measures durable commits of the bare driver for about `duration`, of one row each and of multi-row inserts, in a table of its own
/// that it removes.
///
/// # Errors
/// As for [`crate::MysqlBackend::open`]; `Unauthorized` if no table may be created.
pub async fn bare_rates(options: &MysqlOptions, duration: Duration) -> Result<BareRates> {
    let (connector, connection) = Connector::open(options.clone()).await?;
    let table = format!("`aquifer_bare_{:016x}`", fastrand::u64(..));
    let connection = Mutex::new(connection);
    let create = format!(
        "CREATE TABLE {table} (`id` bigint AUTO_INCREMENT PRIMARY KEY, `key` varchar(255) NOT NULL, `value` text NOT NULL) \
         ENGINE=InnoDB"
    );
    run(&connector, &connection, create).await?;
    let value = "x".repeat(BARE_ROW_BYTES);
    let measured =
        BareRates::measure_async(duration, |rows| insert(&connector, &connection, &table, &value, rows)).await;
    let dropped = run(&connector, &connection, format!("DROP TABLE {table}")).await;
    // The server notices the end anyway.
    let _ = connection.into_inner().close().await;
    dropped.and(measured)
}

async fn run(connector: &Connector, connection: &Mutex<MySqlConnection>, text: String) -> Result<()> {
    let mut connection = connection.lock().await;
    within(connector.options.request_timeout, &connector.place, connection.execute(AssertSqlSafe(text))).await?;
    Ok(())
}

async fn insert(
    connector: &Connector,
    connection: &Mutex<MySqlConnection>,
    table: &str,
    value: &str,
    rows: usize,
) -> Result<()> {
    let text = format!("INSERT INTO {table} (`key`, `value`) VALUES {}", vec!["('key', ?)"; rows].join(", "));
    let query = (0..rows).fold(sqlx::query(AssertSqlSafe(text)), |query, _| query.bind(value));
    let mut connection = connection.lock().await;
    let done = within(connector.options.request_timeout, &connector.place, query.execute(&mut *connection)).await?;
    match done.rows_affected() == rows as u64 {
        true => Ok(()),
        false => Err(Error::corrupt("the server wrote another number of rows than it was given")),
    }
}
