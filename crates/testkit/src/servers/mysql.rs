//! MySQL proper.

use std::path::Path;

use super::{PASSWORD, Started, USER, strings};
use crate::obtain::{Found, Image, Package, Release, Software, Source};
use crate::run::{Daemon, Home, Probe, free_port};
use crate::tls::make_certificates;
use crate::{Result, Server};

/// MySQL's software. MariaDB brings a `mysqld` too, which is not meant.
pub(super) static SOFTWARE: Software = Software {
    program: "mysqld",
    version: "--version",
    is_not: Some("MariaDB"),
    image: Some(Image {
        name: "docker.io/library/mysql:8.4",
        port: Some(3306),
        environment: &[("MYSQL_ROOT_PASSWORD", PASSWORD), ("MYSQL_DATABASE", USER)],
        arguments: &["--max-connections=400", "--mysqlx=OFF"],
        hasty: &["--innodb-flush-log-at-trx-commit=2", "--skip-log-bin"],
        probe: Probe::Mysql,
        url: "mysql://root:secret@127.0.0.1:{port}/aquifer",
    }),
    package: Some(Source::Debian(Package {
        name: "mysql-server-core",
        release: Release::SidOrOwn,
        programs: &["usr/sbin/mysqld"],
        links: &[],
    })),
};

/// Starts MySQL; TLS is offered, not demanded.
pub(super) fn start(home: &mut Home, found: &Found) -> Result<Started> {
    let port = free_port()?;
    let files = make_certificates(home)?;
    let data = home.path().join("data").display().to_string();
    let base = found.base().display();
    let mut common = strings(["--no-defaults", &format!("--basedir={base}"), &format!("--datadir={data}")]);
    common.extend(strings([&format!("--lc-messages-dir={base}/share/mysql"), "--secure-file-priv=NULL"]));
    common.extend(strings([&format!("--plugin-dir={base}/lib/mysql/plugin"), "--skip-log-bin", "--mysqlx=OFF"]));
    let mut arguments = common.clone();
    arguments.push(String::from("--initialize-insecure"));
    home.run(&found.program, &arguments, &[], "")?;

    let account = home.write("account.sql", &account())?;
    let mut arguments = common;
    arguments.extend(strings([&format!("--port={port}"), "--bind-address=127.0.0.1", "--socket=mysql.sock"]));
    arguments.extend(strings(["--max-connections=400", "--innodb-buffer-pool-size=128M", "--performance-schema=OFF"]));
    arguments.extend(durability(home));
    arguments.push(format!("--init-file={}", account.display()));
    arguments.extend(tls_arguments(&files));
    let program = home.program(&found.program, arguments);
    home.start(Daemon::new(Server::Mysql.name(), port, Probe::Mysql, program))?;
    let url = format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{port}/{USER}");
    Ok(Started { files: Some(files), ..Started::new(Server::Mysql, found, url) })
}

/// What MySQL and MariaDB run at each start, before anybody can connect: one statement a line.
pub(super) fn account() -> String {
    format!(
        "CREATE DATABASE IF NOT EXISTS {USER} CHARACTER SET utf8mb4;\n\
         CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
         GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
    )
}

/// How much MySQL and MariaDB wait for the disk. A quick one makes and drops tables several times as fast, and loses nothing
/// when it is killed, only when the machine crashes.
pub(super) fn durability(home: &Home) -> Vec<String> {
    if home.options.durable {
        return strings(["--innodb-flush-log-at-trx-commit=1"]);
    }
    let mut arguments = strings(["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"]);
    arguments.extend(strings(["--skip-innodb-doublewrite", "--innodb-file-per-table=0"]));
    arguments
}

/// The server's certificate, for MySQL and MariaDB.
pub(super) fn tls_arguments(files: &Path) -> Vec<String> {
    let argument = |option: &str, file: &str| format!("--ssl-{option}={}", files.join(file).display());
    vec![argument("ca", "ca.crt"), argument("cert", "server.crt"), argument("key", "server.key")]
}
