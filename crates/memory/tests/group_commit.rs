//! Group commit before a database that does not answer.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::layers::{Fault, Faults, GroupCommit};
use aquifer_core::{
    Backend, BackendExt, Clock, ErrorKind, ManualClock, Operation, Record, Retry, SCHEMA, Timestamp, Transaction, Value,
};
use aquifer_memory::MemoryBackend;

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
