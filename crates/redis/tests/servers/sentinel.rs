//! A primary that sentinels watch.

use aquifer_core::kinds::Message;
use aquifer_core::{BackendExt, Entity, Scan};
use aquifer_testkit::{Instance, Server};

use crate::records::{commit_in_the_end, insert, is_there_in_the_end, key, open};
use crate::support;

#[tokio::test]
async fn own_server_fails_over_and_what_the_replica_had_is_there() {
    let mut group = Instance::start(Server::RedisSentinel);
    // What the replica confirmed is not lost with the primary.
    let url = support::with_options(group.url(), "wait_replicas=1&request_timeout=2s&connect_timeout=2s");
    let backend = open(&url, "mine").await;
    for number in 0..50 {
        commit_in_the_end(&*backend, insert(number)).await;
    }
    assert!(group.kill_one("primary"));
    // The replica is alone afterwards, so that from here on nobody is waited for.
    let alone = open_in_the_end(group.url()).await;
    for number in 50..60 {
        commit_in_the_end(&*alone, insert(number)).await;
    }
    for number in 0..60 {
        assert!(is_there_in_the_end(&*backend, key(number)).await, "{number}");
    }
    let listed = backend.scan(&Scan::key(Message::KIND).limit(1000)).await.unwrap();
    assert_eq!(listed.records.len(), 60);
    assert!(backend.get_one(key(0)).await.unwrap().is_some());
}

async fn open_in_the_end(url: &str) -> std::sync::Arc<dyn aquifer_core::Backend> {
    for _ in 0..120 {
        match crate::records::try_open(&support::with_options(url, "connect_timeout=2s"), "mine").await {
            Ok(backend) => return backend,
            Err(error) => assert_ne!(error.retry(), aquifer_core::Retry::Permanent, "{error:?}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    panic!("no fail-over");
}
