//! Creating and extending the tables.

use aquifer_core::{ColumnType, Error, Migration, Pong, Result, Retry, Schema, Value};
use aquifer_sql::network::{Fault, Parameter, Session};
use aquifer_sql::{POSTGRES, migration};

use crate::connect::quoted;
use crate::options::PostgresOptions;
use crate::session::PgSession;

const CREATE_META: &str = "CREATE TABLE IF NOT EXISTS \"aquifer_meta\" ( -- Facts about this database.
  \"name\" text NOT NULL PRIMARY KEY,
  \"value\" text NOT NULL
)";

/// Brings the tables to the declared schema, in one transaction. Whoever comes second waits and finds it done.
pub(crate) async fn migrate(
    session: &mut PgSession,
    schema: &'static Schema,
    options: &PostgresOptions,
) -> Result<Migration> {
    let stored = schema_version(session).await.map_err(Fault::into_error)?;
    if stored == schema.version {
        return Ok(Migration { from: stored, to: stored });
    }
    let migrated = in_transaction(session, schema, options).await;
    if migrated.is_err() {
        session.rollback().await.map_err(Fault::into_error)?;
    }
    migrated.map_err(|fault| match fault {
        Fault::Unique(error) | Fault::Refused(error) => error,
        fault => fault.into_error(),
    })
}

async fn in_transaction(
    session: &mut PgSession,
    schema: &'static Schema,
    options: &PostgresOptions,
) -> Result<Migration, Fault> {
    session.begin().await?;
    // The others wait here for as long as the first takes, whatever a statement may take elsewhere.
    run(session, "SET LOCAL statement_timeout = 0").await?;
    // By name, because the schema may not exist yet.
    let lock =
        "SELECT pg_advisory_xact_lock(hashtext('aquifer migrate'), hashtext(coalesce($1, current_schema(), '')))";
    let name = options.schema.clone().map_or(Value::Null, Value::Text);
    session.execute(lock, &[Parameter::of(ColumnType::Text, &name)]).await?;
    if let Some(name) = &options.schema
        && !exists(session, "SELECT to_regnamespace($1) IS NOT NULL", &quoted(name)).await?
    {
        run(session, &format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(name))).await?;
    }
    let (from, to) = (schema_version(session).await?, schema.version);
    if from > to {
        return Err(Error::invalid(format!(
            "the database has schema version {from}, newer than this program's {to}: run a newer version of the program"
        ))
        .into());
    }
    if from < to {
        if from == 0 {
            refuse_strangers(session, schema).await?;
        }
        let mut statements = vec![CREATE_META.to_owned()];
        statements.extend(migration(&POSTGRES, schema, from));
        run(session, &statements.join(";\n")).await?;
        let set = "INSERT INTO \"aquifer_meta\" (\"name\", \"value\") VALUES ('schema_version', $1)
             ON CONFLICT (\"name\") DO UPDATE SET \"value\" = excluded.\"value\"";
        let version = Value::Text(to.to_string());
        session.execute(set, &[Parameter::of(ColumnType::Text, &version)]).await?;
    }
    session.commit().await?;
    Ok(Migration { from, to })
}

/// Tables that have the names of ours but are not ours stay as they are.
async fn refuse_strangers(session: &mut PgSession, schema: &Schema) -> Result<(), Fault> {
    for kind in schema.kinds {
        let own = "SELECT to_regclass(quote_ident(current_schema()) || '.' || $1) IS NOT NULL";
        if exists(session, own, &quoted(kind.name)).await? {
            return Err(Error::invalid(format!(
                "there is a table {:?} that is not Aquifer's: name another schema, as in ?schema=aquifer",
                kind.name
            ))
            .into());
        }
    }
    Ok(())
}

/// A sign of life.
pub(crate) async fn pong(session: &mut PgSession) -> Result<Pong> {
    let schema_version = schema_version(session).await.map_err(Fault::into_error)?;
    let text = "SELECT current_setting('server_version')";
    let rows = session.rows(text, &[], &[ColumnType::Text]).await.map_err(Fault::into_error)?;
    let version = rows.first().and_then(|row| row.first()).and_then(Value::as_text).unwrap_or_default();
    let number = version.split(' ').next().unwrap_or_default();
    Ok(Pong { schema_version, server: format!("PostgreSQL {number}") })
}

/// The schema version of what is stored; 0 if nothing is.
async fn schema_version(session: &mut PgSession) -> Result<u32, Fault> {
    if !exists(session, "SELECT to_regclass($1) IS NOT NULL", "aquifer_meta").await? {
        return Ok(0);
    }
    let text = "SELECT \"value\" FROM \"aquifer_meta\" WHERE \"name\" = 'schema_version'";
    let rows = session.rows(text, &[], &[ColumnType::Text]).await?;
    match rows.first().and_then(|row| row.first()).and_then(Value::as_text).map(str::parse) {
        Some(Ok(version)) => Ok(version),
        _ => Err(Error::corrupt("the table aquifer_meta holds no schema version").into()),
    }
}

/// Runs a statement of ours as it is: many would not be understood with parameters.
async fn run(session: &mut PgSession, text: &str) -> Result<(), Fault> {
    session.simple(text, Retry::Transient).await
}

async fn exists(session: &mut PgSession, text: &str, name: &str) -> Result<bool, Fault> {
    let name = Value::from(name);
    let rows = session.rows(text, &[Parameter::of(ColumnType::Text, &name)], &[ColumnType::Boolean]).await?;
    Ok(rows.first().and_then(|row| row.first()) == Some(&Value::Boolean(true)))
}
