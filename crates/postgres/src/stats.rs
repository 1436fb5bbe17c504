//! Facts for people.

use aquifer_core::{ColumnType, Result, Value};
use aquifer_sql::network::{Fault, Session};

use crate::driver::PgDriver;
use crate::session::PgSession;

/// The size of the database on disk, all schemas included, and what the server says of itself.
pub(crate) async fn facts(
    session: &mut PgSession,
    driver: &PgDriver,
) -> Result<(Option<u64>, Vec<(&'static str, String)>)> {
    let text = "SELECT pg_database_size(current_database()), current_setting('server_version'), \
                current_database()::text, coalesce(current_schema()::text, ''), current_user::text";
    let columns = [ColumnType::Integer, ColumnType::Text, ColumnType::Text, ColumnType::Text, ColumnType::Text];
    let rows = session.rows(text, &[], &columns).await.map_err(Fault::into_error)?;
    let mut row = rows.into_iter().next().unwrap_or_default().into_iter();
    let bytes = match row.next() {
        Some(Value::Integer(bytes)) => u64::try_from(bytes).ok(),
        _ => None,
    };
    let names = ["server_version", "database", "schema", "user"];
    let mut facts: Vec<(&'static str, String)> = names
        .into_iter()
        .zip(row)
        .map(|(name, value)| (name, value.as_text().unwrap_or_default().to_owned()))
        .collect();
    facts.push(("address", driver.options().address()));
    facts.push(("connection", driver.mode().to_owned()));
    if let Some(replica) = &driver.options().read {
        facts.push(("replica", replica.address()));
    }
    Ok((bytes, facts))
}
