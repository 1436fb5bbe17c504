//! `cargo xtask conformance`: the store contract's suite, backend by backend.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use aquifer_testkit::Server;
use serde::Deserialize;

use crate::command::{Failure, Result, cargo, output, root};
use crate::nearest::did_you_mean;
use crate::servers;
use crate::summary::Summary;

/// A backend, the crate whose test `conformance` has it, and the servers that this test uses.
struct Backend {
    name: &'static str,
    package: &'static str,
    servers: &'static [Server],
}

const BACKENDS: [Backend; 9] = [
    Backend { name: "memory", package: "aquifer-memory", servers: &[] },
    Backend { name: "json", package: "aquifer-json", servers: &[] },
    Backend { name: "sqlite", package: "aquifer-sql", servers: &[] },
    Backend { name: "libsql", package: "aquifer-libsql", servers: &[Server::Libsql] },
    Backend {
        name: "postgres",
        package: "aquifer-postgres",
        servers: &[Server::Postgres, Server::PostgresTls, Server::PgBouncer],
    },
    Backend { name: "mysql", package: "aquifer-mysql", servers: &[Server::Mariadb, Server::Mysql] },
    Backend {
        name: "redis",
        package: "aquifer-redis",
        servers: &[Server::Redis, Server::RedisCluster, Server::RedisSentinel, Server::RedisTls, Server::Valkey],
    },
    Backend { name: "mongodb", package: "aquifer-mongodb", servers: &[Server::Mongodb] },
    Backend { name: "dynamodb", package: "aquifer-dynamodb", servers: &[Server::Dynamodb] },
];

/// Runs the suite on the backends called `names`, or on all, and prints `NAME: N passed, N failed` for each.
///
/// # Errors
/// For an unknown name before anything runs; otherwise after all have run, if any test failed.
pub(crate) fn run(names: &[String]) -> Result {
    let backends = chosen(names)?;
    let tests = build(&backends)?;
    let used: Vec<Server> = backends.iter().flat_map(|backend| backend.servers).copied().collect();
    let mut failed = Vec::new();
    servers::during(&used, || {
        for backend in backends {
            let (summary, succeeded) = run_one(backend, &tests)?;
            println!("{}: {summary}", backend.name);
            if !succeeded || summary == Summary::default() {
                failed.push(backend.name);
            }
        }
        Ok(())
    })?;
    if failed.is_empty() { Ok(()) } else { Err(Failure(format!("{} breaks the store contract", failed.join(", ")))) }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Backend>> {
    if names.is_empty() {
        return Ok(BACKENDS.iter().collect());
    }
    let mut backends: Vec<&Backend> = Vec::new();
    for name in names {
        let Some(backend) = BACKENDS.iter().find(|backend| backend.name == name) else {
            let hint = did_you_mean(name, BACKENDS.iter().map(|backend| backend.name));
            let known = BACKENDS.map(|backend| backend.name).join(", ");
            return Err(Failure(format!("there is no backend {name:?}{hint}; there are {known}")));
        };
        if !backends.iter().any(|chosen| chosen.name == backend.name) {
            backends.push(backend);
        }
    }
    Ok(backends)
}

/// One line of cargo's report on what it built, as far as it matters here.
#[derive(Deserialize)]
struct Built {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
}

/// Builds the conformance tests: all of them as `cargo xtask test` does, so that one's artifacts serve the other; of
/// some backends only those, which need not wait for the others.
fn build(backends: &[&Backend]) -> Result<Vec<Built>> {
    let mut command = cargo(&["test", "--test", "conformance", "--no-run", "--message-format=json-render-diagnostics"]);
    if backends.len() == BACKENDS.len() {
        command.arg("--workspace");
    } else {
        command.args(backends.iter().flat_map(|backend| ["--package", backend.package]));
    }
    let report = output(&mut command)?;
    Ok(report.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Runs one backend's tests; what a failing one prints goes to standard error.
fn run_one(backend: &Backend, tests: &[Built]) -> Result<(Summary, bool)> {
    let folder = backend.package.trim_start_matches("aquifer-");
    let manifest = root().join("crates").join(folder).join("Cargo.toml");
    let executable = tests
        .iter()
        .find(|built| built.executable.is_some() && built.manifest_path.as_ref() == Some(&manifest))
        .and_then(|built| built.executable.as_ref())
        .ok_or_else(|| Failure(format!("{} has no test called conformance", backend.package)))?;
    let test = Command::new(executable)
        .current_dir(root().join("crates").join(folder))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure(format!("cannot run {}: {error}", executable.display())))?;
    let text = String::from_utf8_lossy(&test.stdout);
    if !test.status.success() {
        eprint!("{text}");
    }
    Ok((Summary::of(text.lines()), test.status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Result<Vec<&'static str>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Ok(chosen(&names)?.into_iter().map(|backend| backend.name).collect())
    }

    #[test]
    fn backends_are_chosen_once_in_the_order_given() {
        assert_eq!(names(&[]).map(|names| names.len()), Ok(BACKENDS.len()));
        assert_eq!(names(&["sqlite", "memory", "sqlite"]), Ok(vec!["sqlite", "memory"]));
    }

    #[test]
    fn an_unknown_backend_is_refused_with_the_nearest() {
        let refusal = |name| names(&[name]).unwrap_err().0;
        let known = "there are memory, json, sqlite, libsql, postgres, mysql, redis, mongodb, dynamodb";
        assert_eq!(refusal("sqlit"), format!("there is no backend \"sqlit\", did you mean \"sqlite\"?; {known}"));
        assert_eq!(refusal("xyz"), format!("there is no backend \"xyz\"; {known}"));
    }
}
