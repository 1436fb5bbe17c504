//! What must hold of the executions of a storm.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use aquifer::core::kinds::{Execution, Status, Step};
use aquifer::core::{Entity, Scan, Store, TenantId};
use aquifer::engine::{DEFAULT_TENANT, verify_events};

use super::idempotency_key;

async fn executions(store: &Store) -> Vec<Execution> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let tenant = TenantId::from(DEFAULT_TENANT);
        let scan = Scan::key(Execution::KIND).equals(tenant).limit(500).after(cursor).with_detail();
        let page = store.backend().scan(&scan).await.unwrap();
        found.extend(page.records.into_iter().map(|record| Execution::from_record(record).unwrap()));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn steps(store: &Store, execution: &Execution) -> Vec<Step> {
    let scan = Scan::key(Step::KIND).equals(&execution.tenant_id).equals(&execution.id).limit(1000).with_detail();
    let page = store.backend().scan(&scan).await.unwrap();
    page.records.into_iter().map(|record| Step::from_record(record).unwrap()).collect()
}

/// Asserts that every acknowledged execution is there and was done once, as its workflow says, and that there are no others.
pub(crate) async fn verify(store: &Store, marks: &Path, acknowledged: &BTreeMap<usize, String>) {
    let executions = executions(store).await;
    let by_id: HashMap<&str, &Execution> =
        executions.iter().map(|execution| (execution.id.as_str(), execution)).collect();

    // Every acknowledged start is there, and nothing was started twice.
    for (number, id) in acknowledged {
        let execution = by_id.get(id.as_str()).unwrap_or_else(|| panic!("execution {number} ({id}) is lost"));
        assert_eq!(execution.idempotency_key.as_deref(), Some(idempotency_key(*number).as_str()));
    }
    let top: Vec<_> = executions.iter().filter(|execution| execution.parent_id.is_none()).collect();
    assert_eq!(top.len(), acknowledged.len());
    let parents = top.iter().filter(|execution| execution.name == "parent").count();
    assert_eq!(executions.len() - top.len(), parents, "every parent has one child");

    let marked = std::fs::read_to_string(marks).unwrap();
    let mut runs: HashMap<&str, usize> = HashMap::new();
    for key in marked.lines() {
        *runs.entry(key).or_default() += 1;
    }
    for execution in &executions {
        assert_eq!(execution.status, Status::Completed, "{execution:?}");
        assert_eq!(execution.output.as_deref(), Some("4"), "{execution:?}");
        assert!(execution.owner.is_none() && execution.wake_at.is_none() && execution.continuation.is_none());
        assert!(verify_events(store, &execution.tenant_id, &execution.id).await.unwrap() > 0);
        // Each attempt of an effect has one recorded outcome, however often it had to be begun.
        let steps = steps(store, execution).await;
        let mut recorded: Vec<_> = steps.iter().map(|step| (&step.task, step.visit, step.attempt)).collect();
        recorded.sort_unstable();
        recorded.dedup();
        assert_eq!(recorded.len(), steps.len(), "an outcome was recorded twice: {steps:?}");
        let expected = match execution.name.as_str() {
            "steps" | "parent" => 4,
            "waits" => 1,
            _ => 2,
        };
        assert_eq!(steps.len(), expected, "{steps:?}");
        assert!(runs.keys().any(|key| key.starts_with(execution.id.as_str())), "effects of {execution:?}");
    }
    let repeats: usize = runs.values().map(|count| count - 1).sum();
    println!("{} effects for {} keys, {repeats} of them again after a kill", marked.lines().count(), runs.len());
}
