//! Filters, directions and pages.

use aquifer_core::kinds::*;
use aquifer_core::{AuditFilter, Entity, ErrorKind, ExecutionFilter, Listing, Paging, WorkflowFilter};

use crate::fixture::{Fixture, belongings, execution};

fn ids(listing: &Listing<Execution>) -> Vec<&str> {
    listing.items.iter().map(|item| item.id.as_str()).collect()
}

async fn executions() -> (Fixture, ExecutionFilter) {
    let f = Fixture::new().await;
    let (a, b) = (f.workflow(&f.acme, "n", "a").await, f.workflow(&f.acme, "n", "b").await);
    let mut records = Vec::new();
    for number in 1..=9 {
        let status = if number % 3 == 0 { Status::Running } else { Status::Completed };
        let workflow = if number % 2 == 0 { &a } else { &b };
        let mut record = execution(workflow, &format!("ex_{number}"), status);
        record.user_id = (number == 4).then(|| "us_1".into());
        record.parent_id = (number == 5).then(|| "ex_1".into());
        records.push(record.to_record());
    }
    f.insert(records).await;
    let filter = ExecutionFilter { workflow: Some(a.id.clone()), ..ExecutionFilter::default() };
    (f, filter)
}

#[tokio::test]
async fn executions_are_filtered_by_whatever_has_an_index() {
    let (f, by_workflow) = executions().await;
    let all = Paging::default().oldest_first();
    let list = async |filter: ExecutionFilter| {
        let listing = f.acme.list_executions(&filter, &all).await.unwrap();
        ids(&listing).join(" ").replace("ex_", "")
    };
    assert_eq!(list(ExecutionFilter::default()).await, "1 2 3 4 5 6 7 8 9");
    assert_eq!(list(by_workflow.clone()).await, "2 4 6 8");
    let running = ExecutionFilter { status: Some(Status::Running), ..ExecutionFilter::default() };
    assert_eq!(list(running).await, "3 6 9");
    assert_eq!(list(ExecutionFilter { status: Some(Status::Running), ..by_workflow.clone() }).await, "6");
    assert_eq!(list(ExecutionFilter { user: Some("us_1".into()), ..ExecutionFilter::default() }).await, "4");
    assert_eq!(list(ExecutionFilter { parent: Some("ex_1".into()), ..ExecutionFilter::default() }).await, "5");

    let unserved = ExecutionFilter { user: Some("us_1".into()), ..by_workflow };
    let error = f.acme.list_executions(&unserved, &all).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn pages_join_without_gaps_while_records_come_and_go() {
    let (f, by_workflow) = executions().await;
    let first = f.acme.list_executions(&by_workflow, &Paging::first(2)).await.unwrap();
    assert_eq!(ids(&first), ["ex_8", "ex_6"]);
    let workflow = f.acme.get_workflow(by_workflow.workflow.as_ref().unwrap()).await.unwrap();
    f.insert([execution(&workflow, "ex_99", Status::Completed).to_record()]).await;
    f.acme.delete_execution(&"ex_8".into()).await.unwrap();
    let second = f.acme.list_executions(&by_workflow, &Paging::first(2).after(first.next)).await.unwrap();
    assert_eq!(ids(&second), ["ex_4", "ex_2"]);
    assert_eq!(second.next, None);

    for limit in [0, 1001] {
        let error = f.acme.list_executions(&by_workflow, &Paging::first(limit)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[tokio::test]
async fn workflows_are_listed_by_creation_or_by_name() {
    let f = Fixture::new().await;
    for (namespace, name) in [("b", "y"), ("a", "z"), ("a", "x")] {
        f.workflow(&f.acme, namespace, name).await;
    }
    let list = async |filter: WorkflowFilter| {
        let listing = f.acme.list_workflows(&filter, &Paging::default().oldest_first()).await.unwrap();
        let names: Vec<_> = listing.items.iter().map(|item| format!("{}/{}", item.namespace, item.name)).collect();
        names.join(" ")
    };
    let all = WorkflowFilter::default();
    assert_eq!(list(all.clone()).await, "b/y a/z a/x");
    assert_eq!(list(WorkflowFilter { by_name: true, ..all.clone() }).await, "a/x a/z b/y");
    let in_a = WorkflowFilter { namespace: Some("a".to_owned()), ..all.clone() };
    assert_eq!(list(in_a.clone()).await, "a/z a/x");
    assert_eq!(list(WorkflowFilter { name: Some("x".to_owned()), ..in_a }).await, "a/x");
    let unserved = WorkflowFilter { name: Some("x".to_owned()), ..all };
    let error = f.acme.list_workflows(&unserved, &Paging::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn what_belongs_to_an_execution_is_listed_in_order() {
    let f = Fixture::new().await;
    let workflow = f.workflow(&f.acme, "n", "a").await;
    let run = execution(&workflow, "ex_1", Status::Completed);
    f.insert([run.to_record()]).await;
    f.insert(belongings(&run, 12)).await;
    let oldest = Paging::first(5).oldest_first();

    let steps = f.acme.list_steps(&run.id, &oldest).await.unwrap();
    assert_eq!(steps.items.iter().map(|step| step.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(steps.items.iter().all(|step| step.output.is_none()), "a listing leaves outputs out");
    assert_eq!(f.acme.get_step(&run.id, 1).await.unwrap().output.as_deref(), Some("1"));
    let events = f.acme.list_events(&run.id, 10, &oldest).await.unwrap();
    assert_eq!(events.items.iter().map(|batch| batch.last).collect::<Vec<_>>(), [11, 12]);
    assert_eq!(f.acme.list_logs(&run.id, &oldest).await.unwrap().items.len(), 5);
    assert_eq!(f.acme.list_state(&run.id, &Paging::default()).await.unwrap().items.len(), 12);
    assert_eq!(f.acme.get_state(&run.id, "n3").await.unwrap().value, "1");
    assert_eq!(f.acme.get_payload(&run.id, "h12").await.unwrap().value, "1");
    assert_eq!(f.acme.get_step(&run.id, 12).await.unwrap().visit, 12);
}

#[tokio::test]
async fn audit_entries_are_listed_by_target_or_actor() {
    let f = Fixture::new().await;
    for (id, actor, target) in [("au_1", "us_1", "wf_1"), ("au_2", "us_2", "wf_1"), ("au_3", "us_1", "wf_2")] {
        let entry = AuditEntry {
            tenant_id: f.acme.id().clone(),
            id: id.into(),
            actor: actor.to_owned(),
            action: "workflow.delete".to_owned(),
            target_kind: "workflow".to_owned(),
            target_id: target.to_owned(),
            details: None,
            created_at: f.store.now(),
        };
        f.acme.create_audit_entry(entry).await.unwrap();
    }
    let list = async |filter: &AuditFilter| {
        let listing = f.acme.list_audit_entries(filter, &Paging::default()).await.unwrap();
        listing.items.iter().map(|entry| entry.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(&AuditFilter::default()).await, ["au_3", "au_2", "au_1"]);
    let target = Some(("workflow".to_owned(), "wf_1".to_owned()));
    assert_eq!(list(&AuditFilter { target, actor: None }).await, ["au_2", "au_1"]);
    assert_eq!(list(&AuditFilter { target: None, actor: Some("us_1".to_owned()) }).await, ["au_3", "au_1"]);
}
