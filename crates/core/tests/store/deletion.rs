//! Deleting with all that belongs to it.

use aquifer_core::kinds::*;
use aquifer_core::{Entity, ErrorKind, Json, Paging};

use crate::fixture::{Fixture, belongings, execution, token, user};

#[tokio::test]
async fn an_execution_goes_with_everything_that_belongs_to_it() {
    let f = Fixture::new().await;
    let workflow = f.workflow(&f.acme, "n", "a").await;
    let (gone, stays) = (execution(&workflow, "ex_1", Status::Faulted), execution(&workflow, "ex_2", Status::Faulted));
    f.insert([gone.to_record(), stays.to_record()]).await;
    f.insert(belongings(&gone, 130)).await;
    f.insert(belongings(&stays, 2)).await;

    f.acme.delete_execution(&gone.id).await.unwrap();
    for kind in SCHEMA.kinds.iter().filter(|kind| kind.column("execution_id").is_some()) {
        assert_eq!(f.count(kind.name).await, 2, "{kind}");
    }
    assert_eq!(f.count("executions").await, 1);
    assert!(f.acme.delete_execution(&gone.id).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn an_execution_that_has_not_ended_stays() {
    let f = Fixture::new().await;
    let workflow = f.workflow(&f.acme, "n", "a").await;
    for (number, status) in Status::ALL.iter().enumerate() {
        let run = execution(&workflow, &format!("ex_{number}"), *status);
        f.insert([run.to_record()]).await;
        let answer = f.acme.delete_execution(&run.id).await;
        assert_eq!(answer.is_ok(), status.is_final(), "{status}");
        if let Err(error) = answer {
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(error.message().contains(status.as_str()), "{error}");
        }
    }
}

#[tokio::test]
async fn a_workflow_is_held_by_its_executions() {
    let f = Fixture::new().await;
    let workflow = f.workflow(&f.acme, "n", "a").await;
    f.acme.create_user(user(f.acme.id(), "us_1", "ada")).await.unwrap();
    let (tenant_id, now) = (f.acme.id().clone(), f.store.now());
    let share = WorkflowShare {
        tenant_id: tenant_id.clone(),
        workflow_id: workflow.id.clone(),
        user_id: "us_1".into(),
        permission: Permission::Run,
        created_at: now,
    };
    f.acme.create_share(share).await.unwrap();
    let schedule = Schedule {
        tenant_id,
        id: "sc_1".into(),
        workflow_id: workflow.id.clone(),
        spec: Json::encode(&"every: PT1M").unwrap(),
        enabled: true,
        next_at: None,
        last_at: None,
        created_at: now,
        updated_at: now,
    };
    f.acme.create_schedule(schedule).await.unwrap();
    f.insert([execution(&workflow, "ex_1", Status::Completed).to_record()]).await;

    let error = f.acme.delete_workflow(&workflow.id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("executions"), "{error}");
    assert_eq!((f.count("workflow_versions").await, f.count("workflow_shares").await), (1, 1));

    f.acme.delete_execution(&"ex_1".into()).await.unwrap();
    f.acme.delete_workflow(&workflow.id).await.unwrap();
    for kind in ["workflows", "workflow_versions", "workflow_shares", "schedules"] {
        assert_eq!(f.count(kind).await, 0, "{kind}");
    }
}

#[tokio::test]
async fn a_user_goes_with_tokens_and_shares() {
    let f = Fixture::new().await;
    for (id, name) in [("us_1", "ada"), ("us_2", "bob")] {
        f.acme.create_user(user(f.acme.id(), id, name)).await.unwrap();
        f.acme.create_token(token(f.acme.id(), &format!("tk_{name}"), id, None)).await.unwrap();
    }
    f.acme.delete_user(&"us_1".into()).await.unwrap();
    let left = f.acme.list_tokens(None, &Paging::default()).await.unwrap();
    assert_eq!(left.items.iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["tk_bob"]);
}

#[tokio::test]
async fn a_tenant_is_held_by_users_and_workflows_and_takes_the_rest_along() {
    let f = Fixture::new().await;
    f.acme.create_user(user(f.acme.id(), "us_1", "ada")).await.unwrap();
    f.acme.put_setting("tenant", "theme", Json::encode(&1).unwrap()).await.unwrap();
    f.other.put_setting("tenant", "theme", Json::encode(&2).unwrap()).await.unwrap();
    assert!(f.store.delete_tenant(f.acme.id()).await.unwrap_err().is_conflict());
    f.acme.delete_user(&"us_1".into()).await.unwrap();
    f.store.delete_tenant(f.acme.id()).await.unwrap();
    assert!(f.store.get_tenant(f.acme.id()).await.unwrap_err().is_not_found());
    assert_eq!(f.count("settings").await, 1);
    let mut other = f.store.get_tenant(f.other.id()).await.unwrap();
    other.entity.name = "renamed".to_owned();
    assert_eq!(f.store.update_tenant(other).await.unwrap().revision, 2);
    let tenants = f.store.list_tenants(&Paging::default()).await.unwrap();
    assert_eq!(tenants.items.iter().map(|tenant| tenant.name.as_str()).collect::<Vec<_>>(), ["renamed"]);
}
