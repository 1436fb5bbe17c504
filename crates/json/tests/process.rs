//! Processes that are killed, and processes that come second.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::Tenant;
use aquifer_core::{
    Backend, BackendExt, Entity, ErrorKind, Key, MAX_PAGE, Operation, SCHEMA, Scan, Timestamp, Transaction,
};
use aquifer_json::{JsonBackend, JsonOptions};
use tempfile::TempDir;

const PATH: &str = "AQUIFER_JSON_TEST_PATH";
const FROM: &str = "AQUIFER_JSON_TEST_FROM";

fn open(path: &Path) -> aquifer_core::Result<JsonBackend> {
    // A limit that makes new snapshots frequent.
    JsonBackend::open(JsonOptions { journal_limit: 20_000, ..JsonOptions::new(path) }, &SCHEMA)
}

fn tenant(id: &str) -> Operation {
    let now = Timestamp::EPOCH;
    let tenant = Tenant { id: id.into(), name: id.to_owned(), metadata: None, created_at: now, updated_at: now };
    Operation::Insert(tenant.to_record())
}

/// Not a test of its own: what the process does that is going to be killed. Each transaction is a pair of tenants.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Ok(path), Ok(from)) = (std::env::var(PATH), std::env::var(FROM)) else { return };
    let backend = Arc::new(open(Path::new(&path)).unwrap());
    backend.migrate().await.unwrap();
    println!("\nready");
    let tasks = (0..3).map(|task| {
        let (backend, from) = (Arc::clone(&backend), from.clone());
        tokio::spawn(async move {
            for number in 0.. {
                let id = format!("{from}-{task}-{number:06}");
                let pair = vec![tenant(&id)];
                let second = Transaction::new(vec![tenant(&format!("{id}b"))]);
                for answer in backend.commit(vec![Transaction::new(pair), second]).await {
                    answer.unwrap();
                }
                // One write to the pipe a line: it is whole or not there.
                println!("ack {id}");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn spawn(path: &Path, from: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(PATH, path)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn killing_the_process_loses_nothing_that_was_acknowledged() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.json");
    let mut acknowledged = Vec::new();
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..8 {
        let mut child = spawn(&path, round);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The moment is counted in acknowledgements, and some time more, so that slow machines are tested too.
        let moment = random.usize(1..400);
        let more = Duration::from_micros(random.u64(0..3000));
        let mut count = 0;
        while count < moment {
            if let Some(id) = lines.next().unwrap().unwrap().strip_prefix("ack ") {
                acknowledged.push(id.to_owned());
                count += 1;
            }
        }
        std::thread::sleep(more);
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(lines.filter_map(|line| line.unwrap().strip_prefix("ack ").map(str::to_owned)));

        let backend = open(&path).unwrap();
        let keys: Vec<_> = acknowledged
            .iter()
            .flat_map(|id| [id.clone(), format!("{id}b")])
            .map(|id| Key::new(Tenant::KIND, [id]))
            .collect();
        for (key, record) in keys.iter().zip(backend.get(&keys).await.unwrap()) {
            assert!(record.is_some(), "{key:?} was acknowledged and is lost in round {round}");
        }
        // Nothing is there twice or by halves: what was committed together is a batch, which is there whole or not at all.
        let mut scan = Scan::key(Tenant::KIND).limit(MAX_PAGE);
        let mut found = 0;
        loop {
            let page = backend.scan(&scan).await.unwrap();
            found += page.records.len();
            match page.next {
                Some(next) => scan = scan.after(Some(next)),
                None => break,
            }
        }
        assert!(found % 2 == 0 && found >= keys.len() && found <= keys.len() + 6 * (round + 1), "{found}");
        // Some rounds end with a new snapshot, some do not.
        if round % 3 == 0 {
            backend.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.json");
    let mut child = spawn(&path, 0);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "ready" {}
    let error = open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("data.json is in use by"), "{error}");
    assert!(error.message().contains(&format!("process {}", child.id())), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    let backend = open(&path).unwrap();
    backend.commit_one(Transaction::new(vec![tenant("after")])).await.unwrap();
}
