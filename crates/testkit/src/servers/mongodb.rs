//! MongoDB where there is one; else the DocumentDB engine, which is PostgreSQL with an extension, behind a gateway.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::mongo_wire::{initiate, is_primary};
use super::resp::wait_until;
use super::{Started, local_or_container, strings};
use crate::obtain::{Found, Image, Package, Release, Software, Source};
use crate::run::{Daemon, Home, Probe, StopSignal, free_port};
use crate::state::workspace;
use crate::{Error, Result, Server};

static MONGOD: Software = Software {
    program: "mongod",
    version: "--version",
    is_not: None,
    image: Some(Image {
        name: "docker.io/library/mongo:7.0",
        // Its clients are told the address that it knows of itself, so the port has to be the same inside.
        port: None,
        environment: &[],
        arguments: &["mongod", "--replSet", "rs0", "--bind_ip_all", "--port", "{port}"],
        hasty: &[],
        probe: Probe::Connect,
        url: "mongodb://127.0.0.1:{port}/?replicaSet=rs0",
    }),
    package: None,
};

static DOCUMENTDB: Software = Software {
    program: "postgres",
    version: "--version",
    is_not: None,
    image: None,
    package: Some(Source::Debian(Package {
        name: "postgresql-18-documentdb",
        release: Release::Sid,
        programs: &[
            "usr/lib/postgresql/18/bin/postgres",
            "usr/lib/postgresql/18/bin/initdb",
            "usr/lib/postgresql/18/bin/psql",
        ],
        links: &[("usr/share/postgresql/18/extension/postgis.control", "postgis-3.control")],
    })),
};

/// The package and the program of the gateway.
const GATEWAY: &str = "aquifer-mongo-gateway";

/// What the engine is started with; the data are lost after a crash of the machine, not of the server.
const SETTINGS: [&str; 10] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_preload_libraries=pg_cron,pg_documentdb_core,pg_documentdb",
    "cron.database_name=postgres",
    "max_connections=400",
    "max_locks_per_transaction=256",
    "shared_buffers=128MB",
    "jit=off",
    "fsync=off",
    "full_page_writes=off",
];

/// Starts a `mongod`, or what stands for it.
pub(super) fn start(home: &mut Home) -> Result<Started> {
    if MONGOD.obtain().is_ok() {
        let started = local_or_container(Server::Mongodb, home, &MONGOD, start_mongod)?;
        let port = home.last_port();
        initiate(port)?;
        wait_until("a replica set of one mongod", || is_primary(port))?;
        return Ok(Started { kind: "mongod", ..started });
    }
    start_documentdb(home)
}

fn start_mongod(home: &mut Home, found: &Found) -> Result<Started> {
    let port = free_port()?;
    let data = home.make_folder("data")?.display().to_string();
    let mut arguments = strings(["--replSet", "rs0", "--bind_ip", "127.0.0.1", "--port", &port.to_string()]);
    arguments.extend(strings(["--dbpath", &data, "--nounixsocket"]));
    let program = home.program(&found.program, arguments);
    home.start(Daemon::new(Server::Mongodb.name(), port, Probe::Connect, program))?;
    Ok(Started::new(Server::Mongodb, found, url(port)))
}

fn start_documentdb(home: &mut Home) -> Result<Started> {
    let gateway = gateway(home)?;
    let found = DOCUMENTDB.in_packages()?;
    let data = home.make_folder("data")?;
    let postgres = start_engine(home, &found, &data)?;

    let port = free_port()?;
    let engine = format!("postgres://postgres@127.0.0.1:{postgres}/postgres");
    let arguments = strings(["--port", &port.to_string(), "--postgres", &engine]);
    let program = home.program(&gateway, arguments);
    home.start(Daemon::new(Server::Mongodb.name(), port, Probe::Connect, program))?;
    let version = format!("DocumentDB on PostgreSQL {}", found.version);
    Ok(Started { kind: "documentdb", version, ..Started::new(Server::Mongodb, &found, url(port)) })
}

/// Starts PostgreSQL with the extension, and returns its port.
fn start_engine(home: &mut Home, found: &Found, data: &Path) -> Result<u16> {
    let port = free_port()?;
    let data = data.display().to_string();
    let mut arguments = strings(["-D", &data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
    arguments.extend(strings(["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]));
    home.run(&found.sibling("initdb"), &arguments, &[], "")?;

    let mut arguments = strings(["-D", &data, "-p", &port.to_string()]);
    for setting in SETTINGS {
        arguments.extend(strings(["-c", setting]));
    }
    if home.options.durable {
        arguments.extend(strings(["-c", "fsync=on", "-c", "full_page_writes=on"]));
    }
    let program = home.helper(&found.program, arguments).stopped_by(StopSignal::Interrupt);
    home.start(Daemon::new("postgres", port, Probe::Postgres, program))?;
    let mut arguments =
        strings(["--no-psqlrc", "--quiet", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres"]);
    arguments.extend(strings(["--set=ON_ERROR_STOP=1", "-c", "CREATE EXTENSION documentdb CASCADE", "postgres"]));
    home.run(&found.sibling("psql"), &arguments, &[], "")?;
    Ok(port)
}

/// Puts the gateway where the user that servers run as can reach it.
///
/// It is built first; for a server of a test's own only where that has never been done, as the tests may not wait for
/// whoever else builds something.
fn gateway(home: &Home) -> Result<PathBuf> {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => workspace().join(target),
        None => workspace().join("target"),
    };
    let built = target.join("debug").join(GATEWAY);
    if home.is_shared() || !built.is_file() {
        build_gateway()?;
    }
    let program = home.path().join(GATEWAY);
    fs::copy(&built, &program)
        .and_then(|_| fs::set_permissions(&program, Permissions::from_mode(0o755)))
        .map_err(Error::because(format!("{} cannot be copied", built.display())))?;
    Ok(program)
}

fn build_gateway() -> Result {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // Of the workspace, so that what it is built from is what the tests are built from.
    build.args(["build", "--quiet", "--workspace", "--bin", GATEWAY]).current_dir(workspace()).stdin(Stdio::null());
    let status = build.status().map_err(Error::because("cargo cannot be run"))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!(
        "the gateway before DocumentDB is not built: cargo build --workspace --bin {GATEWAY} ({status})"
    )))
}

fn url(port: u16) -> String {
    format!("mongodb://127.0.0.1:{port}/?replicaSet=rs0")
}
