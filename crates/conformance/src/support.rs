//! What cases are written with.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer_core::kinds::Part;
use aquifer_core::{
    Backend, BackendExt, Committed, Condition, Entity, ErrorKind, Key, Kind, Operation, Record, Result, Scan, Schema,
    Transaction, Value,
};

use crate::harness::Database;
use crate::schema::{Group, THINGS, Thing};

/// Opens the data and migrates it.
pub(crate) async fn open(database: &dyn Database, schema: &'static Schema) -> Arc<dyn Backend> {
    let backend = database.open(schema).await.expect("the database opens");
    backend.migrate().await.expect("the database migrates");
    backend
}

/// The small schema, opened, with the groups `a` and `b` of the tenants `t` and `u`.
pub(crate) async fn things(database: &dyn Database) -> Arc<dyn Backend> {
    let backend = open(database, &THINGS).await;
    for tenant in ["t", "u"] {
        for id in ["a", "b"] {
            insert(&*backend, group(tenant, id).to_record()).await;
        }
    }
    backend
}

/// A group named after its id.
pub(crate) fn group(tenant: &str, id: &str) -> Group {
    Group { tenant: tenant.to_owned(), id: id.to_owned(), name: format!("group {id}"), count: 0 }
}

/// A thing of group `a` of tenant `t` that has nothing but a key.
pub(crate) fn thing(number: i64) -> Thing {
    Thing {
        tenant: "t".to_owned(),
        group_id: "a".to_owned(),
        number,
        name: None,
        rank: None,
        flag: None,
        due_at: None,
        owner: None,
        email: None,
        code: None,
        title: None,
        document: None,
        body: None,
        extra: None,
        data: None,
        expires_at: None,
    }
}

/// The key of [`thing`].
pub(crate) fn key(number: i64) -> Key {
    thing(number).to_record().key()
}

/// An update of a record that is there.
pub(crate) fn set(key: Key, set: Vec<(usize, Value)>) -> Operation {
    Operation::Update { key, condition: Condition::Exists, set }
}

/// An update of a record at a revision.
pub(crate) fn set_at(key: Key, revision: u64, set: Vec<(usize, Value)>) -> Operation {
    Operation::Update { key, condition: Condition::Revision(revision), set }
}

/// The removal of a record that is there.
pub(crate) fn delete(key: Key) -> Operation {
    Operation::Delete { key, condition: Condition::Exists }
}

pub(crate) async fn commit(backend: &dyn Backend, operations: Vec<Operation>) -> Result<Committed> {
    backend.commit_one(Transaction::new(operations)).await
}

/// Commits what must succeed; answers the revisions.
pub(crate) async fn done(backend: &dyn Backend, operations: Vec<Operation>) -> Vec<u64> {
    commit(backend, operations).await.expect("the commit succeeds").revisions
}

pub(crate) async fn insert(backend: &dyn Backend, record: Record) {
    assert_eq!(done(backend, vec![Operation::Insert(record)]).await, [1]);
}

pub(crate) async fn get(backend: &dyn Backend, key: Key) -> Option<Record> {
    backend.get_one(key).await.expect("the read succeeds")
}

/// Asserts that something was refused, and as what.
#[track_caller]
pub(crate) fn refused<T: Debug>(result: Result<T>, kind: ErrorKind) {
    match result {
        Ok(answer) => panic!("should be refused as {kind:?}, but was answered {answer:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{error:?}"),
    }
}

/// Every record of a listing, page by page, with checks that every page keeps the contract.
pub(crate) async fn pages(backend: &dyn Backend, scan: &Scan) -> Vec<Record> {
    let mut scan = scan.clone();
    let mut records: Vec<Record> = Vec::new();
    loop {
        let page = backend.scan(&scan).await.expect("the scan succeeds");
        assert!(page.records.len() <= scan.limit, "a page of {} records, limit {}", page.records.len(), scan.limit);
        let size = page.records.len();
        records.extend(page.records);
        match page.next {
            None => return records,
            Some(next) => {
                assert_eq!(size, scan.limit, "a page that is not the last is full");
                assert_ne!(scan.cursor.as_ref(), Some(&next), "a cursor leads on");
                scan.cursor = Some(next);
            }
        }
    }
}

/// Waits until a listing shows `expected`, for as long as the backend's scans may lag; fails otherwise.
pub(crate) async fn expect_listing(backend: &dyn Backend, scan: &Scan, expected: &[Record]) {
    let started = Instant::now();
    loop {
        let found = pages(backend, scan).await;
        if found == expected {
            return;
        }
        let waiting = backend.capabilities().scans_may_lag && started.elapsed() < Duration::from_secs(20);
        assert!(waiting, "{scan:?}\nfinds    {found:#?}\nexpected {expected:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What listing of `index` (`None`: of the key) holds of `records`, in its order.
pub(crate) fn listed(kind: &'static Kind, index: Option<&str>, records: &[Record], detail: bool) -> Vec<Record> {
    let index = index.map(|name| kind.index(name).expect("a declared index"));
    let order = kind.order(index);
    let mut listed: Vec<Record> = records
        .iter()
        .filter(|record| record.kind == kind)
        .filter(|record| index.is_none_or(|index| !record.pick(index.columns).iter().any(Value::is_null)))
        .cloned()
        .collect();
    listed.sort_by(|a, b| compare(&a.pick(&order), &b.pick(&order)));
    if !detail {
        for record in &mut listed {
            for (column, value) in kind.columns.iter().zip(&mut record.values) {
                if column.detail {
                    *value = Value::Null;
                }
            }
        }
    }
    listed
}

pub(crate) fn compare(a: &[Value], b: &[Value]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| a.compare(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Everything that is stored of `schema`, kind after kind, in the order of the keys, with all columns; but for the parts that a layer
/// may keep.
pub(crate) async fn dump(backend: &dyn Backend, schema: &'static Schema) -> Vec<Record> {
    let mut records = Vec::new();
    for kind in schema.kinds.iter().copied().filter(|kind| *kind != Part::KIND) {
        for record in pages(backend, &Scan::key(kind).limit(500)).await {
            records.extend(get(backend, record.key()).await);
        }
    }
    records
}
