//! Servers are started once, listed, started anew where that is asked for, and taken down.

#![expect(clippy::unwrap_used, reason = "tests may")]

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `cargo xtask servers` with a state of its own.
fn servers(state: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("servers").args(arguments).env("AQUIFER_TEST_SERVERS", state);
    command.env_remove("AQUIFER_TEST_REDIS_URL").env_remove("AQUIFER_TEST_FROM").output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).trim().to_owned()
}

/// The port that a server's line names.
fn port(line: &str) -> u16 {
    let (_, rest) = line.split_once("127.0.0.1:").unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn own_server_is_up_until_it_is_down() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path();
    let first = text(&servers(state, &["up", "redis"]));
    assert!(first.starts_with("redis: ") && first.contains("), redis://127.0.0.1:"), "{first}");
    assert!(first.contains(", started in "), "{first}");
    TcpStream::connect(("127.0.0.1", port(&first))).unwrap();

    let again = text(&servers(state, &["up", "redis"]));
    assert!(again.ends_with(", running"), "{again}");
    assert_eq!(port(&again), port(&first));
    assert_eq!(text(&servers(state, &["status"])), again);

    // One that may forget what it has acknowledged gives way to one that may not, and that is good for both.
    let durable = text(&servers(state, &["up", "--durable", "redis"]));
    assert!(durable.contains(", durable), ") && durable.contains(", started in "), "{durable}");
    TcpStream::connect(("127.0.0.1", port(&first))).unwrap_err();
    assert_eq!(port(&text(&servers(state, &["up", "redis"]))), port(&durable));

    assert_eq!(text(&servers(state, &["down"])), "redis: stopped");
    TcpStream::connect(("127.0.0.1", port(&durable))).unwrap_err();
    assert_eq!(text(&servers(state, &["status"])), "no servers: start them with cargo xtask servers up");
}

#[test]
fn a_server_of_somebody_elses_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["servers", "up", "redis"]).env("AQUIFER_TEST_SERVERS", state.path());
    let output = command.env("AQUIFER_TEST_REDIS_URL", "redis://:a secret@elsewhere").output().unwrap();
    assert_eq!(text(&output), "redis: given by AQUIFER_TEST_REDIS_URL");
}

#[test]
fn a_server_that_cannot_be_had_fails_the_command() {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["servers", "up", "redis"]).env("AQUIFER_TEST_SERVERS", state.path());
    let output = command.env_remove("AQUIFER_TEST_REDIS_URL").env("AQUIFER_TEST_FROM", "nowhere").output().unwrap();
    assert!(!output.status.success());
    let text = text(&output);
    assert!(text.starts_with("redis: FAILED: no redis-server on this machine, no container engine for it, "), "{text}");
    assert!(text.contains("xtask: no redis: install it, run a container engine, or set the URL"), "{text}");
}

#[test]
fn an_unknown_server_is_refused_with_the_nearest() {
    let state = tempfile::tempdir().unwrap();
    let text = text(&servers(state.path(), &["up", "redus"]));
    assert!(
        text.starts_with("xtask: there is no test server \"redus\", did you mean \"redis\"?; there are postgres, "),
        "{text}"
    );
}
