//! Servers of a test's own: what they are asked, what they lose, and what happens when they stop.

use std::collections::HashMap;
use std::sync::Arc;

use aquifer_core::kinds::{EventBatch, Message, MessageColumn};
use aquifer_core::{BackendExt, Claim, Entity, ErrorKind, Operation, Retry, Scan, Timestamp, Transaction, Value};
use aquifer_testkit::{Instance, Options, Server};

use crate::records::{commit_in_the_end, delete, events, insert, is_there_in_the_end, key, message, open, try_open};
use crate::support;

fn start(server: Server, durable: bool, arguments: &[&str]) -> Instance {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Instance::start_with(server, Options { durable, arguments }).unwrap()
}

#[tokio::test]
async fn own_server_is_never_asked_for_all_its_keys() {
    let server = start(Server::Redis, false, &[]);
    let backend = open(server.url(), "mine").await;
    for number in 0..20 {
        backend.commit_one(insert(number)).await.unwrap();
    }
    let set = vec![(MessageColumn::expires_at as usize, Value::from(Timestamp::EPOCH))];
    for number in 0..5 {
        let condition = aquifer_core::Condition::Revision(1);
        let update = Operation::Update { key: key(number), condition, set: set.clone() };
        backend.commit_one(Transaction::new(vec![update])).await.unwrap();
    }
    backend.get(&(0..20).map(key).collect::<Vec<_>>()).await.unwrap();
    for descending in [false, true] {
        backend.scan(&Scan::index(Message::KIND, "by_type").equals("tn_1").descending(descending)).await.unwrap();
        backend.scan(&Scan::key(Message::KIND).limit(3).descending(descending)).await.unwrap();
    }
    let set = vec![(MessageColumn::expires_at as usize, Value::Null)];
    let claim = Claim { kind: Message::KIND, index: "by_expiry", prefix: vec![], up_to: None, limit: 10, set };
    assert_eq!(backend.claim(&claim).await.unwrap().len(), 5);
    backend.commit_one(Transaction::new(vec![delete(7)])).await.unwrap();
    backend.ping().await.unwrap();
    backend.stats().await.unwrap();

    let mut plain = support::plain(server.url());
    let info: String = redis::cmd("INFO").arg("commandstats").query(&mut plain).unwrap();
    let asked = info.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next());
    let asked: Vec<&str> = asked.collect();
    assert!(asked.contains(&"evalsha") && asked.contains(&"hset"), "{asked:?}");
    for forbidden in ["keys", "scan", "sscan", "hscan", "zscan", "flushdb", "flushall", "sort"] {
        assert!(!asked.contains(&forbidden), "{asked:?}");
    }
}

#[tokio::test]
async fn own_server_takes_many_transactions_in_one_round_trip() {
    let server = start(Server::Redis, false, &[]);
    let backend = open(server.url(), "mine").await;
    backend.commit_one(insert(1000)).await.unwrap();
    let mut plain = support::plain(server.url());
    redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut plain).unwrap();
    let transactions = (0..64).map(|number| {
        let batch =
            |part: i64| EventBatch { execution_id: format!("ex_{number}").as_str().into(), ..events(1 + part * 3) };
        Transaction::new((0..3).map(|part| Operation::Insert(batch(part).to_record())).collect())
    });
    for answer in backend.commit(transactions.collect()).await {
        assert_eq!(answer.unwrap().revisions, [1, 1, 1]);
    }
    let info: String = redis::cmd("INFO").arg("commandstats").query(&mut plain).unwrap();
    assert!(info.contains("cmdstat_evalsha:calls=1,"), "{info}");
}

#[tokio::test]
async fn own_server_restarts_and_nothing_is_lost() {
    let mut server = start(Server::Redis, true, &[]);
    let backend = open(server.url(), "mine").await;
    assert!(backend.capabilities().durable);
    let mut written = 0;
    for round in 0..3 {
        let writer = {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move {
                for number in written..written + 100 {
                    let committed = commit_in_the_end(&*backend, insert(number)).await;
                    assert_eq!(committed.revisions, [1]);
                }
            })
        };
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        server = tokio::task::spawn_blocking(move || {
            if round % 2 == 0 {
                server.kill()
            } else {
                server.stop()
            }
            server.start_again();
            server
        })
        .await
        .unwrap();
        writer.await.unwrap();
        written += 100;
    }
    for number in 0..written {
        assert!(is_there_in_the_end(&*backend, key(number)).await, "{number}");
    }
    let listed = backend.scan(&Scan::key(Message::KIND).limit(1000)).await.unwrap();
    assert_eq!(listed.records.len(), written);
}

#[tokio::test]
async fn own_server_that_is_gone_is_unavailable_and_comes_back() {
    let mut server = start(Server::Redis, true, &[]);
    let backend = open(server.url(), "mine").await;
    backend.commit_one(insert(1)).await.unwrap();
    server.stop();
    for _ in 0..3 {
        let error = backend.get_one(key(1)).await.expect_err("nobody is there");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient), "{error:?}");
        let error = backend.commit_one(insert(2)).await.expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    }
    let error = try_open(server.url(), "mine").await.expect_err("nobody is there");
    assert!(error.to_string().contains(&server.port().to_string()), "{error}");
    server.start_again();
    assert!(is_there_in_the_end(&*backend, key(1)).await);
    commit_in_the_end(&*backend, insert(2)).await;
}

#[tokio::test]
async fn own_server_without_memory_refuses_clearly_and_keeps_what_it_has() {
    let server = start(Server::Redis, false, &["--maxmemory", "6mb", "--maxmemory-policy", "noeviction"]);
    let backend = open(server.url(), "mine").await;
    let mut stored = 0;
    let error = loop {
        let insert = Transaction::new(vec![Operation::Insert(message(stored, 100_000).to_record())]);
        match backend.commit_one(insert).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1000, "memory is not full");
    };
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient), "{error:?}");
    assert!(error.to_string().contains("maxmemory"), "{error}");
    // Nothing of the refused one is there, everything else is; what is read and removed still works, and makes room.
    let listed = backend.scan(&Scan::key(Message::KIND).limit(1000)).await.unwrap();
    assert_eq!(listed.records.len(), stored);
    assert!(!is_there_in_the_end(&*backend, key(stored)).await);
    let mut plain = support::plain(server.url());
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("50mb").exec(&mut plain).unwrap();
    backend.commit_one(insert(stored)).await.expect("there is room again");
}

#[tokio::test]
async fn own_server_that_would_lose_data_is_told_in_the_statistics() {
    let server = start(
        Server::Redis,
        false,
        &["--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb", "--appendonly", "no"],
    );
    let backend = open(server.url(), "mine").await;
    assert!(!backend.capabilities().durable);
    let stats = backend.stats().await.unwrap();
    let warnings: Vec<&String> =
        stats.facts.iter().filter(|(name, _)| *name == "warning").map(|(_, text)| text).collect();
    assert!(warnings.iter().any(|text| text.contains("appendonly yes")), "{warnings:?}");
    assert!(warnings.iter().any(|text| text.contains("maxmemory-policy noeviction")), "{warnings:?}");
    // Where CONFIG is forbidden, INFO tells as much.
    let mut plain = support::plain(server.url());
    let rules = ["on", ">pw", "~*", "&*", "+@all", "-config"];
    redis::cmd("ACL").arg("SETUSER").arg("hosted").arg(&rules).exec(&mut plain).unwrap();
    let hosted = try_open(&server.url().replace("redis://", "redis://hosted:pw@"), "mine").await.unwrap();
    assert!(!hosted.capabilities().durable);

    let safe = start(Server::Valkey, true, &[]);
    let backend = open(safe.url(), "mine").await;
    assert!(backend.capabilities().durable);
    let facts: HashMap<_, _> = backend.stats().await.unwrap().facts.into_iter().collect();
    assert!(!facts.contains_key("warning"), "{facts:?}");
    assert!(facts["server"].starts_with("Valkey"), "{facts:?}");
}

#[tokio::test]
async fn own_server_without_replicas_does_not_satisfy_wait_replicas() {
    let server = start(Server::Redis, false, &[]);
    let url = support::with_options(server.url(), "wait_replicas=1&request_timeout=1s");
    let backend = try_open(&url, "mine").await.unwrap();
    let error = backend.commit_one(insert(1)).await.expect_err("no replica says that it has it");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{error:?}");
    assert!(error.to_string().contains("wait_replicas"), "{error}");
}
