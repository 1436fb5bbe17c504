//! Every statement takes an index, in its order, in tables that have grown since anybody looked at them: nothing is sorted, no table
//! is read whole.

use std::ops::Bound;

use aquifer_core::{
    Backend as _, Claim, Column, ColumnType, Condition, Entity as _, Index, Kind, Operation, Record, Retry, SCHEMA,
    Scan, Timestamp, Transaction, Value, kinds::WorkflowVersion,
};
use aquifer_sql::network::{Driver as _, NetworkBackend, Session as _};
use aquifer_sql::{Catalog, POSTGRES, index_name};
use aquifer_testkit::Server;
use sqlx::AssertSqlSafe;

use crate::driver::PgDriver;
use crate::session::PgSession;
use crate::support::Place;
use crate::{PostgresBackend, PostgresOptions};

/// A session over tables with some thousand records that the server has no statistics of.
async fn session(driver: &PgDriver, place: &Place) -> PgSession {
    fill(place).await;
    driver.primary().await.unwrap()
}

async fn fill(place: &Place) {
    let mut fill = format!("SET search_path = {}; SET session_replication_role = replica; ", place.schema);
    for kind in SCHEMA.kinds {
        let values = kind.columns.iter().map(|column| match column.column_type {
            ColumnType::Text => "'a' || n",
            ColumnType::Integer => "n",
            ColumnType::Boolean => "n % 2 = 0",
            ColumnType::Timestamp => "now() + n * interval '1 second'",
            ColumnType::Json => "'{}'::jsonb",
            ColumnType::Bytes => "''::bytea",
        });
        let values = values.collect::<Vec<_>>().join(", ");
        fill.push_str(&format!("INSERT INTO {} SELECT {values}, 1, 1 FROM generate_series(1, 3000) AS n; ", kind.name));
    }
    crate::support::administer(&aquifer_testkit::url(Server::Postgres), &fill).await;
}

/// What the server would do, for parameters that it does not know.
async fn plan(session: &mut PgSession, text: &str) -> String {
    let parameters = (1..).take_while(|number| text.contains(&format!("${number}"))).count();
    let nulls = vec!["NULL"; parameters].join(", ");
    let nulls = if parameters == 0 { nulls } else { format!("({nulls})") };
    session.simple(&format!("PREPARE planned AS {text}"), Retry::Transient).await.unwrap();
    let plan = kept_plan(session, &nulls).await;
    session.simple("DEALLOCATE planned", Retry::Transient).await.unwrap();
    plan
}

/// What the server would do for the statement called `planned`, whose plan it may have kept.
async fn kept_plan(session: &mut PgSession, parameters: &str) -> String {
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE planned{parameters}");
    let rows = session.rows(&explain, &[], &[ColumnType::Text]).await.unwrap();
    rows.iter().filter_map(|row| row[0].as_text()).collect::<Vec<_>>().join("\n")
}

async fn driver(place: &Place) -> PgDriver {
    let options = PostgresOptions::from_url(&place.url).unwrap();
    let driver = PgDriver::open(options, &SCHEMA).await.unwrap();
    aquifer_sql::network::Driver::migrate(&driver, &SCHEMA).await.unwrap();
    driver
}

fn place() -> Place {
    Place::new(Server::Postgres, "max_connections=3")
}

/// A value for each column; none of those in an index is null.
fn sample(kind: &'static Kind) -> Record {
    let value = |column: &Column| match column.column_type {
        ColumnType::Text => Value::from("a"),
        ColumnType::Integer => Value::from(1),
        ColumnType::Boolean => Value::from(true),
        ColumnType::Timestamp => Value::from(Timestamp::EPOCH),
        ColumnType::Json => Value::Json(aquifer_core::Json::from_text("{}".to_owned()).unwrap()),
        ColumnType::Bytes => Value::from(vec![1]),
    };
    Record::new(kind, kind.columns.iter().map(value).collect())
}

fn check(plan: &str, index: &str, text: &str) {
    for (word, what) in [("Seq Scan", "read whole"), ("Sort", "sorted"), ("Bitmap", "gathered")] {
        assert!(!plan.contains(word), "{what}: {plan}\n{text}");
    }
    assert!(plan.contains(&format!("using {index} ")), "another index than {index}: {plan}\n{text}");
}

fn name(kind: &Kind, index: Option<&Index>) -> String {
    index.map_or(format!("{}_pkey", kind.name), |index| index_name(kind, index))
}

#[tokio::test]
async fn every_listing_takes_its_index_in_its_order() {
    let place = place();
    let driver = driver(&place).await;
    let mut session = session(&driver, &place).await;
    let catalog = Catalog::new(&POSTGRES, &SCHEMA);
    let mut count = 0;
    for kind in SCHEMA.kinds {
        let (record, statements) = (sample(kind), catalog.of(kind).unwrap());
        for index in kind.indexes.iter().chain(kind.uniques).map(Some).chain([None]) {
            let order = kind.order(index);
            for prefix in 0..index.map_or(order.len(), |index| index.columns.len()) {
                for descending in [false, true] {
                    let mut scan = index.map_or(Scan::key(kind), |index| Scan::index(kind, index.name));
                    scan.prefix = record.pick(&order[..prefix]);
                    let scan = scan.descending(descending);
                    let value = record.values[order[prefix]].clone();
                    let bounded = scan.clone().to(Bound::Included(value));
                    let next = scan.clone().after(Some(scan.cursor_after(&record).unwrap()));
                    for scan in [scan, bounded, next] {
                        let Some(query) = statements.scan(&scan).unwrap() else { continue };
                        let plan = plan(&mut session, &query.text).await;
                        check(&plan, &name(kind, index), &query.text);
                        count += 1;
                    }
                }
            }
        }
    }
    assert!(count > 300, "only {count} listings");
}

#[tokio::test]
async fn every_claim_takes_its_index() {
    let place = place();
    let driver = driver(&place).await;
    let mut session = session(&driver, &place).await;
    let catalog = Catalog::new(&POSTGRES, &SCHEMA);
    let mut count = 0;
    for kind in SCHEMA.kinds {
        for index in kind.indexes {
            let due = *index.columns.last().unwrap();
            if kind.columns[due].column_type != ColumnType::Timestamp {
                continue;
            }
            let prefix = sample(kind).pick(&index.columns[..index.columns.len() - 1]);
            let up_to = Some(Value::from(Timestamp::EPOCH));
            let claim = Claim { kind, index: index.name, prefix, up_to, limit: 10, set: vec![(due, Value::Null)] };
            let query = catalog.of(kind).unwrap().claim_at_once(&claim).unwrap().unwrap();
            let plan = plan(&mut session, &query.text).await;
            // The last step puts the few that were claimed into their order.
            let (last, rest) = plan.split_once("CTE due").unwrap();
            assert!(last.starts_with("Sort"), "{plan}");
            let (due, update) = rest.split_once("CTE claimed").unwrap();
            check(due, &name(kind, Some(index)), &query.text);
            check(update, &name(kind, None), &query.text);
            count += 1;
        }
    }
    assert!(count > 4, "only {count} claims");
}

#[tokio::test]
async fn every_write_finds_its_records_by_their_keys() {
    let place = place();
    let driver = driver(&place).await;
    let combiner = driver.combiner();
    let mut session = session(&driver, &place).await;
    let backend = NetworkBackend::new(driver, &SCHEMA);
    for kind in SCHEMA.kinds {
        let key = sample(kind).key();
        let last = (0..kind.columns.len()).rev().find(|column| !kind.key.contains(column)).unwrap();
        let unique = kind.uniques.iter().any(|unique| unique.columns.contains(&last));
        let set = if unique { Vec::new() } else { vec![(last, sample(kind).values[last].clone())] };
        for condition in [Condition::Exists, Condition::Revision(1)] {
            let key = || key.clone();
            for operation in [
                Operation::Update { key: key(), condition, set: set.clone() },
                Operation::Delete { key: key(), condition },
                Operation::Check { key: key(), condition },
            ] {
                // None of them is there; the statement is what counts.
                combiner.forget();
                backend.commit(vec![Transaction::new(vec![operation])]).await;
                let texts = combiner.texts();
                assert_eq!(texts.len(), 1, "{}", kind.name);
                let plan = plan(&mut session, &texts[0]).await;
                // Another index that begins with all of the key in another order, or with a partition, which is small, is as good.
                let alike = kind.indexes.iter().find(|index| {
                    let order = kind.order(Some(index));
                    let is_partition = kind.partition == 2 && order.starts_with(&kind.key[..2]);
                    (is_partition || order[..kind.key.len()].iter().all(|column| kind.key.contains(column)))
                        && plan.contains(&format!("using {} ", name(kind, Some(index))))
                });
                check(&plan, &name(kind, alike), &texts[0]);
            }
        }
    }
}

#[tokio::test]
async fn a_plan_for_an_empty_table_does_not_outlive_it() {
    let place = Place::new(Server::Postgres, "max_connections=2");
    let driver = driver(&place).await;
    let mut session = driver.primary().await.unwrap();
    let update = r#"PREPARE planned AS UPDATE executions AS t SET "updated_at" = now() FROM UNNEST($1::text[], $2::text[]) AS u(v0, v1)
        WHERE t."tenant_id" = u.v0 AND t."id" = u.v1"#;
    session.simple(update, Retry::Transient).await.unwrap();
    let (by_key, parameters) = ("using executions_pkey ", "(NULL, NULL)");
    assert!(!kept_plan(&mut session, parameters).await.contains(by_key), "nothing to be seen here");
    fill(&place).await;
    session.age_plans();
    drop(session);
    let mut session = driver.primary().await.unwrap();
    let plan = kept_plan(&mut session, parameters).await;
    assert!(plan.contains(by_key), "{plan}");
}

#[tokio::test]
async fn every_reference_is_found_by_an_index() {
    // Removing a record makes the server look for those that refer to it.
    for kind in SCHEMA.kinds {
        for reference in kind.references {
            let indexes = kind.indexes.iter().chain(kind.uniques).map(|index| index.columns);
            let held = indexes.chain([kind.key]).any(|columns| {
                columns
                    .get(..reference.columns.len())
                    .is_some_and(|first| reference.columns.iter().all(|column| first.contains(column)))
            });
            assert!(held, "{} refers to {} without an index", kind.name, reference.target);
        }
    }
}

#[tokio::test]
async fn definitions_are_searched_by_what_they_contain() {
    let place = place();
    let options = PostgresOptions::from_url(&place.url).unwrap();
    let backend = PostgresBackend::open(options, &SCHEMA).await.unwrap();
    backend.migrate().await.unwrap();
    // As a person does who opens psql and knows nothing of this program's settings.
    let url = aquifer_testkit::url(Server::Postgres);
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let definition = WorkflowVersion::KIND.columns.iter().find(|column| column.name == "definition").unwrap();
    assert!(definition.detail);
    let prepare = format!(
        "SET search_path = {}; ALTER TABLE workflow_versions DISABLE TRIGGER ALL; \
         INSERT INTO workflow_versions (tenant_id, workflow_id, number, label, definition, source_hash, created_at, revision, \
         transaction_id) SELECT 't', 'w', n, '1', jsonb_build_object('document', jsonb_build_object('name', 'flow ' || n)), '', \
         now(), 1, 1 FROM generate_series(1, 5000) AS n; ANALYZE workflow_versions",
        place.schema
    );
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
    let search = r#"FROM workflow_versions WHERE definition @> '{"document": {"name": "flow 77"}}'"#;
    let rows = sqlx::query_scalar::<_, i64>(AssertSqlSafe(format!("SELECT number {search}")));
    assert_eq!(rows.fetch_all(&mut connection).await.unwrap(), [77]);
    let explain = sqlx::query_scalar::<_, String>(AssertSqlSafe(format!("EXPLAIN SELECT number {search}")));
    let plan = explain.fetch_all(&mut connection).await.unwrap().join("\n");
    assert!(plan.contains("workflow_versions_definition_search"), "{plan}");
}
