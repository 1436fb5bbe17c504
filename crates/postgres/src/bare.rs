//! What PostgreSQL does without Aquifer.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::{BARE_ROW_BYTES, BareRates, Error, Result};
use aquifer_sql::network::Connect as _;
use sqlx::AssertSqlSafe;
use tokio::sync::Mutex;

use crate::connect::{Connector, Link, quoted};
use crate::error::not_connected;
use crate::options::PostgresOptions;

/// Measures durable commits of one row, and rows in durable commits of many through `UNNEST`, on one connection, for about
/// `duration`, in a table of its own that it removes.
///
/// # Errors
/// As for [`crate::PostgresBackend::open`].
pub async fn bare_rates(options: &PostgresOptions, duration: Duration) -> Result<BareRates> {
    let connector = Connector::new(options.clone());
    let mut link = connector.connect().await?;
    link.is_pooled = options.statement_cache == 0;
    let mut name = quoted(&format!("aquifer_bare_{:016x}", fastrand::u64(..)));
    if let Some(schema) = &options.schema {
        name = format!("{}.{name}", quoted(schema));
    }
    let failed = |error| not_connected(error, options);
    let create = format!("CREATE TABLE {name} (id bigint PRIMARY KEY, value text NOT NULL)");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut link.connection).await.map_err(failed)?;
    let rates = measure(&mut link, &name, duration).await.map_err(failed);
    let dropped = sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {name}"))).execute(&mut link.connection).await;
    connector.disconnect(link).await;
    dropped.map_err(|error| {
        Error::unavailable(format!("the table {name} was left behind")).with_source(error.to_string())
    })?;
    rates
}

async fn measure(link: &mut Link, name: &str, duration: Duration) -> std::result::Result<BareRates, sqlx::Error> {
    let insert =
        AssertSqlSafe(Arc::<str>::from(format!("INSERT INTO {name} SELECT * FROM UNNEST($1::bigint[], $2::text[])")));
    // Only one commit runs at a time; the lock is for the compiler.
    let state = Mutex::new((link, 0_i64));
    let value = "x".repeat(BARE_ROW_BYTES);
    let (state, value, insert) = (&state, &value, &insert);
    BareRates::measure_async(duration, |rows| async move {
        let mut state = state.lock().await;
        let (link, next) = &mut *state;
        let last = *next + i64::try_from(rows).unwrap_or(0);
        let ids: Vec<i64> = (*next..last).collect();
        *next = last;
        let values = vec![value.as_str(); rows];
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&insert.0))).bind(ids).bind(values);
        query.persistent(link.keeps_statements()).execute(&mut link.connection).await.map(|_| ())
    })
    .await
}
