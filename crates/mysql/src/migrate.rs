//! Creating and extending the tables.
//!
//! Each statement that creates something is durable by itself, so that a migration may end half-way. It is then done again: what
//! is there already is left alone. A lock of the server's lets one process migrate at a time.

use std::time::Duration;

use aquifer_core::{Error, Migration, Result, Schema};
use aquifer_sql::migration;
use aquifer_sql::network::Fault;

use crate::server::Flavour;
use crate::session::MysqlSession;

/// How long one statement may take that creates something: an index on a large table takes its time.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long to wait for another process that migrates, in seconds.
const WAIT: u32 = 600;
/// Names are the server's, not the database's, and hold at most 64 characters.
const LOCK: &str = "CONCAT('aquifer.', LEFT(SHA2(DATABASE(), 256), 32))";

const CREATE_META: &str = "CREATE TABLE IF NOT EXISTS `aquifer_meta` (
  `name` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  `value` varchar(255) NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4 COMMENT 'Facts about this database.'";

/// Brings the tables to the declared schema. Whoever comes second finds it done.
pub(crate) async fn migrate(
    mut session: MysqlSession,
    flavour: Flavour,
    schema: &'static Schema,
    database: &str,
) -> Result<Migration> {
    let stored = schema_version(&mut session).await?;
    if stored == Some(schema.version) {
        return Ok(Migration { from: schema.version, to: schema.version });
    }
    session.set_patience(PATIENCE);
    let limit = match flavour {
        Flavour::Mysql => "SET max_execution_time = 0",
        Flavour::Mariadb => "SET max_statement_time = 0",
    };
    let migrated = match session.run(limit).await {
        Ok(_) => locked(&mut session, flavour, schema, database).await,
        Err(fault) => Err(fault.into_error()),
    };
    // The lock ends with the connection.
    session.spend();
    migrated
}

async fn locked(
    session: &mut MysqlSession,
    flavour: Flavour,
    schema: &'static Schema,
    database: &str,
) -> Result<Migration> {
    let locked = session.texts(&format!("SELECT CAST(GET_LOCK({LOCK}, {WAIT}) AS CHAR)")).await;
    if locked.map_err(Fault::into_error)?.concat() != ["1"] {
        return Err(Error::unavailable(format!(
            "another process has been migrating the database {database:?} for long"
        )));
    }
    let to = schema.version;
    let from = match schema_version(session).await? {
        Some(from) => from,
        None => {
            refuse_others(session, schema, database).await?;
            session.run(CREATE_META).await.map_err(Fault::into_error)?;
            0
        }
    };
    if from > to {
        return Err(Error::invalid(format!(
            "the database {database:?} has schema version {from}, newer than this program's {to}: run a newer version of the program"
        )));
    }
    if from < to {
        for statement in migration(flavour.dialect(), schema, from) {
            session.run_unless_there(&statement).await.map_err(Fault::into_error)?;
        }
        let set = format!("REPLACE INTO `aquifer_meta` (`name`, `value`) VALUES ('schema_version', '{to}')");
        session.run(&set).await.map_err(Fault::into_error)?;
    }
    Ok(Migration { from, to })
}

/// The schema version of what is stored; 0 while a first migration is under way, `None` if there is nothing.
pub(crate) async fn schema_version(session: &mut MysqlSession) -> Result<Option<u32>> {
    if session.texts("SHOW TABLES LIKE 'aquifer\\_meta'").await.map_err(Fault::into_error)?.is_empty() {
        return Ok(None);
    }
    let stored = session.texts("SELECT `value` FROM `aquifer_meta` WHERE `name` = 'schema_version'").await;
    match stored.map_err(Fault::into_error)?.concat().first() {
        None => Ok(Some(0)),
        Some(text) => match text.parse() {
            Ok(version) => Ok(Some(version)),
            Err(_) => Err(Error::corrupt(format!("the table aquifer_meta holds {text:?} as the schema version"))),
        },
    }
}

/// Refuses a database in which others have tables with the names of ours.
async fn refuse_others(session: &mut MysqlSession, schema: &'static Schema, database: &str) -> Result<()> {
    let tables = session.texts("SHOW TABLES").await.map_err(Fault::into_error)?.concat();
    match tables.iter().find(|table| schema.kind(table).is_some()) {
        None => Ok(()),
        Some(table) => Err(Error::invalid(format!(
            "the database {database:?} has a table {table:?} that is not Aquifer's: name an empty database"
        ))),
    }
}
