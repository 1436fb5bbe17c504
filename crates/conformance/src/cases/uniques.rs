//! A value of a unique constraint is taken once.

use std::sync::Arc;

use aquifer_core::{Backend, Entity, ErrorKind, Key, Operation, Record, SCHEMA, Scan, Value};

use crate::generate::{family, sibling, value};
use crate::harness::Database;
use crate::schema::{Group, GroupColumn, THINGS, Thing, ThingColumn};
use crate::support::{commit, delete, done, get, group, insert, key, open, refused, set, thing, things};

const EMAIL: usize = ThingColumn::email as usize;
const CODE: usize = ThingColumn::code as usize;

/// A constraint with two records that are stored.
struct Constraint {
    first: Record,
    second: Record,
    /// The columns of the constraint that are not in the key.
    columns: Vec<usize>,
}

impl Constraint {
    /// A record that is not stored, with the first one's value of this constraint and its own of all others.
    fn third(&self) -> Record {
        let mut third = sibling(&self.first, 3);
        for (column, value) in self.value() {
            third.values[column] = value;
        }
        third
    }

    /// The first one's value of the constraint.
    fn value(&self) -> Vec<(usize, Value)> {
        self.columns.iter().map(|column| (*column, self.first.values[*column].clone())).collect()
    }
}

/// Every constraint of every kind, over records that are stored.
async fn constraints(database: &dyn Database) -> (Arc<dyn Backend>, Vec<Constraint>) {
    let backend = open(database, &SCHEMA).await;
    let mut constraints = Vec::new();
    for first in family(&SCHEMA, "t", 1) {
        insert(&*backend, first.clone()).await;
        if first.kind.uniques.is_empty() {
            continue;
        }
        let second = sibling(&first, 2);
        insert(&*backend, second.clone()).await;
        for unique in first.kind.uniques {
            let columns = unique.columns.iter().copied().filter(|column| !first.kind.key.contains(column)).collect();
            constraints.push(Constraint { first: first.clone(), second: second.clone(), columns });
        }
    }
    assert!(!constraints.is_empty(), "the schema declares unique constraints");
    (backend, constraints)
}

pub(crate) async fn every_constraint_refuses_an_insert(database: &dyn Database) {
    let (backend, constraints) = constraints(database).await;
    for constraint in constraints {
        let third = constraint.third();
        refused(commit(&*backend, vec![Operation::Insert(third.clone())]).await, ErrorKind::AlreadyExists);
        assert_eq!(get(&*backend, third.key()).await, None);
    }
}

pub(crate) async fn every_constraint_refuses_an_update(database: &dyn Database) {
    let (backend, constraints) = constraints(database).await;
    for constraint in constraints {
        let key = constraint.second.key();
        let before = get(&*backend, key.clone()).await;
        let update = set(key.clone(), constraint.value());
        refused(commit(&*backend, vec![update]).await, ErrorKind::AlreadyExists);
        assert_eq!(get(&*backend, key).await, before);
    }
}

pub(crate) async fn every_constraint_frees_its_value(database: &dyn Database) {
    let (backend, constraints) = constraints(database).await;
    for constraint in constraints {
        // The first record moves on to other values; then the second may have its old ones.
        let kind = constraint.first.kind;
        let other = constraint.columns.iter().map(|column| (*column, value(kind, *column, "t", 9))).collect();
        done(&*backend, vec![set(constraint.first.key(), other)]).await;
        done(&*backend, vec![set(constraint.second.key(), constraint.value())]).await;
        let back = set(constraint.first.key(), constraint.value());
        refused(commit(&*backend, vec![back]).await, ErrorKind::AlreadyExists);
    }
}

pub(crate) async fn nulls_are_never_taken(database: &dyn Database) {
    let backend = things(database).await;
    for number in 1..5 {
        insert(&*backend, thing(number).to_record()).await;
    }
    done(&*backend, vec![set(key(1), vec![(EMAIL, Value::from("x")), (CODE, Value::from(1))])]).await;
    done(&*backend, vec![set(key(1), vec![(EMAIL, Value::Null), (CODE, Value::Null)])]).await;
    done(&*backend, vec![set(key(2), vec![(EMAIL, Value::from("x")), (CODE, Value::from(1))])]).await;
    done(&*backend, vec![delete(key(2))]).await;
    done(&*backend, vec![set(key(3), vec![(EMAIL, Value::from("x")), (CODE, Value::from(1))])]).await;
}

/// Even where scans may lag: the domain finds records by their names.
pub(crate) async fn a_lookup_never_lags(database: &dyn Database) {
    let writer = things(database).await;
    let reader = database.open(&THINGS).await.expect("a second handle opens");
    let lookup = |email: &str| Scan::index(Thing::KIND, "by_email").equals("t").equals(email);
    assert!(lookup("x").is_lookup());
    for number in 1..=30 {
        let (before, after) = (format!("before-{number}"), format!("after-{number}"));
        let record = Thing { email: Some(before.clone()), ..thing(number) }.to_record();
        insert(&*writer, record).await;
        let page = reader.scan(&lookup(&before)).await.expect("the lookup succeeds");
        assert_eq!(page.records.iter().map(Record::key).collect::<Vec<_>>(), [key(number)], "right after the insert");
        assert_eq!(page.next, None);
        done(&*writer, vec![set(key(number), vec![(EMAIL, Value::from(after.as_str()))])]).await;
        assert_eq!(reader.scan(&lookup(&before)).await.expect("the lookup succeeds").records, []);
        let page = reader.scan(&lookup(&after)).await.expect("the lookup succeeds");
        assert_eq!(
            page.records.iter().map(|record| record.revision).collect::<Vec<_>>(),
            [2],
            "right after the update"
        );
        done(&*writer, vec![delete(key(number))]).await;
        assert_eq!(reader.scan(&lookup(&after)).await.expect("the lookup succeeds").records, []);
    }
}

pub(crate) async fn keeping_its_own_value_is_no_violation(database: &dyn Database) {
    let backend = things(database).await;
    let mut thing = thing(1);
    thing.email = Some("x".to_owned());
    insert(&*backend, thing.to_record()).await;
    assert_eq!(done(&*backend, vec![set(key(1), vec![(EMAIL, Value::from("x"))])]).await, [2]);
    assert_eq!(done(&*backend, vec![set(key(1), vec![(CODE, Value::from(1))])]).await, [3]);
}

pub(crate) async fn values_move_within_a_transaction(database: &dyn Database) {
    let backend = things(database).await;
    let email = |value: &str| vec![(EMAIL, Value::from(value))];
    for number in 1..=3 {
        insert(&*backend, thing(number).to_record()).await;
    }
    done(&*backend, vec![set(key(1), email("x"))]).await;
    // Taken before it is given up: the first operation fails.
    let early = vec![set(key(2), email("x")), set(key(1), email("y"))];
    refused(commit(&*backend, early).await, ErrorKind::AlreadyExists);
    // Given up, then taken; and the same by way of a delete.
    done(&*backend, vec![set(key(1), email("y")), set(key(2), email("x"))]).await;
    done(&*backend, vec![delete(key(2)), set(key(3), email("x"))]).await;
    // Two at once.
    let twice = vec![set(key(1), email("z")), set(key(3), email("z"))];
    refused(commit(&*backend, twice).await, ErrorKind::AlreadyExists);
    refused(commit(&*backend, vec![set(key(1), email("x"))]).await, ErrorKind::AlreadyExists);
    done(&*backend, vec![set(key(1), email("z"))]).await;
}

pub(crate) async fn values_pass_between_transactions(database: &dyn Database) {
    let backend = things(database).await;
    for number in 1..=3 {
        insert(&*backend, thing(number).to_record()).await;
    }
    let steps = [(1, 1, true), (2, 1, false), (1, 2, true), (2, 1, true), (3, 2, false), (3, 3, true)];
    for (number, code, free) in steps {
        let answer = commit(&*backend, vec![set(key(number), vec![(CODE, Value::from(code))])]).await;
        match free {
            true => assert!(answer.is_ok(), "{number} takes {code}: {answer:?}"),
            false => refused(answer, ErrorKind::AlreadyExists),
        }
    }
}

pub(crate) async fn a_failed_transaction_takes_no_value(database: &dyn Database) {
    let backend = things(database).await;
    for number in 1..=2 {
        insert(&*backend, thing(number).to_record()).await;
    }
    let email = vec![(EMAIL, Value::from("x"))];
    refused(commit(&*backend, vec![set(key(1), email.clone()), set(key(9), vec![])]).await, ErrorKind::NotFound);
    done(&*backend, vec![set(key(2), email)]).await;
}

pub(crate) async fn constraints_are_exact_about_text(database: &dyn Database) {
    let backend = things(database).await;
    // Different bytes are different values: no folding of case, accents, width or trailing spaces.
    let names = ["", " ", "a", "A", "a ", " a", "ä", "a\u{308}", "Ä", "ａ", "ß", "ss", "ı", "i", "İ", "a\u{200d}"];
    for (number, name) in names.iter().enumerate() {
        let mut thing = thing(number as i64);
        thing.email = Some((*name).to_owned());
        insert(&*backend, thing.to_record()).await;
    }
    for (number, name) in names.iter().enumerate() {
        let mut thing = thing(100 + number as i64);
        thing.email = Some((*name).to_owned());
        refused(commit(&*backend, vec![Operation::Insert(thing.to_record())]).await, ErrorKind::AlreadyExists);
    }
    // What separates columns must not mix them up.
    for (id, name) in [("c", "x|y"), ("c|x", "y"), ("c\u{1f}", "x"), ("c", "\u{1f}x")] {
        let mut group = group("t", &format!("{id}-{name}"));
        group.name = name.to_owned();
        insert(&*backend, group.to_record()).await;
    }
    let key = Key::new(Group::KIND, ["t", "a"]);
    let name = vec![(GroupColumn::name as usize, Value::from("x|y"))];
    refused(commit(&*backend, vec![set(key, name)]).await, ErrorKind::AlreadyExists);
}
