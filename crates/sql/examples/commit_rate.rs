//! Measures commits: through the contract, and on the bare driver with the same tables for comparison.
//!
//! ```sh
//! cargo run --release -p aquifer-sql --example commit_rate -- /var/tmp 5
//! ```
//!
//! The arguments are the directory of the database and the seconds per measurement. One transaction updates an execution and
//! inserts a step and a batch of events, with payloads of 300 bytes.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aquifer_core::kinds::{EventBatch, Execution, ExecutionColumn, Status, Step, Tenant, Workflow, WorkflowFormat};
use aquifer_core::layers::GroupCommit;
use aquifer_core::{
    Backend, BackendExt, Clock, Condition, Entity, ExecutionId, Operation, SCHEMA, SystemClock, TenantId, Timestamp,
    Transaction, Value, WorkflowId,
};
use aquifer_sql::{SqliteBackend, SqliteOptions};
use rusqlite::Connection;

const CALLERS: usize = 64;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().unwrap_or_else(|| ".".to_owned());
    let seconds = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let duration = Duration::from_secs(seconds);
    let directory = tempfile::tempdir_in(parent)?;
    let path = directory.path().join("rate.db");

    let backend: Arc<dyn Backend> = Arc::new(SqliteBackend::open(SqliteOptions::new(&path), &SCHEMA)?);
    backend.migrate().await?;
    let executions = prepare(backend.as_ref()).await?;

    let grouped: Arc<dyn Backend> = Arc::new(GroupCommit::new(Arc::clone(&backend)));

    println!("one row at a time");
    let [bare, plain, group] = singles(&path, &backend, &grouped, &executions, duration).await?;
    report_latency("bare driver", &bare, &bare);
    report_latency("backend", &plain, &bare);
    report_latency("backend under group commit", &group, &bare);

    println!("turns of 64 executions");
    for _ in 0..3 {
        let bare = bare_batches(&path, &executions, duration)?;
        report_rate("bare driver, 64 in a transaction", bare, bare);
        let ours = turns(&grouped, &executions, duration).await?;
        report_rate("64 callers under group commit", ours, bare);
    }
    backend.close().await?;
    println!("{} bytes", std::fs::metadata(&path)?.len());
    Ok(())
}

fn report_rate(what: &str, rate: f64, bare: f64) {
    println!("  {what:<34} {rate:>8.0} turns/s   {:.2} of bare", rate / bare);
}

fn report_latency(what: &str, sorted: &[Duration], bare: &[Duration]) {
    let micros = |samples: &[Duration], part: f64| {
        let place = (samples.len() as f64 * part) as usize;
        samples.get(place).map_or(0.0, |sample| sample.as_secs_f64() * 1e6)
    };
    let (median, late) = (micros(sorted, 0.5), micros(sorted, 0.99));
    println!("  {what:<34} median {median:>6.0} us   p99 {late:>6.0} us   {:.2} of bare", median / micros(bare, 0.5));
}

/// Stores a tenant, a workflow and an execution for each caller.
async fn prepare(backend: &dyn Backend) -> Outcome<Vec<ExecutionId>> {
    let now = SystemClock.now();
    let tenant_id = TenantId::from("tn_bench");
    let tenant =
        Tenant { id: tenant_id.clone(), name: "bench".into(), metadata: None, created_at: now, updated_at: now };
    backend.commit_one(Transaction::new(vec![Operation::Insert(tenant.to_record())])).await?;
    let workflow = Workflow {
        tenant_id: tenant_id.clone(),
        id: WorkflowId::from("wf_bench"),
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

fn update(id: &ExecutionId, number: i64) -> Operation {
    let key = aquifer_core::Key::new(Execution::KIND, [Value::from("tn_bench"), Value::from(id)]);
    Operation::Update { key, condition: Condition::Exists, set: changes(number, SystemClock.now()) }
}

fn turn(id: &ExecutionId, number: i64, revision: u64) -> Transaction {
    let now = SystemClock.now();
    let tenant_id = TenantId::from("tn_bench");
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
        entries: payload(),
        hash: "0".repeat(64),
        created_at: now,
    };
    let key = aquifer_core::Key::new(Execution::KIND, [Value::from("tn_bench"), Value::from(id)]);
    Transaction::new(vec![
        Operation::Update { key, condition: Condition::Revision(revision), set: changes(number, now) },
        Operation::Insert(step.to_record()),
        Operation::Insert(events.to_record()),
    ])
}

/// How long single commits take, sorted. The three take turns, so that what else the machine does meets all alike.
async fn singles(
    path: &Path,
    plain: &Arc<dyn Backend>,
    grouped: &Arc<dyn Backend>,
    executions: &[ExecutionId],
    duration: Duration,
) -> Outcome<[Vec<Duration>; 3]> {
    let connection = bare(path)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    let start = Instant::now();
    while start.elapsed() < 3 * duration {
        for id in executions {
            let begin = Instant::now();
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
            bare_update(&connection, id, 0)?;
            connection.prepare_cached("COMMIT")?.execute(())?;
            samples[0].push(begin.elapsed());
        }
        for (backend, samples) in [plain, grouped].into_iter().zip(&mut samples[1..]) {
            for id in executions {
                let begin = Instant::now();
                backend.commit_one(Transaction::new(vec![update(id, 0)])).await?;
                samples.push(begin.elapsed());
            }
        }
    }
    samples.iter_mut().for_each(|samples| samples.sort());
    Ok(samples)
}

async fn turns(backend: &Arc<dyn Backend>, executions: &[ExecutionId], duration: Duration) -> Outcome<f64> {
    let start = Instant::now();
    let count = Arc::new(AtomicU64::new(0));
    let mut callers = Vec::with_capacity(executions.len());
    for id in executions {
        let (backend, count, id) = (Arc::clone(backend), Arc::clone(&count), id.clone());
        callers.push(tokio::spawn(async move {
            let key = aquifer_core::Key::new(Execution::KIND, [Value::from("tn_bench"), Value::from(&id)]);
            let record = backend.get_one(key).await?.ok_or("the execution is gone")?;
            let mut revision = record.revision;
            let mut number = Execution::from_record(record)?.last_step;
            while start.elapsed() < duration {
                number += 1;
                let committed = backend.commit_one(turn(&id, number, revision)).await?;
                revision = committed.revisions.first().copied().ok_or("no revision")?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Ok(())
        }));
    }
    for caller in callers {
        caller.await??;
    }
    Ok(rate(count.load(Ordering::Relaxed), start))
}

fn rate(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

fn bare(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

const UPDATE: &str = "UPDATE executions SET continuation = ?, last_event = ?, event_hash = ?, last_step = ?, \
    updated_at = ?, revision = revision + 1, transaction_id = ? WHERE tenant_id = ? AND id = ?";

fn bare_update(connection: &Connection, id: &ExecutionId, number: i64) -> Outcome<()> {
    connection.prepare_cached(UPDATE)?.execute((
        payload(),
        number,
        "0".repeat(64),
        number,
        SystemClock.now().to_string(),
        1,
        "tn_bench",
        id.as_str(),
    ))?;
    Ok(())
}

fn bare_batches(path: &Path, executions: &[ExecutionId], duration: Duration) -> Outcome<f64> {
    let connection = bare(path)?;
    let start = Instant::now();
    let last = "SELECT coalesce(max(number), 0) FROM steps";
    let mut number: i64 = connection.query_row(last, (), |row| row.get(0))?;
    let mut count = 0;
    while start.elapsed() < duration {
        number += 1;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        for id in executions {
            bare_update(&connection, id, number)?;
            let now = SystemClock.now().to_string();
            connection
                .prepare_cached("INSERT INTO steps VALUES (?, ?, ?, ?, ?, 1, 1, ?, ?, NULL, ?, ?, 1, 1)")?
                .execute(("tn_bench", id.as_str(), number, "/do/0/call", "call", "completed", payload(), &now, &now))?;
            connection.prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, 1, 1)")?.execute((
                "tn_bench",
                id.as_str(),
                number,
                number,
                payload(),
                "0".repeat(64),
                &now,
            ))?;
        }
        connection.prepare_cached("COMMIT")?.execute(())?;
        count += executions.len();
    }
    Ok(rate(count as u64, start))
}
