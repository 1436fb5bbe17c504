//! One connection with what its thread needs to know.

use std::path::PathBuf;
use std::sync::Arc;

use aquifer_core::{Error, Result, Value};
use rusqlite::{CachedStatement, Connection};

use super::error::failed;
use super::values::Binder;
use crate::statements::Catalog;
use crate::text::Query;

/// What the threads of one handle share.
#[derive(Debug)]
pub(super) struct Database {
    /// The file, for messages.
    pub(super) file: PathBuf,
    /// The generated statements.
    pub(super) catalog: Catalog,
}

/// A connection on the thread that owns it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) database: Arc<Database>,
}

impl Session {
    /// The statement with this text, prepared at its first use.
    pub(super) fn prepare(&self, text: &str) -> Result<CachedStatement<'_>> {
        self.connection.prepare_cached(text).map_err(|error| self.failed(error))
    }

    /// Runs `query` and turns each row into what `read` makes of it.
    pub(super) fn rows<T>(
        &self,
        query: &Query,
        mut read: impl FnMut(&rusqlite::Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.prepare(&query.text)?;
        self.bind(&mut statement, &query.values)?;
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(|error| self.failed(error))? {
            found.push(read(row)?);
        }
        Ok(found)
    }

    /// Binds all parameters of a statement.
    pub(super) fn bind(&self, statement: &mut CachedStatement<'_>, values: &[Value]) -> Result<()> {
        Binder::new(statement).values(values).map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// Runs statements that take nothing and give nothing.
    pub(super) fn execute(&self, text: &str) -> Result<()> {
        self.connection.execute_batch(text).map_err(|error| self.failed(error))
    }

    /// What an error of SQLite means to the contract.
    pub(super) fn failed(&self, error: rusqlite::Error) -> Error {
        failed(error, &self.database.file)
    }
}
