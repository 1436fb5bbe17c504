//! What other programs find in the server.

use std::collections::HashMap;

use aquifer_core::{BackendExt, Condition, Entity, Operation, Transaction};
use aquifer_testkit::{Server, url};

use crate::records::{events, insert, open, plain_for};
use crate::support;

type Entries = Vec<(String, HashMap<String, String>)>;

/// What a plain client reads of a stream, and the slot that it is in.
fn read(server: &str, stream: &str, after: &str) -> Entries {
    let mut plain = plain_for(server, stream);
    redis::cmd("XRANGE").arg(stream).arg(after).arg("+").query(&mut plain).unwrap()
}

async fn streams(server: Server) {
    let server = url(server);
    let prefix = support::prefix();
    let backend = open(&server, &prefix).await;
    let stream = format!("{prefix}:tenant:{{tn_1}}:workflow:ex_1:events");
    for first in [1, 4] {
        backend.commit_one(Transaction::new(vec![Operation::Insert(events(first).to_record())])).await.unwrap();
    }
    let entries = read(&server, &stream, "-");
    let ids: Vec<&str> = entries.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["1-0", "2-0", "3-0", "4-0", "5-0", "6-0"]);
    // Each as it was written, byte for byte.
    let texts: Vec<&str> = entries.iter().map(|(_, fields)| fields["event"].as_str()).collect();
    assert_eq!(texts, [r#"["a",1]"#, r#"["b"]"#, r#"{"c":  "ü"}"#, r#"["a",4]"#, r#"["b"]"#, r#"{"c":  "ü"}"#]);
    assert_eq!(entries[0].1["time"], "1970-01-01T00:00:00.000000Z");
    // What follows event 4, as its number says.
    assert_eq!(read(&server, &stream, "(4").len(), 2);

    // A transaction that fails adds nothing, and one that is said twice adds once.
    let again = Transaction::new(vec![Operation::Insert(events(4).to_record())]);
    backend.commit_one(again).await.expect_err("there is such a record");
    let next = Transaction::new(vec![Operation::Insert(events(7).to_record())]);
    backend.commit_one(next.clone()).await.unwrap();
    backend.commit_one(next.retry()).await.unwrap();
    assert_eq!(read(&server, &stream, "-").len(), 9);

    // What goes takes its entries with it, and the last one the stream.
    let delete = |first: i64| {
        let key = events(first).to_record().key();
        Transaction::new(vec![Operation::Delete { key, condition: Condition::Exists }])
    };
    backend.commit_one(delete(4)).await.unwrap();
    let entries = read(&server, &stream, "-");
    assert_eq!(
        entries.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
        ["1-0", "2-0", "3-0", "7-0", "8-0", "9-0"]
    );
    for first in [1, 7] {
        backend.commit_one(delete(first)).await.unwrap();
    }
    let exists: bool = redis::cmd("EXISTS").arg(&stream).query(&mut plain_for(&server, &stream)).unwrap();
    assert!(!exists);
    support::remove(&server, &prefix);
}

#[tokio::test]
async fn other_programs_read_events_as_a_stream() {
    streams(Server::Redis).await;
}

#[tokio::test]
async fn other_programs_read_events_as_a_stream_of_a_cluster() {
    streams(Server::RedisCluster).await;
}

#[tokio::test]
async fn streams_can_be_short_or_left_out() {
    let server = url(Server::Redis);
    let prefix = support::prefix();
    let backend = open(&support::with_options(&server, "streams=false"), &prefix).await;
    backend.commit_one(Transaction::new(vec![Operation::Insert(events(1).to_record())])).await.unwrap();
    let backend = open(&support::with_options(&server, "stream_max_length=10"), &prefix).await;
    for first in 0..500 {
        let batch = events(4 + first * 3);
        backend.commit_one(Transaction::new(vec![Operation::Insert(batch.to_record())])).await.unwrap();
    }
    // The server trims in steps.
    let entries = read(&server, &format!("{prefix}:tenant:{{tn_1}}:workflow:ex_1:events"), "-");
    assert!(!entries.is_empty() && entries.len() < 300, "{}", entries.len());
    assert_ne!(entries[0].0, "1-0");
    support::remove(&server, &prefix);
}

#[tokio::test]
async fn a_record_is_a_hash_that_a_person_can_read() {
    let server = url(Server::Redis);
    let prefix = support::prefix();
    let backend = open(&server, &prefix).await;
    backend.commit_one(insert(1)).await.unwrap();
    let mut plain = support::plain(&server);
    let key = format!("{prefix}:{{tn_1}}:messages:ms_00000001");
    let fields: HashMap<String, String> = redis::cmd("HGETALL").arg(&key).query(&mut plain).unwrap();
    assert_eq!(fields["event_type"], "test");
    assert_eq!(fields["created_at"], "1970-01-01T00:00:00.000000Z");
    assert_eq!(fields["_revision"], "1");
    let members: Vec<String> =
        redis::cmd("ZRANGE").arg(format!("{prefix}:messages.by_type")).arg(0).arg(-1).query(&mut plain).unwrap();
    assert_eq!(members, ["tn_1\0test\0ms_00000001\0"]);
    support::remove(&server, &prefix);
}
