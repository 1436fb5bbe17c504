//! A server that is killed and started again.

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aquifer_core::{Backend, BackendExt, Entity, Operation, Retry, Scan, Transaction, Value};
use aquifer_dynamodb::{DynamoBackend, DynamoOptions};
use aquifer_testkit::{Instance, Server};
use support::{COUNTERS, Counter, counter};

#[tokio::test(flavor = "multi_thread")]
async fn own_server_that_is_killed_loses_nothing_acknowledged() {
    let mut server = tokio::task::spawn_blocking(|| Instance::start(Server::Dynamodb)).await.expect("a server");
    let options = DynamoOptions::from_url(server.url()).expect("the URL of the server");
    let options = DynamoOptions { request_timeout: Duration::from_secs(2), ..options };
    let backend = Arc::new(DynamoBackend::open(options, &COUNTERS).await.expect("it opens"));
    backend.migrate().await.expect("it migrates");
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let done = Arc::new(AtomicBool::new(false));
    let writers = (0..4).map(|writer| {
        let (backend, acknowledged, done) = (Arc::clone(&backend), Arc::clone(&acknowledged), Arc::clone(&done));
        tokio::spawn(async move {
            for number in 0.. {
                if done.load(Ordering::Acquire) {
                    break;
                }
                let id = format!("{writer} {number:06}");
                let named = Counter { name: Some(id.clone()), ..counter(&id) };
                let mut transaction = Transaction::new(vec![Operation::Insert(named.to_record())]);
                // As the layer does it, without giving up.
                loop {
                    match backend.commit_one(transaction.clone()).await {
                        Ok(committed) => {
                            assert_eq!(committed.revisions, [1]);
                            break;
                        }
                        Err(error) => {
                            assert_ne!(error.retry(), Retry::Permanent, "{error:?}");
                            if error.retry() == Retry::Unknown {
                                transaction = transaction.retry();
                            }
                            tokio::time::sleep(Duration::from_millis(30)).await;
                        }
                    }
                }
                acknowledged.lock().expect("nobody panics").insert(id);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            std::thread::sleep(Duration::from_millis(200));
            server.start_again();
            server
        })
        .await
        .expect("it starts again");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    done.store(true, Ordering::Release);
    for writer in writers {
        writer.await.expect("the writer ends");
    }
    let acknowledged = acknowledged.lock().expect("nobody panics").clone();
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    let mut stored = BTreeSet::new();
    let mut scan = Scan::key(Counter::KIND).equals("t").limit(1000);
    loop {
        let page = backend.scan(&scan).await.expect("a listing");
        for record in page.records {
            assert_eq!(record.revision, 1);
            let Value::Text(id) = &record.values[1] else { continue };
            stored.insert(id.clone());
        }
        scan.cursor = page.next;
        if scan.cursor.is_none() {
            break;
        }
    }
    assert_eq!(stored, acknowledged);
}
