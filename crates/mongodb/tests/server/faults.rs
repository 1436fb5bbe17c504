//! Commands that fail, answers that are lost, servers that are slow: nothing is done twice, and every error says what helps.

use std::time::{Duration, Instant};

use aquifer_core::{Backend, Claim, Entity, ErrorKind, Operation, Retry, Timestamp, Transaction, Value};
use mongodb::bson::{Document, doc};

use crate::notes::{Note, NoteColumn, answer, commit, get, insert, key, note, revision, set, set_at};
use crate::place::{self, Place};

/// Each time.
fn always() -> Document {
    doc! { "times": 1_000_000 }
}

fn times(count: i32) -> Document {
    doc! { "times": count }
}

/// As when the answer is lost on the way: the command was done. The gateway's own addition to `failCommand`.
fn lost() -> Document {
    doc! { "closeConnection": true, "afterCommand": true }
}

#[tokio::test]
async fn a_transaction_that_others_are_in_the_way_of_begins_again() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    commit(&*backend, vec![insert(1)]).await.unwrap();
    for (round, command) in (0..).zip(["insert", "update", "commitTransaction"]) {
        let labels = doc! { "errorCode": 112, "errorLabels": ["TransientTransactionError"] };
        place.fail(times(2), &[command], labels).await;
        let operations = vec![insert(10 + round), set(1, round)];
        assert_eq!(commit(&*backend, operations).await.unwrap(), [1, 2 + round as u64], "{command}");
    }
    assert_eq!(revision(&*backend, 1).await, 4);
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_is_asked_for_again() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    let unknown = || doc! { "errorCode": 91, "errorLabels": ["UnknownTransactionCommitResult"] };
    commit(&*backend, vec![insert(1)]).await.unwrap();
    place.fail(times(3), &["commitTransaction"], unknown()).await;
    assert_eq!(commit(&*backend, vec![insert(2), set(1, 1)]).await.unwrap(), [1, 2]);
    if !place::is_real() {
        let mut after = unknown();
        after.insert("afterCommand", true);
        place.fail(times(3), &["commitTransaction"], after).await;
        assert_eq!(commit(&*backend, vec![insert(3), set(1, 2)]).await.unwrap(), [1, 3]);
    }
    // Before it is done, the connection breaks: the driver asks again by itself.
    place.fail(times(1), &["commitTransaction"], doc! { "closeConnection": true }).await;
    let before = revision(&*backend, 1).await;
    assert_eq!(commit(&*backend, vec![insert(4), set(1, 3)]).await.unwrap(), [1, before + 1]);
    assert_eq!(revision(&*backend, 1).await, before + 1);
}

#[tokio::test]
async fn a_commit_whose_answers_are_lost_is_found_when_it_is_tried_again() {
    if place::is_real() {
        return;
    }
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    commit(&*backend, vec![insert(1), insert(9)]).await.unwrap();
    place.fail(times(1), &["commitTransaction"], lost()).await;
    assert_eq!(commit(&*backend, vec![insert(2), set_at(1, 1, 1)]).await.unwrap(), [1, 2]);
    place.fail(always(), &["commitTransaction"], lost()).await;
    let delete = Operation::Delete { key: key(9), condition: aquifer_core::Condition::Revision(1) };
    let transaction = Transaction::new(vec![insert(3), set(1, 2), delete]);
    let error = answer(&*backend, transaction.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{error:?}");
    place.mend().await;
    for _ in 0..2 {
        assert_eq!(answer(&*backend, transaction.retry()).await.unwrap(), [1, 3, 0]);
    }
    assert_eq!((revision(&*backend, 1).await, revision(&*backend, 3).await, revision(&*backend, 9).await), (3, 1, 0));
}

#[tokio::test]
async fn a_single_write_whose_answer_is_lost_is_not_done_twice() {
    if place::is_real() {
        return;
    }
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    place.fail(times(1), &["insert"], lost()).await;
    assert_eq!(commit(&*backend, vec![insert(1)]).await.unwrap(), [1]);
    place.fail(times(1), &["update", "findAndModify"], lost()).await;
    assert_eq!(commit(&*backend, vec![set_at(1, 1, 1)]).await.unwrap(), [2]);
    place.fail(times(1), &["findAndModify"], lost()).await;
    assert_eq!(commit(&*backend, vec![set(1, 2)]).await.unwrap(), [3]);
    place.fail(times(1), &["delete"], lost()).await;
    let delete = Operation::Delete { key: key(1), condition: aquifer_core::Condition::Revision(3) };
    assert_eq!(commit(&*backend, vec![delete]).await.unwrap(), [0]);

    // Where the driver may not try again, the transaction's id tells.
    let careful = place.notes("retryWrites=false").await;
    commit(&*careful, vec![insert(2)]).await.unwrap();
    place.fail(times(1), &["findAndModify"], lost()).await;
    let transaction = Transaction::new(vec![set(2, 1)]);
    let error = answer(&*careful, transaction.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{error:?}");
    assert_eq!(answer(&*careful, transaction.retry()).await.unwrap(), [2]);
    assert_eq!(revision(&*careful, 2).await, 2);
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_takes_each_record_once() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    for number in 0..4 {
        let mut note = note(number);
        note.due_at = Some(Timestamp::EPOCH);
        commit(&*backend, vec![Operation::Insert(note.to_record())]).await.unwrap();
    }
    let claim = Claim {
        kind: Note::KIND,
        index: "by_due",
        prefix: vec![],
        up_to: None,
        limit: 2,
        set: vec![(NoteColumn::due_at as usize, Value::Null)],
    };
    let before = if place::is_real() {
        doc! { "closeConnection": true }
    } else {
        lost()
    };
    for (round, how) in [before, doc! { "closeConnection": true }].into_iter().enumerate() {
        place.fail(times(1), &["update"], how).await;
        let taken = backend.claim(&claim).await.unwrap();
        let numbers: Vec<_> = taken.iter().map(|record| record.key()).collect();
        let first = 2 * round as i64;
        assert_eq!(numbers, [key(first), key(first + 1)]);
        for record in taken {
            assert_eq!(record.revision, 2);
            assert_eq!(backend.get(&[record.key()]).await.unwrap(), [Some(record)]);
        }
    }
    assert!(backend.claim(&claim).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_says_what_helps() {
    let place = Place::new().unwrap();
    let backend = place.notes("retryReads=false&retryWrites=false").await;
    commit(&*backend, vec![insert(1)]).await.unwrap();
    let cases = [
        (18, ErrorKind::Unauthorized, Retry::Permanent, "authSource"),
        (13, ErrorKind::Unauthorized, Retry::Permanent, "readWrite"),
        (14031, ErrorKind::Unavailable, Retry::Transient, "disk space"),
        (10107, ErrorKind::Unavailable, Retry::Transient, "not the primary"),
        (50, ErrorKind::Unavailable, Retry::Transient, "too long"),
    ];
    for (code, kind, retry, text) in cases {
        place.fail(times(1), &["find"], doc! { "errorCode": code }).await;
        let error = backend.get(&[key(1)]).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{error:?}");
        assert!(error.to_string().contains(text), "{error}");
    }
    // What a member that steps down has begun may or may not have been done.
    place.fail(times(1), &["insert"], doc! { "errorCode": 91 }).await;
    let error = commit(&*backend, vec![insert(2)]).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{error:?}");
    assert_eq!(revision(&*backend, 1).await, 1);
}

#[tokio::test]
async fn one_that_is_at_fault_takes_no_other_with_it() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    commit(&*backend, vec![insert(1)]).await.unwrap();
    // The server refuses what it is sent as a whole, so each is sent by itself.
    place.fail(times(1), &["insert"], doc! { "errorCode": 10334 }).await;
    let batch = vec![
        Transaction::new(vec![insert(2)]),
        Transaction::new(vec![insert(3)]),
        Transaction::new(vec![set_at(1, 7, 0)]),
        Transaction::new(vec![set(1, 1)]),
    ];
    let answers = backend.commit(batch).await;
    let kinds: Vec<_> = answers.iter().map(|answer| answer.as_ref().map(|_| ()).map_err(|e| e.kind())).collect();
    assert_eq!(kinds, [Ok(()), Ok(()), Err(ErrorKind::Conflict), Ok(())]);
    assert_eq!((revision(&*backend, 1).await, revision(&*backend, 2).await), (2, 1));
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for() {
    let place = Place::new().unwrap();
    let backend = place.notes("request_timeout=300ms&acquire_timeout=2s").await;
    commit(&*backend, vec![insert(1)]).await.unwrap();
    let slow = doc! { "blockConnection": true, "blockTimeMS": 2_000 };
    place.fail(always(), &["find", "insert"], slow).await;
    let began = Instant::now();
    let error = backend.get(&[key(1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient), "{error:?}");
    assert!(error.to_string().contains("request_timeout"), "{error}");
    let error = commit(&*backend, vec![insert(2)]).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    place.mend().await;
    assert!(get(&*backend, 1).await.is_some());
}
