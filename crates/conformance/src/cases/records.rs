//! What is written is read again.

use aquifer_core::{Entity, Key, Record, SCHEMA, Value};

use crate::generate::{family, is_referring, value};
use crate::harness::Database;
use crate::schema::ThingColumn;
use crate::support::{delete, done, get, group, insert, key, open, set, thing, things};

pub(crate) async fn every_kind_keeps_every_column(database: &dyn Database) {
    let backend = open(database, &SCHEMA).await;
    let family = family(&SCHEMA, "t", 1);
    for record in &family {
        insert(&*backend, record.clone()).await;
    }
    for record in family {
        let expected = Record { revision: 1, ..record };
        assert_eq!(get(&*backend, expected.key()).await, Some(expected));
    }
}

pub(crate) async fn every_kind_keeps_nulls(database: &dyn Database) {
    let backend = open(database, &SCHEMA).await;
    for mut record in family(&SCHEMA, "t", 1) {
        for (position, column) in record.kind.columns.iter().enumerate() {
            if column.nullable && !is_referring(record.kind, position) {
                record.values[position] = Value::Null;
            }
        }
        insert(&*backend, record.clone()).await;
        let expected = Record { revision: 1, ..record };
        assert_eq!(get(&*backend, expected.key()).await, Some(expected));
    }
}

pub(crate) async fn every_kind_updates_every_column(database: &dyn Database) {
    let backend = open(database, &SCHEMA).await;
    for mut record in family(&SCHEMA, "t", 1) {
        insert(&*backend, record.clone()).await;
        record.revision = 1;
        for (position, column) in record.kind.columns.iter().enumerate() {
            if record.kind.key.contains(&position) || is_referring(record.kind, position) {
                continue;
            }
            let null = column.nullable.then_some(Value::Null);
            for new in [Some(value(record.kind, position, "t", 2)), null].into_iter().flatten() {
                record.values[position] = new.clone();
                record.revision += 1;
                assert_eq!(done(&*backend, vec![set(record.key(), vec![(position, new)])]).await, [record.revision]);
                assert_eq!(get(&*backend, record.key()).await.as_ref(), Some(&record), "after setting {}", column.name);
            }
        }
    }
}

pub(crate) async fn every_kind_deletes(database: &dyn Database) {
    let backend = open(database, &SCHEMA).await;
    let family = family(&SCHEMA, "t", 1);
    for record in &family {
        insert(&*backend, record.clone()).await;
    }
    // Whoever refers goes before what it refers to.
    for record in family.iter().rev() {
        assert_eq!(done(&*backend, vec![delete(record.key())]).await, [0]);
        assert_eq!(get(&*backend, record.key()).await, None);
    }
}

pub(crate) async fn revisions_count_writes(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, Record { revision: 7, ..thing(1).to_record() }).await;
    for revision in 2..6 {
        assert_eq!(
            done(&*backend, vec![set(key(1), vec![(ThingColumn::rank as usize, Value::from(3))])]).await,
            [revision]
        );
        assert_eq!(get(&*backend, key(1)).await.map(|record| record.revision), Some(revision));
    }
}

pub(crate) async fn a_key_can_be_used_again(database: &dyn Database) {
    let backend = things(database).await;
    for _ in 0..3 {
        insert(&*backend, thing(1).to_record()).await;
        done(&*backend, vec![set(key(1), vec![])]).await;
        assert_eq!(done(&*backend, vec![delete(key(1))]).await, [0]);
    }
    assert_eq!(get(&*backend, key(1)).await, None);
}

pub(crate) async fn many_keys_are_answered_in_order(database: &dyn Database) {
    let backend = things(database).await;
    for number in (0..20).step_by(2) {
        insert(&*backend, thing(number).to_record()).await;
    }
    let mut keys: Vec<Key> = (0..20).rev().map(key).collect();
    // The same key twice, and one of another kind.
    keys.push(key(4));
    keys.push(group("t", "a").to_record().key());
    let answers = backend.get(&keys).await.expect("the read succeeds");
    assert_eq!(answers.len(), keys.len());
    for (key, answer) in keys.iter().zip(answers) {
        let there = match key.values.last() {
            Some(Value::Integer(number)) => number % 2 == 0,
            _ => true,
        };
        assert_eq!(answer.as_ref().map(Record::key).as_ref(), there.then_some(key));
    }
    assert_eq!(backend.get(&[]).await.expect("reading nothing succeeds"), []);
}

pub(crate) async fn an_update_of_nothing_counts(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    assert_eq!(done(&*backend, vec![set(key(1), vec![])]).await, [2]);
    let expected = Record { revision: 2, ..thing(1).to_record() };
    assert_eq!(get(&*backend, key(1)).await, Some(expected));
}
