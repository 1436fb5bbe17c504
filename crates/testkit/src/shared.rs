//! The servers that tests share: started once, and there until they are taken down.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::find::given_url;
use crate::run::Home;
use crate::servers::{self, port_of};
use crate::state::State;
use crate::{Entry, Error, Options, Result, Server, state_folder};

/// What has become of one server of those that were asked for.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Its variable is set: it is somebody else's.
    Given(&'a str),
    /// It runs already.
    Running(&'a Entry),
    /// It was started, in this time.
    Started(&'a Entry, Duration),
    /// It cannot be had.
    Failed(&'a Error),
}

/// Starts those of `servers` that do not run, all at the same time, with those that they depend on. With `durable` those
/// that run and may forget what they have acknowledged are started anew. `report` is told of each as soon as it is known.
///
/// # Errors
/// If the state file cannot be read or written. A server that does not start is reported, and the others do.
pub fn up(servers: &[Server], durable: bool, report: impl Fn(Server, &Outcome<'_>) + Sync) -> Result {
    let _lock = lock()?;
    let mut state = State::read()?;
    let mut wanted: Vec<Server> = Vec::new();
    for server in with_dependencies(servers) {
        if let Some(url) = given_url(server) {
            report(server, &Outcome::Given(&url));
            continue;
        }
        match state.servers.get(server.name()) {
            Some(entry) if entry.is_alive() && (entry.durable || !durable) => {
                report(server, &Outcome::Running(entry));
            }
            _ => wanted.push(server),
        }
    }
    if wanted.contains(&Server::Postgres) {
        let orphans = Server::ALL.into_iter().filter(|server| server.needs_postgres());
        wanted.extend(
            orphans
                .filter(|server| state.servers.contains_key(server.name()) && !wanted.contains(server))
                .collect::<Vec<_>>(),
        );
    }
    for server in &wanted {
        if let Some(mut entry) = state.servers.remove(server.name()) {
            entry.take_down();
        }
    }
    let work = Work { state: Mutex::new(state), durable, report };
    let (dependent, independent): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|server| server.needs_postgres());
    for group in [independent, dependent] {
        std::thread::scope(|scope| {
            for server in group {
                let work = &work;
                scope.spawn(move || work.start(server));
            }
        });
    }
    work.state.into_inner().unwrap_or_else(PoisonError::into_inner).write()
}

/// Stops servers that [`up`] has started, all at the same time, and removes their data; returns the names of those that
/// there were.
///
/// # Errors
/// If the state file cannot be read or written.
pub fn down(servers: &[Server]) -> Result<Vec<&'static str>> {
    let _lock = lock()?;
    let mut state = State::read()?;
    let mut stopped = Vec::new();
    std::thread::scope(|scope| {
        // Those that depend on others come last in the list, and go first.
        for server in servers.iter().rev() {
            if let Some(mut entry) = state.servers.remove(server.name()) {
                stopped.push(server.name());
                scope.spawn(move || entry.take_down());
            }
        }
    });
    state.write()?;
    Ok(stopped)
}

/// Reports for each server that was started, and for each that is somebody else's, what there is; of a server that has ended
/// by itself as of one that failed.
///
/// # Errors
/// If the state file cannot be read.
pub fn status(report: impl Fn(Server, &Outcome<'_>)) -> Result {
    let state = State::read()?;
    for server in Server::ALL {
        if let Some(url) = given_url(server) {
            report(server, &Outcome::Given(&url));
        } else if let Some(entry) = state.servers.get(server.name()) {
            if entry.is_alive() {
                report(server, &Outcome::Running(entry));
            } else {
                report(server, &Outcome::Failed(&Error::new("it was started, and has ended")));
            }
        }
    }
    Ok(())
}

/// Lets only one process at a time start or stop servers.
fn lock() -> Result<File> {
    let folder = state_folder();
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(failed)?;
    let file = File::create(folder.join("lock")).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Each server once, those that others depend on first.
fn with_dependencies(servers: &[Server]) -> Vec<Server> {
    let needed = |server: &Server| {
        servers.contains(server)
            || (*server == Server::Postgres && servers.iter().any(|server| server.needs_postgres()))
    };
    Server::ALL.into_iter().filter(needed).collect()
}

impl Server {
    /// Whether it uses the server that [`Postgres`](Self::Postgres) is.
    fn needs_postgres(self) -> bool {
        matches!(self, Self::PostgresReplica | Self::PgBouncer)
    }
}

/// What the threads that start servers share.
struct Work<R> {
    state: Mutex<State>,
    durable: bool,
    report: R,
}

impl<R: Fn(Server, &Outcome<'_>)> Work<R> {
    /// Starts one server, writes it down, and reports on it.
    fn start(&self, server: Server) {
        let before = Instant::now();
        match self.try_start(server) {
            Ok(entry) => {
                (self.report)(server, &Outcome::Started(&entry, before.elapsed()));
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.servers.insert(server.name().to_owned(), entry);
                // What cannot be written now is tried again at the end.
                let _ = state.write();
            }
            Err(error) => (self.report)(server, &Outcome::Failed(&error)),
        }
    }

    fn try_start(&self, server: Server) -> Result<Entry> {
        let postgres =
            match self.state.lock().unwrap_or_else(PoisonError::into_inner).servers.get(Server::Postgres.name()) {
                Some(entry) if server.needs_postgres() => Some(port_of(&entry.url)?),
                _ => None,
            };
        let options = Options { durable: self.durable, ..Options::default() };
        start_in_new_home(server, options, true, postgres)
    }
}

/// Starts a server in a folder of its own; what of a failed attempt has started is stopped again.
pub(crate) fn start_in_new_home(
    server: Server,
    options: Options,
    detached: bool,
    postgres: Option<u16>,
) -> Result<Entry> {
    let durable = options.durable;
    let mut home = Home::new(server.name(), options, detached)?;
    let started = servers::start(server, &mut home, postgres);
    let (folder, daemons) = home.hand_out();
    let mut entry = Entry {
        name: server.name().to_owned(),
        url: String::new(),
        kind: server.name().to_owned(),
        version: String::new(),
        obtained: String::new(),
        durable,
        files: None,
        folder,
        daemons,
    };
    match started {
        Ok(started) => {
            entry.url = started.url;
            entry.kind = started.kind.to_owned();
            entry.version = started.version;
            entry.obtained = started.how;
            entry.files = started.files;
            Ok(entry)
        }
        Err(error) => {
            entry.take_down();
            Err(error)
        }
    }
}

impl Entry {
    /// Whether all its processes run.
    pub(crate) fn is_alive(&self) -> bool {
        self.daemons.iter().all(|daemon| daemon.is_alive())
    }

    /// Stops its processes, the last one first, and removes its folder.
    pub(crate) fn take_down(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            // Nobody wants the data any more.
            daemon.kill();
            daemon.remove();
        }
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    // What is left of it does no harm: the folder for temporary files is emptied by the system.
    let _ = fs::remove_dir_all(folder);
}
