//! What the file system's errors mean to the caller.

use std::fmt::Display;
use std::io;
use std::path::Path;

use aquifer_core::{Error, ErrorKind};

/// The error of a file operation: `doing` completes "cannot ... PATH".
pub(crate) fn io(doing: &str, path: &Path, error: io::Error) -> Error {
    let path = path.display();
    let (kind, fix) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::Unavailable, ": there is no room left, free some space")
        }
        io::ErrorKind::FileTooLarge => {
            (ErrorKind::Unavailable, ": the system limits the size of files, raise the limit")
        }
        io::ErrorKind::PermissionDenied => {
            (ErrorKind::Unauthorized, ": give this user the right to write the file and its directory")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::Unauthorized, ": the file system is read-only, name a path on a writable one")
        }
        io::ErrorKind::NotFound => (ErrorKind::Invalid, ": it does not exist"),
        io::ErrorKind::IsADirectory => (ErrorKind::Invalid, ": it is a directory, name a file"),
        io::ErrorKind::NotADirectory => (ErrorKind::Invalid, ": a part of the path is not a directory"),
        io::ErrorKind::InvalidFilename => (ErrorKind::Invalid, ": the file name is too long or not allowed"),
        _ => (ErrorKind::Unavailable, ""),
    };
    Error::new(kind, format!("cannot {doing} {path}{fix}")).with_source(error)
}

/// `None` for a file that does not exist.
pub(crate) fn found<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Damage in a file, with the place where it was found.
pub(crate) fn corrupt(path: &Path, place: impl Display, reason: impl Display) -> Error {
    Error::corrupt(format!("{} is damaged at {place}: {reason}", path.display()))
}
