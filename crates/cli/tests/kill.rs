//! A serving process is killed with -9 a hundred times at random moments while 200 executions run: none is lost, stuck, or
//! completed twice, and no outcome is recorded twice.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

mod storm;

use storm::process;

const KILLS: usize = 100;
const EXECUTIONS: usize = 200;

#[test]
fn a_hundred_kills_lose_nothing_and_repeat_no_outcome() {
    let seed = std::env::var("AQUIFER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("AQUIFER_TEST_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let marks = folder.path().join("marks");
    std::fs::write(&marks, "").unwrap();
    let url = format!("sqlite:{}", folder.path().join("aquifer.db").display());
    let random = &mut fastrand::Rng::with_seed(seed);
    let (server, acknowledged) = process::storm(&url, &marks, (KILLS, EXECUTIONS), random);
    process::finish(server, &acknowledged);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = aquifer::open(&url, &aquifer::OpenOptions::default()).await.unwrap();
        storm::verify(&store, &marks, &acknowledged).await;
        store.backend().close().await.unwrap();
    });
}
