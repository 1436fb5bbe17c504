//! What the database of a URL does without Aquifer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aquifer_core::{BareRates, Error, Result};

use crate::database::path_of;
use crate::scheme::Scheme;

/// Measures the limits of the database of `url` through its bare driver, in a database of its own on the same disk, for about
/// `duration`. `None` for a database in memory, which has no limit of its own.
///
/// # Errors
/// `Invalid` if the URL names no database that this build can open; `Unavailable` with what the database says.
pub async fn bare_rates(url: &str, duration: Duration) -> Result<Option<BareRates>> {
    let scheme = Scheme::of(url)?;
    let Some(path) = path_of(url)? else { return Ok(None) };
    let measured = tokio::task::spawn_blocking(move || {
        let path = beside(&path);
        let rates = match scheme {
            Scheme::Sqlite => aquifer_sql::sqlite::bare_rates(&path, duration).map(Some),
            Scheme::Json => aquifer_json::bare_rates(&path, duration).map(Some),
            Scheme::Memory => Ok(None),
        };
        remove(&path);
        rates
    });
    measured.await.unwrap_or_else(|_| Err(Error::unavailable("the program stopped while it measured")))
}

/// A name beside the database's that is free.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".bare-{}", std::process::id()));
    name.into()
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // What is not there need not be removed.
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}
