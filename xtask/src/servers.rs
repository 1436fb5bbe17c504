//! `cargo xtask servers`: the database servers that the tests use.

use std::sync::Mutex;

use aquifer_testkit::{Outcome, Server};
use clap::Subcommand;

use crate::command::{Failure, Result};
use crate::nearest::did_you_mean;

/// What to do with the servers.
#[derive(Subcommand)]
pub(crate) enum Task {
    /// Starts the servers that do not run yet, and installs what that takes
    Up {
        /// A server; all of them by default
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Lets servers wait for the disk before they acknowledge a write, as for benchmarks
        #[arg(long)]
        durable: bool,
    },
    /// Stops the servers, and removes their data
    Down {
        /// A server; all of them by default
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Says which servers run
    Status,
}

/// Does it, and prints a line for each server.
///
/// # Errors
/// For an unknown name before anything happens; otherwise after all have been seen to, if one cannot be had.
pub(crate) fn run(task: &Task) -> Result {
    match task {
        Task::Up { names, durable } => up(&chosen(names)?, !names.is_empty(), *durable),
        Task::Down { names } => {
            for name in aquifer_testkit::down(&chosen(names)?).map_err(failure)? {
                println!("{name}: stopped");
            }
            Ok(())
        }
        Task::Status => status(),
    }
}

/// Starts `servers`. One that few machines can have may be missing, unless it was asked for by name.
///
/// # Errors
/// If another one cannot be had.
pub(crate) fn up(servers: &[Server], by_name: bool, durable: bool) -> Result {
    let missing = Mutex::new(Vec::new());
    let report = |server: Server, outcome: &Outcome<'_>| {
        println!("{}", line(server, outcome));
        if let Outcome::Failed(_) = outcome {
            if server == Server::Mysql && !by_name {
                println!("mysql: NOT TESTED here; mariadb stands for it. Set {} to test it.", server.variable());
            } else if let Ok(mut missing) = missing.lock() {
                missing.push(server.name());
            }
        }
    };
    aquifer_testkit::up(servers, durable, report).map_err(failure)?;
    let missing = missing.into_inner().unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let advice = "install it, run a container engine, or set AQUIFER_TEST_NAME_URL to a server of yours";
    Err(Failure(format!("no {}: {advice}", missing.join(", "))))
}

fn status() -> Result {
    let any = std::cell::Cell::new(false);
    let report = |server: Server, outcome: &Outcome<'_>| {
        any.set(true);
        println!("{}", line(server, outcome));
    };
    aquifer_testkit::status(report).map_err(failure)?;
    if !any.get() {
        println!("no servers: start them with cargo xtask servers up");
    }
    Ok(())
}

fn line(server: Server, outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Given(_) => format!("{server}: given by {}", server.variable()),
        Outcome::Running(entry) => format!("{}, running", what(entry)),
        Outcome::Started(entry, time) => format!("{}, started in {:.1} s", what(entry), time.as_secs_f64()),
        Outcome::Failed(error) => format!("{server}: FAILED: {error}"),
    }
}

/// `postgres: 15.18 (on this machine), postgres://...`.
fn what(entry: &aquifer_testkit::Entry) -> String {
    let aquifer_testkit::Entry { name, kind, version, obtained, url, durable, .. } = entry;
    let kind = if kind == name { String::new() } else { format!("{kind} ") };
    let durable = if *durable { ", durable" } else { "" };
    format!("{name}: {kind}{version} ({obtained}{durable}), {url}")
}

fn chosen(names: &[String]) -> Result<Vec<Server>> {
    if names.is_empty() {
        return Ok(Server::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            Server::from_name(name).ok_or_else(|| {
                let known = Server::ALL.map(Server::name);
                let hint = did_you_mean(name, known.into_iter());
                Failure(format!("there is no test server {name:?}{hint}; there are {}", known.join(", ")))
            })
        })
        .collect()
}

fn failure(error: aquifer_testkit::Error) -> Failure {
    Failure(error.to_string())
}
