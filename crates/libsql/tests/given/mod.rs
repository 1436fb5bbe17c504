//! A server that somebody else runs, with one database for all cases.

use std::fs::File;

use aquifer_core::{Error, Result};
use aquifer_testkit::Server;

/// The right to use the database that the variable names, until it is dropped. Cases of other processes wait for it too.
pub(crate) struct Turn {
    url: String,
    _lock: File,
}

impl Turn {
    /// Waits for the turn and empties the database; `None` if no server is given.
    pub(crate) async fn take() -> Result<Option<Self>> {
        let variable = Server::Libsql.variable();
        let Some(url) = std::env::var(variable).ok().filter(|url| !url.is_empty()) else { return Ok(None) };
        let locked = tokio::task::spawn_blocking(|| {
            let lock = File::create(std::env::temp_dir().join("aquifer-libsql-conformance.lock"))?;
            lock.lock().map(|()| lock)
        });
        let lock = locked.await.map_err(|error| Error::unavailable(error.to_string()))?;
        let lock = lock.map_err(|error| Error::unavailable("no lock to take turns with").with_source(error))?;
        empty(&url).await?;
        Ok(Some(Self { url, _lock: lock }))
    }

    /// Where the server is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Removes every table.
async fn empty(url: &str) -> Result<()> {
    let options = aquifer_libsql::LibsqlOptions::from_url(url)?;
    let failed = |error: reqwest::Error| Error::unavailable("the database cannot be emptied").with_source(error);
    let send = async |statements: Vec<String>| -> reqwest::Result<serde_json::Value> {
        let mut requests: Vec<_> =
            statements.iter().map(|sql| serde_json::json!({ "type": "execute", "stmt": { "sql": sql } })).collect();
        requests.push(serde_json::json!({ "type": "close" }));
        let body = serde_json::json!({ "requests": requests }).to_string();
        let mut request = reqwest::Client::new().post(format!("{}/v2/pipeline", options.url)).body(body);
        if let Some(token) = &options.auth_token {
            request = request.bearer_auth(token);
        }
        let text = request.send().await?.error_for_status()?.bytes().await?;
        Ok(serde_json::from_slice(&text).unwrap_or_default())
    };
    // `reqwest` needs a TLS implementation, whatever the scheme.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listing =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'libsql%'";
    let found = send(vec![listing.to_owned()]).await.map_err(failed)?;
    let rows = found["results"][0]["response"]["result"]["rows"].as_array().cloned().unwrap_or_default();
    let mut statements = vec!["PRAGMA foreign_keys = OFF".to_owned()];
    statements
        .extend(rows.iter().filter_map(|row| row[0]["value"].as_str()).map(|name| format!("DROP TABLE \"{name}\"")));
    send(statements).await.map_err(failed)?;
    Ok(())
}
