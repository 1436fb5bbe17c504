//! File operations that fail while the program goes on.

use std::io;

use aquifer_core::{Backend, ErrorKind, Retry};

use super::sim::{Fails, SimDisk};
use super::work::{JOURNAL, Place, dump, found_on, has, insert, states, steps, take};

/// Fails `count` operations from `first` on, while the workload tries every step again until it succeeds.
async fn run(first: usize, count: usize) -> usize {
    let states = states().await;
    let disk = SimDisk::default();
    let place = Place::new();
    let backend = place.open_on(&disk).unwrap();
    backend.migrate().await.unwrap();
    disk.fail(Some(Fails { first, count, kind: io::ErrorKind::StorageFull }));
    let mut failures = 0;
    for (step, (before, after)) in steps().iter().zip(states.iter().zip(&states[1..])) {
        while let Err(error) = take(&backend, step).await {
            failures += 1;
            assert!(failures <= count, "operation {first}: {error:?}");
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.message().contains("no room left"), "{error}");
            assert!(error.message().contains("data.json"), "{error}");
            assert_eq!(&dump(&backend), before, "operation {first}");
            // What is said not to be applied is not found after a crash either.
            for seed in 0..4 {
                let found = found_on(&disk.crashed(&mut fastrand::Rng::with_seed(seed)));
                match error.retry() {
                    Retry::Transient => assert_eq!(&found, before, "operation {first}, seed {seed}"),
                    Retry::Unknown => assert!(&found == before || &found == after, "operation {first}, seed {seed}"),
                    Retry::Permanent => panic!("{error:?}"),
                }
            }
        }
        assert_eq!(&dump(&backend), after, "operation {first}");
    }
    backend.close().await.unwrap();
    drop(backend);
    assert_eq!(&found_on(&disk), states.last().unwrap());
    failures
}

#[tokio::test]
async fn a_full_disk_costs_the_commits_of_that_time_only() {
    for count in [1, 2, 3, 7] {
        let mut failures = 0;
        for first in 0..60 {
            failures += run(first, count).await;
        }
        assert!(failures > 10, "{failures}");
    }
}

#[tokio::test]
async fn a_failed_write_is_cut_off() {
    let disk = SimDisk::default();
    let place = Place::new();
    let backend = place.open_on(&disk).unwrap();
    backend.migrate().await.unwrap();
    insert(&backend, "a").await.unwrap();
    let before = disk.content(JOURNAL).unwrap();
    // The write, then the sync.
    for first in [0, 1] {
        disk.fail(Some(Fails { first, count: 1, kind: io::ErrorKind::StorageFull }));
        let error = insert(&backend, "b").await.unwrap_err();
        assert_eq!(error.retry(), Retry::Transient, "{error:?}");
        assert_eq!(disk.content(JOURNAL).unwrap(), before);
        assert!(!has(&backend, "b").await);
    }
    // The write, and the cut.
    disk.fail(Some(Fails { first: 0, count: 2, kind: io::ErrorKind::Other }));
    let error = insert(&backend, "b").await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown));
    assert_ne!(disk.content(JOURNAL).unwrap(), before);
    insert(&backend, "c").await.unwrap();
    assert!(!has(&backend, "b").await);
    let expected = dump(&backend);
    assert_eq!(found_on(&disk.crashed(&mut fastrand::Rng::with_seed(1))), expected);
}

#[tokio::test]
async fn a_failed_compaction_leaves_everything_at_work() {
    let disk = SimDisk::default();
    let place = Place::new();
    let backend = place.open_on(&disk).unwrap();
    backend.migrate().await.unwrap();
    let generation = |disk: &SimDisk| {
        let text = disk.content("data.json").unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()["generation"].as_u64().unwrap()
    };
    assert_eq!(generation(&disk), 1);
    // Everything but writing and syncing the journal.
    for number in 0..60 {
        disk.fail(Some(Fails { first: 2, count: usize::MAX, kind: io::ErrorKind::StorageFull }));
        insert(&backend, &format!("t{number}")).await.unwrap();
        drop(backend.writing().await);
    }
    assert_eq!(generation(&disk), 1);
    assert!(disk.content("data.json.new").is_none());
    disk.fail(None);
    for number in 60..120 {
        insert(&backend, &format!("t{number}")).await.unwrap();
    }
    drop(backend.writing().await);
    assert!(generation(&disk) > 1);
    assert_eq!(found_on(&disk), dump(&backend));
}
