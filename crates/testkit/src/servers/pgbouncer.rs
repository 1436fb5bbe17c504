//! PgBouncer in transaction mode.

use super::postgres::start_own;
use super::{PASSWORD, Started, USER, postgres, strings};
use crate::obtain::{Package, Release, Software, Source};
use crate::run::{Daemon, Home, Probe, free_port};
use crate::{Result, Server};

static SOFTWARE: Software = Software {
    program: "pgbouncer",
    version: "--version",
    is_not: None,
    image: None,
    package: Some(Source::Debian(Package {
        name: "pgbouncer",
        release: Release::Own,
        programs: &["usr/sbin/pgbouncer"],
        links: &[],
    })),
};

/// Starts PgBouncer before the server on the port `postgres`. Its settings are its defaults as far as they can be, as
/// people run it: a start-up parameter that it does not know is refused.
pub(super) fn start(home: &mut Home, postgres: Option<u16>) -> Result<Started> {
    let found = SOFTWARE.obtain_program()?;
    let postgres = match postgres {
        Some(port) => port,
        None => start_own(home, &postgres::SOFTWARE.obtain_program()?)?,
    };
    let port = free_port()?;
    let users = home.write("users.txt", &format!("\"{USER}\" \"{PASSWORD}\"\n"))?;
    let configuration = format!(
        "[databases]\n* = host=127.0.0.1 port={postgres}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = scram-sha-256\nauth_file = {}\n\
         pool_mode = transaction\nmax_client_conn = 400\ndefault_pool_size = 20\n",
        users.display()
    );
    let configuration = home.write("pgbouncer.ini", &configuration)?;
    let program = home.program(&found.program, strings([&configuration.display().to_string()]));
    home.start(Daemon::new(Server::PgBouncer.name(), port, Probe::Postgres, program))?;
    let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{USER}");
    Ok(Started::new(Server::PgBouncer, &found, url))
}
