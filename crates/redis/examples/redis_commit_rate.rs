//! Measures commits: one caller and 64 callers under group commit, and the bare driver for comparison.
//!
//! ```sh
//! cargo run --release -p aquifer-redis --example redis_commit_rate -- redis://127.0.0.1:6379 5
//! ```
//!
//! The arguments are the URL and the seconds per measurement. One transaction updates an execution and inserts a step and a batch of
//! events, with payloads of 300 bytes. What it stored is left in the database, below the prefix `commit_rate`.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer_core::kinds::{EventBatch, Execution, ExecutionColumn, Status, Step, Tenant, Workflow, WorkflowFormat};
use aquifer_core::layers::GroupCommit;
use aquifer_core::{
    Backend, BackendExt, Clock, Condition, Entity, ExecutionId, Operation, SCHEMA, SystemClock, TenantId, Timestamp,
    Transaction, Value, WorkflowId,
};
use aquifer_redis::{RedisBackend, RedisOptions, bare_rates};

const CALLERS: usize = 64;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let seconds = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let duration = Duration::from_secs(seconds);
    let sign = if url.contains('?') { '&' } else { '?' };
    let options = RedisOptions::from_url(&format!("{url}{sign}prefix=commit_rate&stream_prefix=commit_rate:"))?;

    let bare = bare_rates(&options, duration).await?;
    println!("bare driver: {:?} a row, {:.0} rows/s in batches of 64", bare.median_commit(), bare.rows_per_second);
    let backend: Arc<dyn Backend> = Arc::new(RedisBackend::open(options, &SCHEMA).await?);
    backend.migrate().await?;
    let tenant = format!("tn_{:08x}", fastrand::u32(..));
    let executions = prepare(backend.as_ref(), &tenant).await?;
    let grouped: Arc<dyn Backend> = Arc::new(GroupCommit::new(Arc::clone(&backend)));
    for callers in [1, CALLERS] {
        let rate = turns(&grouped, &tenant, executions.get(..callers).unwrap_or(&executions), duration).await?;
        println!(
            "{callers:>2} callers: {rate:.0} turns/s, {:.2} of the bare rows/s",
            rate * 3.0 / bare.rows_per_second
        );
    }
    let batches = batches(&backend, &tenant, &executions).await?;
    println!("64 turns in one commit: {batches:?}");
    backend.close().await?;
    Ok(())
}

/// Stores a tenant, a workflow and an execution for each caller.
async fn prepare(backend: &dyn Backend, tenant: &str) -> Outcome<Vec<ExecutionId>> {
    let now = SystemClock.now();
    let tenant_id = TenantId::from(tenant);
    let tenant =
        Tenant { id: tenant_id.clone(), name: tenant.into(), metadata: None, created_at: now, updated_at: now };
    backend.commit_one(Transaction::new(vec![Operation::Insert(tenant.to_record())])).await?;
    let workflow = Workflow {
        tenant_id: tenant_id.clone(),
        id: WorkflowId::from(tenant_id.as_str()),
        namespace: "default".into(),
        name: "bench".into(),
        title: None,
        format: WorkflowFormat::Dsl,
        latest_version: 1,
        owner_id: None,
        is_public: false,
        auto_restart: false,
        tags: None,
        created_at: now,
        updated_at: now,
    };
    backend.commit_one(Transaction::new(vec![Operation::Insert(workflow.to_record())])).await?;
    let mut ids = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        let id = ExecutionId::generate(now);
        let execution = Execution {
            tenant_id: tenant_id.clone(),
            id: id.clone(),
            workflow_id: workflow.id.clone(),
            namespace: "default".into(),
            name: "bench".into(),
            version: 1,
            status: Status::Running,
            input: Some(payload()),
            output: None,
            error: None,
            continuation: Some(payload()),
            owner: Some("wk_bench".into()),
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
            ended_at: None,
        };
        backend.commit_one(Transaction::new(vec![Operation::Insert(execution.to_record())])).await?;
        ids.push(id);
    }
    Ok(ids)
}

fn payload() -> String {
    format!("\"{}\"", "x".repeat(298))
}

fn changes(number: i64, now: Timestamp) -> Vec<(usize, Value)> {
    vec![
        (ExecutionColumn::continuation as usize, Value::from(payload())),
        (ExecutionColumn::last_event as usize, Value::from(number)),
        (ExecutionColumn::event_hash as usize, Value::from("0".repeat(64))),
        (ExecutionColumn::last_step as usize, Value::from(number)),
        (ExecutionColumn::updated_at as usize, Value::from(now)),
    ]
}

fn turn(tenant: &str, id: &ExecutionId, number: i64, revision: u64) -> Transaction {
    let now = SystemClock.now();
    let tenant_id = TenantId::from(tenant);
    let step = Step {
        tenant_id: tenant_id.clone(),
        execution_id: id.clone(),
        number,
        task: "/do/0/call".into(),
        name: "call".into(),
        visit: 1,
        attempt: 1,
        status: Status::Completed,
        output: Some(payload()),
        error: None,
        started_at: now,
        ended_at: now,
    };
    let events = EventBatch {
        tenant_id,
        execution_id: id.clone(),
        last: number,
        first: number,
        entries: format!("[{}]", payload()),
        hash: "0".repeat(64),
        created_at: now,
    };
    let key = aquifer_core::Key::new(Execution::KIND, [Value::from(tenant), Value::from(id)]);
    Transaction::new(vec![
        Operation::Update { key, condition: Condition::Revision(revision), set: changes(number, now) },
        Operation::Insert(step.to_record()),
        Operation::Insert(events.to_record()),
    ])
}

/// Turns a second of as many callers as there are executions.
async fn turns(
    backend: &Arc<dyn Backend>,
    tenant: &str,
    executions: &[ExecutionId],
    duration: Duration,
) -> Outcome<f64> {
    let start = Instant::now();
    let mut callers = Vec::with_capacity(executions.len());
    for id in executions {
        let (backend, tenant, id) = (Arc::clone(backend), tenant.to_owned(), id.clone());
        callers.push(tokio::spawn(async move {
            let key = aquifer_core::Key::new(Execution::KIND, [Value::from(tenant.as_str()), Value::from(&id)]);
            let found = backend.get_one(key).await?.map_or(1, |record| record.revision);
            let mut revision = found;
            while start.elapsed() < duration {
                let number = i64::try_from(revision).unwrap_or(i64::MAX);
                backend.commit_one(turn(&tenant, &id, number, revision)).await?;
                revision += 1;
            }
            Ok::<_, aquifer_core::Error>(revision - found)
        }));
    }
    let mut turns = 0;
    for caller in callers {
        turns += caller.await??;
    }
    Ok(turns as f64 / start.elapsed().as_secs_f64())
}

/// How long 64 turns take that are handed in at once: the median of many.
async fn batches(backend: &Arc<dyn Backend>, tenant: &str, executions: &[ExecutionId]) -> Outcome<Duration> {
    let mut took = Vec::new();
    for number in 0..100 {
        let mut transactions = Vec::with_capacity(executions.len());
        for id in executions {
            let mut operations = turn(tenant, id, 1_000_000_000 + number, 0).operations.to_vec();
            operations.retain(|operation| matches!(operation, Operation::Insert(_)));
            let key = aquifer_core::Key::new(Execution::KIND, [Value::from(tenant), Value::from(id)]);
            let set = changes(number, SystemClock.now());
            operations.push(Operation::Update { key, condition: Condition::Exists, set });
            transactions.push(Transaction::new(operations));
        }
        let begin = Instant::now();
        for answer in backend.commit(transactions).await {
            answer?;
        }
        took.push(begin.elapsed());
    }
    took.sort_unstable();
    Ok(took.get(took.len() / 2).copied().unwrap_or_default())
}
