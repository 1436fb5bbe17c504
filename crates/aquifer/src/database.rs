//! Opening the backend that a URL names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aquifer_core::{Backend, BareRates, Error, ErrorKind, Result, SCHEMA};
use aquifer_json::{JsonBackend, JsonOptions};
use aquifer_memory::MemoryBackend;
use aquifer_sql::{SqliteBackend, SqliteOptions};

use crate::network;
use crate::scheme::Scheme;

/// How a backend is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    /// Whether a database that does not exist is created.
    pub(crate) create: bool,
    /// Whether nothing at all is written, where the database can promise that.
    pub(crate) read_only: bool,
}

/// An open backend.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) backend: Arc<dyn Backend>,
    /// The same backend, if it is one whose file can be looked through for damage.
    pub(crate) file: Option<Arc<SqliteBackend>>,
}

impl Database {
    /// Opens the database without migrating it. Files are opened on a thread that may block.
    pub(crate) async fn open(url: &str, access: Access) -> Result<Self> {
        let scheme = Scheme::of(url)?;
        if let Some(backend) = network::open(scheme, url).await {
            return Ok(Self { backend: backend?, file: None });
        }
        let url = url.to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_local(scheme, &url, access));
        opened.await.unwrap_or_else(|_| Err(Error::unavailable("the program stopped while it opened the database")))
    }

    fn open_local(scheme: Scheme, url: &str, access: Access) -> Result<Self> {
        match scheme {
            Scheme::Memory => match url.split_once(':') {
                Some((_, "" | "//")) => Ok(Self { backend: Arc::new(MemoryBackend::new(&SCHEMA)), file: None }),
                _ => Err(Error::invalid(format!("{url:?} names more than memory: write memory:"))),
            },
            Scheme::Json => {
                let options = JsonOptions::from_url(url)?;
                if !access.create && !options.path.exists() {
                    return Err(missing(&options.path));
                }
                Ok(Self { backend: Arc::new(JsonBackend::open(options, &SCHEMA)?), file: None })
            }
            _ => {
                let mut options = SqliteOptions::from_url(url)?;
                if !access.create && !options.is_memory() && !options.path.exists() {
                    return Err(missing(&options.path));
                }
                options.create &= access.create;
                options.read_only |= access.read_only && !options.is_memory();
                let backend = Arc::new(SqliteBackend::open(options, &SCHEMA)?);
                Ok(Self { backend: Arc::clone(&backend) as Arc<dyn Backend>, file: Some(backend) })
            }
        }
    }
}

/// The file that holds the data of the database that `url` names; `None` if no file does.
///
/// # Errors
/// `Invalid` if the URL names no database.
///
/// ```
/// assert_eq!(aquifer::path_of("sqlite:aquifer.db")?, Some("aquifer.db".into()));
/// assert_eq!(aquifer::path_of("memory:")?, None);
/// # Ok::<(), aquifer::core::Error>(())
/// ```
pub fn path_of(url: &str) -> Result<Option<PathBuf>> {
    match Scheme::of(url)? {
        Scheme::Json => JsonOptions::from_url(url).map(|options| Some(options.path)),
        Scheme::Sqlite => {
            let options = SqliteOptions::from_url(url)?;
            Ok((!options.is_memory()).then_some(options.path))
        }
        _ => Ok(None),
    }
}

/// Measures the limits of the database of `url` through its bare driver, in a database of its own on the same disk or server, for about
/// `duration`. `None` for a database in memory, which has no limit of its own.
///
/// # Errors
/// `Invalid` if the URL names no database that this build can open; `Unavailable` with what the database says.
pub async fn bare_rates(url: &str, duration: Duration) -> Result<Option<BareRates>> {
    let scheme = Scheme::of(url)?;
    if let Some(rates) = network::bare_rates(scheme, url, duration).await {
        return rates.map(Some);
    }
    let Some(path) = path_of(url)? else { return Ok(None) };
    let measured = tokio::task::spawn_blocking(move || {
        let path = beside(&path);
        let rates = match scheme {
            Scheme::Json => aquifer_json::bare_rates(&path, duration),
            _ => aquifer_sql::sqlite::bare_rates(&path, duration),
        };
        remove(&path);
        rates.map(Some)
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

fn missing(path: &Path) -> Error {
    let message = format!("there is no database at {}: create it with `aquifer db migrate`", path.display());
    Error::new(ErrorKind::NotFound, message)
}
