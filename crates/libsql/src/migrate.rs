//! Creating and extending the tables.

use aquifer_core::{Error, Migration, Result, Retry};
use aquifer_sql::sqlite::CREATE_META;
use aquifer_sql::{SQLITE, migration};

use crate::backend::LibsqlBackend;
use crate::commit::{assertion, begin, end, of_commit};
use crate::error::{is_assertion, of_step};
use crate::hrana::{Access, Argument, Batch, Cell, Failure};

/// How often another process may be faster; each time the stored version has grown.
const MOST_ATTEMPTS: usize = 20;

/// Finds the table that says which version of the schema is stored.
const HAS_META: &str = "SELECT 1 FROM sqlite_schema WHERE name = 'aquifer_meta'";
const VERSION: &str = "SELECT value FROM aquifer_meta WHERE name = 'schema_version'";

/// What is stored, and where.
pub(crate) struct Stored {
    /// The schema version; 0 if nothing is stored.
    pub(crate) version: u32,
    /// The version of SQLite in the server.
    pub(crate) sqlite: String,
}

impl LibsqlBackend {
    /// Looks at what is stored.
    ///
    /// # Errors
    /// `Invalid` if it is not Aquifer's.
    pub(crate) async fn stored(&self) -> Result<Stored> {
        let place = self.client.place_name();
        let mut batch = Batch::default();
        let sqlite = batch.push("SELECT sqlite_version()", Vec::new());
        // The server may keep tables of its own.
        let others = batch.push(
            "SELECT count(*) FROM sqlite_schema \
             WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'libsql\\_%' ESCAPE '\\'",
            Vec::new(),
        );
        let has_meta = batch.push(assertion::finds(HAS_META), Vec::new());
        let version = batch.push_if(has_meta.ok(), VERSION, Vec::new());
        let reply = self.client.run(&batch, Access::Read).await.map_err(Failure::into_error)?;
        if let Some(error) = reply.errors().find(|error| !is_assertion(error)) {
            return Err(of_step(error, place));
        }
        let first = |step| reply.rows(step).first().and_then(|row| row.first());
        let sqlite = first(sqlite).and_then(Cell::as_text).unwrap_or_default().to_owned();
        let version = if reply.is_ok(has_meta) {
            let text = first(version).and_then(Cell::as_text).unwrap_or_default();
            let unread = || Error::corrupt(format!("{place} holds {text:?} as its schema version"));
            text.parse().map_err(|_| unread())?
        } else if first(others).and_then(Cell::number).is_some_and(|tables| tables > 0) {
            return Err(Error::invalid(format!("{place} is not a database of Aquifer's: name another one")));
        } else {
            0
        };
        Ok(Stored { version, sqlite })
    }

    /// Brings the tables to the declared schema. Whoever comes second finds it done.
    pub(crate) async fn bring_up(&self) -> Result<Migration> {
        let to = self.schema.version;
        let mut first = None;
        for _ in 0..MOST_ATTEMPTS {
            let stored = self.stored().await?.version;
            // Another process that was faster has done this one's work.
            let from = *first.get_or_insert(stored);
            if stored > to {
                return Err(Error::invalid(format!(
                    "{} has schema version {stored}, newer than this program's {to}: run a newer version of the program",
                    self.client.place_name()
                )));
            }
            if stored == to || self.extend(stored).await? {
                return Ok(Migration { from, to });
            }
        }
        Err(Error::unavailable("other processes migrate the database all the time").with_retry(Retry::Transient))
    }

    /// Brings the tables from version `from` to what is declared; `false`, and nothing done, if that is no longer the version.
    async fn extend(&self, from: u32) -> Result<bool> {
        let place = self.client.place_name();
        let mut batch = Batch::default();
        let begin = begin(&mut batch, None);
        let unchanged = if from == 0 {
            batch.push_if(begin.ok(), assertion::finds_nothing(HAS_META), Vec::new())
        } else {
            let same = assertion::finds(&format!("SELECT 1 FROM ({VERSION}) WHERE value = ?"));
            batch.push_if(begin.ok(), same, vec![Argument::text(from.to_string())])
        };
        let mut last = batch.push_if(unchanged.ok(), CREATE_META, Vec::new());
        for statement in migration(&SQLITE, self.schema, from) {
            last = batch.push_if(last.ok(), statement, Vec::new());
        }
        let set = "INSERT OR REPLACE INTO \"aquifer_meta\" VALUES ('schema_version', ?)";
        last = batch.push_if(last.ok(), set, vec![Argument::text(self.schema.version.to_string())]);
        let commit = end(&mut batch, begin, last.ok());
        let reply = self.client.run(&batch, Access::Write).await.map_err(Failure::into_error)?;
        if reply.is_ok(commit) {
            return Ok(true);
        }
        if let Some(error) = reply.error(commit) {
            return Err(of_commit(error, place));
        }
        match (reply.error(unchanged), reply.errors().next()) {
            (Some(error), _) if is_assertion(error) => Ok(false),
            (_, Some(error)) => Err(of_step(error, place)),
            (_, None) => Err(Error::unavailable(format!("{place} did not run the migration to its end"))),
        }
    }

    /// Name and version of the server.
    pub(crate) fn describe(&self, sqlite: &str) -> String {
        match self.server.as_str() {
            "" => format!("libSQL (SQLite {sqlite})"),
            server => format!("{server} (SQLite {sqlite})"),
        }
    }
}
