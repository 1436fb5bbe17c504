//! The interpreters that tests of `run: script` need.

use std::process::Command;

use crate::command::{Failure, Result, run, succeeds};

/// The programs, and Debian's packages that bring them.
const INTERPRETERS: [(&str, &str); 2] = [("node", "nodejs"), ("python3", "python3")];

/// Installs the interpreters that are missing, where apt-get and the rights for it are there.
///
/// # Errors
/// What is missing, and how to install it.
pub(crate) fn ensure() -> Result {
    let missing: Vec<_> = INTERPRETERS.into_iter().filter(|(program, _)| !is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs = missing.iter().map(|(program, _)| *program).collect::<Vec<_>>().join(" and ");
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    let by_hand = format!("the tests need {programs}: install with apt-get install {}", packages.join(" "));
    let Some(apt_get) = apt_get() else { return Err(Failure(by_hand)) };

    println!("xtask: installing {}", packages.join(" and "));
    let installed = run(apt_get().arg("update"))
        .and_then(|()| run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&packages)));
    installed.map_err(|Failure(message)| Failure(format!("{message}; {by_hand}")))?;
    match missing.into_iter().find(|(program, _)| !is_there(program)) {
        Some((program, package)) => Err(Failure(format!("the package {package} is installed and brings no {program}"))),
        None => Ok(()),
    }
}

fn is_there(program: &str) -> bool {
    succeeds(Command::new(program).arg("--version"))
}

/// Makes commands of apt-get with the rights to install; `None` where there is none.
fn apt_get() -> Option<fn() -> Command> {
    fn as_root() -> Command {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
    fn through_sudo() -> Command {
        let mut command = Command::new("sudo");
        command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    }
    if !is_there("apt-get") {
        return None;
    }
    let user = Command::new("id").arg("-u").output().ok()?;
    if user.stdout.trim_ascii() == b"0" {
        return Some(as_root);
    }
    succeeds(Command::new("sudo").args(["-n", "true"])).then_some(through_sudo)
}
