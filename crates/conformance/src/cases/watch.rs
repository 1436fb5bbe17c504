//! Watches wake, where the backend has push; they never do harm.

use std::time::Duration;

use aquifer_core::{Change, Entity, Value};
use tokio::time::timeout;

use crate::harness::Database;
use crate::schema::{Group, THINGS, Thing};
use crate::support::{done, group, insert, key, open, set, thing, things};

pub(crate) async fn a_watch_wakes_for_its_kind(database: &dyn Database) {
    let backend = things(database).await;
    let other = open(database, &THINGS).await;
    let push = backend.capabilities().push;
    let mut watch = backend.watch(Thing::KIND).await.expect("the watch begins");
    let mut groups = backend.watch(Group::KIND).await.expect("the watch begins");
    let partition = vec![Value::from("t"), Value::from("a")];
    for writer in [&backend, &other] {
        // A watch may miss a change, so the writer writes until it is noticed.
        let mut woken = false;
        for number in 0..50 {
            let number = number + if std::sync::Arc::ptr_eq(writer, &backend) { 0 } else { 1000 };
            insert(&**writer, thing(number).to_record()).await;
            match timeout(Duration::from_millis(100), watch.next()).await {
                Ok(Change::Partition(changed)) => {
                    assert_eq!(changed, partition);
                    woken = true;
                }
                Ok(Change::Missed) => woken = true,
                Err(_) => {}
            }
            if woken || !push {
                break;
            }
        }
        assert!(woken || !push, "the backend states push, but a watch does not wake");
    }
    // Nobody wrote a group since.
    let quiet = timeout(Duration::from_millis(20), groups.next()).await;
    assert!(!matches!(quiet, Ok(Change::Partition(_))), "{quiet:?}");
}

pub(crate) async fn a_watch_can_be_dropped(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing(1).to_record()).await;
    for _ in 0..20 {
        drop(backend.watch(Thing::KIND).await.expect("the watch begins"));
    }
    let slow = backend.watch(Thing::KIND).await.expect("the watch begins");
    // Far more than anybody buffers, and nobody reads.
    for _ in 0..600 {
        done(&*backend, vec![set(key(1), vec![])]).await;
    }
    drop(slow);
    done(&*backend, vec![set(group("t", "a").to_record().key(), vec![])]).await;
}
