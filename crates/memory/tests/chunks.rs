//! The chunking layer never loses a part, and leaves none behind.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking")]

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::{Execution, ExecutionColumn, ExecutionState, Part, Status, Step};
use aquifer_core::layers::{Chunks, Fault, Faults, Swept};
use aquifer_core::{
    Backend, BackendExt, Capabilities, Claim, Clock, Condition, Entity, Error, ErrorKind, Key, ManualClock, Operation,
    Record, Retry, SCHEMA, Scan, Timestamp, Transaction, Value,
};
use aquifer_memory::MemoryBackend;

const INPUT: usize = ExecutionColumn::input as usize;
const OUTPUT: usize = ExecutionColumn::output as usize;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One database, with a clock that stands still.
struct Setup {
    memory: MemoryBackend,
    clock: Arc<ManualClock>,
}

impl Setup {
    fn new() -> Self {
        let memory = MemoryBackend::new(&SCHEMA);
        let limits = Capabilities {
            max_record_bytes: 8 << 10,
            max_operations: 100,
            max_transaction_bytes: 64 << 10,
            ..memory.capabilities()
        };
        let clock = ManualClock::new(Timestamp::from_micros(1_700_000_000_000_000).unwrap());
        Self { memory: memory.with_capabilities(limits), clock: Arc::new(clock) }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<ManualClock>::clone(&self.clock)
    }

    fn chunks(&self) -> Chunks {
        Chunks::new(Arc::new(self.memory.handle()), &SCHEMA, self.clock()).unwrap()
    }

    /// The layer over a backend that fails as `faults` is told.
    fn faulty(&self) -> (Chunks, Arc<Faults>) {
        let faults = Arc::new(Faults::new(Arc::new(self.memory.handle()), self.clock(), 1));
        let inner: Arc<dyn Backend> = Arc::<Faults>::clone(&faults);
        (Chunks::new(inner, &SCHEMA, self.clock()).unwrap(), faults)
    }

    fn stored_parts(&self) -> Vec<Record> {
        self.memory.dump().into_iter().map(|entry| entry.record).filter(|record| record.kind == Part::KIND).collect()
    }

    /// Sweeps as often as there is something to do, a day later each time.
    async fn sweep(&self) -> Swept {
        let mut total = Swept::default();
        for _ in 0..5 {
            self.clock.advance(DAY + Duration::from_secs(1));
            let swept = self.chunks().sweep(100).await.unwrap();
            total.removed += swept.removed;
            total.kept += swept.kept;
        }
        let waiting = Scan::index(Part::KIND, "by_unclaimed");
        assert_eq!(self.memory.scan(&waiting).await.unwrap().records, [], "nothing is left to sweep");
        total
    }
}

fn execution(input: &str) -> Record {
    let execution = Execution {
        tenant_id: "t".into(),
        id: "ex_1".into(),
        workflow_id: "wf_1".into(),
        namespace: "default".to_owned(),
        name: "flow".to_owned(),
        version: 1,
        status: Status::Running,
        input: Some(input.to_owned()),
        output: None,
        error: None,
        continuation: None,
        owner: None,
        wake_at: Some(Timestamp::EPOCH),
        control: None,
        idempotency_key: None,
        parent_id: None,
        user_id: None,
        tags: None,
        progress: None,
        last_event: 0,
        event_hash: None,
        last_step: 0,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        ended_at: None,
    };
    execution.to_record()
}

fn key() -> Key {
    execution("").key()
}

fn large(letter: char) -> String {
    letter.to_string().repeat(30_000)
}

/// The parts of [`large`], with their header.
const PARTS: usize = 5;

fn insert(input: &str) -> Transaction {
    Transaction::new(vec![Operation::Insert(execution(input))])
}

fn update(condition: Condition, column: usize, value: &str) -> Transaction {
    Transaction::new(vec![Operation::Update { key: key(), condition, set: vec![(column, Value::from(value))] }])
}

fn delete() -> Transaction {
    Transaction::new(vec![Operation::Delete { key: key(), condition: Condition::Exists }])
}

async fn input(backend: &dyn Backend) -> Option<String> {
    let record = backend.get_one(key()).await.unwrap()?;
    record.values[INPUT].as_text().map(str::to_owned)
}

#[tokio::test]
async fn parts_come_and_go_with_their_values() {
    let setup = Setup::new();
    let chunks = setup.chunks();
    chunks.commit_one(insert(&large('a'))).await.unwrap();
    assert_eq!(setup.stored_parts().len(), PARTS);
    assert_eq!(input(&chunks).await, Some(large('a')));
    // The backend itself holds a short marker.
    assert!(setup.memory.get_one(key()).await.unwrap().unwrap().size() < 1_000);
    chunks.commit_one(update(Condition::Exists, OUTPUT, &large('o'))).await.unwrap();
    assert_eq!(setup.stored_parts().len(), 2 * PARTS);
    // Replaced, made small, made large again, deleted.
    chunks.commit_one(update(Condition::Revision(2), INPUT, &large('b'))).await.unwrap();
    assert_eq!(input(&chunks).await, Some(large('b')));
    assert_eq!(setup.stored_parts().len(), 2 * PARTS);
    chunks.commit_one(update(Condition::Exists, INPUT, "small")).await.unwrap();
    assert_eq!(setup.stored_parts().len(), PARTS);
    chunks.commit_one(update(Condition::Exists, INPUT, &large('c'))).await.unwrap();
    // A change of other columns leaves them alone.
    chunks.commit_one(update(Condition::Exists, ExecutionColumn::name as usize, "other")).await.unwrap();
    assert_eq!(setup.stored_parts().len(), 2 * PARTS);
    let listed = chunks.scan(&Scan::key(Execution::KIND).with_detail()).await.unwrap().records;
    assert_eq!(listed[0].values[INPUT], Value::from(large('c')));
    assert_eq!(listed[0].values[OUTPUT], Value::from(large('o')));
    chunks.commit_one(delete()).await.unwrap();
    assert_eq!(setup.stored_parts(), []);
    assert_eq!(setup.sweep().await, Swept::default());
}

#[tokio::test]
async fn a_commit_that_fails_leaves_no_parts() {
    let setup = Setup::new();
    let chunks = setup.chunks();
    chunks.commit_one(insert(&large('a'))).await.unwrap();
    let failures = [
        (insert(&large('b')), ErrorKind::AlreadyExists),
        (update(Condition::Revision(7), INPUT, &large('b')), ErrorKind::Conflict),
        (
            Transaction::new(vec![
                Operation::Update { key: key(), condition: Condition::Exists, set: vec![(INPUT, large('b').into())] },
                Operation::Check { key: Key::new(Step::KIND, step()), condition: Condition::Exists },
            ]),
            ErrorKind::NotFound,
        ),
    ];
    for (transaction, kind) in failures {
        let error = chunks.commit_one(transaction).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_eq!(setup.stored_parts().len(), PARTS);
        assert_eq!(input(&chunks).await, Some(large('a')));
    }
    // What was marked as replaced is found to be in use.
    setup.sweep().await;
    assert_eq!(input(&chunks).await, Some(large('a')));
}

fn step() -> [Value; 3] {
    ["t".into(), "ex_1".into(), 1.into()]
}

#[tokio::test]
async fn whatever_fails_at_whatever_call_nothing_is_lost_and_nothing_is_left() {
    for name in ["insert", "update", "shrink", "delete"] {
        let change = || match name {
            "insert" => insert(&large('b')),
            "update" => update(Condition::Exists, INPUT, &large('b')),
            "shrink" => update(Condition::Revision(1), INPUT, "b"),
            _ => delete(),
        };
        for fault in [Fault::Before, Fault::After] {
            let mut failures = 0;
            for nth in 1..15 {
                for retried in [false, true] {
                    let context = format!("{name}, {fault:?} at call {nth}, retried {retried}");
                    let setup = Setup::new();
                    let before = if name == "insert" { None } else { Some(large('a')) };
                    if let Some(before) = &before {
                        setup.chunks().commit_one(insert(before)).await.unwrap();
                    }
                    let after = match name {
                        "insert" | "update" => Some(large('b')),
                        "shrink" => Some("b".to_owned()),
                        _ => None,
                    };
                    let (chunks, faults) = setup.faulty();
                    faults.script(nth, fault);
                    let transaction = change();
                    let answer = chunks.commit_one(transaction.clone()).await;
                    failures += usize::from(answer.is_err());
                    match &answer {
                        Ok(_) => assert_eq!(input(&setup.chunks()).await, after, "{context}"),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Unavailable, "{context}");
                            let found = input(&setup.chunks()).await;
                            let applied = error.retry() == Retry::Unknown && found == after;
                            assert!(found == before || applied, "{context}");
                            if retried {
                                let again =
                                    if error.retry() == Retry::Unknown { transaction.retry() } else { transaction };
                                chunks.commit_one(again).await.expect(&context);
                                assert_eq!(input(&setup.chunks()).await, after, "{context}");
                            }
                        }
                    }
                    let seen = input(&setup.chunks()).await;
                    setup.sweep().await;
                    assert_eq!(input(&setup.chunks()).await, seen, "{context}, after the sweep");
                    let expected = if seen.as_ref().is_some_and(|seen| seen.len() > 1) { PARTS } else { 0 };
                    assert_eq!(setup.stored_parts().len(), expected, "{context}");
                }
            }
            assert!(failures >= 2, "{name} meets the faults");
        }
    }
}

/// Runs a commit that is held up for two days at its `nth` call, and a sweep after one day.
async fn held_up(setup: &Setup, transaction: Transaction, nth: u64) -> Result<Vec<u64>, Error> {
    let (chunks, faults) = setup.faulty();
    faults.script(nth, Fault::Delay(2 * DAY));
    let writer = tokio::spawn(async move { chunks.commit_one(transaction).await });
    while setup.clock.next_sleeper().is_none() {
        tokio::task::yield_now().await;
    }
    setup.clock.advance(DAY + Duration::from_secs(1));
    setup.chunks().sweep(100).await.unwrap();
    setup.clock.advance(DAY);
    writer.await.unwrap().map(|committed| committed.revisions)
}

#[tokio::test]
async fn a_writer_that_is_held_up_never_refers_to_parts_that_are_gone() {
    // Its calls: the header, the parts, the record, the claim on the parts.
    for nth in 1..=4 {
        let setup = Setup::new();
        let answer = held_up(&setup, insert(&large('b')), nth).await;
        let found = input(&setup.chunks()).await;
        match answer {
            Ok(_) => assert_eq!(found, Some(large('b')), "call {nth}"),
            Err(error) => assert_eq!((error.kind(), found), (ErrorKind::Unavailable, None), "call {nth}"),
        }
        let seen = input(&setup.chunks()).await;
        setup.sweep().await;
        assert_eq!(input(&setup.chunks()).await, seen, "call {nth}");
        assert_eq!(setup.stored_parts().len(), if seen.is_some() { PARTS } else { 0 }, "call {nth}");
    }
    // An update reads first; it is fenced.
    for nth in 1..=6 {
        let setup = Setup::new();
        setup.chunks().commit_one(insert(&large('a'))).await.unwrap();
        let answer = held_up(&setup, update(Condition::Revision(1), INPUT, &large('b')), nth).await;
        let seen = input(&setup.chunks()).await;
        match answer {
            Ok(_) => assert_eq!(seen, Some(large('b')), "call {nth}"),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Conflict), "call {nth}: {error:?}");
                assert_eq!(seen, Some(large('a')), "call {nth}");
            }
        }
        setup.sweep().await;
        assert_eq!(input(&setup.chunks()).await, seen, "call {nth}");
        assert_eq!(setup.stored_parts().len(), PARTS, "call {nth}");
    }
}

#[tokio::test]
async fn the_same_transaction_unmarked_is_refused_and_takes_nothing_away() {
    let setup = Setup::new();
    let chunks = setup.chunks();
    let transaction = insert(&large('a'));
    chunks.commit_one(transaction.clone()).await.unwrap();
    let error = chunks.commit_one(transaction).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(input(&chunks).await, Some(large('a')));
    assert_eq!(setup.sweep().await, Swept { removed: 0, kept: 1 });
    assert_eq!(input(&chunks).await, Some(large('a')));
}

#[tokio::test]
async fn a_missing_part_is_corrupt() {
    let setup = Setup::new();
    let chunks = setup.chunks();
    chunks.commit_one(insert(&large('a'))).await.unwrap();
    setup.memory.unload(&setup.stored_parts()[2].key()).unwrap();
    assert_eq!(chunks.get_one(key()).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_claim_returns_whole_records_and_sets_no_large_columns() {
    let setup = Setup::new();
    let chunks = setup.chunks();
    chunks.commit_one(insert(&large('a'))).await.unwrap();
    let mut claim = Claim {
        kind: Execution::KIND,
        index: "by_due",
        prefix: vec![],
        up_to: None,
        limit: 1,
        set: vec![(ExecutionColumn::wake_at as usize, Value::Null), (INPUT, Value::from("x"))],
    };
    assert_eq!(chunks.claim(&claim).await.unwrap_err().kind(), ErrorKind::Invalid);
    claim.set.pop();
    assert_eq!(chunks.claim(&claim).await.unwrap()[0].values[INPUT], Value::from(large('a')));
}

#[tokio::test]
async fn a_transaction_that_is_too_large_as_a_whole_moves_more_into_parts() {
    let setup = Setup::new();
    let chunks = setup.chunks();
    // Each is small enough to stand in its record, but together they exceed the backend's transaction.
    let inserts: Vec<Operation> = (0..90)
        .map(|number| {
            let state = ExecutionState {
                tenant_id: "t".into(),
                execution_id: "ex_1".into(),
                name: format!("{number}"),
                value: "v".repeat(1_000),
                updated_at: Timestamp::EPOCH,
            };
            Operation::Insert(state.to_record())
        })
        .collect();
    chunks.commit_one(Transaction::new(inserts.clone())).await.unwrap();
    let keys: Vec<Key> = inserts.iter().map(Operation::key).collect();
    for (record, insert) in chunks.get(&keys).await.unwrap().into_iter().zip(inserts) {
        assert_eq!(Operation::Insert(Record { revision: 0, ..record.unwrap() }), insert);
    }
    assert!(!setup.stored_parts().is_empty());
}

#[tokio::test]
async fn a_backend_with_tiny_records_is_refused() {
    let memory = MemoryBackend::new(&SCHEMA);
    let limits = Capabilities { max_record_bytes: 4 << 10, ..memory.capabilities() };
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let error = Chunks::new(Arc::new(memory.with_capabilities(limits)), &SCHEMA, clock).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn who_writes_a_record_again_and_again_does_not_read_it_each_time() {
    let setup = Setup::new();
    let (chunks, faults) = setup.faulty();
    chunks.commit_one(insert("small")).await.unwrap();
    // No read would succeed: none is made.
    (0..3).for_each(|_| faults.next("get", Fault::Before));
    chunks.commit_one(update(Condition::Revision(1), OUTPUT, "a")).await.unwrap();
    chunks.commit_one(update(Condition::Revision(2), OUTPUT, &large('b'))).await.unwrap();
    // Now something is kept in parts, and has to be found to be removed.
    let error = chunks.commit_one(update(Condition::Revision(3), OUTPUT, "c")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = chunks.commit_one(update(Condition::Exists, OUTPUT, "c")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = chunks.commit_one(update(Condition::Revision(3), OUTPUT, "c").retry()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    chunks.commit_one(update(Condition::Revision(3), OUTPUT, "c")).await.unwrap();
    assert_eq!(setup.stored_parts(), []);

    // Another process writes meanwhile: its revision is not the one that is known.
    setup.chunks().commit_one(update(Condition::Revision(4), OUTPUT, &large('d'))).await.unwrap();
    let error = chunks.commit_one(update(Condition::Revision(4), OUTPUT, "e")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    chunks.commit_one(update(Condition::Revision(5), OUTPUT, "e")).await.unwrap();
    assert_eq!(setup.stored_parts(), []);
}
