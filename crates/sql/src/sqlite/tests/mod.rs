mod files;
mod options;
mod plans;

use aquifer_core::kinds::{Tenant, TenantColumn};
use aquifer_core::{
    Backend, BackendExt, Condition, Entity, Operation, SCHEMA, Scan, TenantId, Timestamp, Transaction, Value,
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
