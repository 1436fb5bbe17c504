//! Opening the database and the engine that the settings name.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aquifer::core::{ErrorKind, Store};
use aquifer::engine::{Engine, EngineOptions, MapSecrets};
use aquifer::{OpenOptions, Scheme, mask};
use serde_json::Value;

use crate::config::{DatabaseSettings, Settings};
use crate::failure::{Failure, Result};
use crate::input::{Limit, read_json};

/// Opens the database, and waits for it as long as the settings say.
///
/// # Errors
/// With its URL, secrets masked, and who named it.
pub(crate) async fn open(database: &DatabaseSettings, options: OpenOptions) -> Result<Store> {
    let options = OpenOptions { wait: database.wait, ..options };
    aquifer::open(&database.url, &options).await.map_err(|error| named(error, database))
}

/// The failure of a database, with its URL, secrets masked, and who named it.
pub(crate) fn named(error: aquifer::core::Error, database: &DatabaseSettings) -> Failure {
    let waits = match error.kind() {
        ErrorKind::Unavailable if database.wait.is_zero() => {
            "; --wait-for-database SECONDS waits for one that is starting"
        }
        _ => "",
    };
    let place = format!("the database is {}, from {}", mask(&database.url), database.source);
    Failure::from(error).with_hint(format!("{place}{waits}"))
}

/// Where the data is, for people: a file, a kind of server, or nowhere once the process ends.
///
/// # Errors
/// If the URL names no database.
pub(crate) fn whereabouts(database: &DatabaseSettings) -> Result<Whereabouts> {
    let path = aquifer::path_of(&database.url)?.map(|path| std::path::absolute(&path).unwrap_or(path));
    Ok(match (path, Scheme::of(&database.url)?) {
        (Some(path), _) => Whereabouts::File(path),
        (None, Scheme::Memory | Scheme::Json | Scheme::Sqlite) => Whereabouts::Nowhere,
        (None, server) => Whereabouts::Server(server.database()),
    })
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// In this file.
    File(PathBuf),
    /// On a server of this kind.
    Server(&'static str),
    /// In memory, and gone with the process.
    Nowhere,
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(name) => f.write_str(name),
            Self::Nowhere => f.write_str("memory only: it ends with this process"),
        }
    }
}

/// Finishes or hands back what the engine runs, and closes its database.
pub(crate) async fn close(engine: Engine) {
    engine.shutdown().await;
    close_store(engine.store()).await;
}

/// Closes a database. What was acknowledged is durable, whatever comes of it.
pub(crate) async fn close_store(store: &Store) {
    if let Err(error) = store.backend().close().await {
        tracing::warn!(%error, "the database was not closed properly");
    }
}

/// What the engine is made with: the settings, and a file of secrets if one was named.
///
/// # Errors
/// If the file is no JSON object.
pub(crate) fn engine_options(settings: &Settings, secrets: Option<&Path>) -> Result<EngineOptions> {
    let mut options = settings.engine_options();
    if let Some(path) = secrets {
        let Value::Object(map) = read_json(path, Limit::SMALL)? else {
            return Err(Failure::unusable(format!(
                "{}: this is not a JSON object: write {{\"NAME\": \"value\"}}",
                path.display()
            )));
        };
        options.secrets = Arc::new(MapSecrets(map));
    }
    Ok(options)
}
