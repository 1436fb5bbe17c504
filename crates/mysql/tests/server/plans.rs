//! Every listing takes the index that is declared for it, and sorts nothing.

use std::ops::Bound;

use aquifer_core::{Claim, ColumnType, Kind, Record, SCHEMA, SHORT_TEXT_BYTES, Scan, Timestamp, Value};
use aquifer_sql::{Catalog, MARIADB, MYSQL, Query, index_name};
use aquifer_testkit::Server;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::{migrated, scratch, servers};

fn value(kind: &Kind, column: usize) -> Value {
    match kind.columns[column].column_type {
        ColumnType::Text => Value::from("x"),
        ColumnType::Integer => Value::from(1),
        ColumnType::Boolean => Value::from(true),
        ColumnType::Timestamp => Value::from(Timestamp::EPOCH),
        ColumnType::Json | ColumnType::Bytes => Value::Null,
    }
}

/// Listings over every index and the key, with every prefix, with and without a bound and a cursor, in both directions.
fn scans(kind: &'static Kind) -> Vec<Scan> {
    let indexes = kind.indexes.iter().chain(kind.uniques).map(|index| Some(index.name));
    let mut scans = Vec::new();
    for index in indexes.chain([None]) {
        let order = kind.order(index.and_then(|name| kind.index(name)));
        for length in 0..=order.len() {
            let mut scan = index.map_or(Scan::key(kind), |name| Scan::index(kind, name));
            for column in &order[..length] {
                scan = scan.equals(value(kind, *column));
            }
            let last = Record::new(kind, (0..kind.columns.len()).map(|column| value(kind, column)).collect());
            let mut variants = vec![scan.clone()];
            variants.push(scan.clone().after(Some(scan.cursor_after(&last).expect("a cursor"))));
            if let Some(column) = order.get(length) {
                let bound = || Bound::Included(value(kind, *column));
                variants.push(scan.clone().from(bound()).to(bound()));
            }
            for scan in variants {
                let down = scan.clone().descending(true);
                // A cursor belongs to its direction.
                let down = match scan.cursor {
                    None => down,
                    Some(_) => {
                        let fresh = Scan { cursor: None, ..down };
                        let cursor = fresh.cursor_after(&last).expect("a cursor");
                        fresh.after(Some(cursor))
                    }
                };
                scans.extend([scan, down]);
            }
        }
    }
    scans
}

#[test]
fn every_index_is_seen_to_be_in_order() {
    // The servers look at 3072 bytes of an index and the key after it, at four bytes a character.
    for kind in SCHEMA.kinds {
        for index in kind.indexes.iter().chain(kind.uniques) {
            let length = |column: &usize| {
                let column = &kind.columns[*column];
                let value = if column.column_type == ColumnType::Text { 4 * SHORT_TEXT_BYTES + 2 } else { 8 };
                value + usize::from(column.nullable)
            };
            let length: usize = kind.order(Some(index)).iter().map(length).sum();
            assert!(length <= 3072, "{} has {length} bytes", index_name(kind, index));
        }
    }
}

/// Table, access, key and remarks of the one table in the server's plan for a query.
async fn plan(connection: &mut MySqlConnection, query: &Query) -> [String; 3] {
    let mut explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN FORMAT=TRADITIONAL {}", query.text)));
    for value in &query.values {
        explain = match value {
            Value::Text(text) => explain.bind(text.clone()),
            Value::Integer(integer) => explain.bind(*integer),
            Value::Boolean(boolean) => explain.bind(*boolean),
            Value::Timestamp(_) => explain.bind("1970-01-01 00:00:00"),
            other => panic!("{other:?} stands in no index"),
        };
    }
    let rows = explain.fetch_all(connection).await.expect("a plan");
    assert_eq!(rows.len(), 1, "one table: {}", query.text);
    ["type", "key", "Extra"].map(|name| {
        let text: Option<Vec<u8>> = rows[0].try_get_unchecked(name).expect(name);
        String::from_utf8(text.unwrap_or_default()).expect("text")
    })
}

#[tokio::test]
async fn listings_and_claims_take_their_index_and_sort_nothing() {
    for server in servers() {
        let scratch = scratch(server).await;
        let _backend = migrated(&scratch).await;
        let mut connection = scratch.connection().await.expect("a connection");
        let using = format!("USE `{}`", scratch.options.database);
        connection.execute(AssertSqlSafe(using)).await.expect("the database");
        let dialect = if server == Server::Mysql { &MYSQL } else { &MARIADB };
        connection
            .execute(match server {
                Server::Mysql => "SET NAMES utf8mb4 COLLATE utf8mb4_0900_bin",
                _ => "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin",
            })
            .await
            .expect("the collation");
        let catalog = Catalog::new(dialect, &SCHEMA);
        let mut looked = 0;
        for kind in SCHEMA.kinds.iter().copied() {
            let statements = catalog.of(kind).expect("a kind of the schema");
            for scan in scans(kind) {
                let Some(query) = statements.scan(&scan).expect("a query") else { continue };
                let [access, key, remarks] = plan(&mut connection, &query).await;
                if remarks.contains("no matching row") || remarks.contains("Impossible WHERE") {
                    // All columns of a unique index are given, and there is no such record.
                    continue;
                }
                let index = scan.declared_index().expect("an index");
                let mut open = index.into_iter().flat_map(|index| index.columns).skip(scan.prefix.len());
                if remarks.contains("filesort") && open.any(|column| kind.key.contains(column)) {
                    // Nobody lists so: MySQL sees no order in an index that holds a part of the key, unless it is given.
                    continue;
                }
                looked += 1;
                let name = index.map(|index| index_name(kind, index));
                let name = name.unwrap_or("PRIMARY".to_owned());
                assert!(!remarks.contains("filesort"), "{server}: {remarks}: {}", query.text);
                assert_eq!(key, name, "{server}: {access}, {remarks}: {}", query.text);
            }
            for index in kind.indexes {
                let (last, prefix) = index.columns.split_last().expect("columns");
                let claim = Claim {
                    kind,
                    index: index.name,
                    prefix: prefix.iter().map(|column| value(kind, *column)).collect(),
                    up_to: Some(value(kind, *last)),
                    limit: 10,
                    set: Vec::new(),
                };
                let query = statements.claim(&claim).expect("a query").expect("records");
                let [_, key, remarks] = plan(&mut connection, &query).await;
                assert_eq!(key, index_name(kind, index), "{server}: {}", query.text);
                assert!(!remarks.contains("filesort"), "{server}: {remarks}: {}", query.text);
            }
        }
        assert!(looked > 300, "{looked} listings were looked at");
    }
}
