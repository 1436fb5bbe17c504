//! The interpreters that tests of `run: script` need.

use std::process::Command;

use aquifer_testkit::apt_get;

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
    let (Some(mut update), Some(mut install)) = (apt_get(), apt_get()) else { return Err(Failure(by_hand)) };

    println!("xtask: installing {}", packages.join(" and "));
    let installed = run(update.arg("update"))
        .and_then(|()| run(install.args(["install", "--yes", "--no-install-recommends"]).args(&packages)));
    installed.map_err(|Failure(message)| Failure(format!("{message}; {by_hand}")))?;
    match missing.into_iter().find(|(program, _)| !is_there(program)) {
        Some((program, package)) => Err(Failure(format!("the package {package} is installed and brings no {program}"))),
        None => Ok(()),
    }
}

fn is_there(program: &str) -> bool {
    succeeds(Command::new(program).arg("--version"))
}
