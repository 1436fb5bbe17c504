//! Change streams wake the watches of others.

use std::time::Duration;

use aquifer_core::{Backend, Change, Entity, Value, Watch};
use mongodb::bson::doc;
use tokio::time::timeout;

use crate::notes::{Note, commit, insert};
use crate::place::Place;

/// Whether a watch wakes while somebody writes the notes from `first` on.
async fn wakes(watch: &mut Watch, writer: &dyn Backend, first: i64) -> bool {
    for number in first..first + 50 {
        commit(writer, vec![insert(number)]).await.unwrap();
        if let Ok(Change::Partition(partition)) = timeout(Duration::from_millis(200), watch.next()).await {
            assert_eq!(partition, [Value::from("t")]);
            return true;
        }
    }
    false
}

#[tokio::test]
async fn writes_of_others_wake_and_a_broken_stream_goes_on() {
    let place = Place::new().unwrap();
    let (listener, writer) = (place.notes("").await, place.notes("").await);
    assert!(listener.capabilities().push);
    let mut watch = listener.watch(Note::KIND).await.unwrap();
    assert!(wakes(&mut watch, &*writer, 0).await);
    // What several have written together too.
    commit(&*writer, vec![insert(1000), insert(1001)]).await.unwrap();
    assert!(wakes(&mut watch, &*writer, 2000).await);
    place.fail(doc! { "times": 3 }, &["getMore", "aggregate"], doc! { "closeConnection": true }).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(wakes(&mut watch, &*writer, 3000).await);
    listener.close().await.unwrap();
    commit(&*writer, vec![insert(4000)]).await.unwrap();
    while let Ok(change) = timeout(Duration::from_millis(50), watch.next()).await {
        assert_ne!(change, Change::Missed, "only what came before it was closed");
    }
}

#[tokio::test]
async fn the_only_connection_is_not_taken_for_listening() {
    let place = Place::new().unwrap();
    let options = aquifer_mongodb::MongodbOptions::from_url(&place.url("max_connections=1")).unwrap();
    let backend = aquifer_mongodb::MongodbBackend::open(options, &crate::notes::NOTES).await.unwrap();
    backend.migrate().await.unwrap();
    assert!(!backend.capabilities().push);
    let mut watch = backend.watch(Note::KIND).await.unwrap();
    assert!(wakes(&mut watch, &backend, 0).await, "by its own writes");
}
