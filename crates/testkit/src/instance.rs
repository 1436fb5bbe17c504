//! A server of one test's own.

use std::path::Path;

use crate::shared::start_in_new_home;
use crate::{Entry, Error, Result, Server, TlsFiles};

/// What a server should be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether what it has acknowledged survives a crash of the machine, at the price of a wait for the disk.
    pub durable: bool,
    /// More arguments for its program: `--maxmemory 2mb` for Redis.
    pub arguments: Vec<String>,
}

/// A server that one test has for itself, to stop it and to break it. It ends with this value.
///
/// Tests that start one have `own_server` in their names: not many of them run at the same time.
#[derive(Debug)]
pub struct Instance {
    entry: Entry,
}

impl Instance {
    /// Starts a server, whatever variables are set; blocks until it is ready.
    ///
    /// # Panics
    /// If it cannot be had.
    #[expect(clippy::panic, reason = "a test without its server has to fail, not to be skipped")]
    pub fn start(server: Server) -> Self {
        Self::start_with(server, Options::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a server with options; blocks until it is ready.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn start_with(server: Server, options: Options) -> Result<Self> {
        let entry = start_in_new_home(server, options, false, None);
        entry.map(|entry| Self { entry }).map_err(|error| Error::new(format!("no {server} of the test's own: {error}")))
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.entry.url
    }

    /// Which program it is, where there is a choice: `mongod` or `documentdb`; else the server's name.
    pub fn kind(&self) -> &str {
        &self.entry.kind
    }

    /// What its program calls its version.
    pub fn version(&self) -> &str {
        &self.entry.version
    }

    /// The port on 127.0.0.1 of the process that clients talk to first; of a group of Redis servers the first one's.
    pub fn port(&self) -> u16 {
        let daemons = &self.entry.daemons;
        let named = daemons.iter().find(|daemon| daemon.name == self.entry.name);
        named.or(daemons.first()).map(|daemon| daemon.port).unwrap_or_default()
    }

    /// The port of one process of several, by its name: see [`names`](Self::names).
    pub fn port_of(&self, name: &str) -> Option<u16> {
        self.entry.daemons.iter().find(|daemon| daemon.name == name).map(|daemon| daemon.port)
    }

    /// What its processes are called: `postgres` and `pgbouncer`; `primary`, `replica` and `sentinel-1` to `sentinel-3`;
    /// `node-1` to `node-3`; a server that is one process has its own name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entry.daemons.iter().map(|daemon| daemon.name.as_str())
    }

    /// The folder of its data, configuration and logs.
    pub fn folder(&self) -> &Path {
        &self.entry.folder
    }

    /// The certificates for its clients, if it speaks TLS.
    pub fn tls_files(&self) -> Option<TlsFiles> {
        self.entry.files.as_deref().map(TlsFiles::in_folder)
    }

    /// Whether all of its processes run.
    pub fn is_running(&self) -> bool {
        self.entry.daemons.iter().all(|daemon| daemon.is_alive())
    }

    /// Shuts it down in an orderly way, and waits for that. The data stay.
    pub fn stop(&mut self) {
        self.entry.daemons.iter_mut().rev().for_each(|daemon| daemon.stop());
    }

    /// Kills its processes as `kill -9` does. The data stay as they are.
    pub fn kill(&mut self) {
        self.entry.daemons.iter_mut().rev().for_each(|daemon| daemon.kill());
    }

    /// Kills one process of several, by its name; whether there is such a process.
    pub fn kill_one(&mut self, name: &str) -> bool {
        let daemon = self.entry.daemons.iter_mut().find(|daemon| daemon.name == name);
        daemon.map(|daemon| daemon.kill()).is_some()
    }

    /// Lets its processes write no file beyond this size, as if the disk was full; `None` makes room again. What starts later is not
    /// limited.
    ///
    /// # Panics
    /// If the system does not allow it, or it runs in a container.
    #[expect(clippy::panic, reason = "a test without its fault has to fail, not to pass without it")]
    pub fn limit_files(&self, bytes: Option<u64>) {
        for daemon in &self.entry.daemons {
            daemon.limit_files(bytes).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// Starts what was stopped or killed, or has ended, on the same ports with the same data; blocks until it is ready. Nothing happens
    /// to what runs.
    ///
    /// # Panics
    /// If it does not start.
    #[expect(clippy::panic, reason = "a test without its server has to fail, not to be skipped")]
    pub fn start_again(&mut self) {
        for daemon in &mut self.entry.daemons {
            daemon.start(false).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.entry.take_down();
    }
}
