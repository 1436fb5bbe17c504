//! Records to test with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer_core::kinds::{EventBatch, Message};
use aquifer_core::{
    Backend, BackendExt, Committed, Condition, Entity, Error, ExecutionId, Json, Key, MessageId, Operation, Result,
    SCHEMA, TenantId, Timestamp, Transaction,
};
use aquifer_redis::{RedisBackend, RedisOptions};

use crate::support::{self, plain};

/// A backend below a prefix of its own.
pub(crate) async fn open(url: &str, prefix: &str) -> Arc<dyn Backend> {
    let backend = try_open(url, prefix).await.expect("the backend opens");
    backend.migrate().await.expect("it migrates");
    backend
}

pub(crate) async fn try_open(url: &str, prefix: &str) -> Result<Arc<dyn Backend>> {
    let more = format!("prefix={prefix}&stream_prefix={prefix}:&max_connections=2");
    let options = RedisOptions::from_url(&support::with_options(url, &more))?;
    Ok(Arc::new(RedisBackend::open(options, &SCHEMA).await?))
}

/// A message that holds about so many bytes.
pub(crate) fn message(number: usize, bytes: usize) -> Message {
    let now = Timestamp::EPOCH;
    Message {
        tenant_id: TenantId::from("tn_1"),
        id: MessageId::from(format!("ms_{number:08}")),
        event_type: "test".to_owned(),
        source: None,
        event: Json::encode(&"x".repeat(bytes)).expect("a document"),
        created_at: now,
        expires_at: None,
    }
}

pub(crate) fn key(number: usize) -> Key {
    message(number, 0).to_record().key()
}

pub(crate) fn insert(number: usize) -> Transaction {
    Transaction::new(vec![Operation::Insert(message(number, 10).to_record())])
}

pub(crate) fn delete(number: usize) -> Operation {
    Operation::Delete { key: key(number), condition: Condition::Exists }
}

/// Three events of an execution, numbered from `first`.
pub(crate) fn events(first: i64) -> EventBatch {
    EventBatch {
        tenant_id: TenantId::from("tn_1"),
        execution_id: ExecutionId::from("ex_1"),
        last: first + 2,
        first,
        entries: format!(r#"[["a",{first}],["b"],{{"c":  "ü"}}]"#),
        hash: "h".to_owned(),
        created_at: Timestamp::EPOCH,
    }
}

/// Commits until it succeeds, each time as the same transaction; as the retrying layer does.
pub(crate) async fn commit_in_the_end(backend: &dyn Backend, transaction: Transaction) -> Committed {
    let began = Instant::now();
    let mut attempt = transaction;
    loop {
        match backend.commit_one(attempt.clone()).await {
            Ok(committed) => return committed,
            Err(error) => wait_after(error, began).await,
        }
        attempt = attempt.retry();
    }
}

/// Reads until it succeeds.
pub(crate) async fn is_there_in_the_end(backend: &dyn Backend, key: Key) -> bool {
    let began = Instant::now();
    loop {
        match backend.get_one(key.clone()).await {
            Ok(found) => return found.is_some(),
            Err(error) => wait_after(error, began).await,
        }
    }
}

async fn wait_after(error: Error, began: Instant) {
    assert_ne!(error.retry(), aquifer_core::Retry::Permanent, "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(60), "it does not recover: {error:?}");
    tokio::time::sleep(Duration::from_millis(30)).await;
}

/// A connection of the plain driver to the node of a cluster, or to the server, that has a key.
pub(crate) fn plain_for(url: &str, key: &str) -> redis::Connection {
    let mut first = plain(url);
    let asked: redis::RedisResult<redis::Value> = redis::cmd("TYPE").arg(key).query(&mut first);
    match asked.as_ref().err().and_then(redis::RedisError::redirect_node) {
        Some((address, _)) => plain(&format!("redis://{address}")),
        None => first,
    }
}
