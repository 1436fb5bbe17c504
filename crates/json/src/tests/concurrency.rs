//! What happens at the same time.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::{Backend, BackendExt, Operation, Transaction};
use tokio::time::timeout;

use super::sim::SimDisk;
use super::work::{JOURNAL, Place, dump, found_on, has, insert, tenant};

const LONG: Duration = Duration::from_secs(20);

/// Waits until the next line stands in the journal, synced or not.
async fn written(disk: &SimDisk, before: usize) {
    let wait = async {
        while disk.content(JOURNAL).unwrap().len() == before {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, wait).await.unwrap();
}

#[tokio::test]
async fn readers_neither_wait_for_a_sync_nor_see_what_waits_for_it() {
    let disk = SimDisk::default();
    let place = Place::new();
    let backend = Arc::new(place.open_on(&disk).unwrap());
    backend.migrate().await.unwrap();
    insert(&backend, "a").await.unwrap();
    let before = disk.content(JOURNAL).unwrap().len();
    disk.hold(true);
    let writing = tokio::spawn({
        let backend = Arc::clone(&backend);
        async move { insert(&backend, "b").await }
    });
    written(&disk, before).await;
    assert!(timeout(LONG, has(&backend, "a")).await.unwrap());
    assert!(!timeout(LONG, has(&backend, "b")).await.unwrap(), "seen before it was durable");
    assert!(!writing.is_finished(), "acknowledged before it was durable");
    disk.hold(false);
    timeout(LONG, writing).await.unwrap().unwrap().unwrap();
    assert!(has(&backend, "b").await);
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_is_whole() {
    let disk = SimDisk::default();
    let place = Place::new();
    let backend = place.open_on(&disk).unwrap();
    backend.migrate().await.unwrap();
    let before = disk.content(JOURNAL).unwrap().len();
    disk.hold(true);
    {
        let pair = vec![tenant("a", "a"), tenant("b", "b")].into_iter();
        let pair = pair.map(|record| Transaction::new(vec![Operation::Insert(record)])).collect();
        let mut commit = backend.commit(pair);
        tokio::select! {
            _ = &mut commit => panic!("acknowledged before it was durable"),
            () = written(&disk, before) => {}
        }
    }
    disk.hold(false);
    // The next commit comes after it.
    timeout(LONG, insert(&backend, "c")).await.unwrap().unwrap();
    assert_eq!(dump(&backend).len(), 3);
    assert_eq!(found_on(&disk), dump(&backend));
    // One that did not come so far leaves nothing.
    let writer = backend.writing().await;
    {
        let mut commit = backend.commit_one(Transaction::new(vec![Operation::Insert(tenant("d", "d"))]));
        tokio::select! {
            biased;
            _ = &mut commit => panic!("two write at once"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(writer);
    insert(&backend, "e").await.unwrap();
    assert!(!has(&backend, "d").await);
}

#[test]
fn handles_come_and_go_on_many_threads() {
    let place = Place::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime().block_on(async { place.open().unwrap().migrate().await.unwrap() });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let place = &place;
            scope.spawn(move || {
                runtime().block_on(async {
                    for round in 0..50 {
                        let backend = place.open().unwrap();
                        insert(&backend, &format!("{thread}-{round}")).await.unwrap();
                        if round % 3 == 0 {
                            backend.close().await.unwrap();
                        }
                    }
                });
            });
        }
    });
    assert_eq!(dump(&place.open().unwrap()).len(), 200);
}
