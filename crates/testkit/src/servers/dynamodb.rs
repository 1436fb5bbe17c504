//! A server with DynamoDB's interface: dynoxide, whose licence lets anybody test against it.

use std::borrow::Cow;

use super::{Started, strings};
use crate::obtain::{Found, NpmPackage, Software, Source};
use crate::run::{Daemon, Home, Probe, free_port};
use crate::{Result, Server};

/// The server's software.
pub(super) static SOFTWARE: Software = Software {
    program: "dynoxide",
    version: "--version",
    is_not: None,
    image: None,
    package: Some(Source::Npm(NpmPackage { name: "@dynoxide", version: "1.2.1" })),
};

/// Starts the server; it keeps its data in a file, so that they are there after a restart.
pub(super) fn start(home: &mut Home, found: &Found) -> Result<Started> {
    let port = free_port()?;
    let data = home.make_folder("data")?.join("dynamodb.db").display().to_string();
    let arguments = strings(["--host", "127.0.0.1", "--port", &port.to_string(), "--db-path", &data]);
    let program = home.program(&found.program, arguments);
    let probe = Probe::Http(Cow::Borrowed("/"));
    home.start(Daemon::new(Server::Dynamodb.name(), port, probe, program))?;
    let url = format!("dynamodb://eu-central-1?endpoint=http://127.0.0.1:{port}");
    Ok(Started::new(Server::Dynamodb, found, url))
}
