//! Which database is meant, and whose it is.

use aquifer_core::{Backend as _, BackendExt as _, ErrorKind, SCHEMA};
use aquifer_libsql::{LibsqlBackend, LibsqlOptions, bare_rates};
use aquifer_sql::{SqliteBackend, SqliteOptions};
use aquifer_testkit::{Instance, Options, Server};
use std::time::Duration;

use super::{failed, insert, key, open, options, refused, sql, start};

#[tokio::test]
async fn own_server_another_programs_database_is_refused_untouched() {
    let server = start();
    sql(server.url(), None, &["CREATE TABLE accounts (id INTEGER)"], None, true).await;
    let error = refused(options(server.url())).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("is not a database of Aquifer's"), "{error}");
    let tables = sql(server.url(), None, &["SELECT count(*) FROM sqlite_schema"], None, true).await;
    assert!(tables.contains(r#""value":"1""#), "{tables}");
}

#[tokio::test]
async fn own_server_a_database_that_is_not_migrated_says_so() {
    let server = start();
    let backend = LibsqlBackend::open(options(server.url()), &SCHEMA).await.unwrap();
    for error in [
        failed(backend.get(&[key("a")]).await, ErrorKind::Invalid),
        failed(backend.commit_one(insert("a")).await, ErrorKind::Invalid),
        failed(backend.commit((0..10).map(|n| insert(&n.to_string())).collect()).await.remove(3), ErrorKind::Invalid),
    ] {
        assert!(error.message().ends_with("lacks a table or column of this version: migrate it first"), "{error}");
    }
}

#[tokio::test]
async fn own_server_the_server_says_what_it_is() {
    let server = start();
    let backend = open(server.url()).await;
    let pong = backend.ping().await.unwrap();
    assert_eq!(pong.schema_version, SCHEMA.version);
    assert!(pong.server.starts_with("sqld 0.") && pong.server.contains("(SQLite 3."), "{}", pong.server);
    let stats = backend.stats().await.unwrap();
    assert!(stats.bytes.unwrap() > 0);
    assert!(stats.facts.contains(&("url", server.url().to_owned())));
}

#[tokio::test]
async fn own_server_namespaces_are_databases_of_their_own() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = listener.local_addr().unwrap();
    drop(listener);
    let arguments = ["--enable-namespaces", "--admin-listen-addr", &admin.to_string()].map(str::to_owned).to_vec();
    let server = Instance::start_with(Server::Libsql, Options { arguments, ..Options::default() }).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    for namespace in ["one", "two"] {
        let create = format!("http://{admin}/v1/namespaces/{namespace}/create");
        let request = reqwest::Client::new().post(create).header("content-type", "application/json").body("{}");
        assert!(request.send().await.unwrap().status().is_success());
    }
    let one = open(&format!("{}?namespace=one", server.url())).await;
    let two = open(&format!("{}?namespace=two", server.url())).await;
    one.commit_one(insert("a")).await.unwrap();
    assert!(one.get_one(key("a")).await.unwrap().is_some());
    assert!(two.get_one(key("a")).await.unwrap().is_none());
    let missing = refused(LibsqlOptions { namespace: Some("three".to_owned()), ..options(server.url()) }).await;
    assert_eq!(missing.kind(), ErrorKind::Invalid);
    assert!(missing.message().contains("has no such database"), "{missing}");
}

#[tokio::test]
async fn own_server_its_file_is_one_of_the_sqlite_backend() {
    let mut server = start();
    let backend = open(server.url()).await;
    backend.commit_one(insert("a")).await.unwrap();
    let written = backend.get_one(key("a")).await.unwrap();
    backend.close().await.unwrap();
    server = tokio::task::spawn_blocking(move || {
        server.stop();
        server
    })
    .await
    .unwrap();
    let file = server.folder().join("data/dbs/default/data");
    let copy = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let from = file.with_file_name(format!("data{suffix}"));
        if from.exists() {
            std::fs::copy(&from, copy.path().join(format!("moved.db{suffix}"))).unwrap();
        }
    }
    let moved = SqliteBackend::open(SqliteOptions::new(copy.path().join("moved.db")), &SCHEMA).unwrap();
    assert_eq!(moved.ping().await.unwrap().schema_version, SCHEMA.version);
    assert_eq!(moved.get_one(key("a")).await.unwrap(), written);
    moved.commit_one(insert("b")).await.unwrap();
    moved.close().await.unwrap();
}

#[tokio::test]
async fn own_server_the_bare_driver_is_measured_and_leaves_nothing() {
    let server = start();
    let rates = bare_rates(&options(server.url()), Duration::from_millis(300)).await.unwrap();
    assert!(!rates.commits.is_empty() && rates.rows_per_second > 0.0);
    let tables = sql(server.url(), None, &["SELECT count(*) FROM sqlite_schema"], None, true).await;
    assert!(tables.contains(r#""value":"0""#), "{tables}");
}
