//! The retrying layer tries again what may succeed, and nothing else; the fault layer fails as it is told.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::{Part, PartColumn};
use aquifer_core::layers::{Fault, Faults, Retries, RetryOptions};
use aquifer_core::{
    Backend, BackendExt, Claim, Clock, Condition, Entity, ErrorKind, Key, ManualClock, Operation, Retry, SCHEMA, Scan,
    SystemClock, Timestamp, Transaction, Value,
};
use aquifer_memory::MemoryBackend;

/// A retrying layer with two retries over a backend that fails by script.
fn setup() -> (Retries, Arc<Faults>, MemoryBackend) {
    let memory = MemoryBackend::new(&SCHEMA);
    let faults = Arc::new(Faults::new(Arc::new(memory.handle()), Arc::new(SystemClock), 1));
    let options =
        RetryOptions { retries: 2, shortest_pause: Duration::from_micros(1), longest_pause: Duration::from_micros(9) };
    let inner: Arc<dyn Backend> = Arc::<Faults>::clone(&faults);
    (Retries::new(inner, Arc::new(SystemClock), options), faults, memory)
}

fn key(number: i64) -> Key {
    Key::new(Part::KIND, [Value::from("part"), Value::from(number)])
}

fn insert(number: i64) -> Transaction {
    let part = Part {
        id: "part".into(),
        number,
        data: vec![1],
        created_at: Timestamp::EPOCH,
        unclaimed_at: Some(Timestamp::EPOCH),
    };
    Transaction::new(vec![Operation::Insert(part.to_record())])
}

fn touch(number: i64, condition: Condition) -> Transaction {
    Transaction::new(vec![Operation::Update { key: key(number), condition, set: vec![] }])
}

#[tokio::test]
async fn what_failed_for_the_moment_is_done_again() {
    let (retries, faults, _) = setup();
    faults.script(1, Fault::Before);
    faults.script(2, Fault::Before);
    assert_eq!(retries.commit_one(insert(1)).await.unwrap().revisions, [1]);
    faults.script(1, Fault::Before);
    assert!(retries.get_one(key(1)).await.unwrap().is_some());
    faults.script(1, Fault::After);
    assert_eq!(retries.scan(&Scan::key(Part::KIND)).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again_and_nothing_is_done_twice() {
    let (retries, faults, _) = setup();
    faults.script(1, Fault::After);
    assert_eq!(retries.commit_one(insert(1)).await.unwrap().revisions, [1]);
    faults.script(1, Fault::After);
    faults.script(2, Fault::Before);
    assert_eq!(retries.commit_one(touch(1, Condition::Exists)).await.unwrap().revisions, [2]);
    assert_eq!(retries.get_one(key(1)).await.unwrap().unwrap().revision, 2);
}

#[tokio::test]
async fn it_gives_up_and_says_what_is_known() {
    let (retries, faults, memory) = setup();
    for nth in 1..=3 {
        faults.script(nth, Fault::Before);
    }
    let error = retries.commit_one(insert(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient));
    assert!(memory.get_one(key(1)).await.unwrap().is_none());
    // Once a reply was lost, a later failure does not prove that nothing was applied.
    faults.script(1, Fault::After);
    faults.script(2, Fault::Before);
    faults.script(3, Fault::Before);
    let error = retries.commit_one(insert(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown));
    assert!(memory.get_one(key(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_final_is_not_tried_again() {
    let (retries, faults, _) = setup();
    retries.commit_one(insert(1)).await.unwrap();
    // A second try would meet this.
    faults.script(2, Fault::Before);
    let error = retries.commit_one(touch(1, Condition::Revision(7))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = retries.get(&[key(1)]).await;
    assert!(error.is_ok(), "the fault was still there to be met, and retried: {error:?}");
}

#[tokio::test]
async fn only_what_failed_is_tried_again_and_in_order() {
    let memory = MemoryBackend::new(&SCHEMA);
    for seed in 0..50 {
        let clock = Arc::new(SystemClock);
        let faults = Faults::new(Arc::new(memory.handle()), Arc::<SystemClock>::clone(&clock) as _, seed)
            .with_failures(0.3)
            .with_lost_replies(0.3);
        let options = RetryOptions {
            retries: 100,
            shortest_pause: Duration::from_micros(1),
            longest_pause: Duration::from_micros(2),
        };
        let retries = Retries::new(Arc::new(faults), clock, options);
        let base = seed as i64 * 10;
        let answers = retries
            .commit(vec![
                insert(base),
                touch(base, Condition::Revision(1)),
                insert(base + 1),
                touch(base, Condition::Revision(2)),
                touch(base + 1, Condition::Exists),
                touch(base, Condition::Revision(2)),
            ])
            .await;
        let answers: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.map(|committed| committed.revisions[0]).map_err(|error| error.kind()))
            .collect();
        assert_eq!(answers, [Ok(1), Ok(2), Ok(1), Ok(3), Ok(2), Err(ErrorKind::Conflict)], "seed {seed}");
    }
}

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_left_to_the_caller() {
    let (retries, faults, memory) = setup();
    for number in 1..=2 {
        retries.commit_one(insert(number)).await.unwrap();
    }
    let claim = Claim {
        kind: Part::KIND,
        index: "by_unclaimed",
        prefix: vec![],
        up_to: None,
        limit: 1,
        set: vec![(PartColumn::unclaimed_at as usize, Value::Null)],
    };
    faults.script(1, Fault::After);
    assert_eq!(retries.claim(&claim).await.unwrap_err().retry(), Retry::Unknown);
    assert_eq!(memory.get_one(key(1)).await.unwrap().unwrap().revision, 2);
    assert_eq!(memory.get_one(key(2)).await.unwrap().unwrap().revision, 1);
    faults.script(1, Fault::Before);
    assert_eq!(retries.claim(&claim).await.unwrap()[0].key(), key(2));
}

#[tokio::test]
async fn pauses_and_delays_go_by_the_clock() {
    let memory = MemoryBackend::new(&SCHEMA);
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let faults = Arc::new(Faults::new(Arc::new(memory), Arc::<ManualClock>::clone(&clock) as _, 1));
    let retries = Retries::new(
        Arc::<Faults>::clone(&faults) as _,
        Arc::<ManualClock>::clone(&clock) as _,
        RetryOptions { retries: 1, shortest_pause: Duration::from_secs(60), longest_pause: Duration::from_secs(60) },
    );
    faults.script(1, Fault::Before);
    faults.script(2, Fault::Delay(Duration::from_secs(3600)));
    let commit = tokio::spawn(async move { retries.commit_one(insert(1)).await });
    let mut waits = Vec::new();
    while !commit.is_finished() {
        if let Some(time) = clock.next_sleeper() {
            let wait = time.duration_since(clock.now());
            waits.push(wait);
            clock.advance(wait);
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(commit.await.unwrap().unwrap().revisions, [1]);
    // A pause of one minute with its jitter, then the delay of an hour.
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert!(waits[0] >= Duration::from_secs(60) && waits[0] <= Duration::from_secs(120), "{waits:?}");
    assert_eq!(waits[1], Duration::from_secs(3600));
}

#[tokio::test]
async fn faults_repeat_with_their_seed() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let memory = MemoryBackend::new(&SCHEMA);
        let faults =
            Faults::new(Arc::new(memory), Arc::new(SystemClock), seed).with_failures(0.3).with_lost_replies(0.3);
        let mut answers = Vec::new();
        for number in 0..100 {
            answers.push(faults.commit_one(insert(number)).await.map(|_| ()).map_err(|error| error.retry()));
        }
        for outcome in [Ok(()), Err(Retry::Transient), Err(Retry::Unknown)] {
            assert!(answers.contains(&outcome));
        }
        runs.push(answers);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
