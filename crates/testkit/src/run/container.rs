//! Servers in containers, where an engine runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A container that publishes one port on the loopback address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Container {
    /// `docker` or `podman`.
    engine: PathBuf,
    /// What it is called.
    name: String,
}

/// Docker or Podman, if its engine answers; asked once in a process.
pub(crate) fn engine() -> Option<&'static Path> {
    static ENGINE: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let engines = ["docker", "podman"].map(PathBuf::from);
        engines.into_iter().find(|engine| succeeds(Command::new(engine).arg("info")))
    });
    ENGINE.as_deref()
}

impl Container {
    /// Makes a container of an image, without starting it: `inside` is the port that its server listens on.
    ///
    /// # Errors
    /// If the image cannot be had.
    pub(crate) fn create(
        engine: &Path,
        image: &str,
        (port, inside): (u16, u16),
        environment: &[(&str, &str)],
        arguments: &[String],
    ) -> Result<Self> {
        let name = format!("aquifer-test-{port}-{:08x}", fastrand::u32(..));
        let mut command = Command::new(engine);
        command.args(["create", "--name", &name, "--publish", &format!("127.0.0.1:{port}:{inside}")]);
        for (variable, value) in environment {
            command.args(["--env", &format!("{variable}={value}")]);
        }
        let output = command.arg(image).args(arguments).stdin(Stdio::null()).output();
        let output = output.map_err(Error::because(engine.display()))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::new(format!("no container of {image}: {reason}")));
        }
        Ok(Self { engine: engine.to_path_buf(), name })
    }

    /// Starts it, also again after it was stopped or killed.
    pub(super) fn start(&self) -> Result {
        if self.run(&["start"]) {
            Ok(())
        } else {
            Err(Error::new(format!("the container {} does not start", self.name)))
        }
    }

    pub(super) fn is_running(&self) -> bool {
        let mut command = Command::new(&self.engine);
        let output = command.args(["inspect", "--format", "{{.State.Running}}", &self.name]).output();
        output.is_ok_and(|output| output.stdout.trim_ascii() == b"true")
    }

    pub(super) fn stop(&self) {
        self.run(&["stop", "--time", "20"]);
    }

    pub(super) fn kill(&self) {
        self.run(&["kill"]);
    }

    pub(super) fn remove(&self) {
        self.run(&["rm", "--force", "--volumes"]);
    }

    /// What it printed last.
    pub(super) fn log(&self) -> Vec<u8> {
        let output = Command::new(&self.engine).args(["logs", "--tail", "20", &self.name]).output();
        output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default()
    }

    fn run(&self, arguments: &[&str]) -> bool {
        succeeds(Command::new(&self.engine).args(arguments).arg(&self.name))
    }
}

fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
