//! Many at once, over two handles.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aquifer_core::{
    Backend, BackendExt, Claim, Entity, ErrorKind, Key, Operation, Result, Scan, Timestamp, Transaction, Value,
};
use futures_util::future::join_all;

use crate::harness::Database;
use crate::schema::{Group, GroupColumn, THINGS, Thing, ThingColumn};
use crate::support::{delete, get, group, insert, key, open, pages, set, set_at, thing, things};

const COUNT: usize = GroupColumn::count as usize;
const TASKS: usize = 8;

async fn two_handles(database: &dyn Database) -> [Arc<dyn Backend>; 2] {
    [things(database).await, open(database, &THINGS).await]
}

/// Runs `work` in several tasks at once, half of them on each handle, and answers what each gave.
async fn together<F, T>(handles: &[Arc<dyn Backend>; 2], work: impl Fn(Arc<dyn Backend>, usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let tasks = (0..TASKS).map(|task| tokio::spawn(work(Arc::clone(&handles[task % 2]), task)));
    join_all(tasks).await.into_iter().map(|ended| ended.expect("the task ends")).collect()
}

/// Commits until the backend is available. Under contention it may ask for another try; only that is tried again.
async fn commit(backend: &dyn Backend, operations: Vec<Operation>) -> Result<Vec<u64>> {
    let mut transaction = Transaction::new(operations);
    for _ in 0..100 {
        match backend.commit_one(transaction.clone()).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => transaction = transaction.retry(),
            answer => return answer.map(|committed| committed.revisions),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the backend stays unavailable");
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(integer) => *integer,
        other => panic!("{other:?} is not an integer"),
    }
}

pub(crate) async fn concurrent_claims_take_each_record_once(database: &dyn Database) {
    const DUE: i64 = 120;
    let handles = two_handles(database).await;
    for number in 0..DUE {
        let mut thing = thing(number);
        thing.due_at = Some(Timestamp::from_micros(number % 7).expect("in range"));
        insert(&*handles[0], thing.to_record()).await;
    }
    let taken = together(&handles, |backend, task| async move {
        let claim = Claim {
            kind: Thing::KIND,
            index: "by_due",
            prefix: vec![],
            up_to: Some(Value::from(Timestamp::EPOCH.saturating_add(std::time::Duration::from_secs(1)))),
            limit: 5,
            set: vec![
                (ThingColumn::due_at as usize, Value::Null),
                (ThingColumn::owner as usize, Value::from(format!("task {task}"))),
            ],
        };
        let mut mine = Vec::new();
        let mut idle = 0;
        // A claim may come back empty while others interfere.
        while idle < 10 {
            let taken = backend.claim(&claim).await.unwrap_or_default();
            assert!(taken.len() <= 5);
            idle = if taken.is_empty() { idle + 1 } else { 0 };
            if taken.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            for record in taken {
                assert_eq!(record.revision, 2);
                assert_eq!(record.values[ThingColumn::owner as usize], Value::from(format!("task {task}")));
                mine.push(integer(&record.values[ThingColumn::number as usize]));
            }
        }
        mine
    })
    .await;
    let all: Vec<i64> = taken.iter().flatten().copied().collect();
    let distinct: HashSet<i64> = all.iter().copied().collect();
    assert_eq!((all.len(), distinct.len()), (DUE as usize, DUE as usize), "{taken:?}");
    for (task, mine) in taken.iter().enumerate() {
        for number in mine {
            let record = get(&*handles[1], key(*number)).await.expect("the record");
            assert_eq!(record.values[ThingColumn::owner as usize], Value::from(format!("task {task}")));
        }
    }
}

pub(crate) async fn concurrent_increments_lose_none(database: &dyn Database) {
    const EACH: i64 = 10;
    let handles = two_handles(database).await;
    let counter = group("t", "a").to_record().key();
    together(&handles, |backend, task| {
        let counter = counter.clone();
        async move {
            for round in 0..EACH {
                // Written with each increment and by nobody else, so that a lost reply is found out whatever the others do.
                let witness = thing(task as i64 * EACH + round);
                loop {
                    let record = get(&*backend, counter.clone()).await.expect("the counter");
                    let next = Value::from(integer(&record.values[COUNT]) + 1);
                    let update = set_at(counter.clone(), record.revision, vec![(COUNT, next)]);
                    match commit(&*backend, vec![update, Operation::Insert(witness.to_record())]).await {
                        Ok(revisions) => {
                            assert_eq!(revisions, [record.revision + 1, 1]);
                            break;
                        }
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}"),
                    }
                }
            }
        }
    })
    .await;
    let record = get(&*handles[0], counter).await.expect("the counter");
    let total = TASKS as i64 * EACH;
    assert_eq!((integer(&record.values[COUNT]), record.revision), (total, total as u64 + 1));
}

pub(crate) async fn concurrent_inserts_have_one_winner(database: &dyn Database) {
    let handles = two_handles(database).await;
    for number in 0..20 {
        let answers = together(&handles, |backend, task| async move {
            let mut thing = thing(number);
            thing.rank = Some(task as i64);
            commit(&*backend, vec![Operation::Insert(thing.to_record())]).await.map_err(|error| error.kind())
        })
        .await;
        let winners: Vec<usize> = (0..TASKS).filter(|task| answers[*task].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert!(answers.iter().flat_map(|answer| answer.as_ref().err()).all(|kind| *kind == ErrorKind::AlreadyExists));
        let record = get(&*handles[1], key(number)).await.expect("the record");
        assert_eq!(record.values[ThingColumn::rank as usize], Value::from(winners[0] as i64));
    }
}

pub(crate) async fn concurrent_unique_values_have_one_winner(database: &dyn Database) {
    let handles = two_handles(database).await;
    for round in 0..20 {
        let answers = together(&handles, |backend, task| async move {
            let mut thing = thing(round * 100 + task as i64);
            thing.email = Some(format!("email {round}"));
            commit(&*backend, vec![Operation::Insert(thing.to_record())]).await.map_err(|error| error.kind())
        })
        .await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert!(answers.iter().flat_map(|answer| answer.as_ref().err()).all(|kind| *kind == ErrorKind::AlreadyExists));
    }
}

pub(crate) async fn a_conflict_never_fails_its_neighbours(database: &dyn Database) {
    let handles = two_handles(database).await;
    let answers = together(&handles, |backend, task| async move {
        let mut answers = Vec::new();
        for round in 0..10 {
            let own = thing(round * 100 + task as i64);
            // Everybody's second transaction fights over one record; the others are nobody else's.
            let batch = vec![
                Transaction::new(vec![Operation::Insert(own.to_record())]),
                Transaction::new(vec![set_at(Key::new(Group::KIND, ["t", "a"]), 1, vec![])]),
                Transaction::new(vec![set(own.to_record().key(), vec![(ThingColumn::rank as usize, 1.into())])]),
            ];
            for (transaction, answer) in batch.clone().into_iter().zip(backend.commit(batch).await) {
                // Asked to try again, that one transaction tries again.
                let answer = match answer {
                    Err(error) if error.kind() == ErrorKind::Unavailable => {
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                        backend.commit_one(transaction.retry()).await
                    }
                    answer => answer,
                };
                answers.push(answer.map(|committed| committed.revisions[0]).map_err(|error| error.kind()));
            }
        }
        answers
    })
    .await;
    let answers: Vec<_> = answers.into_iter().flatten().collect();
    for batch in answers.chunks(3) {
        assert_eq!((&batch[0], &batch[2]), (&Ok(1), &Ok(2)), "{batch:?}");
        assert!(matches!(batch[1], Ok(2) | Err(ErrorKind::Conflict)), "{batch:?}");
    }
    assert_eq!(answers.chunks(3).filter(|batch| batch[1].is_ok()).count(), 1);
}

pub(crate) async fn what_was_acknowledged_is_seen_by_others(database: &dyn Database) {
    let [first, second] = two_handles(database).await;
    let counter = group("t", "a").to_record().key();
    for round in 1..50 {
        let (writer, reader) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
        commit(&**writer, vec![set(counter.clone(), vec![(COUNT, Value::from(round))])]).await.expect("it commits");
        let seen = get(&**reader, counter.clone()).await.expect("the counter");
        assert_eq!((integer(&seen.values[COUNT]), seen.revision), (round, round as u64 + 1));
    }
}

pub(crate) async fn transactions_are_never_seen_in_part(database: &dyn Database) {
    let [writer, reader] = two_handles(database).await;
    // The group is raised first and the thing after it, in one transaction: whoever reads the thing and then the group, one after the
    // other, must never find the group behind.
    insert(&*writer, thing(1).to_record()).await;
    let done = Arc::new(AtomicBool::new(false));
    let writing = {
        let done = Arc::clone(&done);
        tokio::spawn(async move {
            for round in 1..=150 {
                let operations = vec![
                    set(group("t", "a").to_record().key(), vec![(COUNT, Value::from(round))]),
                    set(key(1), vec![(ThingColumn::rank as usize, Value::from(round))]),
                ];
                commit(&*writer, operations).await.expect("it commits");
            }
            done.store(true, Ordering::Release);
        })
    };
    let mut looks = 0;
    while !done.load(Ordering::Acquire) || looks < 10 {
        let thing = get(&*reader, key(1)).await.expect("the thing");
        let group = get(&*reader, group("t", "a").to_record().key()).await.expect("the group");
        let rank = match &thing.values[ThingColumn::rank as usize] {
            Value::Null => 0,
            value => integer(value),
        };
        assert!(integer(&group.values[COUNT]) >= rank, "a transaction was seen in part");
        looks += 1;
        tokio::task::yield_now().await;
    }
    writing.await.expect("the writer ends");
}

pub(crate) async fn listings_are_whole_while_others_write(database: &dyn Database) {
    let [writer, reader] = two_handles(database).await;
    // Every third stays where it is; the others come, move about and go.
    let stay: Vec<i64> = (0..60).step_by(3).collect();
    for number in &stay {
        insert(&*writer, ranked(*number).to_record()).await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let writing = {
        let done = Arc::clone(&done);
        tokio::spawn(async move {
            for round in 0..10 {
                for number in (0..60).filter(|number| number % 3 != 0) {
                    let rank = vec![(ThingColumn::rank as usize, Value::from((number * 37 + round) % 60))];
                    for operation in
                        [Operation::Insert(ranked(number).to_record()), set(key(number), rank), delete(key(number))]
                    {
                        commit(&*writer, vec![operation]).await.expect("it commits");
                    }
                }
            }
            done.store(true, Ordering::Release);
        })
    };
    let mut looks = 0;
    while !done.load(Ordering::Acquire) || looks < 3 {
        for descending in [false, true] {
            let scan = Scan::index(Thing::KIND, "by_rank").limit(4).descending(descending);
            let mut seen: Vec<i64> = pages(&*reader, &scan)
                .await
                .iter()
                .map(|record| integer(&record.values[ThingColumn::number as usize]))
                .filter(|number| stay.contains(number))
                .collect();
            if descending {
                seen.reverse();
            }
            assert!(seen == stay || reader.capabilities().scans_may_lag, "{seen:?}");
        }
        looks += 1;
    }
    writing.await.expect("the writer ends");
}

fn ranked(number: i64) -> Thing {
    Thing { rank: Some(number), ..thing(number) }
}
