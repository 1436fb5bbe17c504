//! Operations apply where their conditions hold, and say what did not.

use aquifer_core::{Condition, Entity, ErrorKind, Operation, Record, Value};

use crate::harness::Database;
use crate::schema::ThingColumn;
use crate::support::{commit, delete, done, get, group, insert, key, refused, set, set_at, thing, things};

const RANK: usize = ThingColumn::rank as usize;

pub(crate) async fn an_insert_needs_a_free_key(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    let mut other = thing(1);
    other.rank = Some(5);
    refused(commit(&*backend, vec![Operation::Insert(other.to_record())]).await, ErrorKind::AlreadyExists);
    assert_eq!(get(&*backend, key(1)).await, Some(Record { revision: 1, ..thing(1).to_record() }));
}

pub(crate) async fn an_update_needs_its_record(database: &dyn Database) {
    let backend = things(database).await;
    let change = vec![(RANK, Value::from(5))];
    refused(commit(&*backend, vec![set(key(1), change.clone())]).await, ErrorKind::NotFound);
    refused(commit(&*backend, vec![set_at(key(1), 1, change)]).await, ErrorKind::NotFound);
    assert_eq!(get(&*backend, key(1)).await, None);
}

pub(crate) async fn an_update_needs_its_revision(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    assert_eq!(done(&*backend, vec![set_at(key(1), 1, vec![(RANK, Value::from(5))])]).await, [2]);
    for revision in [0, 1, 3, u64::from(u32::MAX)] {
        refused(
            commit(&*backend, vec![set_at(key(1), revision, vec![(RANK, Value::from(6))])]).await,
            ErrorKind::Conflict,
        );
    }
    assert_eq!(get(&*backend, key(1)).await.map(|record| record.values[RANK].clone()), Some(Value::from(5)));
}

pub(crate) async fn a_delete_needs_its_record(database: &dyn Database) {
    let backend = things(database).await;
    refused(commit(&*backend, vec![delete(key(1))]).await, ErrorKind::NotFound);
    let at = Operation::Delete { key: key(1), condition: Condition::Revision(1) };
    refused(commit(&*backend, vec![at]).await, ErrorKind::NotFound);
}

pub(crate) async fn a_delete_needs_its_revision(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    let at = |revision| Operation::Delete { key: key(1), condition: Condition::Revision(revision) };
    refused(commit(&*backend, vec![at(2)]).await, ErrorKind::Conflict);
    assert!(get(&*backend, key(1)).await.is_some());
    assert_eq!(done(&*backend, vec![at(1)]).await, [0]);
    assert_eq!(get(&*backend, key(1)).await, None);
}

pub(crate) async fn checks_look_and_write_nothing(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    done(&*backend, vec![set(key(1), vec![])]).await;
    let check = |number, condition| Operation::Check { key: key(number), condition };
    let held = vec![check(1, Condition::Exists), check(2, Condition::Absent)];
    assert_eq!(done(&*backend, held).await, [2, 0]);
    assert_eq!(done(&*backend, vec![check(1, Condition::Revision(2))]).await, [2]);
    refused(commit(&*backend, vec![check(1, Condition::Absent)]).await, ErrorKind::AlreadyExists);
    refused(commit(&*backend, vec![check(1, Condition::Revision(1))]).await, ErrorKind::Conflict);
    refused(commit(&*backend, vec![check(2, Condition::Exists)]).await, ErrorKind::NotFound);
    refused(commit(&*backend, vec![check(2, Condition::Revision(1))]).await, ErrorKind::NotFound);
    assert_eq!(get(&*backend, key(1)).await.map(|record| record.revision), Some(2));
    // A check guards what is written beside it.
    let guarded = vec![check(1, Condition::Revision(1)), Operation::Insert(thing(3).to_record())];
    refused(commit(&*backend, guarded).await, ErrorKind::Conflict);
    assert_eq!(get(&*backend, key(3)).await, None);
}

pub(crate) async fn the_first_failure_is_answered(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    let missing = (set(key(9), vec![]), ErrorKind::NotFound);
    let stale = (set_at(key(1), 5, vec![]), ErrorKind::Conflict);
    let taken = (Operation::Insert(group("t", "a").to_record()), ErrorKind::AlreadyExists);
    for order in [[&missing, &stale, &taken], [&stale, &taken, &missing], [&taken, &missing, &stale]] {
        let operations = order.iter().map(|(operation, _)| operation.clone()).collect();
        refused(commit(&*backend, operations).await, order[0].1);
    }
}
