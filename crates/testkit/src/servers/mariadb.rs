//! MariaDB.

use super::mysql::{account, durability, tls_arguments};
use super::{PASSWORD, Started, USER, strings};
use crate::obtain::{Found, Image, Package, Release, Software, Source};
use crate::run::{Daemon, Home, Probe, free_port};
use crate::tls::make_certificates;
use crate::{Result, Server};

/// MariaDB's software.
pub(super) static SOFTWARE: Software = Software {
    program: "mariadbd",
    version: "--version",
    is_not: None,
    image: Some(Image {
        name: "docker.io/library/mariadb:11.4",
        port: Some(3306),
        environment: &[("MARIADB_ROOT_PASSWORD", PASSWORD), ("MARIADB_DATABASE", USER)],
        arguments: &["--max-connections=400"],
        hasty: &["--innodb-flush-log-at-trx-commit=2"],
        probe: Probe::Mysql,
        url: "mysql://root:secret@127.0.0.1:{port}/aquifer",
    }),
    package: Some(Source::Debian(Package {
        name: "mariadb-server",
        release: Release::Own,
        programs: &["usr/sbin/mariadbd", "usr/bin/my_print_defaults"],
        links: &[],
    })),
};

/// Starts MariaDB; TLS is offered, not demanded.
pub(super) fn start(home: &mut Home, found: &Found) -> Result<Started> {
    let port = free_port()?;
    let files = make_certificates(home)?;
    let data = home.path().join("data").display().to_string();
    let base = format!("--basedir={}", found.base().display());
    let mut arguments = strings(["--no-defaults", &base, &format!("--datadir={data}"), "--skip-test-db"]);
    arguments.extend(strings(["--auth-root-authentication-method=normal", "--skip-name-resolve"]));
    home.run(&found.base().join("bin/mariadb-install-db"), &arguments, &[], "")?;

    let account = home.write("account.sql", &account())?;
    let mut arguments = strings(["--no-defaults", &base, &format!("--datadir={data}"), "--skip-name-resolve"]);
    arguments.extend(strings([&format!("--port={port}"), "--bind-address=127.0.0.1", "--socket=mariadb.sock"]));
    arguments.extend(strings(["--max-connections=400", "--innodb-buffer-pool-size=128M"]));
    arguments.extend(durability(home));
    arguments.push(format!("--init-file={}", account.display()));
    arguments.extend(tls_arguments(&files));
    let program = home.program(&found.program, arguments);
    home.start(Daemon::new(Server::Mariadb.name(), port, Probe::Mysql, program))?;
    let url = format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{port}/{USER}");
    Ok(Started { files: Some(files), ..Started::new(Server::Mariadb, found, url) })
}
