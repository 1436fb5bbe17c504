//! Where packages are kept once they are here.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The folder for packages: `AQUIFER_TEST_CACHE`, or else `~/.cache/aquifer-test-servers`; for root
/// `/var/cache/aquifer-test-servers`, as nobody else can enter root's home, servers included.
pub(super) fn folder() -> Result<PathBuf> {
    let folder = match std::env::var_os("AQUIFER_TEST_CACHE").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None if rustix::process::geteuid().is_root() => PathBuf::from("/var/cache/aquifer-test-servers"),
        None => match std::env::home_dir() {
            Some(home) => home.join(".cache/aquifer-test-servers"),
            None => return Err(Error::new("no home directory: set AQUIFER_TEST_CACHE to a folder for packages")),
        },
    };
    fs::create_dir_all(&folder).map_err(Error::because(folder.display()))?;
    fs::canonicalize(&folder).map_err(Error::because(folder.display()))
}

/// The folder `name` of the cache, filled by `fill` unless it holds what `recipe` describes.
///
/// One process fills it, others wait. A folder that was not finished is begun anew.
pub(super) fn filled(name: &str, recipe: &str, fill: impl FnOnce(&Path) -> Result) -> Result<PathBuf> {
    let cache = folder()?;
    let place = cache.join(name);
    let marker = place.join(".recipe");
    let is_filled = || fs::read_to_string(&marker).is_ok_and(|text| text == recipe);
    if is_filled() {
        return Ok(place);
    }
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", place.display()));
    let lock = File::create(cache.join(format!("{name}.lock"))).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if is_filled() {
        return Ok(place);
    }
    if place.exists() {
        fs::remove_dir_all(&place).map_err(failed)?;
    }
    fs::create_dir(&place).map_err(failed)?;
    fill(&place)?;
    fs::write(&marker, recipe).map_err(failed)?;
    Ok(place)
}
