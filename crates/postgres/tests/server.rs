//! What the contract does not say: connections are few, rights are few, changes are told, a replica is read.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "the helpers of tests may fail")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::Tenant;
use aquifer_core::{
    Backend, BackendExt as _, Change, Entity as _, ErrorKind, Key, Operation, SCHEMA, Scan, Timestamp, Transaction,
    Value,
};
use aquifer_postgres::{PostgresBackend, PostgresOptions, bare_rates};
use aquifer_testkit::{Server, url};
use sqlx::Connection as _;

use support::{Place, administer, ask, with};

async fn open(url: &str) -> PostgresBackend {
    PostgresBackend::open(PostgresOptions::from_url(url).unwrap(), &SCHEMA).await.unwrap()
}

async fn migrated(url: &str) -> PostgresBackend {
    let backend = open(url).await;
    backend.migrate().await.unwrap();
    backend
}

fn tenant(id: &str) -> Transaction {
    let now = Timestamp::EPOCH;
    let values = vec![id.into(), id.into(), Value::Null, now.into(), now.into()];
    Transaction::new(vec![Operation::Insert(aquifer_core::Record::new(Tenant::KIND, values))])
}

#[tokio::test]
async fn the_server_never_sees_more_connections_than_there_may_be() {
    let name = format!("aquifer cap {:x}", fastrand::u32(..));
    let options = format!("max_connections=4&max_lifetime=200ms&application_name={}", name.replace(' ', "%20"));
    let place = Place::new(Server::Postgres, &options);
    let backend = Arc::new(migrated(&place.url).await);
    let watch = backend.watch(Tenant::KIND).await.unwrap();
    let work: Vec<_> = (0..40)
        .map(|number| {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move {
                for turn in 0..8 {
                    backend.commit_one(tenant(&format!("{number}-{turn}"))).await.unwrap();
                    backend.scan(&Scan::key(Tenant::KIND).limit(5)).await.unwrap();
                    // Some callers lose interest in the middle.
                    let reading = backend.get(&[]);
                    let _ = tokio::time::timeout(Duration::from_micros(fastrand::u64(1..2000)), reading).await;
                    let scan = Scan::key(Tenant::KIND);
                    let listing = backend.scan(&scan);
                    // Whether it was answered in time does not matter.
                    let _ = tokio::time::timeout(Duration::from_micros(fastrand::u64(1..2000)), listing).await;
                }
            })
        })
        .collect();
    let count = format!("SELECT count(*)::text FROM pg_stat_activity WHERE application_name = '{name}'");
    let mut most = 0;
    while work.iter().any(|task| !task.is_finished()) {
        let seen: usize = ask(&url(Server::Postgres), &count).await[0].parse().unwrap();
        most = most.max(seen);
        assert!(seen <= 4, "{seen} connections");
    }
    for task in work {
        task.await.unwrap();
    }
    assert!(most > 1, "only {most} connections");
    drop(watch);
    backend.close().await.unwrap();
    for _ in 0..50 {
        if ask(&url(Server::Postgres), &count).await[0] == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("connections stay open after the end");
}

#[tokio::test]
async fn few_rights_are_enough_and_missing_ones_are_named() {
    let place = Place::new(Server::Postgres, "max_connections=2");
    let (schema, admin) = (&place.schema, url(Server::Postgres));
    let role = format!("{schema}_role");
    let grants = format!(
        "CREATE SCHEMA {schema}; CREATE ROLE {role} LOGIN PASSWORD 'pw' NOSUPERUSER NOCREATEDB NOCREATEROLE; \
         GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
    );
    administer(&admin, &grants).await;
    let limited = place.url.replacen("aquifer:secret@", &format!("{role}:pw@"), 1);
    let backend = migrated(&limited).await;
    backend.commit_one(tenant("a")).await.unwrap();
    backend.get_one(Key::new(Tenant::KIND, ["a"])).await.unwrap().unwrap();
    backend.stats().await.unwrap();
    administer(&admin, &format!("REVOKE INSERT ON {schema}.tenants FROM {role}")).await;
    let error = backend.commit_one(tenant("b")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
    assert!(error.to_string().contains(&role) && error.to_string().contains("grant"), "{error}");
    administer(&admin, &format!("GRANT INSERT ON {schema}.tenants TO {role}")).await;
    backend.commit_one(tenant("b")).await.unwrap();
    backend.close().await.unwrap();
    administer(&admin, &format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await;
}

/// Waits for a change, at most two seconds.
async fn change(watch: &mut aquifer_core::Watch) -> Option<Change> {
    tokio::time::timeout(Duration::from_secs(2), watch.next()).await.ok()
}

#[tokio::test]
async fn changes_of_other_processes_are_heard() {
    let place = Place::new(Server::Postgres, "max_connections=3");
    let (one, other) = (migrated(&place.url).await, open(&place.url).await);
    assert!(one.capabilities().push);
    let mut watch = other.watch(Tenant::KIND).await.unwrap();
    one.commit_one(tenant("a")).await.unwrap();
    assert_eq!(change(&mut watch).await, Some(Change::Partition(vec!["a".into()])));
    // Its own changes are heard too, and once.
    other.commit_one(tenant("b")).await.unwrap();
    assert_eq!(change(&mut watch).await, Some(Change::Partition(vec!["b".into()])));
    let again = tokio::time::timeout(Duration::from_millis(200), watch.next()).await;
    assert!(again.is_err(), "{again:?}");
}

#[tokio::test]
async fn other_schemas_and_strangers_wake_nobody() {
    let (place, neighbour) = (Place::new(Server::Postgres, ""), Place::new(Server::Postgres, ""));
    let (one, other) = (migrated(&place.url).await, migrated(&neighbour.url).await);
    let mut watch = one.watch(Tenant::KIND).await.unwrap();
    other.commit_one(tenant("a")).await.unwrap();
    for payload in ["", "x", "[]", "[1,2]", r#"[1,["tenants",[1]]]"#, r#"[1,["nothing",["a"]]]"#, r#"{"a":1}"#] {
        let notify = format!("SELECT pg_notify('aquifer_{}', '{payload}')", place.schema);
        administer(&url(Server::Postgres), &notify).await;
    }
    let heard = tokio::time::timeout(Duration::from_millis(300), watch.next()).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test]
async fn a_pooler_is_found_out_and_nothing_is_left_in_its_sessions() {
    let place = Place::new(Server::PgBouncer, "max_connections=3");
    let backend = migrated(&place.url).await;
    assert!(!backend.capabilities().push);
    backend.commit_one(tenant("a")).await.unwrap();
    let stats = backend.stats().await.unwrap();
    assert!(stats.facts.contains(&("connection", "transaction pooler".to_owned())), "{:?}", stats.facts);
    // Another program that the pooler gives the same sessions: it finds them as they were.
    let pooler: sqlx::postgres::PgConnectOptions = url(Server::PgBouncer).parse().unwrap();
    let mut other = sqlx::PgConnection::connect_with(&pooler.extra_float_digits(None)).await.unwrap();
    for setting in ["search_path", "enable_sort", "statement_timeout"] {
        let text = format!("SELECT current_setting('{setting}')");
        let server = ask(&url(Server::Postgres), &text).await;
        for _ in 0..5 {
            backend.get_one(Key::new(Tenant::KIND, ["a"])).await.unwrap().unwrap();
            let found = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(text.clone())).persistent(false);
            let mut transaction = other.begin().await.unwrap();
            assert_eq!(found.fetch_all(&mut *transaction).await.unwrap(), server, "{setting}");
            transaction.rollback().await.unwrap();
        }
    }
}

#[tokio::test]
async fn listings_read_the_replica_and_lookups_the_primary() {
    let replica = url(Server::PostgresReplica).replace('&', "%26");
    let place = Place::new(Server::Postgres, &format!("max_connections=3&read_url={replica}"));
    let backend = migrated(&place.url).await;
    assert!(backend.capabilities().scans_may_lag);
    backend.commit_one(tenant("a")).await.unwrap();
    assert!(backend.get_one(Key::new(Tenant::KIND, ["a"])).await.unwrap().is_some());
    let lookup = Scan::index(Tenant::KIND, "by_name").equals("a");
    assert_eq!(backend.scan(&lookup).await.unwrap().records.len(), 1);
    for _ in 0..100 {
        let listed = backend.scan(&Scan::key(Tenant::KIND)).await;
        if listed.is_ok_and(|page| page.records.len() == 1) {
            let name = ask(&url(Server::PostgresReplica), "SELECT pg_is_in_recovery()::text").await;
            assert_eq!(name, ["true"]);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the replica does not follow");
}

#[tokio::test]
async fn a_replica_named_as_the_primary_is_told_apart() {
    let primary = Place::new(Server::Postgres, "");
    migrated(&primary.url).await;
    let replica = with(&url(Server::PostgresReplica), &format!("schema={}", primary.schema));
    let backend = open(&replica).await;
    let error = backend.commit_one(tenant("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().contains("read_url"), "{error}");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_ends_on_both_sides() {
    let place = Place::new(Server::Postgres, "request_timeout=300ms&max_connections=2");
    let backend = migrated(&place.url).await;
    let lock = format!("BEGIN; LOCK TABLE {}.tenants; SELECT pg_sleep(3); COMMIT", place.schema);
    let locked = tokio::spawn(async move { administer(&url(Server::Postgres), &lock).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = std::time::Instant::now();
    let error = backend.commit_one(tenant("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("request_timeout"), "{error}");
    assert!(began.elapsed() < Duration::from_millis(2500));
    locked.await.unwrap();
    backend.commit_one(tenant("a")).await.unwrap();
}

#[tokio::test]
async fn the_bare_driver_is_measured_and_leaves_nothing() {
    let place = Place::new(Server::Postgres, "");
    administer(&url(Server::Postgres), &format!("CREATE SCHEMA {}", place.schema)).await;
    let options = PostgresOptions::from_url(&place.url).unwrap();
    let rates = bare_rates(&options, Duration::from_millis(200)).await.unwrap();
    assert!(!rates.commits.is_empty() && rates.rows_per_second > 0.0);
    let tables = format!("SELECT count(*)::text FROM pg_tables WHERE schemaname = '{}'", place.schema);
    assert_eq!(ask(&url(Server::Postgres), &tables).await, ["0"]);
}
