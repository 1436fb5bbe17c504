//! Losing power at every moment.

use std::io;

use aquifer_core::Backend;

use super::sim::{Fails, SimDisk};
use super::work::{Place, dump, found_on, insert, states, steps, take};

/// How many outcomes of each crash are looked at.
const OUTCOMES: u64 = 8;

/// Runs the workload until the power goes at operation `at`. Returns how many steps were acknowledged; `None` before the
/// migration was, and whether it came to its end.
async fn run(disk: &SimDisk, place: &Place) -> (Option<usize>, bool) {
    let backend = place.open_on(disk).unwrap();
    if backend.migrate().await.is_err() {
        return (None, false);
    }
    let mut acknowledged = 0;
    for step in steps() {
        if take(&backend, &step).await.is_err() {
            return (Some(acknowledged), false);
        }
        acknowledged += 1;
    }
    // Compaction happens here and may fail without anybody minding.
    backend.close().await.unwrap();
    (Some(acknowledged), true)
}

#[tokio::test]
async fn no_acknowledged_step_is_lost_and_none_is_half_done() {
    let states = states().await;
    let total = {
        let disk = SimDisk::default();
        assert_eq!(run(&disk, &Place::new()).await, (Some(steps().len()), true));
        disk.operations()
    };
    assert!(total > 80, "{total}");
    let (mut whole, mut later) = (0, 0);
    for at in 0..total {
        let disk = SimDisk::failing(Fails { first: at, count: usize::MAX, kind: io::ErrorKind::Other });
        let (acknowledged, _) = run(&disk, &Place::new()).await;
        for seed in 0..OUTCOMES {
            let after = disk.crashed(&mut fastrand::Rng::with_seed(seed));
            let place = Place::new();
            let backend = place.open_on(&after).unwrap_or_else(|error| panic!("operation {at}, seed {seed}: {error}"));
            let found = dump(&backend);
            let acknowledged = acknowledged.unwrap_or(0);
            if found == states[acknowledged] {
                whole += 1;
            } else {
                // A step that nobody was told of may be there, whole.
                assert_eq!(Some(&found), states.get(acknowledged + 1), "operation {at}, seed {seed}");
                later += 1;
            }
            // It goes on from there.
            backend.migrate().await.unwrap();
            insert(&backend, "after").await.unwrap();
            let expected = dump(&backend);
            drop(backend);
            assert_eq!(found_on(&after.crashed(&mut fastrand::Rng::with_seed(seed))), expected, "operation {at}");
        }
    }
    assert!(whole > 0 && later > 0, "{whole} {later}");
}

#[tokio::test]
async fn every_acknowledgement_is_durable_at_once() {
    let disk = SimDisk::default();
    let place = Place::new();
    let backend = place.open_on(&disk).unwrap();
    backend.migrate().await.unwrap();
    for (step, expected) in steps().iter().zip(&states().await[1..]) {
        take(&backend, step).await.unwrap();
        for seed in 0..OUTCOMES {
            assert_eq!(&found_on(&disk.crashed(&mut fastrand::Rng::with_seed(seed))), expected);
        }
    }
}
