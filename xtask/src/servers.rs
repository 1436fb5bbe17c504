//! `cargo xtask servers`: the database servers that the tests use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

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
        Task::Up { names, durable } => up(&chosen(names)?, !names.is_empty(), *durable, |_, _| {}),
        Task::Down { names } => {
            for name in aquifer_testkit::down(&chosen(names)?).map_err(failure)? {
                println!("{name}: stopped");
            }
            Ok(())
        }
        Task::Status => status(),
    }
}

/// Starts `servers`, prints a line for each, and tells `note` of it. One that few machines can have may be missing, unless
/// it was asked for by name.
///
/// # Errors
/// If another one cannot be had.
fn up(servers: &[Server], by_name: bool, durable: bool, note: impl Fn(Server, &Outcome<'_>) + Sync) -> Result {
    let missing = Mutex::new(Vec::new());
    let report = |server: Server, outcome: &Outcome<'_>| {
        println!("{}", line(server, outcome));
        note(server, outcome);
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
    let advice =
        "install it, run a container engine, or set the URL of a server of yours: AQUIFER_TEST_POSTGRES_URL and so on";
    Err(Failure(format!("no {}: {advice}", missing.join(", "))))
}

/// Does `work` while `servers` run; those that did not run before are taken down after it, also when it failed or was
/// interrupted with Ctrl-C.
///
/// # Errors
/// If one of the servers cannot be had, and what `work` fails with.
pub(crate) fn during<T>(servers: &[Server], work: impl FnOnce() -> Result<T>) -> Result<T> {
    let interrupted = notice_interrupts()?;
    let started = Mutex::new(Vec::new());
    let note = |server: Server, outcome: &Outcome<'_>| {
        if let (Outcome::Started(..), Ok(mut started)) = (outcome, started.lock()) {
            started.push(server);
        }
    };
    let mut done = up(servers, false, false, note);
    if interrupted.load(Ordering::Relaxed) {
        done = Err(Failure(String::from("interrupted")));
    }
    let done = done.and_then(|()| work());
    let started = started.into_inner().unwrap_or_default();
    let stopped = aquifer_testkit::down(&started).map_err(failure);
    done.and_then(|done| stopped.map(|_| done))
}

/// From now on Ctrl-C does not end us: those whom we wait for end of it, and we see to what is left.
fn notice_interrupts() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = interrupted.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(|error| Failure(format!("Ctrl-C cannot be noticed: {error}")))?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                seen.store(true, Ordering::Relaxed);
            }
        });
    });
    Ok(interrupted)
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
