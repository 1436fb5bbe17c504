//! A transaction applies whole or not at all, and never touches its neighbours.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use aquifer_core::{Condition, Entity, ErrorKind, Key, Operation, Record, Transaction, Value};

use crate::harness::Database;
use crate::schema::{GroupColumn, THINGS, Thing, ThingColumn};
use crate::support::{commit, delete, done, dump, get, group, insert, key, refused, set, set_at, thing, things};

const RANK: usize = ThingColumn::rank as usize;

pub(crate) async fn a_transaction_applies_whole_or_not_at_all(database: &dyn Database) {
    let backend = things(database).await;
    for number in 1..=3 {
        insert(&*backend, thing(number).to_record()).await;
    }
    let group = group("t", "a").to_record().key();
    let writes = || {
        vec![
            Operation::Insert(thing(4).to_record()),
            set(key(1), vec![(RANK, Value::from(1))]),
            delete(key(2)),
            set(group.clone(), vec![(GroupColumn::count as usize, Value::from(1))]),
        ]
    };
    let before = dump(&*backend, &THINGS).await;
    let failures = [
        (Operation::Insert(thing(3).to_record()), ErrorKind::AlreadyExists),
        (set(key(9), vec![]), ErrorKind::NotFound),
        (set_at(key(3), 2, vec![]), ErrorKind::Conflict),
        (delete(key(9)), ErrorKind::NotFound),
        (Operation::Check { key: key(3), condition: Condition::Absent }, ErrorKind::AlreadyExists),
    ];
    for (failure, kind) in failures {
        for place in 0..=writes().len() {
            let mut operations = writes();
            operations.insert(place, failure.clone());
            refused(commit(&*backend, operations).await, kind);
        }
    }
    assert_eq!(dump(&*backend, &THINGS).await, before);
    assert_eq!(done(&*backend, writes()).await, [1, 2, 0, 2]);
    assert!(get(&*backend, key(4)).await.is_some());
    assert!(get(&*backend, key(2)).await.is_none());
}

pub(crate) async fn transactions_of_one_call_are_answered_for_themselves(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    let answers = backend
        .commit(vec![
            Transaction::new(vec![Operation::Insert(thing(2).to_record())]),
            Transaction::new(vec![Operation::Insert(thing(1).to_record())]),
            Transaction::new(vec![set(key(1), vec![])]),
            Transaction::new(vec![]),
            Transaction::new(vec![set_at(key(1), 9, vec![])]),
            Transaction::new(vec![delete(key(7))]),
            Transaction::new(vec![Operation::Insert(thing(3).to_record()), set(key(8), vec![])]),
            Transaction::new(vec![Operation::Insert(thing(4).to_record())]),
        ])
        .await;
    let kinds: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.map(|committed| committed.revisions).map_err(|error| error.kind()))
        .collect();
    let expected = vec![
        Ok(vec![1]),
        Err(ErrorKind::AlreadyExists),
        Ok(vec![2]),
        Err(ErrorKind::Invalid),
        Err(ErrorKind::Conflict),
        Err(ErrorKind::NotFound),
        Err(ErrorKind::NotFound),
        Ok(vec![1]),
    ];
    assert_eq!(kinds, expected);
    let there: Vec<bool> = backend
        .get(&[key(1), key(2), key(3), key(4)])
        .await
        .expect("the read succeeds")
        .iter()
        .map(Option::is_some)
        .collect();
    assert_eq!(there, [true, true, false, true]);
    assert!(backend.commit(vec![]).await.is_empty());
}

pub(crate) async fn transactions_of_one_call_apply_in_order(database: &dyn Database) {
    let backend = things(database).await;
    let rank = |value: i64| vec![(RANK, Value::from(value))];
    let answers = backend
        .commit(vec![
            Transaction::new(vec![Operation::Insert(thing(1).to_record())]),
            Transaction::new(vec![set_at(key(1), 1, rank(10))]),
            Transaction::new(vec![set_at(key(1), 1, rank(11))]),
            Transaction::new(vec![set_at(key(1), 2, rank(12))]),
            Transaction::new(vec![delete(key(1))]),
            Transaction::new(vec![set(key(1), rank(13))]),
            Transaction::new(vec![Operation::Insert(thing(1).to_record())]),
            Transaction::new(vec![set(key(1), rank(14))]),
        ])
        .await;
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.map(|committed| committed.revisions[0]).map_err(|error| error.kind()))
        .collect();
    let (conflict, missing) = (Err(ErrorKind::Conflict), Err(ErrorKind::NotFound));
    assert_eq!(answers, [Ok(1), Ok(2), conflict, Ok(3), Ok(0), missing, Ok(1), Ok(2)]);
    let record = get(&*backend, key(1)).await.expect("the record");
    assert_eq!((record.revision, &record.values[RANK]), (2, &Value::from(14)));
}

pub(crate) async fn many_transactions_of_one_call(database: &dyn Database) {
    let backend = things(database).await;
    let transactions = (0..300)
        .map(|number| {
            // Every third one fails.
            let number = if number % 3 == 2 { number - 1 } else { number };
            Transaction::new(vec![Operation::Insert(thing(number).to_record())])
        })
        .collect();
    let answers = backend.commit(transactions).await;
    assert_eq!(answers.len(), 300);
    for (number, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(committed) => assert!(number % 3 != 2 && committed.revisions == [1], "{number}"),
            Err(error) => assert!(number % 3 == 2 && error.is_already_exists(), "{number}: {error:?}"),
        }
    }
}

pub(crate) async fn what_is_wrong_is_refused(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    let before = dump(&*backend, &THINGS).await;
    let mut other_partition = thing(2);
    other_partition.group_id = "b".to_owned();
    let short = Record::new(Thing::KIND, vec![Value::from("t")]);
    let mut wrong_type = thing(2).to_record();
    wrong_type.values[RANK] = Value::from("text");
    let mut null_key = thing(2).to_record();
    null_key.values[ThingColumn::number as usize] = Value::Null;
    let mut null_name = group("t", "c").to_record();
    null_name.values[GroupColumn::name as usize] = Value::Null;
    let mut long = thing(2);
    long.name = Some("n".repeat(256));
    let mut zero = thing(2);
    zero.title = Some("a\0b".to_owned());
    let insert = |record: Record| vec![Operation::Insert(record)];
    let wrong = [
        vec![],
        vec![Operation::Insert(thing(2).to_record()), Operation::Insert(other_partition.to_record())],
        vec![set(key(1), vec![]), delete(key(1))],
        insert(short),
        insert(wrong_type),
        insert(null_key),
        insert(null_name),
        insert(long.to_record()),
        insert(zero.to_record()),
        vec![set(key(1), vec![(ThingColumn::number as usize, Value::from(2))])],
        vec![set(key(1), vec![(RANK, Value::from(2)), (RANK, Value::from(3))])],
        vec![set(key(1), vec![(99, Value::from(2))])],
        vec![set(key(1), vec![(RANK, Value::from(true))])],
        vec![Operation::Update { key: key(1), condition: Condition::Absent, set: vec![] }],
        vec![Operation::Delete { key: key(1), condition: Condition::Absent }],
        vec![delete(Key::new(Thing::KIND, ["t", "a"]))],
        vec![delete(Key::new(Thing::KIND, ["t", "a", "1"]))],
    ];
    for operations in wrong {
        refused(commit(&*backend, operations).await, ErrorKind::Invalid);
    }
    refused(backend.get(&[Key::new(Thing::KIND, ["t", "a"])]).await, ErrorKind::Invalid);
    assert_eq!(dump(&*backend, &THINGS).await, before);
}

pub(crate) async fn a_dropped_commit_leaves_the_backend_usable(database: &dyn Database) {
    let backend = things(database).await;
    for number in 0..50 {
        let mut commit = pin!(commit(&*backend, vec![Operation::Insert(thing(number).to_record())]));
        // A few steps only; then the caller loses interest.
        for _ in 0..number % 4 {
            let polled = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if polled.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    for number in 0..50 {
        // Either of the two, but whole; and a later write goes through.
        let answer = commit(&*backend, vec![Operation::Insert(thing(number).to_record())]).await;
        match answer {
            Ok(committed) => assert_eq!(committed.revisions, [1]),
            Err(error) => assert!(error.is_already_exists(), "{error:?}"),
        }
        assert_eq!(done(&*backend, vec![set(key(number), vec![])]).await, [2]);
    }
}
