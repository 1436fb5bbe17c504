//! What the suite cannot know: tokens, servers that end, replies that are lost, other programs on the same database.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod auth;
mod faults;
mod large;
mod places;
mod plans;
mod sharing;
mod tls;

use std::fmt::Debug;

use aquifer_core::kinds::Setting;
use aquifer_core::{
    Backend, Condition, Entity, Error, ErrorKind, Json, Key, Operation, SCHEMA, TenantId, Timestamp, Transaction, Value,
};
use aquifer_libsql::{LibsqlBackend, LibsqlOptions};
use aquifer_testkit::{Instance, Server};

/// A server with one database, which nobody else has.
fn start() -> Instance {
    Instance::start(Server::Libsql)
}

fn options(url: &str) -> LibsqlOptions {
    LibsqlOptions { max_connections: 3, ..LibsqlOptions::from_url(url).unwrap() }
}

/// Opens the database and creates its tables.
async fn open(url: &str) -> LibsqlBackend {
    let backend = LibsqlBackend::open(options(url), &SCHEMA).await.unwrap();
    backend.migrate().await.unwrap();
    backend
}

/// Fails to open.
async fn refused(options: LibsqlOptions) -> Error {
    LibsqlBackend::open(options, &SCHEMA).await.unwrap_err()
}

fn setting(name: &str) -> Setting {
    Setting {
        tenant_id: TenantId::from("tn"),
        scope: "scope".to_owned(),
        name: name.to_owned(),
        value: Json::encode(&0).unwrap(),
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    }
}

fn key(name: &str) -> Key {
    setting(name).to_record().key()
}

fn insert(name: &str) -> Transaction {
    Transaction::new(vec![Operation::Insert(setting(name).to_record())])
}

/// Changes a record whatever its revision, so that doing it twice shows.
fn touch(name: &str) -> Transaction {
    let column = Setting::KIND.column("value").unwrap();
    let set = vec![(column, Value::from(Json::encode(&1).unwrap()))];
    Transaction::new(vec![Operation::Update { key: key(name), condition: Condition::Exists, set }])
}

#[track_caller]
fn failed<T: Debug>(result: Result<T, Error>, kind: ErrorKind) -> Error {
    match result {
        Ok(answer) => panic!("should fail as {kind:?}, but was answered {answer:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error:?}");
            error
        }
    }
}

/// Sends statements as another program would, and gives the text of the reply.
async fn sql(url: &str, host: Option<&str>, statements: &[&str], baton: Option<&str>, close: bool) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let execute = |sql: &&str| serde_json::json!({ "type": "execute", "stmt": { "sql": sql } });
    let mut requests: Vec<_> = statements.iter().map(execute).collect();
    if close {
        requests.push(serde_json::json!({ "type": "close" }));
    }
    let body = serde_json::json!({ "baton": baton, "requests": requests }).to_string();
    let mut request = reqwest::Client::new().post(format!("{url}/v2/pipeline")).body(body);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    String::from_utf8(request.send().await.unwrap().bytes().await.unwrap().to_vec()).unwrap()
}

/// What a server with an empty database answers when it is opened.
fn empty_database() -> String {
    const EMPTY: &str = concat!(
        r#"{"results":[{"type":"ok","response":{"type":"batch","result":{"step_results":["#,
        r#"{"rows":[[{"type":"text","value":"3.45.1"}]]},{"rows":[[{"type":"integer","value":"0"}]]},null,null],"#,
        r#""step_errors":[null,null,{"message":"integer overflow","code":"SQLITE_UNKNOWN"},null]}}}]}"#
    );
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{EMPTY}", EMPTY.len())
}
