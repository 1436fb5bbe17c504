//! What a person gets wrong about files, and what a disk does.

use std::fs;
use std::path::Path;

use aquifer_core::{ErrorKind, Retry};
use rusqlite::Connection;

use super::*;

fn refused(path: &Path, change: impl FnOnce(&mut SqliteOptions)) -> aquifer_core::Error {
    let mut options = SqliteOptions::new(path);
    change(&mut options);
    let error = SqliteBackend::open(options, &SCHEMA).unwrap_err();
    assert_eq!(error.backend(), "sqlite");
    error
}

#[test]
fn another_programs_database_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("theirs.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    let before = fs::read(&file).unwrap();
    let error = refused(&file, |_| {});
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("theirs.db is not a database of Aquifer's"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn what_is_no_database_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notes.txt");
    fs::write(&file, "milk, eggs, ".repeat(1000)).unwrap();
    let before = fs::read(&file).unwrap();
    let error = refused(&file, |_| {});
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("notes.txt is not a SQLite database"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);

    let error = refused(directory.path(), |_| {});
    assert!(error.message().contains("is a directory: name a file in it"), "{error}");
    let error = refused(&directory.path().join("missing/x.db"), |_| {});
    assert!(error.message().contains("missing does not exist: create it first"), "{error}");
    for change in
        [|o: &mut SqliteOptions| o.create = false, |o: &mut SqliteOptions| (o.read_only, o.create) = (true, false)]
    {
        let error = refused(&directory.path().join("none.db"), change);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("none.db does not exist: create it with mode=rwc"), "{error}");
    }
    assert!(!directory.path().join("none.db").exists());
}

#[tokio::test]
async fn a_database_that_is_not_migrated_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let backend = SqliteBackend::open(SqliteOptions::new(directory.path().join("x.db")), &SCHEMA).unwrap();
    let error = backend.commit_one(insert("a", "A")).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Invalid, Retry::Permanent));
    assert!(error.message().contains("migrate it first"), "{error}");
}

#[tokio::test]
async fn a_reader_of_a_file_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(directory.path().join("x.db"));
    let writer = opened(options.clone()).await;
    writer.commit_one(insert("a", "A")).await.unwrap();
    let reader = opened(SqliteOptions { read_only: true, create: false, ..options }).await;
    let key = tenant("a", "A").to_record().key();
    assert!(reader.get_one(key.clone()).await.unwrap().is_some());
    let error = reader.commit_one(insert("b", "B")).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Permanent));
    assert!(error.message().contains("mode=ro"), "{error}");
    writer.close().await.unwrap();
    assert!(reader.get_one(key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let backend = opened(SqliteOptions::new(directory.path().join("x.db"))).await;
    let limit = |pages: &str| format!("PRAGMA max_page_count = {pages}");
    let full = limit("1");
    backend.writer.run(move |session| session.number(&full)).await.unwrap().unwrap();

    let long = "x".repeat(200_000);
    let mut big = tenant("big", "big");
    big.metadata = Some(aquifer_core::Json::encode(&long).unwrap());
    let big = Transaction::new(vec![Operation::Insert(big.to_record())]);
    let answers = backend.commit(vec![insert("a", "A"), big.clone(), insert("b", "B")]).await;
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient));
        assert!(error.message().contains("no room left"), "{error}");
    }
    assert!(backend.get_one(tenant("a", "A").to_record().key()).await.unwrap().is_none());

    let room = limit("1000000");
    backend.writer.run(move |session| session.number(&room)).await.unwrap().unwrap();
    for answer in backend.commit(vec![insert("a", "A"), big, insert("b", "B")]).await {
        answer.unwrap();
    }
    assert_eq!(backend.quick_check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_damaged_file_is_corrupt_and_found_by_the_check() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(directory.path().join("x.db"));
    let backend = opened(options.clone()).await;
    for number in 0..200 {
        backend.commit_one(insert(&format!("t{number:03}"), &number.to_string())).await.unwrap();
    }
    backend.close().await.unwrap();
    let mut bytes = fs::read(&options.path).unwrap();
    // The tables come first, so that the last pages hold records.
    let end = bytes.len() - 8192;
    bytes[end..].fill(0xA5);
    fs::write(&options.path, bytes).unwrap();

    let backend = SqliteBackend::open(options, &SCHEMA).unwrap();
    assert!(!backend.quick_check().await.unwrap().is_empty());
    let error = backend.scan(&Scan::key(Tenant::KIND).limit(1000).with_detail()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().contains("restore it from a backup"), "{error}");
}

#[tokio::test]
async fn another_process_that_writes_is_waited_for_but_not_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    let options = SqliteOptions { busy_timeout: std::time::Duration::from_millis(50), ..SqliteOptions::new(&path) };
    let backend = opened(options).await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = backend.commit_one(insert("a", "A")).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient));
    assert!(error.message().contains("kept"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    backend.commit_one(insert("a", "A")).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(directory.path().join("x.db"));
    let backend = opened(options.clone()).await;
    backend.close().await.unwrap();
    Connection::open(&options.path)
        .unwrap()
        .execute_batch("UPDATE aquifer_meta SET value = '99' WHERE name = 'schema_version'")
        .unwrap();
    let error = SqliteBackend::open(options, &SCHEMA).unwrap().migrate().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("x.db has schema version 99, newer than"), "{error}");
}

#[tokio::test]
async fn the_log_stays_small_and_ends_with_the_handle() {
    let directory = tempfile::tempdir().unwrap();
    let backend = opened(SqliteOptions::new(directory.path().join("x.db"))).await;
    let log = directory.path().join("x.db-wal");
    let megabyte = aquifer_core::Json::encode(&"x".repeat(1 << 20)).unwrap();
    let mut largest = 0;
    for number in 0..150 {
        let mut big = tenant(&format!("t{number}"), &number.to_string());
        big.metadata = Some(megabyte.clone());
        backend.commit_one(Transaction::new(vec![Operation::Insert(big.to_record())])).await.unwrap();
        largest = largest.max(fs::metadata(&log).unwrap().len());
    }
    assert!((32 << 20..120 << 20).contains(&largest), "{largest} bytes");
    let stats = backend.stats().await.unwrap();
    assert_eq!(stats.records[0], ("tenants", 150));
    assert!(stats.facts.iter().any(|(name, value)| *name == "wal_bytes" && value.parse::<u64>().unwrap() > 0));
    backend.close().await.unwrap();
    assert!(!log.exists());
}

#[tokio::test]
async fn what_a_person_edited_wrongly_is_corrupt_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    let backend = opened(SqliteOptions::new(&path)).await;
    backend.commit_one(insert("a", "A")).await.unwrap();
    Connection::open(&path).unwrap().execute_batch("UPDATE tenants SET created_at = 'yesterday'").unwrap();
    let error = backend.get_one(tenant("a", "A").to_record().key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("created_at does not hold what the schema says (tenants)"), "{error}");
}
