//! What a person finds in the database.

use std::time::Duration;

use aquifer_core::{Backend, Entity, Json, Operation, SCHEMA, Timestamp, Value};
use aquifer_mongodb::{MongodbBackend, MongodbOptions, bare_rates};
use futures_util::TryStreamExt as _;
use mongodb::IndexModel;
use mongodb::bson::{Bson, DateTime, Document, doc};

use crate::notes::{NOTES, NoteColumn, commit, get, key, note};
use crate::place::Place;

#[tokio::test]
async fn a_record_is_a_document_that_can_be_queried() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    let mut first = note(7);
    first.name = Some("seven".to_owned());
    first.document = Some(Json::from_text(r#"{"team": {"name": "a"}, "sizes": [1, 2]}"#.to_owned()).unwrap());
    first.expires_at = Some("2030-01-01T00:00:00.000001Z".parse::<Timestamp>().unwrap());
    commit(&*backend, vec![Operation::Insert(first.to_record())]).await.unwrap();
    let notes = place.driver().await.collection::<Document>("notes");
    let found = notes.find_one(doc! { "document.team.name": "a", "document.sizes": 2 }).await.unwrap().unwrap();
    assert_eq!(found.get_document("_id").unwrap(), &doc! { "tenant": "t", "number": 7_i64 });
    assert_eq!((found.get_str("tenant").unwrap(), found.get_i64("number").unwrap()), ("t", 7));
    assert_eq!((found.get_str("name").unwrap(), found.get_i64("revision").unwrap()), ("seven", 1));
    assert_eq!(found.get("due_at"), None);
    let micros = 1_893_456_000_000_001;
    assert_eq!(found.get_i64("expires_at").unwrap(), micros);
    let date = DateTime::from_millis(micros / 1000 + 1);
    assert_eq!(found.get_datetime("expires_at_date").unwrap(), &date, "rounded up");
    // What never expires has no date.
    let never = (NoteColumn::expires_at as usize, Value::Null);
    let update = Operation::Update { key: key(7), condition: aquifer_core::Condition::Exists, set: vec![never] };
    commit(&*backend, vec![update]).await.unwrap();
    let found = notes.find_one(doc! {}).await.unwrap().unwrap();
    assert!(!found.contains_key("expires_at") && !found.contains_key("expires_at_date"), "{found}");
}

#[tokio::test]
async fn numbers_that_a_person_wrote_are_read() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    commit(&*backend, vec![Operation::Insert(note(1).to_record())]).await.unwrap();
    let notes = place.driver().await.collection::<Document>("notes");
    // As mongosh writes 5.
    notes.update_one(doc! {}, doc! { "$set": { "count": 5.0 }, "$inc": { "revision": 1 } }).await.unwrap();
    let read = get(&*backend, 1).await.unwrap();
    assert_eq!((read.revision, &read.values[NoteColumn::count as usize]), (2, &Value::from(5)));
    notes.update_one(doc! {}, doc! { "$set": { "count": "five" } }).await.unwrap();
    let error = backend.get(&[key(1)]).await.unwrap_err();
    assert_eq!(error.kind(), aquifer_core::ErrorKind::Corrupt);
    assert!(error.to_string().contains("count"), "{error}");
}

#[tokio::test]
async fn every_index_is_there_by_its_name() {
    let place = Place::new().unwrap();
    let options = MongodbOptions::from_url(&place.url("")).unwrap();
    let backend = MongodbBackend::open(options, &SCHEMA).await.unwrap();
    backend.migrate().await.unwrap();
    let database = place.driver().await;
    for kind in SCHEMA.kinds {
        let indexes: Vec<IndexModel> =
            database.collection::<Document>(kind.name).list_indexes().await.unwrap().try_collect().await.unwrap();
        let find =
            |name: &str| indexes.iter().find(|index| index.options.as_ref().unwrap().name.as_deref() == Some(name));
        for index in kind.indexes {
            let found = find(index.name).unwrap_or_else(|| panic!("{kind} lacks {}", index.name));
            let fields: Vec<&str> = found.keys.keys().map(String::as_str).collect();
            let order: Vec<&str> =
                kind.order(Some(index)).into_iter().map(|column| kind.columns[column].name).collect();
            assert_eq!(fields, order);
        }
        for unique in kind.uniques {
            let found = find(unique.name).unwrap_or_else(|| panic!("{kind} lacks {}", unique.name));
            assert_eq!(found.options.as_ref().unwrap().unique, Some(true));
        }
        if kind.expiry.is_some() {
            let found = find("aquifer_expiry").unwrap();
            assert_eq!(found.options.as_ref().unwrap().expire_after, Some(Duration::ZERO));
        }
    }
}

#[tokio::test]
async fn a_database_that_is_somebody_elses_is_left_alone() {
    let place = Place::new().unwrap();
    let database = place.driver().await;
    database.collection::<Document>("notes").insert_one(doc! { "mine": true }).await.unwrap();
    let options = MongodbOptions::from_url(&place.url("")).unwrap();
    let backend = MongodbBackend::open(options, &NOTES).await.unwrap();
    let error = backend.migrate().await.unwrap_err();
    assert_eq!(error.kind(), aquifer_core::ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().contains("notes"), "{error}");
    assert_eq!(database.list_collection_names().await.unwrap(), ["notes"]);
}

#[tokio::test]
async fn the_bare_driver_is_measured_and_leaves_nothing() {
    let place = Place::new().unwrap();
    let options = MongodbOptions::from_url(&place.url("")).unwrap();
    let rates = bare_rates(&options, Duration::from_millis(400)).await.unwrap();
    assert!(!rates.commits.is_empty() && rates.rows_per_second > 0.0);
    println!("one at a time {:?}, {:.0} rows/s in batches", rates.median_commit(), rates.rows_per_second);
    assert_eq!(place.driver().await.list_collection_names().await.unwrap(), [] as [&str; 0]);
}

#[tokio::test]
async fn documents_that_bson_does_not_keep_are_text() {
    let place = Place::new().unwrap();
    let backend = place.notes("").await;
    let text = r#"{"$where": "x", "a.b": 1}"#;
    let mut first = note(1);
    first.document = Some(Json::from_text(text.to_owned()).unwrap());
    commit(&*backend, vec![Operation::Insert(first.to_record())]).await.unwrap();
    let found = place.driver().await.collection::<Document>("notes").find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(found.get("document"), Some(&Bson::String(text.to_owned())));
}
