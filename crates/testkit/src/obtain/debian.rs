//! Packages of Debian unpacked beside the system, each with all that it depends on, its own C library included.
//!
//! Nothing is installed on the machine, no service starts by itself, and no rights are needed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::apt::Distribution;
use super::cache;
use crate::{Error, Result};

/// A package, and which of its programs are run.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: &'static str,
    /// Where it is.
    pub(crate) release: Release,
    /// Its programs, as paths in the package, that are run: by us, or by one another. A `*` stands for a folder whose name
    /// is a version.
    pub(crate) programs: &'static [&'static str],
    /// Links that its installation would make: path and target.
    pub(crate) links: &'static [(&'static str, &'static str)],
}

/// A release of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// The one that this machine runs, with what was ported back to it.
    Own,
    /// Debian's unstable, for what is nowhere else.
    Sid,
    /// Debian's unstable on Debian, and elsewhere the one that this machine runs.
    SidOrOwn,
}

/// Changes with what is made of a package, so that one that was unpacked in another way is unpacked again.
const FORM: u32 = 2;

/// What no server needs.
const LEFT_OUT: [&str; 7] = [
    "./usr/share/doc/*",
    "./usr/share/man/*",
    "./usr/share/locale/*",
    "./usr/share/perl/*",
    "./usr/lib/systemd/*",
    "./usr/lib/llvm*",
    "*/bitcode/*",
];

impl Package {
    /// The path of its program called `program`, after unpacking the package if that has not been done.
    ///
    /// # Errors
    /// If there is no apt-get, no such package, no network or no room.
    pub(super) fn install(&self, program: &str) -> Result<PathBuf> {
        let root = cache::filled(self.name, &format!("{self:?}, {FORM}"), |root| self.unpack(root))?;
        match self.programs.iter().find(|path| path.rsplit('/').next() == Some(program)) {
            Some(path) => resolve(&root, path),
            None => Err(Error::new(format!("the package {} has no program {program}", self.name))),
        }
    }

    fn unpack(&self, root: &Path) -> Result {
        let work = tempfile::tempdir().map_err(Error::because("no temporary folder"))?;
        let apt = Apt::new(work.path(), &self.sources()?)?;
        apt.run(&["update"])?;
        apt.run(&["install", "--yes", "--no-install-recommends", "--download-only", self.name])?;

        // Packages still disagree on whether /lib is a folder of its own.
        for folder in ["bin", "lib", "lib64", "sbin"] {
            fs::create_dir_all(root.join("usr").join(folder)).map_err(Error::because(root.display()))?;
            symlink(Path::new("usr").join(folder), root.join(folder)).map_err(Error::because(root.display()))?;
        }
        for package in
            files(&work.path().join("archives"))?.iter().filter(|file| file.extension().is_some_and(|e| e == "deb"))
        {
            extract(package, root)?;
        }
        for (link, target) in self.links {
            symlink(target, root.join(link)).map_err(Error::because(link))?;
        }
        let loader = Loader::of(root)?;
        self.programs.iter().try_for_each(|program| loader.wrap(&resolve(root, program)?))
    }

    /// The list of sources for apt-get.
    fn sources(&self) -> Result<String> {
        let own = Distribution::of_this_machine()?;
        let is_debian = own.id == "debian";
        let from_sid = match self.release {
            Release::Own => false,
            Release::Sid => true,
            Release::SidOrOwn => is_debian,
        };
        if !from_sid {
            let codename = &own.codename;
            let suites = format!("{codename} {codename}-updates {codename}-backports");
            let components = if is_debian { "main" } else { "main universe" };
            return Ok(source(&own.mirror, &suites, components, &own.id));
        }
        match std::env::var("AQUIFER_TEST_DEBIAN_MIRROR").ok().filter(|mirror| !mirror.is_empty()) {
            Some(mirror) => Ok(source(&mirror, "sid", "main", "debian")),
            None if is_debian => Ok(source(&own.mirror, "sid", "main", "debian")),
            None => Err(Error::new(format!(
                "only Debian has {}: install debian-archive-keyring and set AQUIFER_TEST_DEBIAN_MIRROR",
                self.name
            ))),
        }
    }
}

fn source(mirror: &str, suites: &str, components: &str, keyring: &str) -> String {
    format!(
        "Types: deb\nURIs: {mirror}\nSuites: {suites}\nComponents: {components}\n\
         Signed-By: /usr/share/keyrings/{keyring}-archive-keyring.gpg\n"
    )
}

/// apt-get with lists and a state of its own, in which nothing is installed.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(work: &Path, sources: &str) -> Result<Self> {
        let failed = |error: std::io::Error| Error::new(format!("{}: {error}", work.display()));
        for folder in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(work.join(folder)).map_err(failed)?;
        }
        fs::write(work.join("status"), "").map_err(failed)?;
        let list = work.join("list.sources");
        fs::write(&list, sources).map_err(failed)?;
        let settings = [
            format!("Dir::Etc::sourcelist={}", list.display()),
            String::from("Dir::Etc::sourceparts=-"),
            format!("Dir::State={}", work.display()),
            format!("Dir::State::lists={}", work.join("lists").display()),
            format!("Dir::State::status={}", work.join("status").display()),
            format!("Dir::Cache::archives={}", work.join("archives").display()),
            String::from("Dir::Cache::pkgcache="),
            String::from("Dir::Cache::srcpkgcache="),
            String::from("APT::Sandbox::User=root"),
            String::from("Acquire::Languages=none"),
            String::from("Acquire::Retries=2"),
            String::from("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"),
        ];
        let options = settings.into_iter().flat_map(|setting| [String::from("-o"), setting]).collect();
        Ok(Self { options })
    }

    fn run(&self, arguments: &[&str]) -> Result {
        let mut command = Command::new("apt-get");
        command
            .args(&self.options)
            .arg("-qq")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null());
        succeed(&mut command, &format!("apt-get {}", arguments.join(" ")))
    }
}

/// Unpacks one package into `root`.
fn extract(package: &Path, root: &Path) -> Result {
    let name = package.display();
    let cannot = |error: std::io::Error| Error::new(format!("{name}: cannot be unpacked: {error}"));
    let mut archive = Command::new("dpkg-deb");
    let mut archive = archive.arg("--fsys-tarfile").arg(package).stdout(Stdio::piped()).spawn().map_err(cannot)?;
    let mut tar = Command::new("tar");
    tar.args(["-x", "--keep-directory-symlink", "--no-same-owner", "-C"]).arg(root);
    tar.args(LEFT_OUT.map(|pattern| format!("--exclude={pattern}")));
    if let Some(stdout) = archive.stdout.take() {
        tar.stdin(stdout);
    }
    let unpacked = succeed(&mut tar, &format!("tar of {name}"));
    let read = archive.wait().map_err(cannot)?;
    unpacked?;
    if read.success() { Ok(()) } else { Err(Error::new(format!("{name}: dpkg-deb failed ({read})"))) }
}

/// The dynamic loader among the unpacked packages, and the folders of their libraries.
struct Loader {
    loader: PathBuf,
    libraries: PathBuf,
}

impl Loader {
    fn of(root: &Path) -> Result<Self> {
        // /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
        for libraries in files(&root.join("usr/lib"))?.into_iter().filter(|path| path.is_dir()) {
            let is_loader =
                |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"));
            if let Some(loader) = files(&libraries)?.into_iter().find(is_loader) {
                return Ok(Self { loader, libraries });
            }
        }
        Err(Error::new(format!("{} has no dynamic loader", root.display())))
    }

    /// Puts a script in the place of a program that runs it with its own libraries. The program does not notice: it
    /// looks for its files and for its fellows beside the script.
    fn wrap(&self, program: &Path) -> Result {
        let failed = |error: std::io::Error| Error::new(format!("{}: {error}", program.display()));
        let mut real = program.as_os_str().to_owned();
        real.push(".real");
        fs::rename(program, &real).map_err(failed)?;
        // Extensions of PostgreSQL need one another, and look for that where libraries are.
        let own = program.ancestors().nth(2).unwrap_or(program).join("lib");
        let script = format!(
            "#!/bin/sh\nexec '{}' --library-path '{}:{}' --argv0 \"$0\" '{}' \"$@\"\n",
            self.loader.display(),
            self.libraries.display(),
            own.display(),
            Path::new(&real).display()
        );
        fs::write(program, script).map_err(failed)?;
        fs::set_permissions(program, Permissions::from_mode(0o755)).map_err(failed)
    }
}

/// Runs a command whose output matters only if it fails.
pub(super) fn succeed(command: &mut Command, what: &str) -> Result {
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.map_err(Error::because(format!("cannot run {what}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::new(format!("{what} failed ({}): {text}", output.status)))
}

/// The file of this path in `root`, where `*` is the last of the folders there.
fn resolve(root: &Path, path: &str) -> Result<PathBuf> {
    let missing = || Error::new(format!("{} has no {path}", root.display()));
    let file = match path.split_once("*/") {
        None => root.join(path),
        Some((before, after)) => files(&root.join(before))?.pop().ok_or_else(missing)?.join(after),
    };
    if file.is_file() { Ok(file) } else { Err(missing()) }
}

/// The entries of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::because(folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(std::result::Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}
