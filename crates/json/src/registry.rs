//! The databases that this process has open, so that all handles on one file share it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use aquifer_core::{Result, Schema};

use crate::database::Database;
use crate::disk::Disk;
use crate::options::JsonOptions;
use crate::paths::Paths;

static OPEN: Mutex<BTreeMap<PathBuf, Weak<Database>>> = Mutex::new(BTreeMap::new());
static FORGOTTEN: Condvar = Condvar::new();

fn open_ones() -> MutexGuard<'static, BTreeMap<PathBuf, Weak<Database>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The database at the path of `options`: the one that is open already, or a new one.
pub(crate) fn open(options: &JsonOptions, schema: &'static Schema, disk: Arc<dyn Disk>) -> Result<Arc<Database>> {
    let paths = Paths::resolve(&options.path)?;
    let mut open = open_ones();
    while let Some(known) = open.get(&paths.snapshot) {
        if let Some(database) = known.upgrade() {
            return Ok(database);
        }
        // Its last use has ended on another thread, which is about to forget it.
        open = FORGOTTEN.wait(open).unwrap_or_else(PoisonError::into_inner);
    }
    let name = paths.snapshot.clone();
    let database = Arc::new(Database::open(paths, options, schema, disk)?);
    open.insert(name, Arc::downgrade(&database));
    Ok(database)
}

/// Forgets the database at `path`, and releases what keeps other processes out.
pub(crate) fn forget(path: &Path, release: impl FnOnce()) {
    let mut open = open_ones();
    release();
    open.remove(path);
    FORGOTTEN.notify_all();
}
