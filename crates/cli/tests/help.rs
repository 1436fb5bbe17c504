//! What `--help` says for every command.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::process::Command;

/// Every command, its words joined by spaces.
const COMMANDS: [&str; 30] = [
    "",
    "run",
    "resume",
    "validate",
    "serve",
    "workflow",
    "workflow apply",
    "workflow list",
    "workflow show",
    "workflow versions",
    "workflow delete",
    "execution",
    "execution start",
    "execution list",
    "execution show",
    "execution events",
    "execution logs",
    "execution cancel",
    "execution suspend",
    "execution resume",
    "db",
    "db check",
    "db migrate",
    "db stats",
    "import",
    "import strom",
    "export",
    "export strom",
    "bench",
    "config",
];

fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_aquifer"))
        .args(command.split_whitespace())
        .arg("--help")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{command}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_explains_itself() {
    for command in COMMANDS {
        let name = if command.is_empty() { "aquifer".to_owned() } else { command.replace(' ', "-") };
        insta::assert_snapshot!(name, help(command));
    }
}

#[test]
fn every_command_has_examples_and_is_listed_here() {
    for command in COMMANDS {
        let text = help(command);
        let below = text.split("Commands:\n").nth(1).map(|rest| rest.split("\n\n").next().unwrap_or_default());
        match below {
            // A group: each of its commands is in the list above.
            Some(below) => {
                for name in below.lines().filter_map(|line| line.split_whitespace().next()) {
                    let full = format!("{command} {name}");
                    let known = ["help", "completions"].contains(&name) || COMMANDS.contains(&full.trim());
                    assert!(known, "{full} has no snapshot");
                }
            }
            None => assert!(text.contains("Examples:"), "{command}"),
        }
    }
}

#[test]
fn the_version_is_the_packages() {
    let output = Command::new(env!("CARGO_BIN_EXE_aquifer")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("aquifer {}\n", env!("CARGO_PKG_VERSION")));
}
