//! From a URL to a store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer_core::layers::{Chunks, GroupCommit, Observe, Retries, RetryOptions};
use aquifer_core::{Backend, Clock, ErrorKind, Result, SCHEMA, Store, SystemClock};
use backon::{BackoffBuilder, ExponentialBuilder};

use crate::database::{Access, Database};

/// A backend whose records may have so many bytes needs no chunks, which cost a read before a write. It holds for all processes on a
/// database, because the limit is the backend's own.
const LARGE_RECORDS: usize = 16 << 20;

/// A call of a backend that takes longer is reported.
const SLOW: Duration = Duration::from_secs(1);

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// Whether a database that does not exist is created; true by default.
    pub create: bool,
    /// Whether the database is brought to this program's schema; true by default. Without it, a database that lacks something
    /// refuses what needs it.
    pub migrate: bool,
    /// How long a database that cannot be reached is tried again; zero by default. It is for servers that are started together with
    /// this program.
    pub wait: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { create: true, migrate: true, wait: Duration::ZERO }
    }
}

/// Opens the database that `url` names, with everything that wraps a backend: metrics and traces, retries of transient faults, group
/// commit, and chunks for records that are too large for the database.
///
/// The URL is `memory:`, `json:PATH` or a path that ends in `.json`, `sqlite:PATH`, or that of a server; see [`crate::Scheme`].
///
/// # Errors
/// `Invalid` if the URL names no database that this build can open, or what is there is not Aquifer's or newer; `NotFound` if there
/// is none and none is to be created; otherwise what the backend says. No error shows a secret of the URL.
pub async fn open(url: &str, options: &OpenOptions) -> Result<Store> {
    let access = Access { create: options.create, read_only: false };
    let backend = open_patiently(url, access, options.wait).await?.backend;
    if options.migrate
        && let Err(error) = backend.migrate().await
    {
        close(&*backend).await;
        return Err(error);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    layered(backend, clock)
}

/// Opens a database, and tries again for as long as `patience` lasts while it cannot be reached.
pub(crate) async fn open_patiently(url: &str, access: Access, patience: Duration) -> Result<Database> {
    let began = Instant::now();
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .without_max_times()
        .with_jitter()
        .build();
    loop {
        let error = match Database::open(url, access).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => error,
            opened => return opened,
        };
        let left = patience.saturating_sub(began.elapsed());
        match pauses.next() {
            Some(pause) if !left.is_zero() => {
                tracing::info!(%error, "the database cannot be reached yet, trying again");
                tokio::time::sleep(pause.min(left)).await;
            }
            _ => return Err(error),
        }
    }
}

/// Wraps a backend in the layers, the outermost last: what callers wait for is observed, whatever was done beneath.
fn layered(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Result<Store> {
    let backend: Arc<dyn Backend> = Arc::new(GroupCommit::new(backend));
    let backend: Arc<dyn Backend> = Arc::new(Retries::new(backend, Arc::clone(&clock), RetryOptions::default()));
    let observed = |backend| Arc::new(Observe::new(backend, SLOW)) as Arc<dyn Backend>;
    if backend.capabilities().max_record_bytes >= LARGE_RECORDS {
        return Ok(Store::new(observed(backend), clock));
    }
    let chunks = Arc::new(Chunks::new(backend, &SCHEMA, Arc::clone(&clock))?);
    Ok(Store::new(observed(Arc::clone(&chunks) as Arc<dyn Backend>), clock).with_chunks(chunks))
}

/// Closes a backend that failed already: a second failure adds nothing.
pub(crate) async fn close(backend: &dyn Backend) {
    let _ = backend.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(url: &str, options: OpenOptions) -> String {
        open(url, &options).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn every_scheme_opens_and_is_migrated() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        for (url, name) in [
            ("memory:".to_owned(), "memory"),
            (format!("json:{}", path("a.json")), "json"),
            (path("b.json"), "json"),
            (format!("sqlite:{}", path("a.db")), "sqlite"),
            (format!("sqlite+aiosqlite:///{}", path("b.db")), "sqlite"),
            (format!("file:{}", path("c.db")), "sqlite"),
            ("sqlite::memory:".to_owned(), "sqlite"),
        ] {
            let store = open(&url, &OpenOptions::default()).await.unwrap();
            assert_eq!(store.backend().name(), name, "{url}");
            assert!(store.backend().stats().await.unwrap().records.iter().all(|(_, count)| *count == 0));
            store.backend().close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn nothing_is_created_unless_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        for scheme in ["sqlite", "json"] {
            let path = directory.path().join(scheme);
            let url = format!("{scheme}:{}", path.display());
            let message = refused(&url, OpenOptions { create: false, ..OpenOptions::default() }).await;
            assert!(message.starts_with(&format!("there is no database at {}", path.display())), "{message}");
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn errors_show_no_secret() {
        let message = refused("libsqll://ann:s3cret@db.example?authToken=s3cret", OpenOptions::default()).await;
        assert!(message.contains("did you mean \"libsql\"?") && !message.contains("s3cret"), "{message}");
        let message = refused("memory:s3cret", OpenOptions::default()).await;
        assert!(message.contains("write memory:"), "{message}");
    }
}
