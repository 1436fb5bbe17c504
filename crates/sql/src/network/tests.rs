use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aquifer_core::kinds::Schedule;
use aquifer_core::{
    Claim, Condition, Entity as _, Error, ErrorKind, Key, Operation, Record, Result, SCHEMA, Timestamp, Transaction,
    Value,
};
use async_trait::async_trait;

use super::batch::{groups, is_simple, moves_uniques};
use super::bulk::Writer;
use super::pool::{Connect, Pool, PoolOptions};
use crate::{Catalog, POSTGRES};

fn key(id: &str) -> Key {
    Key::new(Schedule::KIND, ["tn", id])
}

fn update(id: &str, condition: Condition) -> Operation {
    Operation::Update { key: key(id), condition, set: vec![(4, false.into())] }
}

fn insert(id: &str) -> Operation {
    let mut record = Record::new(Schedule::KIND, vec![Value::Null; Schedule::KIND.columns.len()]);
    (record.values[0], record.values[1]) = ("tn".into(), id.into());
    Operation::Insert(record)
}

#[test]
fn the_writes_of_a_batch() {
    let at = Condition::Revision(1);
    let transactions = [
        Transaction::new(vec![Operation::Delete { key: key("f"), condition: at }, update("e", at), insert("d")]),
        Transaction::new(vec![update("c", at), insert("b"), update("a", Condition::Exists)]),
        Transaction::new(vec![Operation::Check { key: key("g"), condition: Condition::Exists }]),
    ];
    let batch: Vec<_> = transactions.iter().enumerate().collect();
    assert!(is_simple(&batch, true) && !is_simple(&batch, false));
    let writer = Writer::new(&POSTGRES);
    let texts: Vec<String> = groups(&SCHEMA, &batch)
        .iter()
        .flat_map(|group| writer.steps(group))
        .map(|(step, rows)| {
            let places: Vec<_> = rows.iter().map(|row| row.place).collect();
            format!("{}; -- {:?} {places:?}", step.text, step.write)
        })
        .collect();
    insta::assert_snapshot!("writes_postgres", texts.join("\n"));
}

#[test]
fn a_claim_is_one_statement() {
    let claim = Claim {
        kind: Schedule::KIND,
        index: "by_due",
        prefix: Vec::new(),
        up_to: Some(Timestamp::EPOCH.into()),
        limit: 10,
        set: vec![(5, Value::Null)],
    };
    let catalog = Catalog::new(&POSTGRES, &SCHEMA);
    let query = catalog.of(Schedule::KIND).unwrap().claim_at_once(&claim).unwrap().unwrap();
    insta::assert_snapshot!("claim_postgres", query.text);
}

#[test]
fn what_needs_a_look_first() {
    let is_simple = |operations: Vec<Operation>| is_simple(&[(0, &Transaction::new(operations))], true);
    assert!(is_simple(vec![update("a", Condition::Exists)]));
    assert!(!is_simple(vec![Operation::Check { key: key("a"), condition: Condition::Absent }]));
    let tenant = SCHEMA.kind("tenants").unwrap();
    let rename = |id: &str| {
        let set = vec![(tenant.column("name").unwrap(), Value::from("x"))];
        Transaction::new(vec![Operation::Update { key: Key::new(tenant, [id]), condition: Condition::Exists, set }])
    };
    let renamed = rename("a");
    assert!(!is_simple(renamed.operations.to_vec()));
    assert!(moves_uniques(&[(0, &renamed)]));
    let transaction = Transaction::new(vec![update("a", Condition::Exists)]);
    assert!(!super::batch::is_simple(&[(0, &transaction.retry())], true));
    // Two that touch the same record depend on each other.
    assert!(!super::batch::is_simple(&[(0, &transaction), (1, &transaction)], true));
}

/// Counts what is open, and fails while it is told to.
#[derive(Debug, Default)]
struct Counter {
    open: AtomicUsize,
    most: AtomicUsize,
    attempts: AtomicUsize,
    fails: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl Connect for Arc<Counter> {
    type Connection = usize;

    async fn connect(&self) -> Result<usize> {
        let number = self.attempts.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the server is gone"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        Ok(number)
    }

    async fn is_alive(&self, _: &mut usize) -> bool {
        !self.fails.load(Ordering::SeqCst)
    }

    async fn disconnect(&self, _: usize) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn options(max_connections: usize) -> PoolOptions {
    PoolOptions { max_connections, acquire_timeout: Duration::from_secs(5), ..PoolOptions::default() }
}

#[tokio::test]
async fn a_pool_holds_to_its_limit_whatever_happens_to_its_connections() {
    let counter = Arc::new(Counter::default());
    let pool = Pool::new(Arc::clone(&counter), options(3));
    let tasks: Vec<_> = (0..50)
        .map(|task| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for turn in 0..20 {
                    if (task + turn) % 7 == 0 {
                        drop(pool.reserve().await.unwrap());
                        continue;
                    }
                    let mut pooled = pool.acquire().await.unwrap();
                    pooled.set_broken((task + turn) % 5 == 0);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(counter.most.load(Ordering::SeqCst) <= 3);
    pool.close().await;
    pool.close().await;
    assert_eq!(counter.open.load(Ordering::SeqCst), 0);
    assert_eq!(pool.acquire().await.err().map(|error| error.kind()), Some(ErrorKind::Unavailable));
}

#[tokio::test]
async fn a_pool_reuses_what_lives_and_ends_what_is_old_or_idle() {
    let counter = Arc::new(Counter::default());
    let short = Duration::from_millis(200);
    let pool = Pool::new(Arc::clone(&counter), PoolOptions { idle_timeout: short, min_connections: 1, ..options(4) });
    let (one, two) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    drop((one, two));
    for _ in 0..5 {
        drop(pool.acquire().await.unwrap());
    }
    assert_eq!(counter.attempts.load(Ordering::SeqCst), 2);
    for _ in 0..100 {
        if counter.open.load(Ordering::SeqCst) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(counter.open.load(Ordering::SeqCst), 1);

    let brief = PoolOptions { max_lifetime: Duration::from_millis(50), ..options(4) };
    let pool = Pool::new(Arc::new(Counter::default()), brief);
    let first = *pool.acquire().await.unwrap().connection().unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_ne!(*pool.acquire().await.unwrap().connection().unwrap(), first);
}

#[tokio::test]
async fn a_pool_does_not_storm_a_server_that_is_gone() {
    let counter = Arc::new(Counter::default());
    counter.fails.store(true, Ordering::SeqCst);
    let pool = Pool::new(Arc::clone(&counter), PoolOptions { acquire_timeout: Duration::from_secs(1), ..options(20) });
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.acquire().await.map(|_| ()) })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    }
    let attempts = counter.attempts.load(Ordering::SeqCst);
    assert!(attempts < 30, "{attempts} attempts");
    counter.fails.store(false, Ordering::SeqCst);
    drop(pool.acquire().await.unwrap());
}

#[tokio::test]
async fn whoever_waits_too_long_is_told_what_to_change() {
    let pool = Pool::new(
        Arc::new(Counter::default()),
        PoolOptions { acquire_timeout: Duration::from_millis(50), ..options(1) },
    );
    let held = pool.acquire().await.unwrap();
    let error = pool.acquire().await.err().unwrap();
    assert!(error.message().contains("max_connections"), "{error}");
    drop(held);
    pool.acquire().await.unwrap();
}
