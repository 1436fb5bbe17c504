//! Opening the backend that a URL names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aquifer_core::{Backend, Error, ErrorKind, Result, SCHEMA};
use aquifer_json::{JsonBackend, JsonOptions};
use aquifer_memory::MemoryBackend;
use aquifer_sql::{SqliteBackend, SqliteOptions};

use crate::scheme::Scheme;

/// How a backend is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    /// Whether a database that does not exist is created.
    pub(crate) create: bool,
    /// Whether nothing at all is written, where the database can promise that.
    pub(crate) read_only: bool,
}

/// An open backend, by its type.
pub(crate) enum Database {
    Memory(MemoryBackend),
    Json(JsonBackend),
    Sqlite(SqliteBackend),
}

impl Database {
    /// Opens the database without migrating it, on a thread that may block.
    pub(crate) async fn open(url: &str, access: Access) -> Result<Self> {
        let url = url.to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_blocking(&url, access));
        opened.await.unwrap_or_else(|_| Err(Error::unavailable("the program stopped while it opened the database")))
    }

    fn open_blocking(url: &str, access: Access) -> Result<Self> {
        match Scheme::of(url)? {
            Scheme::Memory => match url.split_once(':') {
                Some((_, "" | "//")) => Ok(Self::Memory(MemoryBackend::new(&SCHEMA))),
                _ => Err(Error::invalid(format!("{url:?} names more than memory: write memory:"))),
            },
            Scheme::Json => {
                let options = JsonOptions::from_url(url)?;
                if !access.create && !options.path.exists() {
                    return Err(missing(&options.path));
                }
                JsonBackend::open(options, &SCHEMA).map(Self::Json)
            }
            Scheme::Sqlite => {
                let mut options = SqliteOptions::from_url(url)?;
                if !access.create && !options.is_memory() && !options.path.exists() {
                    return Err(missing(&options.path));
                }
                options.create &= access.create;
                options.read_only |= access.read_only && !options.is_memory();
                SqliteBackend::open(options, &SCHEMA).map(Self::Sqlite)
            }
        }
    }

    /// The backend, whatever its type.
    pub(crate) fn into_backend(self) -> Arc<dyn Backend> {
        match self {
            Self::Memory(backend) => Arc::new(backend),
            Self::Json(backend) => Arc::new(backend),
            Self::Sqlite(backend) => Arc::new(backend),
        }
    }
}

/// The file that holds the data of the database that `url` names; `None` if no file does.
///
/// # Errors
/// `Invalid` if the URL names no database that this build can open.
///
/// ```
/// assert_eq!(aquifer::path_of("sqlite:aquifer.db")?, Some("aquifer.db".into()));
/// assert_eq!(aquifer::path_of("memory:")?, None);
/// # Ok::<(), aquifer::core::Error>(())
/// ```
pub fn path_of(url: &str) -> Result<Option<PathBuf>> {
    match Scheme::of(url)? {
        Scheme::Memory => Ok(None),
        Scheme::Json => JsonOptions::from_url(url).map(|options| Some(options.path)),
        Scheme::Sqlite => {
            let options = SqliteOptions::from_url(url)?;
            Ok((!options.is_memory()).then_some(options.path))
        }
    }
}

fn missing(path: &Path) -> Error {
    let message = format!("there is no database at {}: create it with `aquifer db migrate`", path.display());
    Error::new(ErrorKind::NotFound, message)
}
