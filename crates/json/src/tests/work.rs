//! What the tests commit, and how they look at the result.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aquifer_core::kinds::{Tenant, TenantColumn, Timer, TimerColumn, TimerPurpose};
use aquifer_core::{
    Backend, BackendExt, Claim, Condition, Entity, Json, Key, Operation, Record, Result, SCHEMA, Timestamp,
    Transaction, Value,
};
use aquifer_memory::Entry;
use tempfile::TempDir;

use super::sim::SimDisk;
use crate::backend::JsonBackend;
use crate::options::JsonOptions;

pub(crate) const FILE: &str = "data.json";
pub(crate) const JOURNAL: &str = "data.json.journal";

/// A place for a database of its own.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(FILE)
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.path().join(JOURNAL)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn open(&self) -> Result<JsonBackend> {
        JsonBackend::open(JsonOptions::new(self.path()), &SCHEMA)
    }

    /// Opens a database on a simulated disk, with a journal that is soon full.
    pub(crate) fn open_on(&self, disk: &SimDisk) -> Result<JsonBackend> {
        let options = JsonOptions { journal_limit: 900, ..JsonOptions::new(self.path()) };
        JsonBackend::open_on(options, &SCHEMA, Arc::new(disk.clone()))
    }
}

/// Everything in memory.
pub(crate) fn dump(backend: &JsonBackend) -> Vec<Entry> {
    backend.dump()
}

/// What a disk holds, as a program finds it that opens it.
pub(crate) fn found_on(disk: &SimDisk) -> Vec<Entry> {
    let place = Place::new();
    let backend = place.open_on(disk).unwrap();
    dump(&backend)
}

pub(crate) fn tenant(id: &str, name: &str) -> Record {
    let metadata = Json::from_text(format!("{{\n  \"note\": \"{name}\\n\"\r\n}}")).unwrap();
    let now = Timestamp::EPOCH;
    Tenant { id: id.into(), name: name.to_owned(), metadata: Some(metadata), created_at: now, updated_at: now }
        .to_record()
}

pub(crate) fn tenant_key(id: &str) -> Key {
    Key::new(Tenant::KIND, [id])
}

pub(crate) fn rename(id: &str, name: &str) -> Operation {
    let set = vec![(TenantColumn::name as usize, Value::from(name)), (TenantColumn::metadata as usize, Value::Null)];
    Operation::Update { key: tenant_key(id), condition: Condition::Exists, set }
}

fn timer(id: &str, due: i64) -> Record {
    Timer {
        tenant_id: "a".into(),
        id: id.into(),
        purpose: TimerPurpose::Deliver,
        execution_id: None,
        due_at: Some(Timestamp::from_micros(due).unwrap()),
        payload: None,
        created_at: Timestamp::EPOCH,
    }
    .to_record()
}

/// One step of the workload.
pub(crate) enum Step {
    Commit(Vec<Transaction>),
    Claim(Claim),
}

/// A sequence of changes of all sorts. Each succeeds, and each changes something.
pub(crate) fn steps() -> Vec<Step> {
    let commit = |transactions: Vec<Vec<Operation>>| {
        // Ids of their own would make runs differ.
        let numbered = |(operations, id): (Vec<Operation>, u64)| Transaction { id, ..Transaction::new(operations) };
        Step::Commit(transactions.into_iter().zip(1..).map(numbered).collect())
    };
    let insert = Operation::Insert;
    let set = vec![(TimerColumn::due_at as usize, Value::Null)];
    let claim = Claim { kind: Timer::KIND, index: "by_due", prefix: vec![], up_to: None, limit: 2, set };
    let mut steps = vec![
        commit(vec![vec![insert(tenant("a", "first"))]]),
        commit(vec![vec![insert(tenant("b", "second"))], vec![insert(tenant("c", "third"))]]),
        commit(vec![vec![rename("a", "renamed")]]),
        commit(vec![vec![insert(timer("x", 3))], vec![insert(timer("y", 1))], vec![insert(timer("z", 2))]]),
        Step::Claim(claim.clone()),
        commit(vec![vec![Operation::Delete { key: tenant_key("b"), condition: Condition::Revision(1) }]]),
        commit(vec![vec![rename("a", "again")], vec![rename("a", "and again")], vec![insert(tenant("b", "second"))]]),
        Step::Claim(claim),
    ];
    // Enough for the journal to be full more than once.
    steps.extend((0..16).map(|count| commit(vec![vec![rename("c", &format!("{count} {}", "x".repeat(100)))]])));
    steps
}

/// Takes a step; an error of any of its transactions is an error of the step.
pub(crate) async fn take(backend: &JsonBackend, step: &Step) -> Result<()> {
    match step {
        Step::Commit(transactions) => {
            backend.commit(transactions.clone()).await.into_iter().try_for_each(|answer| answer.map(drop))
        }
        Step::Claim(claim) => backend.claim(claim).await.map(|taken| assert!(!taken.is_empty())),
    }
}

/// What is stored after each number of steps.
pub(crate) async fn states() -> Vec<Vec<Entry>> {
    let place = Place::new();
    let backend = place.open_on(&SimDisk::default()).unwrap();
    backend.migrate().await.unwrap();
    let mut states = vec![dump(&backend)];
    for step in steps() {
        take(&backend, &step).await.unwrap();
        states.push(dump(&backend));
    }
    states
}

pub(crate) async fn insert(backend: &JsonBackend, id: &str) -> Result<()> {
    backend.commit_one(Transaction::new(vec![Operation::Insert(tenant(id, id))])).await.map(drop)
}

pub(crate) async fn has(backend: &JsonBackend, id: &str) -> bool {
    backend.get_one(tenant_key(id)).await.unwrap().is_some()
}
