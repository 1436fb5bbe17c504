//! A tenant never reaches what belongs to another.

use aquifer_core::kinds::*;
use aquifer_core::{Entity, Error, ErrorKind, ExecutionFilter, Paging, Query, WorkflowFilter};

use crate::fixture::{Fixture, execution, user, version};

fn assert_not_found<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn records_of_another_tenant_do_not_exist() {
    let f = Fixture::new().await;
    let theirs = f.workflow(&f.other, "default", "theirs").await;
    f.insert([execution(&theirs, "ex_1", Status::Completed).to_record()]).await;

    assert_not_found(f.acme.get_workflow(&theirs.id).await);
    assert_not_found(f.acme.update_workflow(theirs.clone()).await);
    assert_not_found(f.acme.delete_workflow(&theirs.id).await);
    assert_not_found(f.acme.get_version(&theirs.id, 1).await);
    assert_not_found(f.acme.get_execution(&"ex_1".into()).await);
    assert_not_found(f.acme.delete_execution(&"ex_1".into()).await);
    assert_not_found(f.acme.create_user(user(f.other.id(), "us_1", "mallory")).await);
    assert_not_found(f.acme.add_version(theirs.clone(), version(&theirs, 1)).await);
    assert_eq!(f.acme.find_workflow("default", "theirs").await.unwrap(), None);
    assert!(f.acme.list_workflows(&WorkflowFilter::default(), &Paging::default()).await.unwrap().items.is_empty());
    assert!(f.acme.list_executions(&ExecutionFilter::default(), &Paging::default()).await.unwrap().items.is_empty());

    assert_eq!(f.other.get_workflow(&theirs.id).await.unwrap(), theirs);
    assert_eq!(f.count("users").await, 0);
}

#[tokio::test]
async fn a_version_that_claims_another_tenants_workflow_is_refused() {
    let f = Fixture::new().await;
    let theirs = f.workflow(&f.other, "default", "theirs").await;
    let mut ours = version(&theirs, 2);
    ours.tenant_id = f.acme.id().clone();
    assert_not_found(f.acme.create(ours).await);
    assert_eq!(f.count("workflow_versions").await, 1);
}

#[tokio::test]
async fn another_tenants_cursor_is_refused() {
    let f = Fixture::new().await;
    for name in ["a", "b"] {
        f.workflow(&f.other, "default", name).await;
    }
    let page = f.other.list_workflows(&WorkflowFilter::default(), &Paging::first(1)).await.unwrap();
    let paging = Paging::first(1).after(page.next);
    let error = f.acme.list_workflows(&WorkflowFilter::default(), &paging).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn an_index_across_tenants_is_refused() {
    let f = Fixture::new().await;
    for index in ["by_due", "by_owner", "by_control"] {
        let error = f.acme.list::<Execution>(Query::index(index)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("crosses tenants"), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_created_in_a_tenant_that_does_not_exist() {
    let f = Fixture::new().await;
    let nowhere = f.store.tenant(&"tn_nowhere".into());
    assert_not_found(nowhere.create_user(user(nowhere.id(), "us_1", "ghost")).await);
    assert_eq!(f.count("users").await, 0);
}
