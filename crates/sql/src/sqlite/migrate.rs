//! Creating and extending the tables.

use aquifer_core::{Error, Migration, Pong, Result, Schema};

use super::connection::APPLICATION_ID;
use super::session::Session;
use crate::dialect::SQLITE;
use crate::tables::migration;

/// Creates the table that says which version of the schema is stored.
pub const CREATE_META: &str = "CREATE TABLE IF NOT EXISTS \"aquifer_meta\" ( -- Facts about this database.
  \"name\" TEXT NOT NULL PRIMARY KEY,
  \"value\" TEXT NOT NULL
) STRICT, WITHOUT ROWID";

impl Session {
    /// Brings the tables to the declared schema. Whoever comes second finds it done.
    pub(super) fn migrate(&self, schema: &'static Schema) -> Result<Migration> {
        let stored = self.schema_version()?;
        if stored == schema.version {
            return Ok(Migration { from: stored, to: stored });
        }
        self.in_transaction(|| {
            let from = self.schema_version()?;
            let to = schema.version;
            if from > to {
                return Err(Error::invalid(format!(
                    "{} has schema version {from}, newer than this program's {to}: run a newer version of the program",
                    self.database.file.display()
                )));
            }
            if from < to {
                self.execute(&format!("PRAGMA application_id = {APPLICATION_ID}; {CREATE_META}"))?;
                for statement in migration(&SQLITE, schema, from) {
                    self.execute(&statement)?;
                }
                let set = "INSERT OR REPLACE INTO \"aquifer_meta\" VALUES ('schema_version', ?)";
                self.connection.execute(set, [to.to_string()]).map_err(|error| self.failed(error))?;
            }
            Ok(Migration { from, to })
        })
    }

    /// A sign of life, read from the file.
    pub(super) fn pong(&self) -> Result<Pong> {
        Ok(Pong { schema_version: self.schema_version()?, server: format!("SQLite {}", rusqlite::version()) })
    }

    /// The schema version of what is stored; 0 if nothing is.
    fn schema_version(&self) -> Result<u32> {
        if self.number("SELECT count(*) FROM sqlite_schema WHERE name = 'aquifer_meta'")? == 0 {
            return Ok(0);
        }
        let text: String = self
            .connection
            .query_row("SELECT value FROM aquifer_meta WHERE name = 'schema_version'", (), |row| row.get(0))
            .map_err(|error| self.failed(error))?;
        text.parse().map_err(|_| {
            Error::corrupt(format!("{} holds {text:?} as its schema version", self.database.file.display()))
        })
    }
}
