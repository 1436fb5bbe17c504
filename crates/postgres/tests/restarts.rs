//! A server that stops, dies or loses its replies.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "the helpers of tests may fail")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::Tenant;
use aquifer_core::{
    Backend as _, BackendExt as _, Entity as _, ErrorKind, Key, Operation, Record, Retry, SCHEMA, Timestamp,
    Transaction, Value,
};
use aquifer_postgres::{PostgresBackend, PostgresOptions};
use aquifer_testkit::{Fault, Instance, Proxy, Server, url};

use support::{Place, with};

async fn migrated(url: &str) -> PostgresBackend {
    let backend = PostgresBackend::open(PostgresOptions::from_url(url).unwrap(), &SCHEMA).await.unwrap();
    backend.migrate().await.unwrap();
    backend
}

fn tenant(id: &str) -> Transaction {
    let now = Timestamp::EPOCH;
    let values = vec![id.into(), id.into(), Value::Null, now.into(), now.into()];
    Transaction::new(vec![Operation::Insert(Record::new(Tenant::KIND, values))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_server_restarts_and_everything_goes_on() {
    let mut server = tokio::task::spawn_blocking(|| Instance::start(Server::Postgres)).await.unwrap();
    let url = with(server.url(), "max_connections=4&acquire_timeout=2s&connect_timeout=1s");
    let backend = Arc::new(migrated(&url).await);
    for stop in [Instance::stop as fn(&mut Instance), Instance::kill] {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let backend = Arc::clone(&backend);
                tokio::spawn(async move {
                    let (mut acknowledged, mut failed) = (Vec::new(), 0);
                    let begin = std::time::Instant::now();
                    let mut number = 0;
                    while begin.elapsed() < Duration::from_secs(6) {
                        number += 1;
                        let id = format!("{writer}-{number}-{}", fastrand::u32(..));
                        let mut transaction = tenant(&id);
                        loop {
                            match backend.commit_one(transaction.clone()).await {
                                Ok(_) => break acknowledged.push(id),
                                Err(error) => {
                                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                                    failed += 1;
                                    if error.retry() == Retry::Unknown {
                                        transaction = transaction.retry();
                                    }
                                    tokio::time::sleep(Duration::from_millis(50)).await;
                                }
                            }
                        }
                    }
                    (acknowledged, failed)
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        server = tokio::task::spawn_blocking(move || {
            stop(&mut server);
            server.start_again();
            server
        })
        .await
        .unwrap();
        let mut failures = 0;
        for writer in writers {
            let (acknowledged, failed) = writer.await.unwrap();
            failures += failed;
            let keys: Vec<Key> = acknowledged.iter().map(|id| Key::new(Tenant::KIND, [id.as_str()])).collect();
            for (key, found) in keys.iter().zip(backend.get(&keys).await.unwrap()) {
                assert_eq!(found.map(|record| record.revision), Some(1), "{key:?}");
            }
        }
        assert!(failures > 0, "the restart was not noticed");
    }
    backend.close().await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_is_no_lost_write_and_no_second_one() {
    let place = Place::new(Server::Postgres, "max_connections=3");
    let target = url::Url::parse(&url(Server::Postgres)).unwrap().socket_addrs(|| None).unwrap()[0];
    let proxy = Proxy::start(target).await.unwrap();
    let backend = migrated(&proxy.in_url(&place.url)).await;
    backend.commit_one(tenant("warm")).await.unwrap();
    for number in 0..3 {
        let transaction = tenant(&format!("t{number}"));
        proxy.set(Fault::drop_reply(format!("t{number}"))).await.unwrap();
        let error = backend.commit_one(transaction.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{error:?}");
        let again = backend.commit_one(transaction.retry()).await.unwrap();
        assert_eq!(again.revisions, [1]);
        // Not marked, it is another transaction.
        let error = backend.commit_one(tenant(&format!("t{number}"))).await.unwrap_err();
        assert!(error.is_already_exists());
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_stormed() {
    let place = Place::new(Server::Postgres, "max_connections=8&acquire_timeout=1s");
    let target = url::Url::parse(&url(Server::Postgres)).unwrap().socket_addrs(|| None).unwrap()[0];
    let proxy = Proxy::start(target).await.unwrap();
    let backend = Arc::new(migrated(&proxy.in_url(&place.url)).await);
    proxy.set(Fault::ResetNew).await.unwrap();
    proxy.reset_all();
    let before = proxy.accepted();
    let began = std::time::Instant::now();
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move {
                for _ in 0..3 {
                    let error = backend.get(&[Key::new(Tenant::KIND, ["a"])]).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let (attempts, seconds) = (proxy.accepted() - before, began.elapsed().as_secs_f64());
    // One at a time, with growing pauses: far fewer than there are callers.
    assert!((attempts as f64) < 20.0 + seconds * 12.0, "{attempts} attempts in {seconds} s");
    proxy.set(Fault::Pass).await.unwrap();
    for _ in 0..100 {
        if backend.ping().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come back");
}
