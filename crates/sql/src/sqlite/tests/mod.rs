mod files;
mod options;
mod plans;

use aquifer_core::kinds::{Role, Setting, Tenant, TenantColumn, User};
use aquifer_core::{
    Backend, BackendExt, Condition, Entity, ErrorKind, Operation, SCHEMA, Scan, TenantId, Timestamp, Transaction, Value,
};

use super::*;

fn tenant(id: &str, name: &str) -> Tenant {
    let now = Timestamp::EPOCH;
    Tenant { id: TenantId::from(id), name: name.to_owned(), metadata: None, created_at: now, updated_at: now }
}

fn insert(id: &str, name: &str) -> Transaction {
    Transaction::new(vec![Operation::Insert(tenant(id, name).to_record())])
}

async fn opened(options: SqliteOptions) -> SqliteBackend {
    let backend = SqliteBackend::open(options, &SCHEMA).unwrap();
    backend.migrate().await.unwrap();
    backend
}

#[tokio::test]
async fn what_is_committed_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(directory.path().join("x.db"));
    let backend = opened(options.clone()).await;
    let answers = backend.commit(vec![insert("a", "A"), insert("b", "A"), insert("a", "C")]).await;
    assert_eq!(answers[0].as_ref().unwrap().revisions, [1]);
    assert!(answers[1].as_ref().unwrap_err().is_already_exists());
    assert!(answers[1].as_ref().unwrap_err().to_string().contains("by_name"));
    assert!(answers[2].as_ref().unwrap_err().is_already_exists());
    let key = tenant("a", "A").to_record().key();
    let update = Operation::Update {
        key: key.clone(),
        condition: Condition::Exists,
        set: vec![(TenantColumn::name as usize, Value::from("B"))],
    };
    assert_eq!(backend.commit_one(Transaction::new(vec![update])).await.unwrap().revisions, [2]);
    backend.close().await.unwrap();
    assert!(backend.ping().await.is_err());

    let backend = opened(options).await;
    let record = backend.get_one(key).await.unwrap().unwrap();
    assert_eq!(record.revision, 2);
    assert_eq!(Tenant::from_record(record).unwrap(), tenant("a", "B"));
    assert_eq!(backend.scan(&Scan::index(Tenant::KIND, "by_name")).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_wedges_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let backend = opened(SqliteOptions::new(directory.path().join("x.db"))).await;
    for number in 0..100 {
        let name = number.to_string();
        // Polled once, so that it is under way, and dropped.
        let mut commit = backend.commit_one(insert(&name, &name));
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(commit.as_mut().poll(context))).await.is_pending()
        );
    }
    backend.commit_one(insert("last", "last")).await.unwrap();
    let found = backend.scan(&Scan::key(Tenant::KIND).limit(1000)).await.unwrap();
    assert_eq!(found.records.len(), 101);
}

#[tokio::test]
async fn a_database_in_memory_ends_with_its_handle() {
    let backend = opened(SqliteOptions::memory()).await;
    assert!(!backend.capabilities().durable);
    backend.commit_one(insert("a", "A")).await.unwrap();
    let key = tenant("a", "A").to_record().key();
    assert!(backend.get_one(key.clone()).await.unwrap().is_some());
    let other = opened(SqliteOptions::memory()).await;
    assert!(other.get_one(key).await.unwrap().is_none());
    backend.close().await.unwrap();
    backend.close().await.unwrap();
    assert!(backend.commit_one(insert("b", "B")).await.is_err());
    assert!(backend.watch(Tenant::KIND).await.is_err());
}

#[tokio::test]
async fn a_transaction_that_fails_late_leaves_its_neighbours_alone() {
    let directory = tempfile::tempdir().unwrap();
    let backend = opened(SqliteOptions::new(directory.path().join("x.db"))).await;
    let setting = |name: &str| {
        let now = Timestamp::EPOCH;
        let value = aquifer_core::Json::encode(&1).unwrap();
        let (tenant_id, scope) = (TenantId::from("tn"), "s".to_owned());
        let setting = Setting { tenant_id, scope, name: name.to_owned(), value, created_at: now, updated_at: now };
        Operation::Insert(setting.to_record())
    };
    let answers = backend
        .commit(vec![
            Transaction::new(vec![setting("a")]),
            Transaction::new(vec![setting("b"), setting("c"), setting("a")]),
            Transaction::new(vec![setting("b")]),
        ])
        .await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(answers[1].as_ref().unwrap_err().is_already_exists());
    let names: Vec<_> = backend.scan(&Scan::key(Setting::KIND)).await.unwrap().records;
    let names: Vec<_> = names.into_iter().map(|record| Setting::from_record(record).unwrap().name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test]
async fn references_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let backend = opened(SqliteOptions::new(directory.path().join("x.db"))).await;
    let now = Timestamp::EPOCH;
    let user = User {
        tenant_id: TenantId::from("a"),
        id: "us".into(),
        username: "u".to_owned(),
        email: None,
        password_hash: None,
        role: Role::Admin,
        disabled: false,
        created_at: now,
        updated_at: now,
    };
    let user = Transaction::new(vec![Operation::Insert(user.to_record())]);
    let error = backend.commit_one(user.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("refers to one that does not exist"), "{error}");
    backend.commit_one(insert("a", "A")).await.unwrap();
    backend.commit_one(user).await.unwrap();
    let key = tenant("a", "A").to_record().key();
    let delete = Transaction::new(vec![Operation::Delete { key, condition: Condition::Exists }]);
    let error = backend.commit_one(delete).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("refer to the record"), "{error}");
}
