//! What a file on this disk does without Aquifer.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use aquifer_core::{BARE_ROW_BYTES, BareRates, Error, Result};

/// Measures lines that are appended and flushed to a new file at `path`, for about `duration`. Blocks.
///
/// # Errors
/// `Unavailable` with what the system says.
pub fn bare_rates(path: &Path, duration: Duration) -> Result<BareRates> {
    let failed = |error| Error::unavailable(format!("cannot measure in {}", path.display())).with_source(error);
    let mut file = File::create_new(path).map_err(failed)?;
    let line = format!("{}\n", "x".repeat(BARE_ROW_BYTES));
    BareRates::measure(duration, |rows| {
        file.write_all(line.repeat(rows).as_bytes())?;
        file.sync_data()
    })
    .map_err(failed)
}
