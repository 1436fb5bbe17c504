//! Processes of Aquifer that end without warning, and several that share a database.

use crate::place::Place;
use crate::storm::{self, process};
use crate::work::{apply_storm, close, engine, marks, start_storm, storm_is_over};

/// How often the process is killed, and how many executions it is given. SQLite's own test does more.
const KILLS: (usize, usize) = (12, 40);

pub(super) async fn a_killed_process_loses_nothing(place: &'static Place) {
    let database = place.database();
    let folder = tempfile::tempdir().unwrap();
    let marks = marks(folder.path());
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let (url, file) = (database.url.clone(), marks.clone());
    let stormed = tokio::task::spawn_blocking(move || {
        let (server, acknowledged) = process::storm(&url, &file, KILLS, &mut fastrand::Rng::with_seed(seed));
        process::finish(server, &acknowledged);
        acknowledged
    });
    let acknowledged = stormed.await.unwrap();
    let store = aquifer::open(&database.url, &aquifer::OpenOptions::default()).await.unwrap();
    storm::verify(&store, &marks, &acknowledged).await;
    store.backend().close().await.unwrap();
}

pub(super) async fn two_processes_share_the_work(place: &'static Place) {
    let database = place.database();
    let folder = tempfile::tempdir().unwrap();
    let marks = marks(folder.path());
    let (one, two) = (engine(&database.url).await, engine(&database.url).await);
    apply_storm(&one).await;
    let acknowledged = start_storm(&one, &marks, 40).await;
    // What the first runs it hands back, and the second takes it up.
    close(one).await;
    storm_is_over(two.store(), &acknowledged).await;
    storm::verify(two.store(), &marks, &acknowledged).await;
    close(two).await;
}
