use aquifer_core::{Claim, Entity, Json, Timestamp, Value};
use rusqlite::Connection;
use rusqlite::types::Value as Stored;

use super::*;
use crate::{Catalog, migration};

aquifer_core::kind! {
    /// One thing, with columns that are called as those of the rows.
    Thing as "things", columns ThingColumn {
        /// Its owner.
        id: String,
        /// Its number.
        key: i64,
        /// Text.
        value: Option<String>,
        /// A flag.
        atom: Option<bool>,
        /// A time.
        path: Option<Timestamp>,
        /// A document.
        json: Option<Json>,
        /// Bytes.
        data: Option<Vec<u8>>,
    }
    key(id, key) partition 1;
    index by_path(path);
}

static SCHEMA: aquifer_core::Schema = aquifer_core::Schema { version: 1, kinds: &[Thing::KIND] };

fn thing(key: i64) -> Thing {
    Thing { id: "a".to_owned(), key, value: None, atom: None, path: None, json: None, data: None }
}

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for statement in migration(&SQLITE, &SCHEMA, 0) {
        connection.execute_batch(&statement).unwrap();
    }
    connection
}

fn run(connection: &Connection, text: &str, rows: JsonRows) -> usize {
    connection.execute(text, [rows.finish()]).unwrap()
}

fn read(connection: &Connection, text: &str, rows: JsonRows) -> Vec<Vec<Stored>> {
    let mut statement = connection.prepare(text).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([rows.finish()], |row| (0..columns).map(|column| row.get(column)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn keys(keys: &[i64]) -> JsonRows {
    let mut rows = JsonRows::default();
    keys.iter().for_each(|key| rows.push(&thing(*key).to_record().key().values, &[]));
    rows
}

#[test]
fn statements() {
    let statements = JsonStatements::of(Thing::KIND);
    let claim = Claim {
        kind: Thing::KIND,
        index: "by_path",
        prefix: Vec::new(),
        up_to: Some(Timestamp::EPOCH.into()),
        limit: 10,
        set: vec![(ThingColumn::path as usize, Value::Null)],
    };
    let catalog = Catalog::new(&SQLITE, &SCHEMA);
    let found = catalog.of(Thing::KIND).unwrap().claim(&claim).unwrap().unwrap();
    let texts = [
        statements.insert(),
        statements.update(&[ThingColumn::value as usize, ThingColumn::data as usize], true),
        statements.update(&[], false),
        statements.delete(true),
        statements.count(false),
        statements.get(),
        statements.revisions(),
        statements.claim(&claim, &found).text,
    ];
    insta::assert_snapshot!(texts.join(";\n"));
}

#[test]
fn every_type_arrives_as_it_was_given() {
    let connection = database();
    let statements = JsonStatements::of(Thing::KIND);
    let text = "\u{1}\"\\/\u{7f}\u{2028}é😀\u{fffe}\r\n[{";
    let full = Thing {
        value: Some(text.to_owned()),
        atom: Some(true),
        path: Some(Timestamp::EPOCH),
        json: Some(Json::from_text("{\"a\": 1.50}".to_owned()).unwrap()),
        data: Some(vec![0, 10, 255]),
        ..thing(i64::MIN)
    };
    let mut rows = JsonRows::default();
    rows.push(&full.to_record().values, &[7]);
    rows.push(&Thing { key: i64::MAX, ..thing(1) }.to_record().values, &[u64::MAX]);
    assert_eq!(rows.count(), 2);
    assert_eq!(run(&connection, &statements.insert(), rows), 2);
    let found = read(&connection, &statements.get(), keys(&[5, i64::MAX, i64::MIN]));
    let text_of = |text: &str| Stored::Text(text.to_owned());
    let expected = [
        Stored::Integer(2),
        text_of("a"),
        Stored::Integer(i64::MIN),
        text_of(text),
        Stored::Integer(1),
        text_of("1970-01-01T00:00:00.000000Z"),
        text_of("{\"a\": 1.50}"),
        Stored::Blob(vec![0, 10, 255]),
        Stored::Integer(1),
    ];
    assert_eq!(found.len(), 2);
    assert!(found.contains(&expected.to_vec()), "{found:?}");
    let transactions: Vec<i64> = connection
        .prepare("SELECT transaction_id FROM things ORDER BY key")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(transactions, [7, -1]);
}

#[test]
fn rows_that_do_not_hold_are_left_out() {
    let connection = database();
    let statements = JsonStatements::of(Thing::KIND);
    let mut rows = JsonRows::default();
    (1..=4).for_each(|key| rows.push(&thing(key).to_record().values, &[7]));
    run(&connection, &statements.insert(), rows);

    let at = |pairs: &[(i64, u64)]| {
        let mut rows = JsonRows::default();
        for (key, revision) in pairs {
            rows.push(&thing(*key).to_record().key().values, &[*revision]);
        }
        rows
    };
    let mut updates = JsonRows::default();
    for (key, revision) in [(1, 1), (2, 5), (9, 1)] {
        let values = [Value::from("new"), Value::Integer(8)].into_iter().chain(thing(key).to_record().key().values);
        updates.push(&values.collect::<Vec<_>>(), &[revision]);
    }
    let update = statements.update(&[ThingColumn::value as usize], true);
    assert_eq!(run(&connection, &update, updates), 1);
    let number = |found: Vec<Vec<Stored>>| found[0][0].clone();
    assert_eq!(number(read(&connection, &statements.count(true), at(&[(1, 2), (2, 1), (3, 9)]))), Stored::Integer(2));
    assert_eq!(number(read(&connection, &statements.count(false), keys(&[1, 9]))), Stored::Integer(1));
    assert_eq!(number(read(&connection, &statements.count(false), JsonRows::default())), Stored::Integer(0));
    assert_eq!(run(&connection, &statements.delete(true), at(&[(1, 1), (2, 1)])), 1);
    assert_eq!(run(&connection, &statements.delete(false), keys(&[3, 9])), 1);
    let mut left = read(&connection, &statements.revisions(), keys(&[1, 2, 3, 4]));
    left.sort_by_key(|row| format!("{row:?}"));
    let row = |place, revision| vec![Stored::Integer(place), Stored::Integer(revision)];
    assert_eq!(left, [row(0, 2), row(3, 1)]);
}
