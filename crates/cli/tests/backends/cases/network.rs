//! Servers that are not there, not yet, or slow.

use std::time::{Duration, Instant};

use aquifer::OpenOptions;
use aquifer::core::ErrorKind;
use aquifer_testkit::{Fault, Proxy};

use crate::place::{Place, with_option};
use crate::storm;
use crate::work::{apply_storm, close, engine, marks, start_storm, storm_is_over};

pub(super) async fn a_server_that_is_not_there_is_named(place: &'static Place) {
    let mut database = place.database();
    let server = database.server.as_mut().unwrap();
    server.stop();
    let port = server.port().to_string();
    let began = Instant::now();
    let error = aquifer::open(&database.url, &OpenOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1") && text.contains(&port), "it names host and port: {text}");
    assert!(!text.contains("secret"), "it shows no password: {text}");
    assert!(began.elapsed() < Duration::from_secs(60), "it does not take for ever");
}

pub(super) async fn a_server_that_starts_later_is_waited_for(place: &'static Place) {
    let mut database = place.database();
    let mut server = database.server.take().unwrap();
    server.stop();
    let url = database.url.clone();
    let options = OpenOptions { wait: Duration::from_secs(60), ..OpenOptions::default() };
    let opening = tokio::spawn(async move { aquifer::open(&url, &options).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!opening.is_finished());
    let server = tokio::task::spawn_blocking(move || {
        server.start_again();
        server
    });
    let _server = server.await.unwrap();
    opening.await.unwrap().unwrap().backend().close().await.unwrap();
}

pub(super) async fn a_slow_server_is_not_crowded(place: &'static Place) {
    let database = place.database();
    let folder = tempfile::tempdir().unwrap();
    let marks = marks(folder.path());
    let address = format!("127.0.0.1:{}", database.server.as_ref().unwrap().port());
    let proxy = Proxy::start(address.parse().unwrap()).await.unwrap();
    let url = with_option(&proxy.in_url(&database.url), "max_connections=4");
    let engine = engine(&url).await;
    apply_storm(&engine).await;
    proxy.set(Fault::Latency(Duration::from_millis(40))).await.unwrap();
    let acknowledged = start_storm(&engine, &marks, 100).await;
    // Drivers keep one or two beside, to hear of wake-ups and to watch the server.
    assert!(proxy.open() <= 4 + 3, "{} connections are open", proxy.open());
    proxy.set(Fault::Pass).await.unwrap();
    storm_is_over(engine.store(), &acknowledged).await;
    storm::verify(engine.store(), &marks, &acknowledged).await;
    close(engine).await;
}
