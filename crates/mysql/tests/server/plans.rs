//! Every listing takes the index that is declared for it, and sorts nothing.

use std::collections::BTreeSet;
use std::ops::Bound;

use aquifer_core::{Claim, ColumnType, Index, Kind, Record, SCHEMA, Scan, Timestamp, Value};
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

/// The indexes that are longer than 3072 bytes with the key after them, at four bytes a character. The servers do not see that they
/// are in the order of the key, and sort what the prefix leaves of them.
const TOO_LONG: [&str; 5] = [
    "audit_entries_by_target",
    "workflow_versions_by_label",
    "executions_by_workflow_status",
    "executions_by_control",
    "correlations_by_type",
];

/// Whether an index is one of those.
fn is_too_long(kind: &Kind, index: &Index) -> bool {
    let length = |column: &usize| {
        let column = &kind.columns[*column];
        let value = if column.column_type == ColumnType::Text { 4 * 255 + 2 } else { 8 };
        value + usize::from(column.nullable)
    };
    kind.order(Some(index)).iter().map(length).sum::<usize>() > 3072
}

#[test]
fn indexes_that_are_too_long_are_few_and_known() {
    let indexes = SCHEMA.kinds.iter().flat_map(|kind| kind.indexes.iter().map(move |index| (*kind, index)));
    let long = indexes.filter(|(kind, index)| is_too_long(kind, index)).map(|(kind, index)| index_name(kind, index));
    assert_eq!(long.collect::<Vec<_>>(), TOO_LONG);
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
        let mut sorted = BTreeSet::new();
        for kind in SCHEMA.kinds.iter().copied() {
            let statements = catalog.of(kind).expect("a kind of the schema");
            for scan in scans(kind) {
                let Some(query) = statements.scan(&scan).expect("a query") else { continue };
                let [access, key, remarks] = plan(&mut connection, &query).await;
                if remarks.contains("no matching row") || remarks.contains("Impossible WHERE") {
                    // All columns of a unique index are given, and there is no such record.
                    continue;
                }
                if scan.prefix.is_empty()
                    && scan.declared_index().expect("an index").is_some_and(|index| index.columns[0] == kind.key[0])
                {
                    // Across all tenants, which nobody lists: MySQL sees no order that begins with what the key begins with.
                    continue;
                }
                looked += 1;
                let name = scan.declared_index().expect("an index").map(|index| index_name(kind, index));
                let name = name.unwrap_or("PRIMARY".to_owned());
                if remarks.contains("filesort") {
                    sorted.insert(name);
                } else {
                    assert_eq!(key, name, "{server}: {access}, {remarks}: {}", query.text);
                }
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
                let is_known = TOO_LONG.contains(&key.as_str());
                assert!(is_known || !remarks.contains("filesort"), "{server}: {remarks}: {}", query.text);
            }
        }
        assert!(looked > 300, "{looked} listings were looked at");
        let known: BTreeSet<String> = TOO_LONG.into_iter().map(str::to_owned).collect();
        assert!(sorted.is_subset(&known), "{server} sorts {sorted:?}");
    }
}
