//! Engines in this process, and the executions that they are given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer::core::kinds::Execution;
use aquifer::core::{Entity, ErrorKind, Key, Record, Store, TenantId};
use aquifer::engine::{DEFAULT_TENANT, Engine, EngineOptions, Start, StartError, VersionRef, WorkflowRef};
use aquifer::{OpenOptions, open};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::storm;

/// How long executions may take to their end on the slowest of databases.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn tenant() -> TenantId {
    DEFAULT_TENANT.into()
}

/// An engine on the database that `url` names, with times that suit a test.
pub(crate) async fn engine(url: &str) -> Engine {
    let store = open(url, &OpenOptions::default()).await.unwrap();
    let options = EngineOptions {
        lease: Duration::from_secs(6),
        poll: Duration::from_millis(300),
        park_after: Duration::from_millis(500),
        grace: Duration::from_secs(1),
        ..EngineOptions::default()
    };
    Engine::open(store, options).await.unwrap()
}

/// Lets go of what the engine runs, and of its database.
pub(crate) async fn close(engine: Engine) {
    engine.shutdown().await;
    engine.store().backend().close().await.unwrap();
}

pub(crate) fn start(name: &str, input: Value, key: Option<String>) -> Start {
    Start {
        workflow: WorkflowRef::Name { namespace: "test".to_owned(), name: name.to_owned() },
        version: VersionRef::Latest,
        input,
        idempotency_key: key,
        tags: None,
        user_id: None,
    }
}

/// Stores the workflows of the storm.
pub(crate) async fn apply_storm(engine: &Engine) {
    for (name, body) in storm::WORKFLOWS {
        engine.apply(&tenant(), storm::definition(name, body).as_bytes(), "storm.yaml").await.unwrap();
    }
}

/// A file for the marks of a storm's effects.
pub(crate) fn marks(folder: &Path) -> PathBuf {
    let marks = folder.join("marks");
    std::fs::write(&marks, "").unwrap();
    marks
}

/// Starts `count` executions of the storm, 50 at a time; each is tried until it is acknowledged, whatever the database does.
pub(crate) async fn start_storm(engine: &Engine, marks: &Path, count: usize) -> BTreeMap<usize, String> {
    let gate = Arc::new(Semaphore::new(50));
    let tasks = (0..count).map(|number| {
        let (engine, gate, input) = (engine.clone(), Arc::clone(&gate), storm::input(marks, number));
        tokio::spawn(async move {
            let _turn = gate.acquire().await;
            let deadline = Instant::now() + PATIENCE;
            loop {
                let key = Some(storm::idempotency_key(number));
                match engine.start(&tenant(), start(storm::workflow(number), input.clone(), key)).await {
                    Ok(started) => return (number, started.execution_id.to_string()),
                    Err(StartError::Store(error)) if Instant::now() < deadline => {
                        assert!(is_for_now(&error), "{error:?}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Err(error) => panic!("execution {number} was refused: {error:?}"),
                }
            }
        })
    });
    let mut acknowledged = BTreeMap::new();
    for task in tasks.collect::<Vec<_>>() {
        let (number, id) = task.await.unwrap();
        acknowledged.insert(number, id);
    }
    acknowledged
}

/// Whether an error says that the database cannot answer now, rather than that something is wrong with the request.
fn is_for_now(error: &aquifer::core::Error) -> bool {
    error.kind() == ErrorKind::Unavailable
}

/// Waits until every execution of the storm has ended; its children end before it.
pub(crate) async fn storm_is_over(store: &Store, acknowledged: &BTreeMap<usize, String>) {
    let deadline = Instant::now() + PATIENCE;
    let mut open: Vec<&String> = acknowledged.values().collect();
    loop {
        let keys: Vec<Key> = open.iter().map(|id| Key::new(Execution::KIND, [DEFAULT_TENANT, id.as_str()])).collect();
        // A database that cannot answer now is asked again.
        if let Ok(found) = store.backend().get(&keys).await {
            let ended = |record: Option<Record>| {
                record.is_some_and(|record| Execution::from_record(record).unwrap().status.is_final())
            };
            open = open.into_iter().zip(found).filter(|(_, found)| !ended(found.clone())).map(|(id, _)| id).collect();
        }
        if open.is_empty() {
            return;
        }
        if Instant::now() >= deadline {
            let stuck = store.backend().get(&[Key::new(Execution::KIND, [DEFAULT_TENANT, open[0].as_str()])]).await;
            panic!("{} executions are stuck, such as {stuck:?}", open.len());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
