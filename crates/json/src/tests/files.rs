//! What is found on disk, and what is made of it.

use std::fs;

use aquifer_core::kinds::{Secret, Tenant};
use aquifer_core::{Backend, BackendExt, Entity, ErrorKind, Operation, SCHEMA, Timestamp, Transaction};

use super::work::{Place, dump, has, insert, tenant};
use crate::backend::JsonBackend;
use crate::options::JsonOptions;

#[tokio::test]
async fn closing_leaves_a_readable_file() {
    let place = Place::new();
    let backend = place.open().unwrap();
    backend.migrate().await.unwrap();
    let transaction = Transaction { id: 7, ..Transaction::new(vec![Operation::Insert(tenant("a", "Acme"))]) };
    backend.commit_one(transaction).await.unwrap();
    let secret = Secret {
        tenant_id: "a".into(),
        name: "s".to_owned(),
        ciphertext: vec![0, 255, 16],
        key_id: "k".to_owned(),
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    };
    backend.commit_one(Transaction::new(vec![Operation::Insert(secret.to_record())])).await.unwrap();
    let before = dump(&backend);
    backend.close().await.unwrap();
    let text = fs::read_to_string(place.path()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["version"], &json["schema"]), (&1.into(), &SCHEMA.version.into()));
    let expected = serde_json::json!([{
        "id": "a", "name": "Acme", "metadata": { "note": "Acme\n" }, "created_at": "1970-01-01T00:00:00.000000Z",
        "updated_at": "1970-01-01T00:00:00.000000Z", "revision": 1, "transaction": 7
    }]);
    assert_eq!(json["tenants"], expected);
    assert_eq!(json["secrets"][0]["ciphertext"], "AP8Q");
    assert!(text.contains("\n  \"tenants\": [\n    {\n      \"id\": \"a\",\n"), "{text}");
    assert_eq!(fs::read(place.journal()).unwrap().split(|byte| *byte == b'\n').count(), 2);
    assert_eq!(dump(&place.open().unwrap()), before);
}

#[tokio::test]
async fn a_program_that_does_not_close_loses_nothing() {
    let place = Place::new();
    let backend = place.open().unwrap();
    backend.migrate().await.unwrap();
    insert(&backend, "a").await.unwrap();
    drop(backend);
    let backend = place.open().unwrap();
    assert!(has(&backend, "a").await);
}

#[tokio::test]
async fn handles_share_the_data_until_the_last_is_closed() {
    let place = Place::new();
    let (first, second) = (place.open().unwrap(), place.open().unwrap());
    first.migrate().await.unwrap();
    insert(&first, "a").await.unwrap();
    assert!(has(&second, "a").await);
    first.close().await.unwrap();
    insert(&second, "b").await.unwrap();
    second.close().await.unwrap();
    assert_eq!(insert(&second, "c").await.unwrap_err().kind(), ErrorKind::Unavailable);
    let third = place.open().unwrap();
    assert_eq!(dump(&third).len(), 2);
}

#[tokio::test]
async fn nothing_works_before_the_first_migration_and_nothing_is_written() {
    let place = Place::new();
    let backend = place.open().unwrap();
    let error = insert(&backend, "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("migrate it first"), "{error}");
    assert!(!place.path().exists() && !place.journal().exists());
}

/// Asserts that a file is refused and left alone, and nothing put beside it.
#[track_caller]
fn refused(content: &[u8], kind: ErrorKind, says: &[&str]) {
    let place = Place::new();
    fs::write(place.path(), content).unwrap();
    let error = place.open().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    for part in says.iter().chain(&[&*place.path().canonicalize().unwrap().display().to_string()]) {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(fs::read(place.path()).unwrap(), content);
    assert_eq!(fs::read_dir(place.directory()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn other_files_are_refused() {
    let invalid = ErrorKind::Invalid;
    refused(b"", invalid, &["is empty"]);
    refused(b"PK\x03\x04\xff\xff", invalid, &["not a JSON file"]);
    refused(b"hello: world", invalid, &["not a JSON file"]);
    refused(b"[1, 2]", invalid, &["no database of aquifer"]);
    refused(b"{\"name\": \"app\", \"version\": \"1.0\"}", invalid, &["no database of aquifer"]);
    refused(b"{\"version\": 1, \"flows\": []}", invalid, &["strom", "aquifer import strom"]);
}

fn head(rest: &str) -> String {
    format!("{{\"version\": 1, \"schema\": 1, \"database\": \"d\", \"generation\": 1{rest}}}")
}

#[test]
fn newer_files_are_refused() {
    let newer = head("").replace("\"version\": 1", "\"version\": 2");
    refused(newer.as_bytes(), ErrorKind::Invalid, &["newer version", "file version 2"]);
    let newer = head("").replace("\"schema\": 1", "\"schema\": 999");
    refused(newer.as_bytes(), ErrorKind::Invalid, &["newer version", "schema version 999"]);
}

#[test]
fn damaged_files_are_refused_with_the_place() {
    let tenants = |records: &str| head(&format!(", \"tenants\": [{records}]"));
    let good = "{\"id\": \"a\", \"name\": \"A\", \"created_at\": \"1970-01-01T00:00:00Z\", \"updated_at\": \"1970-01-01T00:00:00Z\", \"revision\": 1}";
    let place = Place::new();
    fs::write(place.path(), tenants(good)).unwrap();
    assert_eq!(dump(&place.open().unwrap()).len(), 1, "what people write is taken");
    for (record, reason) in [
        (good.replace("\"name\": \"A\"", "\"name\": 5"), "name is wrong"),
        (good.replace("\"name\": \"A\"", "\"name\": null"), "name is wrong"),
        (good.replace("\"name\": \"A\"", "\"nmae\": \"A\""), "name is missing"),
        (good.replace("\"revision\": 1", "\"revision\": 0"), "revision is missing or 0"),
        (good.replace("\"revision\": 1", "\"revision\": 1, \"colour\": 1"), "no column \"colour\""),
        (good.replace("1970-01-01T00:00:00Z", "yesterday"), "created_at is wrong"),
        (good.replace("\"A\"", &format!("\"{}\"", "n".repeat(191))), "at most 190 bytes"),
        ("[]".to_owned(), "not an object"),
    ] {
        refused(tenants(&format!("{good}, {record}")).as_bytes(), ErrorKind::Corrupt, &["tenants[1]", reason]);
    }
    refused(tenants(&format!("{good}, {good}")).as_bytes(), ErrorKind::Corrupt, &["tenants[1]", "same key"]);
    refused(head(", \"tenants\": {}").as_bytes(), ErrorKind::Corrupt, &["tenants"]);
    refused(head(", \"cats\": []").as_bytes(), ErrorKind::Corrupt, &["cats", "no such kind"]);
    let cut = tenants(good).replace("\"schema\"", "\n\"schema\"");
    refused(&cut.as_bytes()[..cut.len() - 4], ErrorKind::Corrupt, &["line 2 column"]);
}

#[test]
fn places_that_cannot_hold_a_database_are_refused() {
    let place = Place::new();
    let refused = |path: &str, kind, says: &str| {
        let error = JsonBackend::open(JsonOptions::new(place.directory().join(path)), &SCHEMA).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(says), "{error}");
        assert!(error.message().contains(&*place.directory().display().to_string()), "{error}");
    };
    refused("", ErrorKind::Invalid, "is a directory: name a file in it");
    refused("missing/data.json", ErrorKind::Invalid, "does not exist, create it");
    fs::write(place.directory().join("file"), "x").unwrap();
    refused("file/data.json", ErrorKind::Invalid, "not a directory");
    refused(&"n".repeat(300), ErrorKind::Invalid, "too long");
    fs::write(place.path(), head("")).unwrap();
    let mut permissions = fs::metadata(place.path()).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(place.path(), permissions).unwrap();
    refused("data.json", ErrorKind::Unauthorized, "right to write");
    assert_eq!(fs::read_dir(place.directory()).unwrap().count(), 2, "nothing is left behind");
}

#[cfg(unix)]
#[tokio::test]
async fn links_and_permissions_stay() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let backend = place.open().unwrap();
    backend.migrate().await.unwrap();
    assert_eq!((mode(place.path()), mode(place.journal())), (0o600, 0o600));
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o640)).unwrap();
    drop(backend);
    let link = place.directory().join("link.json");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    let linked = JsonBackend::open(JsonOptions::new(&link), &SCHEMA).unwrap();
    let direct = place.open().unwrap();
    insert(&linked, "a").await.unwrap();
    assert!(has(&direct, "a").await, "both are one");
    direct.close().await.unwrap();
    linked.close().await.unwrap();
    assert!(link.is_symlink());
    assert_eq!((mode(place.path()), mode(place.journal())), (0o640, 0o640));
    fs::remove_file(place.path()).unwrap();
    let error = JsonBackend::open(JsonOptions::new(&link), &SCHEMA).unwrap_err();
    assert!(error.message().contains("remove the link"), "{error}");
}

#[tokio::test]
async fn files_that_do_not_belong_together_are_refused() {
    let (one, other) = (Place::new(), Place::new());
    for place in [&one, &other] {
        let backend = place.open().unwrap();
        backend.migrate().await.unwrap();
        insert(&backend, "a").await.unwrap();
    }
    let refused = |place: &Place, says: &str| {
        let error = place.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains(says), "{error}");
    };
    let journal = fs::read(one.journal()).unwrap();
    fs::copy(other.journal(), one.journal()).unwrap();
    refused(&one, "belongs to another database");
    fs::write(one.journal(), journal).unwrap();
    let old = fs::read(one.path()).unwrap();
    one.open().unwrap().close().await.unwrap();
    let new = fs::read(one.path()).unwrap();
    assert_ne!(old, new);
    fs::write(one.path(), &old).unwrap();
    refused(&one, "is newer than");
    fs::remove_file(one.path()).unwrap();
    refused(&one, "is missing, but its journal is there");
}

#[tokio::test]
async fn a_crash_between_the_steps_of_compaction_applies_nothing_twice() {
    let place = Place::new();
    let backend = place.open().unwrap();
    backend.migrate().await.unwrap();
    insert(&backend, "a").await.unwrap();
    let old_journal = fs::read(place.journal()).unwrap();
    let expected = dump(&backend);
    backend.close().await.unwrap();
    // The new snapshot is in place, the new journal is not.
    fs::write(place.journal(), &old_journal).unwrap();
    let backend = place.open().unwrap();
    assert_eq!(dump(&backend), expected);
    insert(&backend, "b").await.unwrap();
    let expected = dump(&backend);
    drop(backend);
    assert_eq!(dump(&place.open().unwrap()), expected);
    // No journal at all, and a half-written new snapshot.
    let backend = place.open().unwrap();
    backend.close().await.unwrap();
    fs::remove_file(place.journal()).unwrap();
    fs::write(place.directory().join("data.json.new"), "{\"vers").unwrap();
    let backend = place.open().unwrap();
    assert_eq!(dump(&backend), expected);
    insert(&backend, "c").await.unwrap();
    backend.close().await.unwrap();
    assert_eq!(dump(&place.open().unwrap()).len(), 3);
}

#[tokio::test]
async fn only_what_changed_is_journaled() {
    let place = Place::new();
    let backend = place.open().unwrap();
    backend.migrate().await.unwrap();
    insert(&backend, "a").await.unwrap();
    let before = fs::read(place.journal()).unwrap().len();
    let update = super::work::rename("a", "b");
    backend.commit_one(Transaction { id: 9, ..Transaction::new(vec![update]) }).await.unwrap();
    let journal = fs::read(place.journal()).unwrap();
    let line = str::from_utf8(&journal[before + 17..]).unwrap();
    let expected = "[{\"set\":\"tenants\",\"record\":{\"id\":\"a\",\"name\":\"b\",\"revision\":2,\"transaction\":9},\"clear\":[\"metadata\"]}]\n";
    assert_eq!(line, expected);
    assert_eq!(Tenant::KIND.name, "tenants");
    let expected = dump(&backend);
    drop(backend);
    assert_eq!(dump(&place.open().unwrap()), expected);
}

#[tokio::test]
async fn a_record_that_is_replaced_within_a_batch_is_another() {
    let place = Place::new();
    let backend = place.open().unwrap();
    backend.migrate().await.unwrap();
    insert(&backend, "a").await.unwrap();
    let key = super::work::tenant_key("a");
    let delete = Operation::Delete { key, condition: aquifer_core::Condition::Exists };
    let again = Operation::Insert(tenant("a", "another"));
    for answer in backend.commit(vec![Transaction::new(vec![delete]), Transaction::new(vec![again])]).await {
        answer.unwrap();
    }
    let expected = dump(&backend);
    drop(backend);
    assert_eq!(dump(&place.open().unwrap()), expected);
}

#[tokio::test]
async fn documents_that_differ_in_great_numbers_differ() {
    let place = Place::new();
    let backend = place.open().unwrap();
    backend.migrate().await.unwrap();
    insert(&backend, "a").await.unwrap();
    for number in ["12345678901234567890123", "12345678901234567890124"] {
        let document = aquifer_core::Json::from_text(number.to_owned()).unwrap();
        let set = vec![(aquifer_core::kinds::TenantColumn::metadata as usize, document.into())];
        let key = super::work::tenant_key("a");
        let update = Operation::Update { key, condition: aquifer_core::Condition::Exists, set };
        backend.commit_one(Transaction::new(vec![update])).await.unwrap();
    }
    drop(backend);
    let found = format!("{:?}", dump(&place.open().unwrap()));
    assert!(found.contains("12345678901234567890124"), "{found}");
}
