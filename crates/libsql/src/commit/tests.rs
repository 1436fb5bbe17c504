use aquifer_core::{Condition, Entity, Key, Operation, Record, Retry, Schema, Transaction, Value};
use aquifer_sql::{Catalog, SQLITE};

use super::careful::Careful;
use super::fast::Fast;
use super::{of_commit, requests};
use crate::hrana::StepError;

aquifer_core::kind! {
    /// Things belong to one.
    Group as "groups", columns GroupColumn {
        /// Its id.
        id: String,
        /// Its name.
        name: Option<String>,
    }
    key(id) partition 1;
    unique by_name(name);
}

aquifer_core::kind! {
    /// One thing of a group.
    Thing as "things", columns ThingColumn {
        /// Its group.
        group_id: String,
        /// Its number in the group.
        number: i64,
        /// Bytes.
        data: Option<Vec<u8>>,
    }
    key(group_id, number) partition 1;
    reference(group_id) -> "groups";
}

static SCHEMA: Schema = Schema { version: 1, kinds: &[Group::KIND, Thing::KIND] };

const DATA: usize = ThingColumn::data as usize;
const NAME: usize = GroupColumn::name as usize;

fn thing(number: i64) -> Record {
    Thing { group_id: "g".to_owned(), number, data: Some(vec![0, 255]) }.to_record()
}

fn group(id: &str) -> Record {
    Group { id: id.to_owned(), name: None }.to_record()
}

fn key(number: i64) -> Key {
    thing(number).key()
}

/// One of everything.
fn operations() -> Vec<Operation> {
    let set = vec![(DATA, Value::Null)];
    vec![
        Operation::Delete { key: key(1), condition: Condition::Exists },
        Operation::Delete { key: key(2), condition: Condition::Revision(7) },
        Operation::Update { key: key(3), condition: Condition::Exists, set: set.clone() },
        Operation::Update { key: key(4), condition: Condition::Revision(7), set },
        Operation::Insert(thing(5)),
        Operation::Check { key: key(6), condition: Condition::Absent },
        Operation::Check { key: key(7), condition: Condition::Exists },
        Operation::Check { key: key(8), condition: Condition::Revision(7) },
        Operation::Insert(group("g")),
    ]
}

fn fast(transactions: &[Transaction]) -> Option<String> {
    Fast::new(&SCHEMA, transactions).map(|fast| fast.batch.script())
}

fn careful(transactions: &[Transaction]) -> String {
    let catalog = Catalog::new(&SQLITE, &SCHEMA);
    let careful = Careful::new(&catalog, transactions).unwrap();
    careful.batch.script()
}

#[test]
fn many_rows_take_few_statements() {
    let more = Transaction::new(vec![Operation::Insert(thing(9)), Operation::Insert(thing(10))]);
    let transactions = [Transaction::new(operations()), more];
    insta::assert_snapshot!(fast(&transactions).unwrap());
}

#[test]
fn each_transaction_has_a_savepoint() {
    let transactions = [Transaction::new(operations()), Transaction::new(vec![Operation::Insert(thing(9))])];
    insta::assert_snapshot!(careful(&transactions));
}

#[test]
fn a_retried_transaction_is_looked_for_first() {
    let writes = vec![
        Operation::Insert(thing(1)),
        Operation::Delete { key: key(2), condition: Condition::Exists },
        Operation::Update { key: key(3), condition: Condition::Revision(1), set: Vec::new() },
    ];
    let deletes = vec![
        Operation::Delete { key: key(4), condition: Condition::Exists },
        Operation::Delete { key: key(5), condition: Condition::Exists },
    ];
    let transactions = [Transaction::new(writes).retry(), Transaction::new(deletes).retry()];
    insta::assert_snapshot!(careful(&transactions));
}

#[test]
fn what_depends_on_the_order_is_done_with_care() {
    let insert = |id: &str| Transaction::new(vec![Operation::Insert(group(id))]);
    let delete =
        |id: &str| Transaction::new(vec![Operation::Delete { key: group(id).key(), condition: Condition::Exists }]);
    let rename = Transaction::new(vec![Operation::Update {
        key: group("a").key(),
        condition: Condition::Exists,
        set: vec![(NAME, Value::from("x"))],
    }]);
    assert!(fast(&[insert("a"), insert("b")]).is_some());
    assert!(fast(&[delete("a"), delete("b")]).is_some());
    // It may take the name that the other gives up.
    assert!(fast(&[insert("a"), delete("b")]).is_none());
    assert!(fast(&[rename]).is_none());
    // The same record twice.
    assert!(fast(&[insert("a"), insert("a")]).is_none());
    assert!(fast(&[insert("a").retry()]).is_none());
    // Too large to stand among others, as hexadecimal digits.
    let large = Thing { group_id: "g".to_owned(), number: 1, data: Some(vec![0; 3 << 20]) };
    assert!(fast(&[Transaction::new(vec![Operation::Insert(large.to_record())])]).is_none());
}

#[test]
fn large_transactions_travel_apart() {
    let of = |bytes: usize| {
        let thing = Thing { group_id: "g".to_owned(), number: 1, data: Some(vec![0; bytes]) };
        Transaction::new(vec![Operation::Insert(thing.to_record())])
    };
    let sizes = [9 << 20, 1, 4 << 20, 4 << 20, 1];
    assert_eq!(requests(&sizes.map(of)), [0..1, 1..3, 3..5]);
    assert!(requests(&[]).is_empty());
}

#[test]
fn a_commit_that_the_disk_did_not_confirm_is_unknown() {
    let of = |code: &str| {
        let error = StepError { message: "SQLite error".to_owned(), code: Some(code.to_owned()) };
        of_commit(&error, "https://db").retry()
    };
    // Nothing was written, and the same may succeed later.
    for settled in ["SQLITE_BUSY", "SQLITE_FULL", "TRANSACTION_TIMEOUT"] {
        assert_eq!(of(settled), Retry::Transient, "{settled}");
    }
    for unknown in ["SQLITE_IOERR", "SQLITE_IOERR_FSYNC", "SQLITE_UNKNOWN"] {
        assert_eq!(of(unknown), Retry::Unknown, "{unknown}");
    }
}
