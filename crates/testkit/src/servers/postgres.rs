//! PostgreSQL: plain, with TLS, and a streaming replica.

use std::path::{Path, PathBuf};

use super::{PASSWORD, Started, USER, strings};
use crate::obtain::{Found, Image, Package, Release, Software, Source};
use crate::run::{Daemon, Home, Probe, Program, StopSignal, free_port};
use crate::tls::make_certificates;
use crate::{Error, Result, Server};

/// PostgreSQL's software.
pub(super) static SOFTWARE: Software = Software {
    program: "postgres",
    version: "--version",
    is_not: None,
    image: Some(Image {
        name: "docker.io/library/postgres:17",
        port: Some(5432),
        environment: &[("POSTGRES_USER", USER), ("POSTGRES_PASSWORD", PASSWORD), ("POSTGRES_DB", USER)],
        arguments: &["postgres", "-c", "max_connections=400"],
        hasty: &["-c", "fsync=off", "-c", "full_page_writes=off"],
        probe: Probe::Postgres,
        url: "postgres://aquifer:secret@127.0.0.1:{port}/aquifer",
    }),
    package: Some(Source::Debian(Package {
        name: "postgresql",
        release: Release::Own,
        programs: &[
            "usr/lib/postgresql/*/bin/postgres",
            "usr/lib/postgresql/*/bin/initdb",
            "usr/lib/postgresql/*/bin/pg_basebackup",
        ],
        links: &[],
    })),
};

/// What every instance is started with. No TLS and no socket unless asked for; as many connections as many tests at once
/// need; and no compiler of queries, which costs more than it gains on queries as small as ours.
const SETTINGS: [&str; 9] = [
    "max_connections=400",
    "max_locks_per_transaction=256",
    "max_wal_senders=10",
    "wal_level=replica",
    "unix_socket_directories=",
    "jit=off",
    "timezone=UTC",
    "shared_buffers=128MB",
    "max_wal_size=2GB",
];

/// What makes it quick: after a crash of the machine, not of the server, its data are lost.
const HASTY: [&str; 2] = ["fsync=off", "full_page_writes=off"];

/// Starts PostgreSQL without TLS.
pub(super) fn start(home: &mut Home, found: &Found) -> Result<Started> {
    let port = free_port()?;
    let data = initialise(home, found, "")?;
    let program = server(home, found, &data, port, &[]);
    home.start(Daemon::new(Server::Postgres.name(), port, Probe::Postgres, program))?;
    Ok(Started::new(Server::Postgres, found, url(port)))
}

/// Starts PostgreSQL that speaks nothing but TLS. It answers on 127.0.0.2 too, which its certificate does not name.
pub(super) fn start_with_tls(home: &mut Home) -> Result<Started> {
    let found = SOFTWARE.obtain_program()?;
    let port = free_port()?;
    let files = make_certificates(home)?;
    let data = initialise(home, &found, "CREATE ROLE app SUPERUSER LOGIN;\n")?;
    // What initdb wrote lets clients in without TLS.
    let rules = "hostssl all app 127.0.0.0/8 cert\nhostssl all all 127.0.0.0/8 scram-sha-256\n";
    let rules = home.write("pg_hba.conf", rules)?;
    let file = |name: &str, file: &Path| format!("{name}={}", file.display());
    let settings = [
        String::from("ssl=on"),
        String::from("listen_addresses=127.0.0.1,127.0.0.2"),
        file("hba_file", &rules),
        file("ssl_cert_file", &files.join("server.crt")),
        file("ssl_key_file", &files.join("server.key")),
        file("ssl_ca_file", &files.join("ca.crt")),
    ];
    let program = server(home, &found, &data, port, &settings);
    home.start(Daemon::new(Server::PostgresTls.name(), port, Probe::Postgres, program))?;
    let url = url(port).replace("127.0.0.1", "localhost");
    Ok(Started { files: Some(files), ..Started::new(Server::PostgresTls, &found, url) })
}

/// Starts a streaming replica of the server on the port `primary`.
pub(super) fn start_replica(home: &mut Home, primary: Option<u16>) -> Result<Started> {
    let found = SOFTWARE.obtain_program()?;
    let primary = primary.map_or_else(|| start_own(home, &found), Ok)?;
    let port = free_port()?;
    let data = home.make_folder("replica")?;
    let data_text = data.display().to_string();
    let mut arguments = strings(["-D", &data_text, "-U", USER, "-h", "127.0.0.1", "-p", &primary.to_string()]);
    arguments.extend(strings(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]));
    home.run(&found.sibling("pg_basebackup"), &arguments, &[("PGPASSWORD", PASSWORD)], "")?;
    let program = server(home, &found, &data, port, &[]);
    home.start(Daemon::new(Server::PostgresReplica.name(), port, Probe::Postgres, program))?;
    Ok(Started::new(Server::PostgresReplica, &found, url(port)))
}

/// Starts a PostgreSQL that another server of the same home depends on, and returns its port.
pub(super) fn start_own(home: &mut Home, found: &Found) -> Result<u16> {
    let port = free_port()?;
    let data = initialise(home, found, "")?;
    let program = server(home, found, &data, port, &[]);
    home.start(Daemon::new(Server::Postgres.name(), port, Probe::Postgres, program))?;
    Ok(port)
}

/// Makes the data folder with the user and its database, and runs more statements, one a line.
fn initialise(home: &Home, found: &Found, statements: &str) -> Result<PathBuf> {
    let data = home.make_folder("data")?;
    let data_text = data.display().to_string();
    let password = home.write("password", PASSWORD)?;
    let password = format!("--pwfile={}", password.display());
    let mut arguments = strings(["-D", &data_text, "-U", USER, &password, "--no-sync"]);
    arguments.extend(strings(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]));
    if major(found) >= 15 {
        // Sorted as people sort, so that a backend that forgets to ask for the order of bytes is found out.
        arguments.extend(strings(["--locale-provider=icu", "--icu-locale=en-US"]));
    }
    home.run(&found.sibling("initdb"), &arguments, &[], "")?;
    let statements = format!("CREATE DATABASE {USER};\n{statements}");
    home.run(&found.program, &strings(["--single", "-D", &data_text, "postgres"]), &[], &statements)?;
    Ok(data)
}

fn major(found: &Found) -> u32 {
    found.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default()
}

/// The server process on this data and port.
fn server(home: &Home, found: &Found, data: &Path, port: u16, settings: &[String]) -> Program {
    let mut arguments = strings(["-D", &data.display().to_string(), "-p", &port.to_string()]);
    let hasty: &[&str] = if home.options.durable { &[] } else { &HASTY };
    for setting in SETTINGS.iter().chain(hasty) {
        arguments.extend(strings(["-c", setting]));
    }
    for setting in settings {
        arguments.extend(strings(["-c", setting]));
    }
    // Terminate would wait for its clients to leave.
    home.program(&found.program, arguments).stopped_by(StopSignal::Interrupt)
}

fn url(port: u16) -> String {
    format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{USER}")
}

/// The port in a URL that [`url`] made.
pub(crate) fn port_of(url: &str) -> Result<u16> {
    let authority = url.rsplit('@').next().and_then(|rest| rest.split('/').next());
    let port = authority.and_then(|authority| authority.rsplit(':').next()).and_then(|port| port.parse().ok());
    port.ok_or_else(|| Error::new("the URL of the test server postgres names no port"))
}
