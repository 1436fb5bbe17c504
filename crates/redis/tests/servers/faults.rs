//! What breaks on the way to the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer_core::kinds::MessageColumn;
use aquifer_core::{Backend, BackendExt, Condition, ErrorKind, Operation, Retry, Transaction, Value};
use aquifer_testkit::{Fault, Proxy, Server, url};

use crate::records::{commit_in_the_end, insert, is_there_in_the_end, key, open};
use crate::support;

async fn behind_a_proxy(more: &str) -> (Proxy, Arc<dyn Backend>, String) {
    let server = url(Server::Redis);
    let address: SocketAddr = server.trim_start_matches("redis://").parse().expect("an address");
    let proxy = Proxy::start(address).await.unwrap();
    let prefix = support::prefix();
    let backend = open(&support::with_options(&proxy.in_url(&server), more), &prefix).await;
    (proxy, backend, prefix)
}

#[tokio::test]
async fn a_lost_reply_has_no_double_effect() {
    let (proxy, backend, prefix) = behind_a_proxy("request_timeout=5s").await;
    backend.commit_one(insert(0)).await.unwrap();
    for number in 1..20 {
        proxy.set(Fault::drop_reply("EVALSHA")).await.unwrap();
        let transaction = insert(number);
        let error = backend.commit_one(transaction.clone()).await.expect_err("the reply is lost");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{error:?}");
        assert_eq!(commit_in_the_end(&*backend, transaction.retry()).await.revisions, [1]);
        // An update that counts: it must count once.
        let set = vec![(MessageColumn::source as usize, Value::from("x"))];
        let update = Transaction::new(vec![Operation::Update { key: key(0), condition: Condition::Exists, set }]);
        proxy.set(Fault::drop_reply("EVALSHA")).await.unwrap();
        backend.commit_one(update.clone()).await.expect_err("the reply is lost");
        let revision = u64::try_from(number).unwrap() + 1;
        assert_eq!(commit_in_the_end(&*backend, update.retry()).await.revisions, [revision]);
    }
    support::remove(&url(Server::Redis), &prefix);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_and_found_again() {
    let (proxy, backend, prefix) = behind_a_proxy("request_timeout=500ms&connect_timeout=500ms").await;
    backend.commit_one(insert(0)).await.unwrap();
    proxy.set(Fault::HalfOpen).await.unwrap();
    let began = Instant::now();
    let calls = (1..50).map(|number| {
        let backend = Arc::clone(&backend);
        tokio::spawn(async move { backend.commit_one(insert(number)).await })
    });
    for call in calls.collect::<Vec<_>>() {
        let error = call.await.unwrap().expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "they wait one after the other: {:?}", began.elapsed());
    proxy.set(Fault::Pass).await.unwrap();
    for number in 1..50 {
        commit_in_the_end(&*backend, insert(number).retry()).await;
    }
    support::remove(&url(Server::Redis), &prefix);
}

#[tokio::test]
async fn connections_that_are_reset_are_made_again() {
    let (proxy, backend, prefix) = behind_a_proxy("request_timeout=5s").await;
    for number in 0..20 {
        commit_in_the_end(&*backend, insert(number)).await;
        proxy.reset_all();
        assert!(is_there_in_the_end(&*backend, key(number)).await);
    }
    assert!(proxy.open() <= 4, "{} connections are open", proxy.open());
    support::remove(&url(Server::Redis), &prefix);
}

#[tokio::test]
async fn a_dropped_call_leaves_the_backend_usable() {
    let (proxy, backend, prefix) = behind_a_proxy("request_timeout=5s").await;
    proxy.set(Fault::Latency(Duration::from_millis(50))).await.unwrap();
    for number in 0..20 {
        let commit = backend.commit_one(insert(number));
        let _ = tokio::time::timeout(Duration::from_millis(10), commit).await;
    }
    proxy.set(Fault::Pass).await.unwrap();
    commit_in_the_end(&*backend, insert(100)).await;
    assert!(is_there_in_the_end(&*backend, key(100)).await);
    support::remove(&url(Server::Redis), &prefix);
}
