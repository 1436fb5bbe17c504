//! What SQLite does on this disk without Aquifer.

use std::path::Path;
use std::time::Duration;

use aquifer_core::{BARE_ROW_BYTES, BareRates, Error, Result};
use rusqlite::Connection;

/// Measures durable commits of the bare driver to one plain table, in a database of its own at `path`, for about `duration`. Blocks.
///
/// # Errors
/// `Unavailable` with what SQLite says.
pub fn bare_rates(path: &Path, duration: Duration) -> Result<BareRates> {
    measure(path, duration)
        .map_err(|error| Error::unavailable(format!("cannot measure in {}", path.display())).with_source(error))
}

fn measure(path: &Path, duration: Duration) -> rusqlite::Result<BareRates> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE rows (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL)",
    )?;
    let value = "x".repeat(BARE_ROW_BYTES);
    BareRates::measure(duration, |rows| {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        for _ in 0..rows {
            connection.prepare_cached("INSERT INTO rows (key, value) VALUES (?, ?)")?.execute(("key", &value))?;
        }
        connection.prepare_cached("COMMIT")?.execute(())?;
        Ok(())
    })
}
