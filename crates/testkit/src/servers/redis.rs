//! Redis and Valkey, each alone.

use std::path::Path;

use super::{PASSWORD, Started, strings};
use crate::obtain::{Found, Image, Package, Release, Software, Source};
use crate::run::{Daemon, Home, Probe, Program, free_port};
use crate::tls::make_certificates;
use crate::{Result, Server};

/// Redis' software.
pub(super) static REDIS: Software = Software {
    program: "redis-server",
    version: "--version",
    is_not: Some("alkey"),
    image: Some(Image {
        name: "docker.io/library/redis:7",
        port: Some(6379),
        environment: &[],
        arguments: &["redis-server", "--save", ""],
        hasty: &["--appendonly", "no"],
        probe: Probe::Redis,
        url: "redis://127.0.0.1:{port}",
    }),
    package: Some(Source::Debian(Package {
        name: "redis-server",
        release: Release::Own,
        programs: &["usr/bin/redis-server"],
        links: &[],
    })),
};

/// Valkey's software.
pub(super) static VALKEY: Software = Software {
    program: "valkey-server",
    version: "--version",
    is_not: None,
    image: Some(Image {
        name: "docker.io/valkey/valkey:8",
        port: Some(6379),
        environment: &[],
        arguments: &["valkey-server", "--save", ""],
        hasty: &["--appendonly", "no"],
        probe: Probe::Redis,
        url: "redis://127.0.0.1:{port}",
    }),
    package: Some(Source::Debian(Package {
        name: "valkey-server",
        release: Release::Own,
        programs: &["usr/bin/valkey-server"],
        links: &[],
    })),
};

/// Starts Redis.
pub(super) fn start(home: &mut Home, found: &Found) -> Result<Started> {
    start_one(home, found, Server::Redis)
}

/// Starts Valkey.
pub(super) fn start_valkey(home: &mut Home, found: &Found) -> Result<Started> {
    start_one(home, found, Server::Valkey)
}

fn start_one(home: &mut Home, found: &Found, server: Server) -> Result<Started> {
    let port = free_port()?;
    let data = home.make_folder("data")?;
    let mut arguments = common(home, &data);
    arguments.extend(strings(["--bind", "127.0.0.1", "--port", &port.to_string()]));
    let program = home.program(&found.program, arguments);
    home.start(Daemon::new(server.name(), port, Probe::Redis, program))?;
    Ok(Started::new(server, found, format!("redis://127.0.0.1:{port}")))
}

/// Starts Redis that speaks nothing but TLS, takes a client's certificate if there is one, and wants a password. It answers
/// on 127.0.0.2 too, which its certificate does not name.
pub(super) fn start_with_tls(home: &mut Home) -> Result<Started> {
    let found = REDIS.obtain_program()?;
    let port = free_port()?;
    let files = make_certificates(home)?;
    let data = home.make_folder("data")?;
    let file = |name: &str| files.join(name).display().to_string();
    let mut arguments = common(home, &data);
    arguments.extend(strings(["--bind", "127.0.0.1", "-127.0.0.2", "--port", "0", "--tls-port", &port.to_string()]));
    arguments.extend(strings(["--tls-cert-file", &file("server.crt"), "--tls-key-file", &file("server.key")]));
    arguments.extend(strings(["--tls-ca-cert-file", &file("ca.crt"), "--tls-auth-clients", "optional"]));
    arguments.extend(strings(["--requirepass", PASSWORD]));
    let program = home.program(&found.program, arguments);
    home.start(Daemon::new(Server::RedisTls.name(), port, Probe::Connect, program))?;
    let url = format!("rediss://:{PASSWORD}@localhost:{port}");
    Ok(Started { files: Some(files), ..Started::new(Server::RedisTls, &found, url) })
}

/// The arguments of every server: where its data are, and whether it forgets them.
pub(super) fn common(home: &Home, data: &Path) -> Vec<String> {
    let mut arguments = strings(["--dir", &data.display().to_string(), "--save", ""]);
    if home.options.durable {
        arguments.extend(strings(["--appendonly", "yes", "--appendfsync", "always"]));
    }
    arguments
}

/// One server of a group.
pub(super) fn member(home: &Home, found: &Found, name: &str, port: u16, more: &[&str]) -> Result<Program> {
    let data = home.make_folder(name)?;
    let mut arguments = common(home, &data);
    arguments.extend(strings(["--bind", "127.0.0.1", "--port", &port.to_string()]));
    arguments.extend(more.iter().map(|&word| word.to_owned()));
    Ok(home.program(&found.program, arguments))
}
