//! How each server is started: a small file for each.

mod dynamodb;
mod libsql;
mod mariadb;
mod mongo_wire;
mod mongodb;
mod mysql;
mod pgbouncer;
mod postgres;
mod redis;
mod redis_groups;
mod resp;

use std::path::PathBuf;

pub(crate) use postgres::port_of;

use crate::obtain::{Found, Origin, Software};
use crate::run::{Container, Daemon, Home, Program, free_port};
use crate::{Result, Server};

/// The user that servers know, with this password and a database of the same name.
const USER: &str = "aquifer";

/// The user's password.
const PASSWORD: &str = "secret";

/// A server that was started; its processes are with its [`Home`].
#[derive(Debug)]
pub(crate) struct Started {
    /// Where it is.
    pub(crate) url: String,
    /// Which program it is.
    pub(crate) kind: &'static str,
    /// Its version.
    pub(crate) version: String,
    /// How it was obtained, in a few words.
    pub(crate) how: String,
    /// The folder with the certificates for its clients.
    pub(crate) files: Option<PathBuf>,
}

impl Started {
    fn new(server: Server, found: &Found, url: String) -> Self {
        Self { url, kind: server.name(), version: found.version.clone(), how: found.how.clone(), files: None }
    }
}

/// Starts a server in `home`. One that depends on [`Server::Postgres`] uses the one on the port `postgres`, or without
/// that starts one of its own in the same home.
///
/// # Errors
/// If its software cannot be had, or it does not start; what of it has started is with `home`.
pub(crate) fn start(server: Server, home: &mut Home, postgres: Option<u16>) -> Result<Started> {
    match server {
        Server::Postgres => local_or_container(server, home, &postgres::SOFTWARE, postgres::start),
        Server::PostgresTls => postgres::start_with_tls(home),
        Server::PostgresReplica => postgres::start_replica(home, postgres),
        Server::PgBouncer => pgbouncer::start(home, postgres),
        Server::Mariadb => local_or_container(server, home, &mariadb::SOFTWARE, mariadb::start),
        Server::Mysql => local_or_container(server, home, &mysql::SOFTWARE, mysql::start),
        Server::Libsql => local_or_container(server, home, &libsql::SOFTWARE, libsql::start),
        Server::Redis => local_or_container(server, home, &redis::REDIS, redis::start),
        Server::Valkey => local_or_container(server, home, &redis::VALKEY, redis::start_valkey),
        Server::RedisTls => redis::start_with_tls(home),
        Server::RedisCluster => redis_groups::start_cluster(home),
        Server::RedisSentinel => redis_groups::start_sentinel(home),
        Server::Mongodb => mongodb::start(home),
        Server::Dynamodb => local_or_container(server, home, &dynamodb::SOFTWARE, dynamodb::start),
    }
}

/// Starts a server that is one process, in the way its software was found.
fn local_or_container(
    server: Server,
    home: &mut Home,
    software: &'static Software,
    local: fn(&mut Home, &Found) -> Result<Started>,
) -> Result<Started> {
    let (image, engine) = match software.obtain()? {
        Origin::Program(found) => return local(home, &found),
        Origin::Image(image, engine) => (image, engine),
    };
    let port = free_port()?;
    let with_port = |text: &str| text.replace("{port}", &port.to_string());
    let hasty = if home.options.durable { &[] } else { image.hasty };
    let mut arguments: Vec<String> = image.arguments.iter().chain(hasty).copied().map(with_port).collect();
    arguments.extend(home.options.arguments.iter().cloned());
    let ports = (port, image.port.unwrap_or(port));
    let container = Container::create(engine, image.name, ports, image.environment, &arguments)?;
    home.start(Daemon::new(server.name(), port, image.probe.clone(), Program::Container(container)))?;
    Ok(Started {
        url: with_port(image.url),
        kind: server.name(),
        version: image.name.to_owned(),
        how: format!("in a container by {}", engine.display()),
        files: None,
    })
}

/// `name` and `value` as PostgreSQL's and other servers' arguments want them.
fn strings<const N: usize>(arguments: [&str; N]) -> Vec<String> {
    arguments.map(str::to_owned).to_vec()
}
