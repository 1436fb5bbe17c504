//! Debian's and Ubuntu's packages: the program, and where this machine gets them from.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::machine::has;
use crate::{Error, Result};

/// A command of apt-get with the rights to install, if there is one: as root, or through a sudo that asks for nothing.
pub fn apt_get() -> Option<Command> {
    if !has("apt-get") {
        return None;
    }
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("apt-get")
    } else {
        let may = Command::new("sudo").args(["-n", "true"]).stderr(Stdio::null()).status();
        if !may.is_ok_and(|status| status.success()) {
            return None;
        }
        let mut command = Command::new("sudo");
        command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    };
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    Some(command)
}

/// What distribution this is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Distribution {
    /// `debian` or `ubuntu`.
    pub(super) id: String,
    /// `bookworm`.
    pub(super) codename: String,
    /// Where its packages come from.
    pub(super) mirror: String,
}

impl Distribution {
    /// This machine's.
    ///
    /// # Errors
    /// If it is not one whose packages are understood.
    pub(super) fn of_this_machine() -> Result<Self> {
        let release = fs::read_to_string("/etc/os-release").map_err(Error::because("no /etc/os-release"))?;
        let field = |name: &str| {
            let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.map(|value| value.trim_matches('"').to_owned())
        };
        let (Some(id), Some(codename)) = (field("ID"), field("VERSION_CODENAME")) else {
            return Err(Error::new("/etc/os-release names no distribution with packages for apt-get"));
        };
        let mirror = sources().iter().find_map(|text| mirror_in(text, &codename)).ok_or_else(|| {
            Error::new(format!("no source of packages for {codename} in /etc/apt/sources.list and sources.list.d"))
        })?;
        Ok(Self { id, codename, mirror })
    }
}

fn sources() -> Vec<String> {
    let folder = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().filter_map(std::result::Result::ok);
    let mut files: Vec<_> = folder.map(|entry| entry.path()).collect();
    files.sort();
    files.insert(0, Path::new("/etc/apt/sources.list").to_path_buf());
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

/// The address from which packages of a release come, in either of the two forms of source lists.
fn mirror_in(text: &str, codename: &str) -> Option<String> {
    let one_line = text.lines().find_map(|line| {
        let line = line.strip_prefix("deb ")?.trim_start();
        let line = if line.starts_with('[') { line.split_once(']')?.1 } else { line };
        let mut words = line.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        (suite == codename).then(|| uri.to_owned())
    });
    one_line.or_else(|| text.split("\n\n").find_map(|stanza| mirror_of_stanza(stanza, codename)))
}

fn mirror_of_stanza(stanza: &str, codename: &str) -> Option<String> {
    let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name));
    let offers = field("Suites:")?.split_whitespace().any(|suite| suite == codename);
    let uri = field("URIs:")?.split_whitespace().next()?;
    (offers && field("Types:")?.split_whitespace().any(|kind| kind == "deb")).then(|| uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_source_lists_are_read() {
        let old =
            "# deb http://x/y bookworm main\ndeb [arch=amd64 signed-by=/k] http://a/debian bookworm main contrib\n";
        assert_eq!(mirror_in(old, "bookworm").as_deref(), Some("http://a/debian"));
        let new = "Types: deb\nURIs: http://s/security\nSuites: bookworm-security\n\n\
                   Types: deb deb-src\n# a note\nURIs: http://b/debian\nSuites: bookworm bookworm-updates\n";
        assert_eq!(mirror_in(new, "bookworm").as_deref(), Some("http://b/debian"));
        assert_eq!(mirror_in(new, "trixie"), None);
    }
}
