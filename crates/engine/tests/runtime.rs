//! Executions in one process and across processes, on the memory backend with a clock of the tests' own.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aquifer_core::kinds::{EventBatch, EventBatchColumn, Execution, Message, SCHEMA, Status, Step};
use aquifer_core::layers::{Fault, Faults, GroupCommit};
use aquifer_core::{
    Backend, BackendExt, Clock, Condition, Entity, ExecutionId, Json, ManualClock, MessageId, Operation, Retry, Scan,
    Store, Stored, TenantId, Timestamp, Transaction,
};
use aquifer_engine::{
    ControlError, DEFAULT_TENANT, Engine, EngineOptions, Observer, Start, StartError, VersionRef, WorkflowRef,
    verify_events,
};
use aquifer_memory::MemoryBackend;
use serde_json::{Value, json};

/// A store in memory that several engines share.
struct World {
    backend: MemoryBackend,
    clock: ManualClock,
}

impl World {
    async fn new() -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let backend = MemoryBackend::new(&SCHEMA);
        backend.migrate().await.unwrap();
        Self { backend, clock: ManualClock::new(start) }
    }

    fn store(&self) -> Store {
        let backend = Arc::new(GroupCommit::new(Arc::new(self.backend.handle())));
        Store::new(backend, Arc::new(self.clock.clone()))
    }

    async fn engine(&self) -> Engine {
        self.engine_with(EngineOptions::default()).await
    }

    async fn engine_with(&self, options: EngineOptions) -> Engine {
        Engine::open(self.store(), options).await.unwrap()
    }

    async fn execution(&self, id: &ExecutionId) -> Execution {
        let scan = Scan::key(Execution::KIND).equals(tenant()).equals(id).with_detail();
        let record = self.backend.scan(&scan).await.unwrap().records.pop().unwrap();
        Execution::from_record(record).unwrap()
    }

    async fn steps(&self, id: &ExecutionId) -> Vec<Step> {
        let scan = Scan::key(Step::KIND).equals(tenant()).equals(id).with_detail();
        let records = self.backend.scan(&scan).await.unwrap().records;
        records.into_iter().map(|record| Step::from_record(record).unwrap()).collect()
    }

    /// Lets tasks run until the execution is as wanted, moving the clock in small steps.
    async fn until(&self, id: &ExecutionId, wanted: impl Fn(&Execution) -> bool) -> Execution {
        for _ in 0..2000 {
            let execution = self.execution(id).await;
            if wanted(&execution) {
                return execution;
            }
            // Real time passes only for what runs outside, such as a shell command.
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.clock.advance(Duration::from_millis(250));
        }
        panic!("still {:?}", self.execution(id).await);
    }
}

fn tenant() -> TenantId {
    DEFAULT_TENANT.into()
}

fn definition(name: &str, body: &str) -> String {
    format!("document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '0.1.0' }}\n{body}")
}

fn start(name: &str, input: Value) -> Start {
    Start {
        workflow: WorkflowRef::Name { namespace: "test".to_owned(), name: name.to_owned() },
        version: VersionRef::Latest,
        input,
        idempotency_key: None,
        tags: None,
        user_id: None,
    }
}

async fn begin(engine: &Engine, name: &str, body: &str, input: Value) -> ExecutionId {
    engine.apply(&tenant(), definition(name, body).as_bytes(), "test.yaml").await.unwrap();
    engine.start(&tenant(), start(name, input)).await.unwrap().execution_id
}

fn output(execution: &Execution) -> Value {
    assert_eq!(execution.status, Status::Completed, "{execution:?}");
    serde_json::from_str(execution.output.as_deref().unwrap()).unwrap()
}

fn error(execution: &Execution) -> Value {
    assert_eq!(execution.status, Status::Faulted, "{execution:?}");
    serde_json::from_str(execution.error.as_deref().unwrap()).unwrap()
}

async fn event_types(engine: &Engine, id: &ExecutionId) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        let page = engine.events(&tenant(), id, i64::try_from(events.len()).unwrap(), 3).await.unwrap();
        if page.is_empty() {
            return events;
        }
        for event in page {
            assert_eq!(event.number, i64::try_from(events.len() + 1).unwrap(), "no gaps, no repeats");
            let kind = event.cloud_event["type"].as_str().unwrap().to_owned();
            events.push(kind.replace("io.serverlessworkflow.", "").replace(".v1", ""));
        }
    }
}

#[tokio::test]
async fn a_pure_workflow_is_one_commit_with_all_its_events() {
    let world = World::new().await;
    let engine = world.engine().await;
    let id = begin(&engine, "pure", "do:\n- a: { set: { x: '${ .n }' } }\n", json!({"n": 1})).await;
    let execution = engine.wait(&tenant(), &id).await.unwrap();
    assert_eq!(output(&execution), json!({"x": 1}));
    assert_eq!(execution.revision, 1);
    assert_eq!(execution.last_event, 5);
    assert!(execution.continuation.is_none() && execution.owner.is_none());
    assert_eq!(
        event_types(&engine, &id).await,
        ["workflow.started", "task.created", "task.started", "task.completed", "workflow.completed"]
    );
}

#[tokio::test]
async fn effects_are_steps_and_their_outcomes_flow_on() {
    let world = World::new().await;
    let engine = world.engine().await;
    let body = r#"
do:
- hello: { run: { shell: { command: 'echo "$1 $WHO"', arguments: [Hello], environment: { WHO: '${ .who }' } } } }
- fails: { try: [ { bad: { run: { shell: { command: 'exit 3' } } } } ], catch: { do: [ { keep: { set: '${ $error.status }' } } ] } }
"#;
    let id = begin(&engine, "effects", body, json!({"who": "you"})).await;
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!(500));
    let steps = world.steps(&id).await;
    let seen: Vec<_> = steps.iter().map(|step| (step.number, step.task.as_str(), step.status)).collect();
    assert_eq!(seen, [(1, "/do/0/hello", Status::Completed), (2, "/do/1/fails/try/0/bad", Status::Faulted)]);
    assert_eq!(steps[0].output.as_deref(), Some("\"Hello you\""));
}

#[tokio::test]
async fn a_long_wait_leaves_memory_and_comes_back_when_due() {
    let world = World::new().await;
    let engine = world.engine().await;
    let id = begin(&engine, "waits", "do:\n- w: { wait: PT1H }\n- a: { set: { done: true } }\n", json!({})).await;
    let parked = world.until(&id, |execution| execution.status == Status::Waiting && execution.owner.is_none()).await;
    assert_eq!(parked.wake_at.unwrap().duration_since(parked.created_at), Duration::from_secs(3600));
    assert_eq!(engine.running(), 0);
    world.clock.advance(Duration::from_secs(3600));
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!({"done": true}));
}

#[test]
fn what_a_dead_worker_ran_another_takes_over_and_the_dead_cannot_write() {
    // Each engine has a runtime of its own, and stands still while nobody drives it, as a paused process does.
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (paused, lively) = (runtime(), runtime());
    let body = "do:\n- s: { run: { shell: { command: 'cat', stdin: '${ .n }' } } }\n- w: { wait: PT4S }\n- e: { set: '${ {n: ., by: 2} }' }\n";
    let (world, first, id) = paused.block_on(async {
        let world = World::new().await;
        let first = world.engine().await;
        let id = begin(&first, "dies", body, json!({"n": "7"})).await;
        // The clock stays where it is: the wait is not over, and the first engine sleeps in it.
        for _ in 0..1000 {
            if world.execution(&id).await.status == Status::Waiting {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let execution = world.execution(&id).await;
        assert_eq!((execution.status, execution.owner), (Status::Waiting, Some(first.worker_id())));
        (world, first, id)
    });
    // The lease of the first engine runs out, and the wait with it.
    world.clock.advance(Duration::from_secs(60));
    let (ended, _second) = lively.block_on(async {
        let second = world.engine().await;
        (world.until(&id, |execution| execution.status.is_final()).await, second)
    });
    assert_eq!(output(&ended), json!({"n": "7", "by": 2}));
    // The first one wakes up in a wait that is over, with an execution that it believes to be its own.
    paused.block_on(async {
        assert_eq!(first.running(), 1);
        for _ in 0..1000 {
            if first.running() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(first.running(), 0, "it lets go of what it lost");
        assert_eq!(world.execution(&id).await, ended, "and has written nothing");
        let types = event_types(&first, &id).await;
        assert_eq!(types.iter().filter(|kind| *kind == "workflow.completed").count(), 1, "{types:?}");
        assert_eq!(world.steps(&id).await.len(), 1, "the step that was recorded is not done again");
    });
}

#[tokio::test]
async fn an_engine_that_shuts_down_hands_back_and_the_next_goes_on() {
    let world = World::new().await;
    let first = world.engine_with(EngineOptions { grace: Duration::ZERO, ..EngineOptions::default() }).await;
    let body = "do:\n- s: { run: { shell: { command: 'sleep 600' } }, timeout: { after: PT2H } }\n";
    let id = begin(&first, "handed", body, json!({})).await;
    let stopping = tokio::spawn(async move { first.shutdown().await });
    let handed = world.until(&id, |execution| execution.owner.is_none()).await;
    assert_eq!(handed.status, Status::Running);
    world.until(&id, |_| stopping.is_finished()).await;
    let second = world.engine().await;
    world.until(&id, |execution| execution.owner == Some(second.worker_id())).await;
    let cancelled = second.cancel(&tenant(), &id).await.unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
}

#[tokio::test]
async fn cancelling_stops_what_runs_and_is_idempotent() {
    let world = World::new().await;
    let engine = world.engine().await;
    let id = begin(&engine, "stops", "do:\n- s: { run: { shell: { command: 'sleep 600' } } }\n", json!({})).await;
    let cancelled = engine.cancel(&tenant(), &id).await.unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
    assert_eq!(engine.cancel(&tenant(), &id).await.unwrap().status, Status::Cancelled);
    assert_eq!(world.steps(&id).await.len(), 1);
    assert_eq!(event_types(&engine, &id).await[3..], ["task.cancelled", "workflow.cancelled"]);
    assert!(matches!(engine.resume(&tenant(), &id).await, Err(ControlError::Ended(Status::Cancelled))));
    assert!(matches!(engine.cancel(&tenant(), &"ex_none".into()).await, Err(ControlError::NotFound(_))));
}

#[tokio::test]
async fn a_parked_execution_can_be_cancelled_and_suspended() {
    let world = World::new().await;
    let engine = world.engine().await;
    let body = "do:\n- w: { wait: PT1H }\n- a: { set: { done: true } }\n";
    let id = begin(&engine, "parked", body, json!({})).await;
    world.until(&id, |execution| execution.owner.is_none()).await;
    let suspended = engine.suspend(&tenant(), &id).await.unwrap();
    assert_eq!((suspended.status, suspended.wake_at), (Status::Suspended, None));
    world.clock.advance(Duration::from_secs(7200));
    assert!(matches!(engine.suspend(&tenant(), &id).await, Ok(execution) if execution.status == Status::Suspended));
    engine.resume(&tenant(), &id).await.unwrap();
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!({"done": true}));
    let types = event_types(&engine, &id).await;
    assert!(types.contains(&"workflow.suspended".to_owned()) && types.contains(&"task.resumed".to_owned()));
    let id = engine.start(&tenant(), start("parked", json!({}))).await.unwrap().execution_id;
    world.until(&id, |execution| execution.owner.is_none()).await;
    assert_eq!(engine.cancel(&tenant(), &id).await.unwrap().status, Status::Cancelled);
}

#[tokio::test]
async fn another_process_can_cancel_what_this_one_runs() {
    let world = World::new().await;
    let (first, second) = (world.engine().await, world.engine().await);
    let id = begin(&first, "remote", "do:\n- s: { run: { shell: { command: 'sleep 600' } } }\n", json!({})).await;
    let asking =
        tokio::spawn(async move { second.cancel(&tenant(), &id.clone()).await.map(|execution| (id, execution)) });
    for _ in 0..1000 {
        if asking.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        world.clock.advance(Duration::from_millis(100));
    }
    let (id, execution) = asking.await.unwrap().unwrap();
    assert_eq!(execution.status, Status::Cancelled);
    assert_eq!(world.execution(&id).await.status, Status::Cancelled);
}

#[tokio::test]
async fn an_idempotency_key_starts_once() {
    let world = World::new().await;
    let engine = world.engine().await;
    engine.apply(&tenant(), definition("once", "do:\n- a: { set: '${ . }' }\n").as_bytes(), "t").await.unwrap();
    let request = Start { idempotency_key: Some("k".to_owned()), ..start("once", json!({"n": 1})) };
    let first = engine.start(&tenant(), request.clone()).await.unwrap();
    let again = engine.start(&tenant(), request.clone()).await.unwrap();
    assert_eq!((again.execution_id, again.existing), (first.execution_id, true));
    let other = Start { input: json!({"n": 2}), ..request };
    assert!(matches!(engine.start(&tenant(), other).await, Err(StartError::IdempotencyMismatch { .. })));
}

#[tokio::test]
async fn sub_workflows_run_as_executions_of_their_own() {
    let world = World::new().await;
    let engine = world.engine().await;
    let child = "input: { schema: { document: { type: object, required: [n] } } }\ndo:\n- w: { wait: PT1S }\n- a: { set: { twice: '${ .n * 2 }' } }\n";
    engine.apply(&tenant(), definition("child", child).as_bytes(), "t").await.unwrap();
    let run = |input: &str| {
        format!(
            "do:\n- run: {{ run: {{ workflow: {{ namespace: test, name: child, version: '0.1.0', input: {input} }} }} }}\n"
        )
    };
    let id = begin(&engine, "parent", &run("{ n: '${ .x }' }"), json!({"x": 21})).await;
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!({"twice": 42}));
    let scan = Scan::index(Execution::KIND, "by_parent").equals(tenant()).equals(&id);
    assert_eq!(world.backend.scan(&scan).await.unwrap().records.len(), 1);

    let id = begin(&engine, "parent-bad", &run("{}"), json!({})).await;
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    let error = error(&execution);
    assert_eq!((&error["status"], &error["instance"]), (&json!(400), &json!("/do/0/run")), "{error}");

    let missing = "do:\n- run: { run: { workflow: { namespace: test, name: nobody, version: latest } } }\n";
    let id = begin(&engine, "parent-missing", missing, json!({})).await;
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert!(self::error(&execution)["detail"].as_str().unwrap().contains("nobody"));
}

#[tokio::test]
async fn cancelling_a_parent_cancels_its_child() {
    let world = World::new().await;
    let engine = world.engine().await;
    engine.apply(&tenant(), definition("child", "do:\n- w: { wait: PT1H }\n").as_bytes(), "t").await.unwrap();
    let body = "do:\n- run: { run: { workflow: { namespace: test, name: child, version: latest } } }\n";
    let id = begin(&engine, "parent", body, json!({})).await;
    let scan = Scan::index(Execution::KIND, "by_parent").equals(tenant()).equals(&id);
    let mut child = None;
    for _ in 0..500 {
        child = world.backend.scan(&scan).await.unwrap().records.pop();
        if child.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let child = Stored::<Execution>::from_record(child.unwrap()).unwrap();
    // The effect knows its child only after the start has returned.
    world.until(&child.id, |execution| execution.owner.is_none()).await;
    engine.cancel(&tenant(), &id).await.unwrap();
    let child = world.until(&child.id, |execution| execution.status.is_final()).await;
    assert_eq!(child.status, Status::Cancelled);
}

#[tokio::test]
async fn large_values_are_stored_once_and_survive_a_restart() {
    let world = World::new().await;
    let first = world.engine_with(EngineOptions { park_after: Duration::ZERO, ..EngineOptions::default() }).await;
    let body = r#"
do:
- loop:
    for: { in: '[range(6)]' }
    do:
    - w: { wait: PT1S }
- size: { set: '${ .big | length }' }
"#;
    let id = begin(&first, "large", body, json!({"big": "x".repeat(100_000)})).await;
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!(100_000));
    let scan = Scan::key(aquifer_core::kinds::Payload::KIND).equals(tenant()).equals(&id);
    assert_eq!(world.backend.scan(&scan).await.unwrap().records.len(), 1);
    let scan = Scan::key(EventBatch::KIND).equals(tenant()).equals(&id).with_detail();
    let batches = world.backend.scan(&scan).await.unwrap().records;
    assert!(batches.iter().all(|record| record.size() < 5000), "events refer to large data");
}

#[tokio::test]
async fn a_missing_or_altered_event_shows() {
    let world = World::new().await;
    let engine = world.engine().await;
    let body = "do:\n- a: { run: { shell: { command: 'true' } } }\n- b: { run: { shell: { command: 'true' } } }\n";
    let id = begin(&engine, "chain", body, json!({})).await;
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(verify_events(engine.store(), &tenant(), &id).await.unwrap(), execution.last_event);
    let scan = Scan::key(EventBatch::KIND).equals(tenant()).equals(&id).with_detail();
    let batches = world.backend.scan(&scan).await.unwrap().records;
    assert!(batches.len() > 2);
    for (position, record) in batches.iter().enumerate() {
        let batch = EventBatch::from_record(record.clone()).unwrap();
        let entries = EventBatchColumn::entries as usize;
        let altered = batch.entries.replacen("task", "tusk", 1);
        let tampered = altered != batch.entries;
        let set = |text: String| Operation::Update {
            key: record.key(),
            condition: Condition::Exists,
            set: vec![(entries, text.into())],
        };
        let write = |operation: Operation| async {
            world.backend.commit_one(Transaction::new(vec![operation])).await.unwrap();
        };
        if tampered {
            write(set(altered)).await;
            assert!(verify_events(engine.store(), &tenant(), &id).await.is_err(), "altered batch {position}");
            write(set(batch.entries.clone())).await;
        }
        write(Operation::Delete { key: record.key(), condition: Condition::Exists }).await;
        assert!(verify_events(engine.store(), &tenant(), &id).await.is_err(), "missing batch {position}");
        write(Operation::Insert(record.clone())).await;
        assert!(verify_events(engine.store(), &tenant(), &id).await.is_ok());
    }
}

#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<String>>);

impl Observer for Recorder {
    fn task_ended(&self, _execution: &ExecutionId, task: &str, _name: &str, status: &str) {
        self.0.lock().unwrap().push(format!("{task} {status}"));
    }
}

#[tokio::test]
async fn observers_hear_of_every_task_and_versions_count_up() {
    let world = World::new().await;
    let recorder = Arc::new(Recorder::default());
    let observer: Arc<dyn Observer> = recorder.clone();
    let engine = world.engine_with(EngineOptions { observer, ..EngineOptions::default() }).await;
    let id = begin(
        &engine,
        "seen",
        "do:\n- a: { if: .x, set: 1 }\n- b: { set: { y: 1 } }\n".replace("set: 1", "set: { z: 1 }").as_str(),
        json!({}),
    )
    .await;
    engine.wait(&tenant(), &id).await.unwrap();
    assert_eq!(*recorder.0.lock().unwrap(), ["/do/0/a skipped", "/do/1/b completed"]);
    let source = definition("seen", "do: []\n");
    let applied = engine.apply(&tenant(), source.as_bytes(), "t").await.unwrap();
    assert_eq!((applied.version, applied.created, applied.changed), (2, false, true));
    let again = engine.apply(&tenant(), source.as_bytes(), "t").await.unwrap();
    assert_eq!((again.version, again.changed), (2, false));
    let old = Start { version: VersionRef::Number(1), ..start("seen", json!({"x": true})) };
    let id = engine.start(&tenant(), old).await.unwrap().execution_id;
    assert_eq!(output(&engine.wait(&tenant(), &id).await.unwrap()), json!({"y": 1}));
    let none = Start { version: VersionRef::Number(9), ..start("seen", json!({})) };
    assert!(matches!(engine.start(&tenant(), none).await, Err(StartError::NotFound(_))));
    assert_eq!(world.clock.now(), "2026-01-01T00:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn a_start_whose_caller_goes_away_runs_all_the_same() {
    let world = World::new().await;
    let engine = world.engine().await;
    engine
        .apply(&tenant(), definition("left", "do:\n- s: { run: { shell: { command: 'true' } } }\n").as_bytes(), "t")
        .await
        .unwrap();
    {
        let tenant = tenant();
        let starting = engine.start(&tenant, start("left", json!({})));
        // One look at it lets the start begin; then its caller is gone.
        assert!(futures_util::FutureExt::now_or_never(starting).is_none());
    }
    for _ in 0..500 {
        let scan = Scan::index(Execution::KIND, "by_status").equals(tenant()).equals(Status::Completed);
        if world.backend.scan(&scan).await.unwrap().records.len() == 1 {
            engine.shutdown().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the execution did not run");
}

/// Loses replies where a test asks for it.
async fn faulty(world: &World) -> (Arc<Faults>, Engine) {
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let faults = Arc::new(Faults::new(Arc::new(world.backend.handle()), Arc::clone(&clock), 1));
    let engine = Engine::open(Store::new(Arc::clone(&faults) as Arc<dyn Backend>, clock), EngineOptions::default());
    (faults, engine.await.unwrap())
}

#[tokio::test]
async fn what_a_lost_claim_took_is_run_by_the_worker_that_it_was_given_to() {
    let world = World::new().await;
    let (faults, engine) = faulty(&world).await;
    let body = "do: [ { pause: { wait: { minutes: 1 } } }, { last: { set: '${ 3 }' } } ]";
    let id = begin(&engine, "waits", body, json!({})).await;
    assert!(world.execution(&id).await.owner.is_none(), "it left memory");
    // Every reply to a claim, whatever it is for.
    (0..1000).for_each(|_| faults.next("claim", Fault::After));
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!(3));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_start_whose_reply_was_lost_runs_to_its_end() {
    let world = World::new().await;
    let (faults, engine) = faulty(&world).await;
    let body = "do: [ { pause: { wait: { seconds: 2 } } }, { last: { set: '${ 3 }' } } ]";
    engine.apply(&tenant(), definition("short", body).as_bytes(), "test.yaml").await.unwrap();
    faults.next("commit", Fault::After);
    let error = engine.start(&tenant(), start("short", json!({}))).await.unwrap_err();
    assert!(matches!(&error, StartError::Store(error) if error.retry() == Retry::Unknown), "{error:?}");
    let page = world.backend.scan(&Scan::key(Execution::KIND).equals(tenant())).await.unwrap();
    let id = Execution::from_record(page.records[0].clone()).unwrap().id;
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!(3));
    engine.shutdown().await;
}

#[tokio::test]
async fn what_has_expired_is_removed_by_whoever_runs() {
    let world = World::new().await;
    let engine = world.engine().await;
    let now = world.clock.now();
    let message = Message {
        tenant_id: tenant(),
        id: MessageId::generate(now),
        event_type: "order.placed".to_owned(),
        source: None,
        event: Json::encode(&json!({})).unwrap(),
        created_at: now,
        expires_at: Some(now.saturating_add(Duration::from_secs(60))),
    };
    let key = message.to_record().key();
    world.backend.commit_one(Transaction::new(vec![Operation::Insert(message.to_record())])).await.unwrap();
    for _ in 0..100 {
        world.clock.advance(Duration::from_secs(30));
        // Lets the loops of the engine run.
        tokio::time::sleep(Duration::from_millis(2)).await;
        if world.backend.get_one(key.clone()).await.unwrap().is_none() {
            return engine.shutdown().await;
        }
    }
    panic!("the message is still there");
}

#[tokio::test]
async fn a_child_is_started_once_the_backend_answers_again() {
    let world = World::new().await;
    let (faults, engine) = faulty(&world).await;
    engine.apply(&tenant(), definition("child", "do: [ { a: { set: '${ 5 }' } } ]").as_bytes(), "a").await.unwrap();
    let body = "do: [ { pause: { wait: { seconds: 1 } } }, \
        { child: { run: { workflow: { namespace: test, name: child, version: latest } } } } ]";
    let id = begin(&engine, "parent", body, json!({})).await;
    // Those of the engine's own loops fail, too, and are done again later.
    (0..60).for_each(|_| faults.next("scan", Fault::Before));
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!(5));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_child_that_a_stopping_process_does_not_start_is_started_by_the_next() {
    let world = World::new().await;
    let engine = world.engine().await;
    engine.apply(&tenant(), definition("child", "do: [ { a: { set: '${ 5 }' } } ]").as_bytes(), "a").await.unwrap();
    let body = "do: [ { first: { run: { shell: { command: 'sleep 0.2' } } } }, \
        { child: { run: { workflow: { namespace: test, name: child, version: latest } } } } ]";
    let id = begin(&engine, "parent", body, json!({})).await;
    // The first task ends while the process stops, and the second begins.
    let stopping = tokio::spawn(async move { engine.shutdown().await });
    while !stopping.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.clock.advance(Duration::from_millis(500));
    }
    let next = world.engine().await;
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!(5));
    next.shutdown().await;
}

#[tokio::test]
async fn a_lost_reply_to_a_heartbeat_makes_no_new_worker() {
    let world = World::new().await;
    let (faults, engine) = faulty(&world).await;
    let worker = engine.worker_id();
    for _ in 0..20 {
        faults.next("commit", Fault::After);
        // Less than a lease: the next heartbeat is in time.
        for _ in 0..10 {
            world.clock.advance(Duration::from_millis(600));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert_eq!(engine.worker_id(), worker);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_was_taken_for_dead_goes_on_with_what_it_took_from_itself() {
    let world = World::new().await;
    let (_, engine) = faulty(&world).await;
    let body = "do: [ { loop: { for: { in: '[range(6)]' }, do: [ { pause: { wait: { seconds: 4 } } } ] } }, \
        { last: { set: '${ 7 }' } } ]";
    let id = begin(&engine, "short", body, json!({})).await;
    let before = engine.worker_id();
    assert_eq!(world.execution(&id).await.owner.as_ref(), Some(&before), "it stays in memory");
    // Somebody takes the worker for dead, as after a pause of the process.
    let key = aquifer_core::Key::new(aquifer_core::kinds::Worker::KIND, [before.as_str()]);
    let expired = aquifer_core::kinds::WorkerColumn::expires_at as usize;
    let set = vec![(expired, world.clock.now().into())];
    let update = Operation::Update { key, condition: Condition::Exists, set };
    world.backend.commit_one(Transaction::new(vec![update])).await.unwrap();
    let execution = world.until(&id, |execution| execution.status.is_final()).await;
    assert_eq!(output(&execution), json!(7));
    assert_ne!(engine.worker_id(), before);
    engine.shutdown().await;
}
