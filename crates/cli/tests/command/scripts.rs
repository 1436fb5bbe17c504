//! `scripts/test_BACKEND_integration.sh`, each on its database.

use std::path::Path;
use std::process::Command;

use aquifer_testkit::{Server, url};

use crate::support::{Ended, Folder};

/// A script with this command on its path, in this folder and without anybody's settings.
fn script(folder: &Folder, backend: &str, arguments: &[&str]) -> Command {
    let path = format!("{}/../../scripts/test_{backend}_integration.sh", env!("CARGO_MANIFEST_DIR"));
    let aquifer = folder.command(&[]);
    let mut command = Command::new(path);
    command.args(arguments).stdin(std::process::Stdio::null());
    if let Some(directory) = aquifer.get_current_dir() {
        command.current_dir(directory);
    }
    for (name, value) in aquifer.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_aquifer")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(binary.to_owned()).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(paths).unwrap());
    // DynamoDB's interface wants some credentials; the test server takes any.
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

fn assert_works(backend: &str, url: &str) {
    let ended = Ended::of(&mut script(&Folder::new(), backend, &[url]));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.lines().last().unwrap().starts_with("OK: "), "{ended:?}");
}

#[test]
fn the_script_of_each_server_writes_reads_and_removes() {
    for (backend, server) in [
        ("postgres", Server::Postgres),
        ("mysql", Server::Mariadb),
        ("libsql", Server::Libsql),
        ("redis", Server::Redis),
        ("mongodb", Server::Mongodb),
        ("dynamodb", Server::Dynamodb),
    ] {
        assert_works(backend, &url(server));
    }
}

#[test]
fn the_script_of_each_kind_of_file_writes_reads_and_removes() {
    assert_works("sqlite", "sqlite:a.db");
    assert_works("json", "json:a.json");
}

#[test]
fn a_script_finds_the_database_in_the_environment_and_refuses_another_kind() {
    let folder = Folder::new();
    let ended = Ended::of(script(&folder, "json", &[]).env("DATABASE_URL", "json:b.json"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(folder.path("b.json").exists());
    let ended = Ended::of(&mut script(&folder, "postgres", &["sqlite:c.db"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("FAILED: PostgreSQL: sqlite:c.db is another kind of database"), "{ended:?}");
    assert!(!folder.path("c.db").exists());
}
