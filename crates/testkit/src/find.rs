//! Where a test's server is.

use std::env;
use std::path::PathBuf;

use crate::state::State;
use crate::{Entry, Error, Result, Server, TlsFiles};

/// The URL of a server.
///
/// # Panics
/// If there is none, so that a test without its server fails. The text says which command starts it.
#[expect(clippy::panic, reason = "a test without its server has to fail, not to be skipped")]
pub fn url(server: Server) -> String {
    try_url(server).unwrap_or_else(|error| panic!("{error}"))
}

/// The URL of a server: from its variable, or else of the one that `cargo xtask servers up` started.
///
/// # Errors
/// If there is none; the text says which command starts it.
pub fn try_url(server: Server) -> Result<String> {
    match given_url(server) {
        Some(url) => Ok(url),
        None => started(server).map(|entry| entry.url),
    }
}

/// The URL that the server's variable holds, if it is set and not empty.
pub(crate) fn given_url(server: Server) -> Option<String> {
    env::var(server.variable()).ok().filter(|url| !url.is_empty())
}

/// Where the certificates are that go with the URL of [`Server::PostgresTls`] or [`Server::RedisTls`]: with a server of
/// one's own in the folder that its variable names (`AQUIFER_TEST_POSTGRES_TLS_FILES`).
///
/// # Panics
/// If there are none.
#[expect(clippy::panic, reason = "a test without its server has to fail, not to be skipped")]
pub fn tls_files(server: Server) -> TlsFiles {
    let variable = server.variable().replace("_URL", "_FILES");
    let folder = match env::var_os(&variable).filter(|folder| !folder.is_empty()) {
        Some(folder) => Ok(PathBuf::from(folder)),
        None if given_url(server).is_some() => {
            Err(Error::new(format!("{} is set, set {variable} too: a folder with ca.crt", server.variable())))
        }
        None => started(server).and_then(|entry| {
            entry.files.ok_or_else(|| Error::new(format!("the test server {server} has no certificates")))
        }),
    };
    TlsFiles::in_folder(&folder.unwrap_or_else(|error| panic!("{error}")))
}

/// Which kind of server answers as MongoDB: `mongod`, or `documentdb`, which is the DocumentDB engine behind a gateway.
/// A server of one's own is a `mongod` unless `AQUIFER_TEST_MONGODB_KIND` says otherwise.
///
/// # Panics
/// If there is no server.
#[expect(clippy::panic, reason = "a test without its server has to fail, not to be skipped")]
pub fn mongodb_kind() -> String {
    if given_url(Server::Mongodb).is_some() {
        return env::var("AQUIFER_TEST_MONGODB_KIND").unwrap_or_else(|_| String::from("mongod"));
    }
    started(Server::Mongodb).unwrap_or_else(|error| panic!("{error}")).kind
}

fn started(server: Server) -> Result<Entry> {
    State::read()?.servers.remove(server.name()).ok_or_else(|| {
        let variable = server.variable();
        Error::new(format!(
            "no test server {server}: start it with `cargo xtask servers up {server}`, or set {variable}"
        ))
    })
}
