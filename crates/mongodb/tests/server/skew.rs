//! What a transaction checks and does not write holds all the same until it is applied.

use aquifer_core::{Backend, Condition, Entity, ErrorKind, Operation, Transaction, Value};
use futures_util::future::join;

use crate::notes::{PageColumn, answer, check, commit, insert, page, revision, set, set_at};
use crate::place::Place;

/// Commits until others are out of the way.
async fn settled(backend: &dyn Backend, operations: Vec<Operation>) -> Result<Vec<u64>, ErrorKind> {
    let mut transaction = Transaction::new(operations);
    for _ in 0..50 {
        match answer(backend, transaction.clone()).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => transaction = transaction.retry(),
            other => return other.map_err(|error| error.kind()),
        }
    }
    Err(ErrorKind::Unavailable)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_check_what_the_other_changes_do_not_both_pass() {
    let place = Place::new().unwrap();
    let (first, second) = (place.notes("").await, place.notes("").await);
    for round in 0..30 {
        let (a, b) = (2 * round, 2 * round + 1);
        commit(&*first, vec![insert(a), insert(b)]).await.unwrap();
        let one = settled(&*first, vec![check(a, Condition::Revision(1)), set_at(b, 1, 1)]);
        let other = settled(&*second, vec![check(b, Condition::Revision(1)), set_at(a, 1, 1)]);
        let (one, other) = join(one, other).await;
        let answers = [&one, &other];
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "round {round}: {answers:?}");
        assert!(answers.contains(&&Err(ErrorKind::Conflict)), "round {round}: {answers:?}");
        assert_eq!(revision(&*first, a).await + revision(&*first, b).await, 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_need_the_other_to_be_absent_do_not_both_come() {
    let place = Place::new().unwrap();
    let (first, second) = (place.notes("").await, place.notes("").await);
    for round in 0..30 {
        let (a, b) = (2 * round, 2 * round + 1);
        let one = settled(&*first, vec![check(a, Condition::Absent), insert(b)]);
        let other = settled(&*second, vec![check(b, Condition::Absent), insert(a)]);
        let (one, other) = join(one, other).await;
        let answers = [&one, &other];
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "round {round}: {answers:?}");
        assert!(answers.contains(&&Err(ErrorKind::AlreadyExists)), "round {round}: {answers:?}");
        assert_eq!(revision(&*first, a).await + revision(&*first, b).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_leave_no_trace_that_counts() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    commit(&*backend, vec![insert(1), insert(2)]).await.unwrap();
    let operations = vec![check(1, Condition::Exists), check(9, Condition::Absent), set(2, 1)];
    assert_eq!(commit(&*backend, operations).await.unwrap(), [1, 0, 2]);
    assert_eq!((revision(&*backend, 1).await, revision(&*backend, 9).await), (1, 0));
    // The same by the careful way, which a failure beside it takes.
    let batch = vec![
        Transaction::new(vec![check(1, Condition::Revision(1)), check(9, Condition::Absent), set(2, 2)]),
        Transaction::new(vec![set_at(1, 7, 0)]),
    ];
    let answers = backend.commit(batch).await;
    assert_eq!(answers[0].as_ref().unwrap().revisions, [1, 0, 3]);
    assert!(answers[1].as_ref().is_err_and(aquifer_core::Error::is_conflict));
    assert_eq!((revision(&*backend, 1).await, revision(&*backend, 9).await), (1, 0));
}

#[tokio::test]
async fn what_holds_a_place_takes_no_unique_value() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    let key = |number| page(number, "").to_record().key();
    let absent = |number| Operation::Check { key: key(number), condition: Condition::Absent };
    let create = |number, title: &str| Operation::Insert(page(number, title).to_record());
    // Several places at once, none of which has the field that may never be null.
    let operations = vec![absent(8), absent(9), create(1, "a"), create(2, "b")];
    assert_eq!(commit(&*backend, operations).await.unwrap(), [0, 0, 1, 1]);
    // Two titles change hands within one call: a moment without any is no violation either.
    let title = |number, title: &str| {
        let set = vec![(PageColumn::title as usize, Value::from(title))];
        Transaction::new(vec![absent(8), Operation::Update { key: key(number), condition: Condition::Exists, set }])
    };
    let answers = backend.commit(vec![title(1, "c"), title(2, "a"), title(1, "b")]).await;
    let revisions: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().revisions[1]).collect();
    assert_eq!(revisions, [2, 2, 3]);
    let titles: Vec<_> = backend.get(&[key(1), key(2)]).await.unwrap().into_iter().flatten().collect();
    let titles: Vec<_> = titles.iter().map(|page| page.values[PageColumn::title as usize].clone()).collect();
    assert_eq!(titles, [Value::from("b"), Value::from("a")]);
}
