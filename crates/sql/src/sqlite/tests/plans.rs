//! Every listing takes its index, in its order: nothing is sorted, and nothing is read that is not on the page.

use std::ops::Bound;

use aquifer_core::{Claim, Index, Kind, Record, SCHEMA, Scan, Timestamp, Value};
use rusqlite::Connection;

use super::super::session::{Database, Session};
use super::super::{connection, options::SqliteOptions};
use crate::dialect::SQLITE;
use crate::statements::Catalog;
use crate::tables::index_name;
use crate::text::Query;

fn session() -> Session {
    let options = SqliteOptions::memory();
    let connection = connection::open_writer(&options, &options.path).unwrap();
    let database = Database { file: options.path, catalog: Catalog::new(&SQLITE, &SCHEMA) };
    let session = Session { connection, database: database.into() };
    session.migrate(&SCHEMA).unwrap();
    session
}

/// A value for each column; none is null.
fn sample(kind: &'static Kind) -> Record {
    use aquifer_core::ColumnType;
    let value = |column: &aquifer_core::Column| match column.column_type {
        ColumnType::Text => Value::from("a"),
        ColumnType::Integer => Value::from(1),
        ColumnType::Boolean => Value::from(true),
        ColumnType::Timestamp => Value::from(Timestamp::EPOCH),
        ColumnType::Json => Value::Null,
        ColumnType::Bytes => Value::from(vec![1]),
    };
    Record::new(kind, kind.columns.iter().map(value).collect())
}

fn plan(connection: &Connection, query: &Query) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.text)).unwrap();
    super::super::values::Binder::new(&mut statement).values(&query.values).unwrap();
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines.join("; ")
}

/// Checks what SQLite says it does for a scan.
fn check(session: &Session, index: Option<&Index>, scan: &Scan) {
    let query = session.database.catalog.of(scan.kind).unwrap().scan(scan).unwrap();
    let Some(query) = query else { return };
    let plan = plan(&session.connection, &query);
    let name = match index {
        Some(index) => index_name(scan.kind, index),
        None => format!("sqlite_autoindex_{}_1", scan.kind.name),
    };
    let context = format!("{plan}\n{}", query.text);
    assert!(plan.contains(&format!("USING INDEX {name}")), "another index: {context}");
    assert!(!plan.contains("TEMP B-TREE"), "sorted: {context}");
    if !scan.prefix.is_empty() || scan.cursor.is_some() {
        assert!(plan.starts_with("SEARCH"), "scanned: {context}");
    }
    let order = scan.kind.order(index);
    let held = index.map_or(order.len(), |index| index.columns.len()).min(scan.prefix.len());
    for column in &order[..held] {
        let column = scan.kind.columns[*column].name;
        assert!(plan.contains(&format!("{column}=?")), "{column} is not sought: {context}");
    }
    if !matches!((&scan.lower, &scan.upper), (Bound::Unbounded, Bound::Unbounded)) {
        // SQLite enters an index by `IS NOT NULL` as readily as by a bound.
        assert!(!query.text.contains(&format!("\"{}\" IS NOT NULL", scan.kind.columns[order[scan.prefix.len()]].name)));
    }
    if let (Some(column), true) = (order.get(scan.prefix.len()), scan.cursor.is_some()) {
        let column = scan.kind.columns[*column].name;
        let sought = [format!("{column}>?"), format!("{column}<?"), format!("({column}"), format!(",{column}")];
        assert!(sought.iter().any(|sought| plan.contains(sought)), "the cursor is not sought: {context}");
    }
}

#[test]
fn every_listing_takes_its_index_in_its_order() {
    let session = session();
    let mut count = 0;
    for kind in SCHEMA.kinds {
        let record = sample(kind);
        for index in kind.indexes.iter().chain(kind.uniques).map(Some).chain([None]) {
            let order = kind.order(index);
            let columns = index.map_or(order.len(), |index| index.columns.len());
            for prefix in 0..columns {
                for descending in [false, true] {
                    let mut scan = index.map_or(Scan::key(kind), |index| Scan::index(kind, index.name));
                    scan.prefix = record.pick(&order[..prefix]);
                    let mut scan = scan.descending(descending);
                    check(&session, index, &scan);
                    let value = record.values[order[prefix]].clone();
                    check(&session, index, &scan.clone().from(Bound::Included(value.clone())));
                    check(&session, index, &scan.clone().to(Bound::Excluded(value)));
                    scan.cursor = Some(scan.cursor_after(&record).unwrap());
                    check(&session, index, &scan);
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "only {count} listings");
}

#[test]
fn every_claim_takes_its_index() {
    let session = session();
    for kind in SCHEMA.kinds {
        for index in kind.indexes {
            let record = sample(kind);
            for prefix in 0..index.columns.len() {
                let claim = Claim {
                    kind,
                    index: index.name,
                    prefix: record.pick(&index.columns[..prefix]),
                    up_to: Some(record.values[index.columns[prefix]].clone()),
                    limit: 10,
                    set: Vec::new(),
                };
                let query = session.database.catalog.of(kind).unwrap().claim(&claim).unwrap().unwrap();
                let plan = plan(&session.connection, &query);
                assert!(plan.starts_with("SEARCH"), "{plan}");
                assert!(plan.contains(&index_name(kind, index)), "{plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            }
        }
    }
}

#[test]
fn every_reference_is_found_by_an_index() {
    // Without one, SQLite would read the whole table whenever a record that may be referred to is removed.
    for kind in SCHEMA.kinds {
        for reference in kind.references {
            let serves = |columns: &[usize]| columns.starts_with(reference.columns);
            let nullable = crate::tables::nullable(kind, reference.columns);
            let served = serves(kind.key) || kind.indexes.iter().any(|index| serves(index.columns));
            assert!(served && nullable.is_empty(), "{} -> {}", kind.name, reference.target);
        }
    }
}
