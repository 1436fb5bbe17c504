//! The files of a database, and the lock on them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use aquifer_core::{Error, Result};

use crate::disk;
use crate::fault;

/// The files of one database.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// The snapshot, without links on the way.
    pub(crate) snapshot: PathBuf,
    /// The journal.
    pub(crate) journal: PathBuf,
    /// What is locked while a process has the database open.
    pub(crate) lock: PathBuf,
}

impl Paths {
    /// Finds the files of the database at `path`, of which none needs to exist.
    ///
    /// # Errors
    /// `Invalid` for a directory, a missing directory, or a link to nowhere; `Unauthorized` for what must not be written.
    pub(crate) fn resolve(path: &Path) -> Result<Self> {
        let shown = path.display();
        let snapshot = match fs::canonicalize(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => absent(path)?,
            Err(error) => return Err(fault::io("open", path, error)),
        };
        match fs::metadata(&snapshot) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(Error::invalid(format!(
                    "{shown} is a directory: name a file in it, such as {}",
                    path.join("aquifer.json").display()
                )));
            }
            Ok(metadata) if !metadata.is_file() => {
                return Err(Error::invalid(format!("{shown} is not a regular file: name another path")));
            }
            Ok(metadata) if metadata.permissions().readonly() => {
                return Err(fault::io("write", &snapshot, io::ErrorKind::PermissionDenied.into()));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault::io("open", path, error)),
            _ => {}
        }
        Ok(Self { journal: beside(&snapshot, ".journal"), lock: beside(&snapshot, ".lock"), snapshot })
    }

    /// The directory of the files.
    pub(crate) fn directory(&self) -> &Path {
        self.snapshot.parent().unwrap_or(&self.snapshot)
    }

    /// Where a new snapshot is written before it takes its place.
    pub(crate) fn new_snapshot(&self) -> PathBuf {
        beside(&self.snapshot, ".new")
    }

    /// Where a new journal is written before it takes its place.
    pub(crate) fn new_journal(&self) -> PathBuf {
        beside(&self.journal, ".new")
    }
}

fn absent(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    if path.is_symlink() {
        return Err(Error::invalid(format!("{shown} is a link to a file that does not exist: remove the link")));
    }
    let name = path.file_name().ok_or_else(|| Error::invalid(format!("{shown:?} names no file")))?;
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let directory = fs::canonicalize(parent).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::invalid(format!("cannot open {shown}: the directory {} does not exist, create it", parent.display()))
        }
        _ => fault::io("open", path, error),
    })?;
    Ok(directory.join(name))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Holds the database for this process, until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
    /// Whether the file was not there before.
    created: bool,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// `Unavailable` if another process has it, with that process's id.
    pub(crate) fn take(paths: &Paths) -> Result<Self> {
        let path = paths.lock.clone();
        let failed = |error| fault::io("lock", &path, error);
        let created = !path.exists();
        let mut file = disk::private().read(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is a courtesy: some systems do not let others read a locked file.
                let _ = file.take(20).read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    id => format!("process {id}"),
                };
                return Err(Error::unavailable(format!(
                    "{} is in use by {holder}: stop that first, or use a database server to share data between processes",
                    paths.snapshot.display()
                )));
            }
            Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self { file, path, created })
    }

    /// Gives the lock up without a trace, where opening failed.
    pub(crate) fn undo(self) {
        if self.created {
            // An empty file that stays is no harm.
            let _ = fs::remove_file(&self.path);
        }
        drop(self.file);
    }
}
