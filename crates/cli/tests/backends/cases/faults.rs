//! A server that restarts, and a network that loses what it carries, in the middle of the work: nothing acknowledged is lost, nothing is
//! done twice, and everything goes on by itself.

use std::time::{Duration, Instant};

use aquifer::core::ErrorKind;
use aquifer::engine::StartError;
use aquifer_testkit::{Fault, Proxy};

use crate::place::{Place, with_option};
use crate::storm;
use crate::work::{apply_storm, close, engine, marks, start, start_storm, storm_is_over, tenant};

/// How many executions run while the server restarts.
const RUNNING: usize = 500;

pub(super) async fn a_restart_of_the_server_loses_nothing(place: &'static Place) {
    let mut database = place.database();
    let folder = tempfile::tempdir().unwrap();
    let marks = marks(folder.path());
    let engine = engine(&database.url).await;
    apply_storm(&engine).await;
    let mut server = database.server.take().unwrap();
    let restarts = tokio::task::spawn_blocking(move || {
        for kill in [true, false, true] {
            std::thread::sleep(Duration::from_millis(1500));
            if kill {
                server.kill()
            } else {
                server.stop()
            }
            std::thread::sleep(Duration::from_millis(500));
            server.start_again();
        }
        server
    });
    let acknowledged = start_storm(&engine, &marks, RUNNING).await;
    let _server = restarts.await.unwrap();
    storm_is_over(engine.store(), &acknowledged).await;
    storm::verify(engine.store(), &marks, &acknowledged).await;
    close(engine).await;
}

pub(super) async fn a_full_disk_loses_nothing(place: &'static Place) {
    let (arguments, size) = place.disk().unwrap();
    let mut database = place.database_with(arguments);
    let mut server = database.server.take().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let marks = marks(folder.path());
    let engine = engine(&database.url).await;
    apply_storm(&engine).await;
    let mut acknowledged = start_storm(&engine, &marks, 20).await;
    server.limit_files(Some(size));
    // Random letters, so that nothing is made smaller.
    let letters = || (0..1 << 20).map(|_| fastrand::alphanumeric()).collect::<String>();
    let mut number = acknowledged.len();
    let refused = loop {
        assert!(number < 200, "the disk is not full");
        let mut input = storm::input(&marks, number);
        input["ballast"] = letters().into();
        let start = start(storm::workflow(number), input, Some(storm::idempotency_key(number)));
        match engine.start(&tenant(), start).await {
            Ok(started) => acknowledged.insert(number, started.execution_id.to_string()),
            Err(StartError::Store(error)) => break error,
            Err(error) => panic!("{error:?}"),
        };
        number += 1;
    };
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused:?}");
    // MariaDB may end: it aborts where it finds no room to roll back in. The others go on.
    let has_ended = place.name() == "mariadb" && !server.is_running();
    assert!(has_ended || (server.is_running() && refused.to_string().contains(" disk")), "{refused}");
    // A while for what runs to meet it too.
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.limit_files(None);
    server.start_again();
    storm_is_over(engine.store(), &acknowledged).await;
    storm::verify(engine.store(), &marks, &acknowledged).await;
    close(engine).await;
}

pub(super) async fn a_bad_network_loses_nothing(place: &'static Place) {
    let database = place.database();
    let folder = tempfile::tempdir().unwrap();
    let marks = marks(folder.path());
    let address = format!("127.0.0.1:{}", database.server.as_ref().unwrap().port());
    let proxy = Proxy::start(address.parse().unwrap()).await.unwrap();
    let url = with_option(&proxy.in_url(&database.url), "request_timeout=2s&connect_timeout=2s");
    let engine = engine(&url).await;
    apply_storm(&engine).await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let trouble = async {
        let mut random = fastrand::Rng::with_seed(seed);
        let end = Instant::now() + Duration::from_secs(12);
        while Instant::now() < end {
            match random.u8(0..7) {
                0 => proxy.reset_all(),
                1 => proxy.set(Fault::HalfOpen).await.unwrap(),
                2 => proxy.set(Fault::Refuse).await.unwrap(),
                3 => proxy.set(Fault::ResetNew).await.unwrap(),
                4 => proxy.set(Fault::Latency(Duration::from_millis(random.u64(10..80)))).await.unwrap(),
                5 => proxy.set(Fault::drop_reply("")).await.unwrap(),
                _ => proxy.set(Fault::CutReply { to: Vec::new(), after: random.usize(0..200) }).await.unwrap(),
            }
            tokio::time::sleep(Duration::from_millis(random.u64(50..700))).await;
            proxy.set(Fault::Pass).await.unwrap();
            tokio::time::sleep(Duration::from_millis(random.u64(50..500))).await;
        }
    };
    let (acknowledged, ()) = tokio::join!(start_storm(&engine, &marks, 150), trouble);
    println!("{} replies were cut", proxy.cut());
    storm_is_over(engine.store(), &acknowledged).await;
    storm::verify(engine.store(), &marks, &acknowledged).await;
    close(engine).await;
}
