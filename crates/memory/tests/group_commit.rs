//! Group commit before a database that does not answer.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aquifer_core::layers::{Fault, Faults, GroupCommit};
use aquifer_core::{
    Backend, BackendExt, Capabilities, Claim, Clock, Committed, ErrorKind, Key, Kind, ManualClock, Migration,
    Operation, Page, Pong, Record, Result, Retry, SCHEMA, Scan, Stats, Timestamp, Transaction, Value, Watch,
};
use aquifer_memory::MemoryBackend;
use async_trait::async_trait;
use tokio::sync::Semaphore;

fn insert(number: usize) -> Transaction {
    let now = Timestamp::EPOCH;
    let name = format!("tenant-{number}");
    let values = vec![name.as_str().into(), name.as_str().into(), Value::Null, now.into(), now.into()];
    Transaction::new(vec![Operation::Insert(Record::new(SCHEMA.kind("tenants").unwrap(), values))])
}

#[tokio::test]
async fn callers_do_not_pile_up_before_a_slow_database() {
    let memory = MemoryBackend::new(&SCHEMA);
    memory.migrate().await.unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let faults = Arc::new(Faults::new(Arc::new(memory), Arc::clone(&clock) as Arc<dyn Clock>, 1));
    faults.next("commit", Fault::Delay(Duration::from_secs(60)));
    let grouped = Arc::new(GroupCommit::new(Arc::clone(&faults) as Arc<dyn Backend>));

    let commit = |transactions: Vec<Transaction>| {
        let grouped = Arc::clone(&grouped);
        tokio::spawn(async move { grouped.commit(transactions).await })
    };
    let first = commit(vec![insert(0)]);
    tokio::task::yield_now().await;
    let many = commit((1..=20_000).map(insert).collect());
    tokio::task::yield_now().await;

    let refused = grouped.commit_one(insert(20_001)).await.unwrap_err();
    assert_eq!((refused.kind(), refused.retry()), (ErrorKind::Unavailable, Retry::Transient), "{refused}");

    // Once the database answers, all who waited are answered, and there is room again.
    clock.advance(Duration::from_secs(61));
    assert!(first.await.unwrap().iter().all(Result::is_ok));
    let answers = many.await.unwrap();
    assert!(answers.len() == 20_000 && answers.iter().all(Result::is_ok));
    grouped.commit_one(insert(20_001)).await.unwrap();
}

/// A database that takes several commits at once, each of which ends when the test lets it.
#[derive(Debug)]
struct Gated {
    inner: MemoryBackend,
    concurrent: usize,
    gate: Semaphore,
    under_way: AtomicUsize,
}

#[async_trait]
impl Backend for Gated {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { concurrent_commits: self.concurrent, ..self.inner.capabilities() }
    }

    async fn migrate(&self) -> Result<Migration> {
        self.inner.migrate().await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.inner.get(keys).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        self.under_way.fetch_add(transactions.len(), Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.under_way.fetch_sub(transactions.len(), Ordering::SeqCst);
        self.inner.commit(transactions).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.inner.scan(scan).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.inner.claim(claim).await
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.inner.watch(kind).await
    }

    async fn ping(&self) -> Result<Pong> {
        self.inner.ping().await
    }

    async fn stats(&self) -> Result<Stats> {
        self.inner.stats().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

/// Hands in transactions in turn and answers how many were under way after each; then lets all of them end.
async fn under_way(concurrent: usize, sizes: &[usize]) -> Vec<usize> {
    let inner = MemoryBackend::new(&SCHEMA);
    inner.migrate().await.unwrap();
    let gated = Arc::new(Gated { inner, concurrent, gate: Semaphore::new(0), under_way: AtomicUsize::new(0) });
    let grouped = Arc::new(GroupCommit::new(Arc::clone(&gated) as Arc<dyn Backend>));
    let (mut callers, mut counts, mut number) = (Vec::new(), Vec::new(), 0);
    for size in sizes {
        let transactions = (number..number + size).map(insert).collect();
        number += size;
        let grouped = Arc::clone(&grouped);
        callers.push(tokio::spawn(async move { grouped.commit(transactions).await }));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        counts.push(gated.under_way.load(Ordering::SeqCst));
    }
    gated.gate.add_permits(Semaphore::MAX_PERMITS);
    for caller in callers {
        assert!(caller.await.unwrap().iter().all(Result::is_ok));
    }
    assert_eq!(gated.under_way.load(Ordering::SeqCst), 0);
    counts
}

#[tokio::test]
async fn a_further_commit_begins_when_half_as_many_wait_as_are_under_way() {
    // Three that came one by one are half of six: enough for a second commit, and there is no third.
    assert_eq!(under_way(2, &[6, 1, 1, 1, 9]).await, [6, 6, 6, 9, 9]);
    assert_eq!(under_way(1, &[6, 3, 9]).await, [6, 6, 6]);
}

#[tokio::test]
async fn what_one_caller_hands_in_stays_together() {
    // Two halves of it would be under way at the same time, and in no order.
    assert_eq!(under_way(2, &[1, 1200, 1]).await, [1, 1201, 1201]);
}

#[tokio::test]
async fn where_company_is_of_no_use_nobody_waits_for_it() {
    assert_eq!(under_way(usize::MAX, &[6, 1, 1]).await, [6, 7, 8]);
}
