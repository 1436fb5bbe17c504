//! Pages of a filtered listing, with few and with many executions stored: a page's cost must not grow with what is stored.

use std::time::Instant;

use aquifer::core::kinds::{Execution, Status, Tenant, Workflow, WorkflowFormat};
use aquifer::core::{
    BackendExt, Cursor, Entity, ExecutionId, Operation, Scan, Store, TenantId, Timestamp, Transaction, WorkflowId,
};

use super::report::{Latency, List, ListPages};
use crate::failure::Result;

/// How many executions are stored before the first measurement.
const FEW: usize = 1_000;

/// How many executions are handed to the backend at once.
const BATCH: usize = 512;

/// How many pages are read for a measurement.
const PAGES: usize = 350;

/// How far into the listing they go before they begin again: as far as the shorter listing has full pages, so that both measurements
/// read as much.
const DEEPEST: usize = 7;

pub(super) async fn measure(store: &Store, many: usize) -> Result<List> {
    let tenant = TenantId::generate(store.clock().now());
    let workflow = prepare(store, &tenant).await?;
    let mut stored = 0;
    let mut pages = Vec::new();
    for goal in [FEW, many.max(FEW)] {
        while stored < goal {
            let count = BATCH.min(goal - stored);
            let now = store.clock().now();
            let batch = (stored..stored + count)
                .map(|number| {
                    Transaction::new(vec![Operation::Insert(execution(&tenant, &workflow, number, now).to_record())])
                })
                .collect();
            for answer in store.backend().commit(batch).await {
                answer?;
            }
            stored += count;
        }
        pages.push(ListPages { executions: stored, page: read(store, &tenant, &workflow).await? });
    }
    Ok(List { pages })
}

async fn prepare(store: &Store, tenant: &TenantId) -> Result<WorkflowId> {
    let now = store.clock().now();
    let owner = Tenant {
        id: tenant.clone(),
        name: format!("bench {tenant}"),
        metadata: None,
        created_at: now,
        updated_at: now,
    };
    let workflow = Workflow {
        tenant_id: tenant.clone(),
        id: WorkflowId::generate(now),
        namespace: "bench".to_owned(),
        name: "list".to_owned(),
        title: None,
        format: WorkflowFormat::Code,
        latest_version: 1,
        owner_id: None,
        is_public: false,
        auto_restart: false,
        tags: None,
        created_at: now,
        updated_at: now,
    };
    let id = workflow.id.clone();
    store.backend().commit_one(Transaction::new(vec![Operation::Insert(owner.to_record())])).await?;
    store.backend().commit_one(Transaction::new(vec![Operation::Insert(workflow.to_record())])).await?;
    Ok(id)
}

fn execution(tenant: &TenantId, workflow: &WorkflowId, number: usize, now: Timestamp) -> Execution {
    // One in four faulted, so that the filter has something to leave out.
    let status = if number.is_multiple_of(4) { Status::Faulted } else { Status::Completed };
    Execution {
        tenant_id: tenant.clone(),
        id: ExecutionId::generate(now),
        workflow_id: workflow.clone(),
        namespace: "bench".to_owned(),
        name: "list".to_owned(),
        version: 1,
        status,
        input: Some(format!("{{\"number\":{number}}}")),
        output: Some(number.to_string()),
        error: None,
        continuation: None,
        owner: None,
        wake_at: None,
        control: None,
        idempotency_key: None,
        parent_id: None,
        user_id: None,
        tags: None,
        progress: None,
        last_event: 0,
        event_hash: None,
        last_step: 0,
        created_at: now,
        updated_at: now,
        ended_at: Some(now),
    }
}

/// Reads pages one after the other from the newest on, and again from the newest after the deepest.
async fn read(store: &Store, tenant: &TenantId, workflow: &WorkflowId) -> Result<Latency> {
    let mut samples = Vec::with_capacity(PAGES);
    let mut cursor: Option<Cursor> = None;
    for number in 0..PAGES {
        if number % DEEPEST == 0 {
            cursor = None;
        }
        let scan = Scan::index(Execution::KIND, "by_workflow_status")
            .equals(tenant)
            .equals(workflow)
            .equals(Status::Completed)
            .descending(true)
            .limit(100)
            .after(cursor);
        let before = Instant::now();
        let page = store.backend().scan(&scan).await?;
        if page.records.len() == scan.limit {
            samples.push(before.elapsed());
        }
        cursor = page.next;
    }
    Ok(Latency::of(samples))
}
