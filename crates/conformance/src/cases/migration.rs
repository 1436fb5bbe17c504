//! Opening, migrating, closing and opening again.

use aquifer_core::kinds::Part;
use aquifer_core::{Entity, ErrorKind, Key, Migration, Operation, Record, SCHEMA, Scan, Value};
use futures_util::future::join_all;

use crate::generate::family;
use crate::harness::Database;
use crate::schema::{Group, GroupColumn, THINGS, Thing, second};
use crate::support::{commit, done, dump, expect_listing, get, group, insert, key, open, refused, set, thing, things};

pub(crate) async fn migrating_again_changes_nothing(database: &dyn Database) {
    let backend = database.open(&SCHEMA).await.expect("the database opens");
    let version = SCHEMA.version;
    assert_eq!(backend.migrate().await.expect("it migrates"), Migration { from: 0, to: version });
    for record in family(&SCHEMA, "t", 1) {
        insert(&*backend, record).await;
    }
    let before = dump(&*backend, &SCHEMA).await;
    assert_eq!(backend.migrate().await.expect("it migrates"), Migration { from: version, to: version });
    assert_eq!(dump(&*backend, &SCHEMA).await, before);
}

pub(crate) async fn many_migrate_at_once(database: &dyn Database) {
    let mut handles = Vec::new();
    for _ in 0..8 {
        handles.push(database.open(&SCHEMA).await.expect("the database opens"));
    }
    let tasks = handles.iter().cloned().map(|handle| tokio::spawn(async move { handle.migrate().await }));
    for migrated in join_all(tasks).await {
        let migration = migrated.expect("the task ends").expect("it migrates");
        assert_eq!(migration.to, SCHEMA.version);
    }
    for (number, handle) in (0..).zip(&handles) {
        for record in family(&SCHEMA, &format!("t{number}"), number) {
            insert(&**handle, record).await;
        }
    }
}

pub(crate) async fn a_schema_gains_kinds_columns_and_indexes(database: &dyn Database) {
    let first = things(database).await;
    insert(&*first, thing(1).to_record()).await;
    done(&*first, vec![set(group("t", "b").to_record().key(), vec![(GroupColumn::count as usize, Value::from(7))])])
        .await;
    first.close().await.expect("the backend closes");

    let backend = database.open(&second::THINGS).await.expect("the database opens");
    assert_eq!(backend.migrate().await.expect("it migrates"), Migration { from: 1, to: 2 });
    assert_eq!(get(&*backend, key(1)).await, Some(Record { revision: 1, ..thing(1).to_record() }));
    let group = |tenant: &str, id: &str, colour: Option<&str>, count| second::Group {
        tenant: tenant.to_owned(),
        id: id.to_owned(),
        colour: colour.map(str::to_owned),
        name: format!("group {id}"),
        count,
    };
    // What was there has null in the new column and its values in the old ones, and the new indexes hold it.
    let a = Record { revision: 1, ..group("t", "a", None, 0).to_record() };
    let b = Record { revision: 2, ..group("t", "b", None, 7).to_record() };
    assert_eq!(get(&*backend, b.key()).await, Some(b.clone()));
    let by_count = Scan::index(second::Group::KIND, "by_count").equals("t");
    expect_listing(&*backend, &by_count, &[a.clone(), b.clone()]).await;
    let by_colour = Scan::index(second::Group::KIND, "by_colour");
    expect_listing(&*backend, &by_colour, &[]).await;
    // Old constraints still hold, new columns and kinds can be used.
    let clash = group("t", "c", None, 1);
    let clash = second::Group { name: "group a".to_owned(), ..clash };
    refused(commit(&*backend, vec![Operation::Insert(clash.to_record())]).await, ErrorKind::AlreadyExists);
    let red = Record { revision: 1, ..group("t", "c", Some("red"), 3).to_record() };
    insert(&*backend, red.clone()).await;
    let b = Record { revision: 3, ..group("t", "b", Some("blue"), 7).to_record() };
    let colour = second::GroupColumn::colour as usize;
    done(&*backend, vec![set(b.key(), vec![(colour, Value::from("blue"))])]).await;
    expect_listing(&*backend, &by_colour, &[b.clone(), red.clone()]).await;
    expect_listing(&*backend, &by_count, &[a, red, b]).await;
    let label = second::Label { tenant: "t".to_owned(), group_id: "a".to_owned(), name: "new".to_owned() };
    insert(&*backend, label.to_record()).await;
    let labels = Scan::index(second::Label::KIND, "by_name").equals("t");
    expect_listing(&*backend, &labels, &[Record { revision: 1, ..label.to_record() }]).await;
}

pub(crate) async fn an_older_program_is_refused(database: &dyn Database) {
    let backend = open(database, &second::THINGS).await;
    backend.close().await.expect("the backend closes");
    // Refused when it opens or when it migrates, whichever the backend prefers.
    let migrated = match database.open(&THINGS).await {
        Ok(backend) => backend.migrate().await,
        Err(error) => Err(error),
    };
    refused(migrated, ErrorKind::Invalid);
    // And nothing was spoiled.
    let backend = database.open(&second::THINGS).await.expect("the database opens");
    assert_eq!(backend.migrate().await.expect("it migrates"), Migration { from: 2, to: 2 });
}

pub(crate) async fn what_is_committed_outlives_the_backend(database: &dyn Database) {
    let backend = open(database, &SCHEMA).await;
    let mut expected = Vec::new();
    for number in 1..=3 {
        for record in family(&SCHEMA, &format!("t{number}"), number) {
            insert(&*backend, record.clone()).await;
            expected.push(record);
        }
    }
    let before = dump(&*backend, &SCHEMA).await;
    expected.retain(|record| record.kind != Part::KIND);
    assert_eq!(before.len(), expected.len());
    backend.close().await.expect("the backend closes");
    let backend = open(database, &SCHEMA).await;
    assert_eq!(dump(&*backend, &SCHEMA).await, before);
    // Without closing, as after a crash.
    let key = before[0].key();
    done(&*backend, vec![set(key.clone(), vec![])]).await;
    drop(backend);
    let backend = open(database, &SCHEMA).await;
    assert_eq!(get(&*backend, key).await.map(|record| record.revision), Some(2));
}

pub(crate) async fn a_closed_backend_is_unavailable(database: &dyn Database) {
    let backend = things(database).await;
    let mut watch = backend.watch(Thing::KIND).await.expect("the watch begins");
    backend.close().await.expect("the backend closes");
    backend.close().await.expect("closing twice is fine");
    let unavailable = ErrorKind::Unavailable;
    refused(backend.get(&[key(1)]).await, unavailable);
    refused(commit(&*backend, vec![Operation::Insert(thing(1).to_record())]).await, unavailable);
    refused(backend.scan(&Scan::key(Thing::KIND)).await, unavailable);
    refused(backend.ping().await, unavailable);
    refused(backend.stats().await, unavailable);
    refused(backend.migrate().await, unavailable);
    let silent = tokio::time::timeout(std::time::Duration::from_millis(20), watch.next()).await;
    assert!(silent.is_err(), "a watch of a closed backend reports nothing");
}

pub(crate) async fn statistics_count_the_records(database: &dyn Database) {
    let backend = things(database).await;
    for number in 0..5 {
        insert(&*backend, thing(number).to_record()).await;
    }
    let stats = backend.stats().await.expect("statistics");
    assert_eq!(stats.records, [(Group::KIND.name, 4), (Thing::KIND.name, 5), (Part::KIND.name, 0)]);
}

pub(crate) async fn a_ping_is_answered(database: &dyn Database) {
    let backend = database.open(&THINGS).await.expect("the database opens");
    let before = backend.ping().await.expect("a sign of life before it is migrated");
    assert_eq!(before.schema_version, 0, "nothing is stored yet");
    backend.migrate().await.expect("it migrates");
    let after = backend.ping().await.expect("a sign of life");
    assert_eq!(after.schema_version, THINGS.version);
    assert!(!backend.name().is_empty());
    assert_eq!(get(&*backend, Key::new(Group::KIND, ["t", "none"])).await, None);
}
