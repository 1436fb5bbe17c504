//! A transaction whose reply was lost can be committed again.

use aquifer_core::{BackendExt, Condition, Entity, ErrorKind, Operation, Transaction, Value};

use crate::harness::Database;
use crate::schema::{THINGS, ThingColumn};
use crate::support::{delete, dump, get, insert, key, open, refused, set, set_at, thing, things};

const RANK: usize = ThingColumn::rank as usize;
const EMAIL: usize = ThingColumn::email as usize;

/// Commits a transaction, then twice more as a retry; each answer and what is stored must be the same.
async fn thrice(database: &dyn Database, prepared: &[i64], operations: Vec<Operation>) {
    let backend = things(database).await;
    for number in prepared {
        insert(&*backend, thing(*number).to_record()).await;
    }
    let transaction = Transaction::new(operations);
    let first = backend.commit_one(transaction.clone()).await.expect("the commit succeeds");
    let after = dump(&*backend, &THINGS).await;
    for _ in 0..2 {
        let again = backend.commit_one(transaction.retry()).await.expect("the retried commit is answered");
        assert_eq!(again, first);
        assert_eq!(dump(&*backend, &THINGS).await, after);
    }
}

pub(crate) async fn a_retried_insert_is_answered_again(database: &dyn Database) {
    let mut unique = thing(1);
    unique.email = Some("x".to_owned());
    thrice(database, &[], vec![Operation::Insert(unique.to_record())]).await;
}

pub(crate) async fn a_retried_update_is_answered_again(database: &dyn Database) {
    thrice(database, &[1], vec![set_at(key(1), 1, vec![(RANK, Value::from(3))])]).await;
}

pub(crate) async fn a_retried_delete_is_answered_again(database: &dyn Database) {
    thrice(database, &[1], vec![delete(key(1))]).await;
}

pub(crate) async fn a_retried_transaction_is_answered_whole(database: &dyn Database) {
    let operations = vec![
        Operation::Check { key: key(9), condition: Condition::Absent },
        delete(key(1)),
        set(key(2), vec![(RANK, Value::from(3))]),
        Operation::Insert(thing(4).to_record()),
        set_at(key(3), 1, vec![(EMAIL, Value::from("x"))]),
        Operation::Check { key: key(5), condition: Condition::Revision(1) },
        Operation::Check { key: key(6), condition: Condition::Exists },
    ];
    thrice(database, &[1, 2, 3, 5, 6], operations).await;
}

pub(crate) async fn a_retried_transaction_applies_if_it_was_not(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    insert(&*backend, thing(3).to_record()).await;
    let transaction = Transaction::new(vec![
        Operation::Insert(thing(2).to_record()),
        set_at(key(1), 1, vec![(RANK, Value::from(3))]),
        delete(key(3)),
    ]);
    let answer = backend.commit_one(transaction.retry()).await.expect("the commit succeeds");
    assert_eq!(answer.revisions, [1, 2, 0]);
    assert_eq!(get(&*backend, key(1)).await.map(|record| record.revision), Some(2));
    assert!(get(&*backend, key(2)).await.is_some());
    assert!(get(&*backend, key(3)).await.is_none());
}

pub(crate) async fn a_retried_failure_fails_again(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    let failures = [
        (vec![Operation::Insert(thing(1).to_record())], ErrorKind::AlreadyExists),
        (vec![set_at(key(1), 2, vec![])], ErrorKind::Conflict),
        (vec![set(key(2), vec![])], ErrorKind::NotFound),
        (vec![Operation::Check { key: key(2), condition: Condition::Exists }], ErrorKind::NotFound),
        (vec![Operation::Insert(thing(3).to_record()), set(key(2), vec![])], ErrorKind::NotFound),
        (vec![delete(key(1)), set(key(2), vec![])], ErrorKind::NotFound),
    ];
    for (operations, kind) in failures {
        let transaction = Transaction::new(operations);
        refused(backend.commit_one(transaction.clone()).await, kind);
        refused(backend.commit_one(transaction.retry()).await, kind);
    }
    assert_eq!(get(&*backend, key(3)).await, None);
}

pub(crate) async fn a_transaction_that_is_not_marked_is_new(database: &dyn Database) {
    let backend = things(database).await;
    let transaction = Transaction::new(vec![Operation::Insert(thing(1).to_record())]);
    backend.commit_one(transaction.clone()).await.expect("the commit succeeds");
    refused(backend.commit_one(transaction).await, ErrorKind::AlreadyExists);
}

pub(crate) async fn retries_work_on_another_handle(database: &dyn Database) {
    let backend = things(database).await;
    let transaction = Transaction::new(vec![Operation::Insert(thing(1).to_record())]);
    let first = backend.commit_one(transaction.clone()).await.expect("the commit succeeds");
    let other = open(database, &THINGS).await;
    assert_eq!(other.commit_one(transaction.retry()).await.expect("the retried commit is answered"), first);
    // And after a restart.
    backend.close().await.expect("the backend closes");
    other.close().await.expect("the backend closes");
    let reopened = open(database, &THINGS).await;
    assert_eq!(reopened.commit_one(transaction.retry()).await.expect("the retried commit is answered"), first);
}
