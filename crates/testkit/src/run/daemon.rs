//! One server process: started, looked after, stopped.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::process::Process;
use super::{Container, Probe, server_user};
use crate::{Error, Result};

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(90);

/// How long a server may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(20);

/// How long what a server has started may outlive it. PostgreSQL refuses to start while any of it lives.
const ORPHANS: Duration = Duration::from_secs(5);

/// A server process, or the container it runs in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Daemon {
    /// What it is called among the processes of a server: `primary`, `node-2`.
    pub(crate) name: String,
    /// The port on the loopback address where it answers.
    pub(crate) port: u16,
    /// How one sees that it does.
    pub(crate) probe: Probe,
    /// What runs.
    pub(crate) program: Program,
    /// The running process; of a container it is known by its name.
    process: Option<Process>,
    /// The same where it is our child.
    #[serde(skip)]
    child: Option<Child>,
}

/// What runs as a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Program {
    /// A program of this machine.
    Local {
        program: PathBuf,
        arguments: Vec<String>,
        /// Where it runs, and where its log `NAME.log` is.
        folder: PathBuf,
        /// What makes it shut down in an orderly way, and soon.
        stop: StopSignal,
    },
    /// A container.
    Container(Container),
}

/// What a server takes for the wish that it shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StopSignal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
}

impl Program {
    /// The same, that is stopped by another signal than SIGTERM.
    pub(crate) fn stopped_by(mut self, signal: StopSignal) -> Self {
        if let Self::Local { stop, .. } = &mut self {
            *stop = signal;
        }
        self
    }
}

impl Daemon {
    /// A server that has not been started yet.
    pub(crate) fn new(name: &str, port: u16, probe: Probe, program: Program) -> Self {
        Self { name: name.to_owned(), port, probe, program, process: None, child: None }
    }

    /// Starts it and waits until it is ready; nothing happens if it runs already.
    ///
    /// A detached one outlives us; the others belong to our process group, and end with it where somebody ends it whole.
    ///
    /// # Errors
    /// If it cannot be started, ends at once or is not ready after 90 seconds; with the end of its log.
    pub(crate) fn start(&mut self, detached: bool) -> Result {
        if !self.is_alive() {
            match &self.program {
                Program::Container(container) => container.start()?,
                Program::Local { program, arguments, folder, .. } => {
                    let child = spawn(program, arguments, folder, &self.log(folder), detached)?;
                    self.process = Some(Process::with_number(child.id()));
                    self.child = Some(child);
                }
            }
        }
        self.wait_until_ready()
    }

    /// Whether it runs.
    pub(crate) fn is_alive(&self) -> bool {
        match &self.program {
            Program::Container(container) => container.is_running(),
            Program::Local { .. } => self.process.as_ref().is_some_and(Process::is_alive),
        }
    }

    /// Stops it in an orderly way; kills it where that takes longer than 20 seconds.
    pub(crate) fn stop(&mut self) {
        match &self.program {
            Program::Container(container) => container.stop(),
            Program::Local { stop, .. } => {
                let signal = match stop {
                    StopSignal::Terminate => Signal::TERM,
                    StopSignal::Interrupt => Signal::INT,
                };
                if !self.end(signal, STOP) {
                    self.end(Signal::KILL, STOP);
                }
            }
        }
    }

    /// Kills it as `kill -9` does; what it has started finds out by itself, and is waited for.
    pub(crate) fn kill(&mut self) {
        match &self.program {
            Program::Container(container) => container.kill(),
            Program::Local { .. } => {
                self.end(Signal::KILL, STOP);
            }
        }
    }

    /// Lets it write no file beyond this size, or any file again.
    ///
    /// # Errors
    /// If it is a container, or the system does not allow it.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> Result {
        let Some(process) = self.process.as_ref().filter(|_| matches!(self.program, Program::Local { .. })) else {
            return Err(Error::new(format!("{} is no process of this machine", self.name)));
        };
        process.limit_files(bytes)
    }

    /// Removes what it leaves behind outside of its folder.
    pub(crate) fn remove(&self) {
        if let Program::Container(container) = &self.program {
            container.remove();
        }
    }

    fn end(&mut self, signal: Signal, patience: Duration) -> bool {
        let Some(process) = &self.process else { return true };
        let children = process.children();
        process.signal(signal);
        let ended = process.wait(patience);
        for child in children.iter().filter(|child| ended && !child.wait(ORPHANS)) {
            child.signal(Signal::KILL);
            child.wait(ORPHANS);
        }
        if ended {
            if let Some(mut child) = self.child.take() {
                // Nobody else asks how it ended; this does not wait.
                let _ = child.wait();
            }
            self.process = None;
        }
        ended
    }

    fn wait_until_ready(&mut self) -> Result {
        let end = Instant::now() + START;
        loop {
            if self.probe.is_ready(self.port) {
                return Ok(());
            }
            if !self.is_alive() {
                return Err(Error::new(format!(
                    "{} ended instead of serving port {}{}",
                    self.name,
                    self.port,
                    self.last_words()
                )));
            }
            if Instant::now() > end {
                let seconds = START.as_secs();
                let words = self.last_words();
                self.kill();
                return Err(Error::new(format!(
                    "{} did not answer on port {} within {seconds} s{words}",
                    self.name, self.port
                )));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.log", self.name))
    }

    /// The end of its log, indented, or nothing.
    fn last_words(&self) -> String {
        let text = match &self.program {
            Program::Container(container) => container.log(),
            Program::Local { folder, .. } => fs::read(self.log(folder)).unwrap_or_default(),
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().rev().take(8).collect();
        lines.into_iter().rev().map(|line| format!("\n    {line}")).collect()
    }
}

/// Runs a program in the background as the user for servers.
fn spawn(program: &Path, arguments: &[String], folder: &Path, log: &Path, detached: bool) -> Result<Child> {
    let failed = |error: std::io::Error| Error::new(format!("cannot start {}: {error}", program.display()));
    let log = OpenOptions::new().create(true).append(true).open(log).map_err(failed)?;
    let setsid = Path::new("/usr/bin/setsid");
    let mut command = if detached && setsid.is_file() {
        // A session of its own, which does not end with the terminal's. It stays the same process.
        let mut command = command(setsid)?;
        command.arg(program);
        command
    } else if detached {
        let mut command = command(program)?;
        // At least Ctrl-C is not for it.
        command.process_group(0);
        command
    } else {
        // A write beyond `Instance::limit_files` is an error for it, and not its end. It stays the same process.
        let mut command = command(Path::new("env"))?;
        command.arg("--ignore-signal=XFSZ").arg(program);
        command
    };
    command.args(arguments).current_dir(folder).env("HOME", folder).stdin(Stdio::null());
    command.stdout(log.try_clone().map_err(failed)?).stderr(log);
    command.spawn().map_err(failed)
}

/// A command that runs as the user for servers, with nothing of our environment but the path, so that no variable of
/// ours (`PGPORT`, `MYSQL_HOST`) has a say in it.
pub(super) fn command(program: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    if let Some(user) = server_user()? {
        command.gid(user.gid).uid(user.uid);
    }
    Ok(command)
}
