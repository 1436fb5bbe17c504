//! Several processes on one file, and processes that are killed.
//!
//! The processes are this test binary again, told by its environment which part to play.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use aquifer_core::kinds::{Setting, Tenant};
use aquifer_core::layers::GroupCommit;
use aquifer_core::{Backend, BackendExt, Entity, Json, Key, Operation, SCHEMA, Scan, TenantId, Timestamp, Transaction};
use aquifer_sql::{SqliteBackend, SqliteOptions};

const FILE: &str = "AQUIFER_TEST_FILE";
const NAME: &str = "AQUIFER_TEST_NAME";

fn open(file: impl AsRef<Path>) -> Arc<SqliteBackend> {
    Arc::new(SqliteBackend::open(SqliteOptions::new(file.as_ref()), &SCHEMA).unwrap())
}

/// Starts this binary with only the ignored test `part`.
fn start(part: &str, file: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([part, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .env(NAME, name)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// As large as makes the write-ahead log be moved while the processes are killed.
const VALUE_BYTES: usize = 40_000;

fn setting(scope: &str, name: &str, bytes: usize) -> Setting {
    Setting {
        tenant_id: TenantId::from("tn"),
        scope: scope.to_owned(),
        name: name.to_owned(),
        value: Json::encode(&"x".repeat(bytes)).unwrap(),
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    }
}

/// Two records that are there together or not at all.
fn pair(name: &str, bytes: usize) -> Transaction {
    Transaction::new(vec![
        Operation::Insert(setting("first", name, bytes).to_record()),
        Operation::Insert(setting("second", name, bytes).to_record()),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the part of a process that is killed"]
async fn part_commit_until_killed() {
    let (Ok(file), Ok(name)) = (std::env::var(FILE), std::env::var(NAME)) else { return };
    let backend = open(file);
    backend.migrate().await.unwrap();
    let backend: Arc<dyn Backend> = Arc::new(GroupCommit::new(backend));
    let mut writers = Vec::new();
    for writer in 0..8 {
        let (backend, name) = (Arc::clone(&backend), name.clone());
        writers.push(tokio::spawn(async move {
            for number in 0.. {
                let name = format!("{name}-{writer}-{number}");
                backend.commit_one(pair(&name, VALUE_BYTES)).await.unwrap();
                println!("\nacknowledged {name}");
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data.db");
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let mut process = start("part_commit_until_killed", &file, &round.to_string());
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            // The last line may be cut off, like the process.
            let Ok(line) = line else { break };
            let Some(name) = line.strip_prefix("acknowledged ") else { continue };
            acknowledged.push(name.to_owned());
            seen += 1;
            if seen == 50 + round * 70 {
                process.kill().unwrap();
            }
        }
        process.wait().unwrap();
        assert!(seen >= 50, "the process ended by itself after {seen}");
        // What the pipe held when the process died may end in half a name.
        acknowledged.pop();
    }

    let backend = open(&file);
    assert_eq!(backend.quick_check().await.unwrap(), Vec::<String>::new());
    for name in &acknowledged {
        let key = |scope: &str| Key::new(Setting::KIND, ["tn", scope, name]);
        let found = backend.get(&[key("first"), key("second")]).await.unwrap();
        assert!(found.iter().all(Option::is_some), "{name} was acknowledged and is gone");
    }
    let mut names = [Vec::new(), Vec::new()];
    for (names, scope) in names.iter_mut().zip(["first", "second"]) {
        let mut cursor = None;
        loop {
            let scan = Scan::key(Setting::KIND).equals("tn").equals(scope).limit(100).after(cursor);
            let page = backend.scan(&scan).await.unwrap();
            names.extend(page.records.into_iter().map(|record| Setting::from_record(record).unwrap().name));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    assert_eq!(names[0], names[1], "a transaction was applied in part");
    assert!(names[0].len() >= acknowledged.len());
}

#[tokio::test]
#[ignore = "the part of one process among many"]
async fn part_start_and_write() {
    let (Ok(file), Ok(name)) = (std::env::var(FILE), std::env::var(NAME)) else { return };
    let backend = open(file);
    backend.migrate().await.unwrap();
    for number in 0..20 {
        backend.commit_one(pair(&format!("{name}-{number}"), 10)).await.unwrap();
    }
    backend.close().await.unwrap();
}

#[tokio::test]
async fn ten_processes_start_on_a_new_file_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data.db");
    let processes: Vec<_> = (0..10).map(|name| start("part_start_and_write", &file, &name.to_string())).collect();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let backend = open(&file);
    let migration = backend.migrate().await.unwrap();
    assert_eq!((migration.from, migration.to), (SCHEMA.version, SCHEMA.version));
    let records = backend.stats().await.unwrap().records;
    assert!(records.contains(&("settings", 10 * 20 * 2)), "{records:?}");
    assert!(records.contains(&(Tenant::KIND.name, 0)));
}
