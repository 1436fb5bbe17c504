//! Databases of the test server.

use aquifer_core::{Error, Result};
use aquifer_testkit::Server;
use mongodb::Client;

/// Whether the test server is a `mongod`, and not what stands for it.
pub(crate) fn is_real() -> bool {
    aquifer_testkit::mongodb_kind() == "mongod"
}

/// A database of its own, which goes when this is dropped.
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) name: String,
}

impl Place {
    /// A name that nobody else has.
    pub(crate) fn new() -> Result<Self> {
        let server =
            aquifer_testkit::try_url(Server::Mongodb).map_err(|error| Error::unavailable(error.to_string()))?;
        Ok(Self { server, name: format!("aquifer_test_{:016x}", fastrand::u64(..)) })
    }

    /// The URL of the database, with more options.
    pub(crate) fn url(&self, options: &str) -> String {
        url(&self.server, &self.name, options)
    }
}

/// The URL of a database on a server, with more options.
pub(crate) fn url(server: &str, database: &str, options: &str) -> String {
    let (place, query) = server.split_once('?').unwrap_or((server, ""));
    let (scheme, rest) = place.split_once("://").unwrap_or(("mongodb", place));
    let authority = rest.split('/').next().unwrap_or_default();
    let options: Vec<&str> = [query, options].into_iter().filter(|options| !options.is_empty()).collect();
    format!("{scheme}://{authority}/{database}?{}", options.join("&"))
}

impl Drop for Place {
    fn drop(&mut self) {
        let (url, name) = (self.server.clone(), self.name.clone());
        // A runtime of its own, because the test's may be at its end.
        let dropping = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                if let Ok(client) = Client::with_uri_str(&url).await {
                    // What is left over is of no consequence but its size.
                    let _ = client.database(&name).drop().await;
                }
            });
        });
        let _ = dropping.join();
    }
}
