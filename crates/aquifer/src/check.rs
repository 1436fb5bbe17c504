//! Looking at a database without changing it.

use std::cmp::Ordering;
use std::time::Duration;

use aquifer_core::{Backend, Capabilities, Error, Result, SCHEMA, Stats};

use crate::database::Access;
use crate::open::{close, open_patiently};

/// What [`check`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// The backend's name.
    pub backend: &'static str,
    /// Name and version of the database, as it says itself; empty where there is none.
    pub server: String,
    /// The backend's own, without what the layers above it add.
    pub capabilities: Capabilities,
    /// Whether the tables fit this program.
    pub schema: SchemaState,
    /// What is damaged, in the database's own words; empty if all is well, or if the database has no such check.
    pub damage: Vec<String>,
    /// What is stored; `None` where the schema does not fit.
    pub stats: Option<Stats>,
}

/// Whether a database's schema is this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// It is.
    Current,
    /// It is empty or older: `migrate` brings it up.
    Pending,
}

/// Looks at the database that `url` names: whether it answers, whether its schema is this program's, whether it is damaged, and what is
/// stored. Changes nothing, and creates nothing. One that cannot be reached is tried again for as long as `wait`.
///
/// # Errors
/// `NotFound` if there is none; `Invalid` if it is not Aquifer's, or newer; otherwise what the backend says.
pub async fn check(url: &str, wait: Duration) -> Result<Health> {
    let database = open_patiently(url, Access { create: false, read_only: true }, wait).await?;
    let damage = match &database.file {
        Some(file) => file.quick_check().await,
        None => Ok(Vec::new()),
    };
    let backend = database.backend;
    let health = match damage {
        Ok(damage) => look(&*backend, damage).await,
        Err(error) => Err(error),
    };
    drop(database.file);
    close(&*backend).await;
    health
}

async fn look(backend: &dyn Backend, damage: Vec<String>) -> Result<Health> {
    let pong = backend.ping().await?;
    let schema = match pong.schema_version.cmp(&SCHEMA.version) {
        Ordering::Less => SchemaState::Pending,
        Ordering::Equal => SchemaState::Current,
        Ordering::Greater => return Err(newer(backend.name())),
    };
    let stats = match schema {
        SchemaState::Current => Some(backend.stats().await?),
        SchemaState::Pending => None,
    };
    let capabilities = backend.capabilities();
    Ok(Health { backend: backend.name(), server: pong.server, capabilities, schema, damage, stats })
}

fn newer(backend: &'static str) -> Error {
    Error::invalid(
        "the database has a newer schema version than this program: run the version that wrote it, or a newer one",
    )
    .with_backend(backend)
    .with_operation("check")
}

#[cfg(test)]
mod tests {
    use aquifer_core::ErrorKind;

    use super::*;
    use crate::{OpenOptions, open};

    #[tokio::test]
    async fn a_database_is_looked_at_without_being_changed() {
        let directory = tempfile::tempdir().unwrap();
        for (scheme, backend) in [("sqlite", "sqlite"), ("json", "json")] {
            let path = directory.path().join(scheme);
            let url = format!("{scheme}:{}", path.display());
            assert_eq!(check(&url, Duration::ZERO).await.unwrap_err().kind(), ErrorKind::NotFound);
            let store = open(&url, &OpenOptions::default()).await.unwrap();
            store.backend().close().await.unwrap();
            let before = std::fs::read(&path).unwrap();
            let health = check(&url, Duration::ZERO).await.unwrap();
            assert_eq!((health.backend, health.schema), (backend, SchemaState::Current));
            assert!(health.damage.is_empty() && health.stats.is_some());
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }

    #[tokio::test]
    async fn what_is_not_a_database_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        std::fs::write(&path, "not a database, but long enough to be looked at as if it were one".repeat(100)).unwrap();
        let error = check(&format!("sqlite:{}", path.display()), Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let error = check(&format!("sqlite:{}", directory.path().display()), Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("is a directory"), "{error}");
    }

    #[tokio::test]
    async fn an_empty_database_waits_for_its_migration() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        let health = check(&format!("sqlite:{}", path.display()), Duration::ZERO).await.unwrap();
        assert_eq!((health.schema, health.stats), (SchemaState::Pending, None));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
}
