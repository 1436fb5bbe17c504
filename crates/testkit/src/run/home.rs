//! The folder that a server lives in, and what it takes to fill it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::daemon::command;
use super::user::hand_over;
use super::{Daemon, Program, StopSignal};
use crate::{Error, Options, Result};

/// The folder of a server's data, configuration and logs, with the wishes of who wants the server.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    /// Whether what is started outlives us.
    detached: bool,
    /// What the server should be like.
    pub(crate) options: Options,
    /// What was started, in this order.
    daemons: Vec<Daemon>,
}

impl Home {
    /// A new folder among the temporary ones, which stays until it is removed.
    pub(crate) fn new(name: &str, options: Options, detached: bool) -> Result<Self> {
        let failed = Error::because("no temporary folder for a server");
        let folder = tempfile::Builder::new().prefix(&format!("aquifer-{name}-")).tempdir().map_err(failed)?.keep();
        let home = Self { folder, detached, options, daemons: Vec::new() };
        hand_over(&home.folder)?;
        // We go in and out too, and who we are may differ from whom servers run as.
        home.allow(&home.folder, 0o755)?;
        Ok(home)
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Whether the server is one that many tests share, and not a test's own.
    pub(crate) fn is_shared(&self) -> bool {
        self.detached
    }

    /// Makes a folder that only servers may enter, as they want it for their data.
    pub(crate) fn make_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder).map_err(Error::because(folder.display()))?;
        self.allow(&folder, 0o700)?;
        hand_over(&folder)?;
        Ok(folder)
    }

    /// Writes a file that belongs to the servers' user, who alone may read it.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        fs::write(&file, text).map_err(Error::because(file.display()))?;
        self.allow(&file, 0o600)?;
        hand_over(&file)?;
        Ok(file)
    }

    fn allow(&self, path: &Path, mode: u32) -> Result {
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::because(path.display()))
    }

    /// Runs a program as the servers' user to its end.
    ///
    /// # Errors
    /// If it fails; with what it printed last.
    pub(crate) fn run(
        &self,
        program: &Path,
        arguments: &[String],
        environment: &[(&str, &str)],
        input: &str,
    ) -> Result {
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let output = self.folder.join(format!("{name}.out"));
        let failed = |error: std::io::Error| Error::new(format!("cannot run {}: {error}", program.display()));
        let log = fs::File::create(&output).map_err(failed)?;
        let input = self.write(&format!("{name}.in"), input)?;
        let status = command(program)?
            .args(arguments)
            .envs(environment.iter().copied())
            .env("HOME", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::from(fs::File::open(input).map_err(failed)?))
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .status()
            .map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        let text = fs::read(&output).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().rev().take(40).collect();
        let last: String = lines.into_iter().rev().map(|line| format!("\n    {line}")).collect();
        Err(Error::new(format!("{name} failed ({status}){last}")))
    }

    /// A program that runs in this folder, with the arguments that were wished for at the end.
    pub(crate) fn program(&self, program: &Path, mut arguments: Vec<String>) -> Program {
        arguments.extend(self.options.arguments.iter().cloned());
        self.helper(program, arguments)
    }

    /// A program that runs in this folder and that the wishes are not for.
    pub(crate) fn helper(&self, program: &Path, arguments: Vec<String>) -> Program {
        let folder = self.folder.clone();
        Program::Local { program: program.to_path_buf(), arguments, folder, stop: StopSignal::Terminate }
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn start(&mut self, mut daemon: Daemon) -> Result {
        let started = daemon.start(self.detached);
        self.daemons.push(daemon);
        started
    }

    /// The port of what was started last.
    pub(crate) fn last_port(&self) -> u16 {
        self.daemons.last().map(|daemon| daemon.port).unwrap_or_default()
    }

    /// The servers that were started, and the folder, for the one who looks after them from now on.
    pub(crate) fn hand_out(self) -> (PathBuf, Vec<Daemon>) {
        (self.folder, self.daemons)
    }
}
