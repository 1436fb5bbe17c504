//! Workflows written in Rust, on the memory backend with a clock of the tests' own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aquifer_core::kinds::{
    Execution, SCHEMA, Status, Step, Workflow as StoredWorkflow, WorkflowFormat, WorkflowVersion,
};
use aquifer_core::layers::GroupCommit;
use aquifer_core::{Backend, Entity, ExecutionId, ManualClock, Scan, Store, TenantId, Timestamp};
use aquifer_engine::code::{
    BuildError, Context, LogLevel, Retry, RunError, StepError, StepOptions, Workflow, pass, step,
};
use aquifer_engine::{DEFAULT_TENANT, Engine, EngineOptions, Start, StartError, VersionRef, WorkflowRef};
use aquifer_memory::MemoryBackend;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

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

    async fn engine(&self) -> Engine {
        let backend = Arc::new(GroupCommit::new(Arc::new(self.backend.handle())));
        let store = Store::new(backend, Arc::new(self.clock.clone()));
        Engine::open(store, EngineOptions::default()).await.unwrap()
    }

    async fn scan<E: Entity>(&self, id: Option<&ExecutionId>) -> Vec<E> {
        let mut scan = Scan::key(E::KIND).equals(tenant()).limit(1000).with_detail();
        if let Some(id) = id {
            scan = scan.equals(id);
        }
        let records = self.backend.scan(&scan).await.unwrap().records;
        records.into_iter().map(|record| E::from_record(record).unwrap()).collect()
    }

    async fn execution(&self, id: &ExecutionId) -> Execution {
        self.scan(Some(id)).await.pop().unwrap()
    }

    /// Key, attempt and status of each recorded step.
    async fn steps(&self, id: &ExecutionId) -> Vec<(String, i64, Status)> {
        let steps: Vec<Step> = self.scan(Some(id)).await;
        steps.into_iter().map(|step| (step.name, step.attempt, step.status)).collect()
    }

    /// Lets tasks run until the execution is as wanted, without moving the clock.
    async fn reaches(&self, id: &ExecutionId, wanted: impl Fn(&Execution) -> bool) -> Execution {
        for _ in 0..20_000 {
            let execution = self.execution(id).await;
            if wanted(&execution) {
                return execution;
            }
            tokio::task::yield_now().await;
        }
        panic!("still {:?}", self.execution(id).await);
    }

    /// Lets tasks run until the execution is as wanted, moving the clock in small steps.
    async fn until(&self, id: &ExecutionId, wanted: impl Fn(&Execution) -> bool) -> Execution {
        for _ in 0..5000 {
            for _ in 0..20 {
                let execution = self.execution(id).await;
                if wanted(&execution) {
                    return execution;
                }
                tokio::task::yield_now().await;
            }
            self.clock.advance(Duration::from_millis(250));
        }
        panic!("still {:?}", self.execution(id).await);
    }
}

fn tenant() -> TenantId {
    DEFAULT_TENANT.into()
}

fn ended(execution: &Execution) -> bool {
    execution.status.is_final()
}

fn output(execution: &Execution) -> Value {
    assert_eq!(execution.status, Status::Completed, "{execution:?}");
    serde_json::from_str(execution.output.as_deref().unwrap()).unwrap()
}

fn error(execution: &Execution) -> Value {
    assert_eq!(execution.status, Status::Faulted, "{execution:?}");
    serde_json::from_str(execution.error.as_deref().unwrap()).unwrap()
}

async fn events(engine: &Engine, id: &ExecutionId) -> Vec<String> {
    let events = engine.events(&tenant(), id, 0, 10_000).await.unwrap();
    let short = |event: &Value| {
        let kind = event["type"].as_str().unwrap().replace("io.serverlessworkflow.", "").replace(".v1", "");
        match event["data"]["task"].as_str() {
            Some(task) => format!("{kind} {task}"),
            None => kind,
        }
    };
    events.iter().map(|event| short(&event.cloud_event)).collect()
}

/// A step that counts how often it is carried out.
fn counted(count: &Arc<AtomicUsize>) -> impl FnMut() -> std::future::Ready<Result<usize, StepError>> + Send + 'static {
    let count = Arc::clone(count);
    move || std::future::ready(Ok(count.fetch_add(1, Ordering::SeqCst) + 1))
}

fn done(name: &str) -> (String, i64, Status) {
    (name.to_owned(), 1, Status::Completed)
}

#[tokio::test]
async fn three_steps_are_a_start_and_three_commits() {
    let world = World::new().await;
    let engine = world.engine().await;
    let workflow = Workflow::builder("three")
        .function(|ctx: Context, n: u64| async move {
            let a: u64 = ctx.step("a", (), move || async move { Ok(n + 1) }).await?;
            let b: u64 = ctx.step("b/1", (), move || async move { Ok(a * 10) }).await?;
            ctx.step("c", (), move || async move { Ok(b + 5) }).await
        })
        .unwrap();
    let handle = engine.start_code(&tenant(), &workflow, &3).await.unwrap();
    let id = handle.execution_id().clone();
    assert_eq!(handle.output().await.unwrap(), 45);
    let execution = engine.wait(&tenant(), &id).await.unwrap();
    assert_eq!(execution.revision, 4, "the last outcome and the end are one commit");
    assert_eq!(output(&execution), json!(45));
    assert!(execution.continuation.is_none() && execution.owner.is_none());
    assert_eq!(world.steps(&id).await, [done("a"), done("b/1"), done("c")]);
    assert_eq!(
        events(&engine, &id).await,
        [
            "workflow.started",
            "task.created /a",
            "task.started /a",
            "task.completed /a",
            "task.created /b~11",
            "task.started /b~11",
            "task.completed /b~11",
            "task.created /c",
            "task.started /c",
            "task.completed /c",
            "workflow.completed",
        ]
    );
    assert_eq!(engine.running(), 0);
}

#[tokio::test]
async fn code_workflows_stand_in_the_same_lists() {
    let world = World::new().await;
    let engine = world.engine().await;
    let build = |version: &str, retry: u32| {
        Workflow::builder("listed")
            .namespace("shop")
            .version(version)
            .title("Listed")
            .tag("team", "orders")
            .step(step("only", |_: Context, n: u32| async move { Ok(n) }).retry(Retry::constant(retry, SECOND)))
            .build()
            .unwrap()
    };
    let first = engine.apply_code(&tenant(), &build("1.0.0", 2)).await.unwrap();
    assert!(first.created && first.version == 1);
    assert!(!engine.apply_code(&tenant(), &build("1.0.0", 2)).await.unwrap().changed);
    let second = engine.apply_code(&tenant(), &build("1.0.0", 3)).await.unwrap();
    assert!(second.changed && second.version == 2, "a changed description is a new version");
    let stored: Vec<StoredWorkflow> = world.scan(None).await;
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].format, stored[0].latest_version), (WorkflowFormat::Code, 2));
    assert_eq!(stored[0].tags.as_ref().unwrap().as_str(), r#"{"team":"orders"}"#);
    let versions: Vec<WorkflowVersion> = world.scan(None).await;
    let definition: Value = versions[1].definition.as_ref().unwrap().decode().unwrap();
    assert_eq!(definition["steps"][0]["retry"]["attempts"], 3);

    // By its name and by its id, with an idempotency key.
    let workflow = build("1.0.0", 3);
    engine.register(&workflow);
    let request = Start { idempotency_key: Some("once".to_owned()), ..workflow.request(&7).unwrap() };
    let started = engine.start(&tenant(), request.clone()).await.unwrap();
    let again = engine.start(&tenant(), request).await.unwrap();
    assert!(again.existing && again.execution_id == started.execution_id);
    let by_id = Start {
        workflow: WorkflowRef::Id(stored[0].id.clone()),
        version: VersionRef::Label("1.0.0".to_owned()),
        ..workflow.request(&8).unwrap()
    };
    let other = engine.start(&tenant(), by_id).await.unwrap();
    assert_eq!(output(&engine.wait(&tenant(), &other.execution_id).await.unwrap()), json!(8));
    engine.wait(&tenant(), &started.execution_id).await.unwrap();
    let executions: Vec<Execution> = world.scan(None).await;
    assert_eq!(executions.len(), 2);
    assert!(executions.iter().all(|execution| execution.name == "listed" && execution.version == 2));
    let old = Start { version: VersionRef::Number(1), ..workflow.request(&7).unwrap() };
    assert!(matches!(engine.start(&tenant(), old).await, Err(StartError::NotFound(_))));

    // A name is of one format.
    let dsl =
        "document: { dsl: '1.0.3', namespace: shop, name: listed, version: '1.0.0' }\ndo:\n- a: { set: { x: 1 } }\n";
    let refused = engine.apply(&tenant(), dsl.as_bytes(), "x.yaml").await.unwrap_err().to_string();
    assert!(refused.contains("is of the format code, not dsl"), "{refused}");
}

#[tokio::test]
async fn a_graph_joins_its_branches_and_takes_the_default() {
    #[derive(Serialize, Deserialize)]
    struct Quote {
        cents: u32,
    }
    let world = World::new().await;
    let engine = world.engine().await;
    let quote = |key: &str, cents: u32| {
        step(key, move |_: Context, count: u32| async move { Ok(Quote { cents: cents * count }) })
    };
    let workflow = Workflow::builder("graph")
        .step(step("parse", |_: Context, text: String| async move { Ok(text.parse::<u32>()?) }))
        .parallel((
            quote("fast", 30).then(step("round", |_: Context, quote: Quote| async move { Ok(quote.cents / 100) })),
            quote("cheap", 20),
            step("odd", |_: Context, _: u32| async move { Err::<u32, _>(StepError::permanent("no")) })
                .continue_on_error(),
        ))
        .then(step("sum", |_: Context, (fast, cheap, odd): (u32, Quote, Option<u32>)| async move {
            assert!(odd.is_none());
            Ok(fast + cheap.cents)
        }))
        .condition(
            |sum: &u32| *sum > 1000,
            step("discount", |_: Context, sum: u32| async move { Ok(sum - 100) }),
            pass(),
        )
        .parallel(vec![
            step("x", |_: Context, n: u32| async move { Ok(n) }),
            step("y", |_: Context, n: u32| async move { Ok(n + 1) }),
        ])
        .then(step("last", |_: Context, both: Vec<u32>| async move { Ok(both) }))
        .build()
        .unwrap();
    let handle = engine.start_code(&tenant(), &workflow, &"10".to_owned()).await.unwrap();
    let id = handle.execution_id().clone();
    assert_eq!(handle.output().await.unwrap(), [203, 204]);
    let steps = world.steps(&id).await;
    assert!(!steps.iter().any(|(name, ..)| name == "discount"), "{steps:?}");
    assert!(steps.contains(&("odd".to_owned(), 1, Status::Faulted)), "{steps:?}");
    assert_eq!(engine.run_code(&tenant(), &workflow, &"100".to_owned()).await.unwrap(), [1930, 1931]);
    match engine.run_code(&tenant(), &workflow, &"ten".to_owned()).await {
        Err(RunError::Faulted(problem)) => {
            assert_eq!(problem.instance.as_deref(), Some("/parse"));
            assert!(problem.detail.unwrap().contains("invalid digit"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_cannot_be_built_is_refused() {
    let twice = Workflow::builder("twice")
        .step(step("a", |_: Context, n: u32| async move { Ok(n) }))
        .parallel([
            step("b", |_: Context, n: u32| async move { Ok(n) }),
            step("a", |_: Context, n: u32| async move { Ok(n) }),
        ])
        .build();
    assert_eq!(twice.unwrap_err(), BuildError::DuplicateKey("a".to_owned()));
    let build = |name: &str, version: &str| {
        Workflow::builder(name).version(version).function(|_: Context, n: u32| async move { Ok(n) }).map(|_| ())
    };
    assert_eq!(build("a b", "1"), Err(BuildError::Name("a b".to_owned())));
    assert_eq!(build("a", ""), Err(BuildError::Version(String::new())));
    assert_eq!(build("a-1", "1"), Ok(()));
}

#[tokio::test]
async fn a_step_is_tried_again_after_durable_pauses() {
    let world = World::new().await;
    let engine = world.engine().await;
    let attempts: Arc<Mutex<Vec<(u32, String)>>> = Arc::default();
    let seen = Arc::clone(&attempts);
    let workflow = Workflow::builder("retry")
        .function(move |ctx: Context, (): ()| {
            let seen = Arc::clone(&seen);
            async move {
                ctx.step_with("flaky", Retry::exponential(4, SECOND), move |step| {
                    let seen = Arc::clone(&seen);
                    async move {
                        seen.lock().unwrap().push((step.attempt(), step.idempotency_key()));
                        step.state().set("attempt", &step.attempt())?;
                        if step.attempt() < 3 { Err(StepError::new("not yet")) } else { Ok(step.attempt()) }
                    }
                })
                .await
            }
        })
        .unwrap();
    let handle = engine.start_code(&tenant(), &workflow, &()).await.unwrap();
    let id = handle.execution_id().clone();
    let waiting = world.reaches(&id, |execution| execution.status == Status::Waiting).await;
    assert!(waiting.owner.is_some(), "a short pause stays in the process");
    assert_eq!(world.steps(&id).await, [("flaky".to_owned(), 1, Status::Faulted)]);
    world.clock.advance(Duration::from_millis(999));
    tokio::task::yield_now().await;
    assert_eq!(attempts.lock().unwrap().len(), 1, "the pause is a second");
    let execution = world.until(&id, ended).await;
    assert_eq!(output(&execution), json!(3));
    assert_eq!(handle.output().await.unwrap(), 3);
    let keys = attempts.lock().unwrap().clone();
    assert_eq!(keys, [1, 2, 3].map(|n| (n, format!("{id}/flaky"))));
    let wait = execution.ended_at.unwrap().duration_since(execution.created_at);
    assert!((3 * SECOND..=4 * SECOND).contains(&wait), "1 s and 2 s: {wait:?}");
    assert_eq!(
        events(&engine, &id).await[1..],
        [
            "task.created /flaky",
            "task.started /flaky",
            "task.retried /flaky",
            "task.retried /flaky",
            "task.completed /flaky",
            "workflow.completed"
        ]
    );
}

#[tokio::test]
async fn a_long_pause_leaves_the_process_and_survives_it() {
    let world = World::new().await;
    let engine = world.engine().await;
    let count = Arc::new(AtomicUsize::new(0));
    let body = Arc::clone(&count);
    let workflow = Workflow::builder("parked")
        .function(move |ctx: Context, (): ()| {
            let body = Arc::clone(&body);
            async move {
                let before: usize = ctx.step("before", (), counted(&body)).await?;
                ctx.sleep(Duration::from_secs(600)).await?;
                let tried = Arc::clone(&body);
                let retry = Retry::linear(2, Duration::from_secs(60));
                ctx.step("after", retry, move || {
                    let n = tried.fetch_add(1, Ordering::SeqCst) + 1;
                    async move { if n == 2 { Err(StepError::new("no")) } else { Ok(before + n) } }
                })
                .await
            }
        })
        .unwrap();
    let handle = engine.start_code(&tenant(), &workflow, &()).await.unwrap();
    let id = handle.execution_id().clone();
    let parked = world.reaches(&id, |execution| execution.owner.is_none()).await;
    assert_eq!(parked.status, Status::Waiting);
    assert_eq!(parked.wake_at.unwrap().duration_since(parked.created_at), Duration::from_secs(600));
    engine.shutdown().await;
    drop(engine);
    let second = world.engine().await;
    second.register(&workflow);
    let execution = world.until(&id, ended).await;
    assert_eq!(output(&execution), json!(4), "the step before the wait ran once, the one after it twice");
    let took = execution.ended_at.unwrap().duration_since(execution.created_at);
    assert!((660..670).contains(&took.as_secs()), "{took:?}");
    assert_eq!(
        world.steps(&id).await,
        [
            done("before"),
            done("sleep 1"),
            ("after".to_owned(), 1, Status::Faulted),
            ("after".to_owned(), 2, Status::Completed)
        ]
    );
    assert_eq!(
        events(&second, &id).await,
        [
            "workflow.started",
            "task.created /before",
            "task.started /before",
            "task.completed /before",
            "task.created /sleep 1",
            "task.started /sleep 1",
            "task.completed /sleep 1",
            "task.created /after",
            "task.started /after",
            "task.retried /after",
            "task.completed /after",
            "workflow.completed",
        ]
    );
    assert_eq!(handle.output().await.unwrap(), 4, "the handle finds what another engine wrote");
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_fails() {
    let world = World::new().await;
    let engine = world.engine().await;
    let workflow = Workflow::builder("late")
        .function(|ctx: Context, (): ()| async move {
            let options = StepOptions::new().timeout(3 * SECOND).retry(Retry::constant(2, SECOND));
            ctx.step("slow", options, std::future::pending::<Result<(), StepError>>).await
        })
        .unwrap();
    let id = engine.start_code(&tenant(), &workflow, &()).await.unwrap().execution_id().clone();
    let execution = world.until(&id, ended).await;
    assert_eq!(error(&execution)["status"], 408);
    assert_eq!(error(&execution)["instance"], "/slow");
    assert_eq!(world.steps(&id).await.len(), 2);
}

#[tokio::test]
async fn state_is_written_with_the_outcome_of_its_step_only() {
    let world = World::new().await;
    let engine = world.engine().await;
    let workflow = Workflow::builder("state")
        .function(|ctx: Context, (): ()| async move {
            ctx.state().set("phase", "begun")?;
            ctx.step_with("a", (), |step| async move {
                step.state().set("count", &1)?;
                step.state().set("gone", &true)?;
                assert_eq!(step.state().get::<u32>("count")?, Some(1));
                Ok(())
            })
            .await?;
            let failed: Result<(), _> = ctx
                .step_with("b", (), |step| async move {
                    step.state().set("count", &99)?;
                    Err(StepError::permanent("no"))
                })
                .await;
            assert!(failed.is_err());
            ctx.step_with("c", (), |step| async move {
                let count = step.state().get::<u32>("count")?.unwrap_or_default();
                step.state().set("count", &(count + 1))?;
                step.state().delete("gone")?;
                assert_eq!(step.state().get::<bool>("gone")?, None);
                assert!(step.state().get::<String>("count").is_err());
                assert!(step.state().set("", &1).is_err());
                Ok(())
            })
            .await
        })
        .unwrap();
    let handle = engine.start_code(&tenant(), &workflow, &()).await.unwrap();
    let id = handle.execution_id().clone();
    handle.output().await.unwrap();
    let state: Vec<aquifer_core::kinds::ExecutionState> = world.scan(Some(&id)).await;
    let state: Vec<_> = state.iter().map(|value| (value.name.as_str(), value.value.as_str())).collect();
    assert_eq!(state, [("count", "2"), ("phase", "\"begun\"")]);
}

#[tokio::test]
async fn progress_and_logs_come_with_the_next_outcome_or_a_moment_later() {
    let world = World::new().await;
    let engine = world.engine().await;
    let gate = Arc::new(tokio::sync::Notify::new());
    let opens = Arc::clone(&gate);
    let workflow = Workflow::builder("progress")
        .function(move |ctx: Context, (): ()| {
            let gate = Arc::clone(&opens);
            async move {
                ctx.step_with("work", (), move |step| {
                    let gate = Arc::clone(&gate);
                    async move {
                        step.set_progress(40);
                        step.log(LogLevel::Info, "half way");
                        gate.notified().await;
                        step.set_progress(200);
                        Ok(())
                    }
                })
                .await
            }
        })
        .unwrap();
    let id = engine.start_code(&tenant(), &workflow, &()).await.unwrap().execution_id().clone();
    let running = world.until(&id, |execution| execution.progress.is_some()).await;
    assert_eq!((running.progress, running.status), (Some(40), Status::Running));
    let logs: Vec<aquifer_core::kinds::ExecutionLog> = world.scan(Some(&id)).await;
    assert_eq!((logs[0].message.as_str(), logs[0].task.as_deref()), ("half way", Some("/work")));
    gate.notify_one();
    let execution = world.until(&id, ended).await;
    assert_eq!(execution.progress, Some(100));
}

#[tokio::test]
async fn cancelling_drops_what_is_under_way() {
    let world = World::new().await;
    let engine = world.engine().await;
    let told = Arc::new(AtomicUsize::new(0));
    let tells = Arc::clone(&told);
    let workflow = Workflow::builder("cancel")
        .function(move |ctx: Context, (): ()| {
            let tells = Arc::clone(&tells);
            async move {
                ctx.step_with("endless", (), move |step| {
                    let tells = Arc::clone(&tells);
                    async move {
                        // As a thread or a child process outside of the step would.
                        tokio::spawn(async move {
                            step.cancelled().await;
                            tells.fetch_add(1, Ordering::SeqCst);
                        });
                        std::future::pending::<Result<(), StepError>>().await
                    }
                })
                .await
            }
        })
        .unwrap();
    let handle = engine.start_code(&tenant(), &workflow, &()).await.unwrap();
    let id = handle.execution_id().clone();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let cancelled = engine.cancel(&tenant(), &id).await.unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
    assert!(matches!(handle.output().await, Err(RunError::Cancelled)));
    assert_eq!(world.steps(&id).await, [("endless".to_owned(), 1, Status::Cancelled)]);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(told.load(Ordering::SeqCst), 1);
    assert_eq!(
        events(&engine, &id).await,
        [
            "workflow.started",
            "task.created /endless",
            "task.started /endless",
            "task.cancelled /endless",
            "workflow.cancelled"
        ]
    );
}

#[tokio::test]
async fn a_suspended_execution_resumes_where_it_was() {
    let world = World::new().await;
    let engine = world.engine().await;
    let count = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(tokio::sync::Notify::new());
    let (body, opens) = (Arc::clone(&count), Arc::clone(&gate));
    let workflow = Workflow::builder("suspend")
        .function(move |ctx: Context, (): ()| {
            let (body, gate) = (Arc::clone(&body), Arc::clone(&opens));
            async move {
                let first: usize = ctx.step("first", (), counted(&body)).await?;
                ctx.step("gate", (), move || {
                    let gate = Arc::clone(&gate);
                    async move {
                        gate.notified().await;
                        Ok(first)
                    }
                })
                .await
            }
        })
        .unwrap();
    let id = engine.start_code(&tenant(), &workflow, &()).await.unwrap().execution_id().clone();
    world.reaches(&id, |execution| execution.last_step == 1).await;
    assert_eq!(engine.suspend(&tenant(), &id).await.unwrap().status, Status::Suspended);
    gate.notify_one();
    let suspended = world.execution(&id).await;
    assert!(suspended.owner.is_none() && suspended.wake_at.is_none());
    engine.resume(&tenant(), &id).await.unwrap();
    assert_eq!(output(&world.reaches(&id, ended).await), json!(1), "the first step ran once");
    let events = events(&engine, &id).await;
    assert_eq!(
        events[6..],
        [
            "task.suspended /gate",
            "workflow.suspended",
            "workflow.resumed",
            "task.resumed /gate",
            "task.completed /gate",
            "workflow.completed"
        ]
    );
}

#[tokio::test]
async fn another_engine_goes_on_after_the_last_recorded_step() {
    let world = World::new().await;
    let counts: Vec<Arc<AtomicUsize>> = (0..5).map(|_| Arc::default()).collect();
    let gate = Arc::new(tokio::sync::Notify::new());
    let (bodies, opens) = (counts.clone(), Arc::clone(&gate));
    let workflow = Workflow::builder("crash")
        .function(move |ctx: Context, (): ()| {
            let (bodies, gate) = (bodies.clone(), Arc::clone(&opens));
            async move {
                let mut sum = 0;
                for (number, body) in bodies.iter().enumerate() {
                    let (body, gate) = (Arc::clone(body), Arc::clone(&gate));
                    sum += ctx
                        .step(&format!("step {number}"), (), move || {
                            let n = body.fetch_add(1, Ordering::SeqCst) + 1;
                            let gate = Arc::clone(&gate);
                            async move {
                                if number == 3 {
                                    gate.notified().await;
                                }
                                Ok(n)
                            }
                        })
                        .await?;
                }
                Ok(sum)
            }
        })
        .unwrap();
    // A runtime of its own dies with all its tasks, as a process does.
    let (backend, clock) = (world.backend.handle(), world.clock.clone());
    let begun = workflow.clone();
    let id = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let id = runtime.block_on(async {
            let world = World { backend, clock };
            let engine = world.engine().await;
            let id = engine.start_code(&tenant(), &begun, &()).await.unwrap().execution_id().clone();
            world.reaches(&id, |execution| execution.last_step == 3).await;
            id
        });
        runtime.shutdown_background();
        id
    })
    .join()
    .unwrap();
    let left = world.execution(&id).await;
    assert!(left.owner.is_some() && left.status == Status::Running);
    gate.notify_one();
    let second = world.engine().await;
    // It is taken up before its workflow is registered, and waits for that.
    for _ in 0..80 {
        world.clock.advance(SECOND / 2);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    assert!(!ended(&world.execution(&id).await), "an unknown workflow is put back, not faulted");
    second.register(&workflow);
    let execution = world.until(&id, ended).await;
    assert_eq!(output(&execution), json!(6));
    let counts: Vec<usize> = counts.iter().map(|count| count.load(Ordering::SeqCst)).collect();
    assert_eq!(counts, [1, 1, 1, 2, 1], "only the step that was under way is carried out again");
    let events = events(&second, &id).await;
    assert_eq!(events.iter().filter(|event| event.starts_with("task.created")).count(), 5, "{events:?}");
    assert_eq!(events.iter().filter(|event| event.starts_with("task.completed")).count(), 5, "{events:?}");
}

#[tokio::test]
async fn an_unknown_workflow_can_be_started_for_others_and_cancelled() {
    let world = World::new().await;
    let knows = world.engine().await;
    let workflow = Workflow::builder("elsewhere")
        .function(|ctx: Context, n: u32| async move { ctx.step("only", (), move || async move { Ok(n) }).await })
        .unwrap();
    knows.apply_code(&tenant(), &workflow).await.unwrap();
    knows.shutdown().await;
    let engine = world.engine().await;
    let started = engine.start(&tenant(), workflow.request(&5).unwrap()).await.unwrap();
    let other = engine.start(&tenant(), workflow.request(&6).unwrap()).await.unwrap();
    engine.cancel(&tenant(), &other.execution_id).await.unwrap();
    assert_eq!(world.execution(&other.execution_id).await.status, Status::Cancelled);
    engine.register(&workflow);
    let execution = world.until(&started.execution_id, ended).await;
    assert_eq!(output(&execution), json!(5));
    assert_eq!(
        events(&engine, &started.execution_id).await,
        ["workflow.started", "task.created /only", "task.started /only", "task.completed /only", "workflow.completed"]
    );
}

#[tokio::test]
async fn panics_are_faults() {
    let world = World::new().await;
    let engine = world.engine().await;
    let workflow = Workflow::builder("panics")
        .function(|ctx: Context, inside: bool| async move {
            assert!(inside, "outside");
            ctx.step("boom", (), || async { if true { panic!("inside") } else { Ok(()) } }).await
        })
        .unwrap();
    for (inside, place, detail) in
        [(true, "/boom", "the step panicked: inside"), (false, "/", "the workflow function panicked: outside")]
    {
        match engine.run_code(&tenant(), &workflow, &inside).await {
            Err(RunError::Faulted(problem)) => {
                assert_eq!(problem.kind(), Some(aquifer_dsl::ProblemKind::Runtime));
                assert_eq!((problem.instance.as_deref(), problem.detail.as_deref()), (Some(place), Some(detail)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn wrong_uses_of_steps_are_named() {
    let world = World::new().await;
    let engine = world.engine().await;
    let workflow = Workflow::builder("wrong")
        .function(|ctx: Context, case: String| async move {
            let nothing = || async { Ok(()) };
            match case.as_str() {
                "twice" => {
                    ctx.step("a", (), nothing).await?;
                    ctx.step("a", (), nothing).await
                }
                "empty" => ctx.step("", (), nothing).await,
                "nested" => {
                    ctx.step_with("outer", (), |step| async move { step.step("inner", (), || async { Ok(()) }).await })
                        .await
                }
                _ => ctx.sleep(SECOND).await,
            }
        })
        .unwrap();
    for (case, words) in [
        ("twice", "the key \"a\" is used twice"),
        ("empty", "\"\" cannot be the key of a step"),
        ("nested", "step \"inner\" is inside of step \"outer\""),
    ] {
        match engine.run_code(&tenant(), &workflow, &case.to_owned()).await {
            Err(RunError::Faulted(problem)) => assert!(problem.detail.as_ref().unwrap().contains(words), "{problem}"),
            other => panic!("{case}: {other:?}"),
        }
    }
    let wrong = Start { input: json!(17), ..workflow.request(&String::new()).unwrap() };
    let started = engine.start(&tenant(), wrong).await.unwrap();
    let execution = engine.wait(&tenant(), &started.execution_id).await.unwrap();
    assert!(error(&execution)["detail"].as_str().unwrap().starts_with("the input does not read as"), "{execution:?}");
}

#[tokio::test]
async fn a_recorded_result_of_another_type_is_named() {
    let world = World::new().await;
    let engine = world.engine().await;
    let old = Workflow::builder("changed")
        .function(|ctx: Context, (): ()| async move {
            let _: String = ctx.step("price", (), || async { Ok("12 EUR".to_owned()) }).await?;
            ctx.sleep(Duration::from_secs(60)).await
        })
        .unwrap();
    let id = engine.start_code(&tenant(), &old, &()).await.unwrap().execution_id().clone();
    world.reaches(&id, |execution| execution.owner.is_none()).await;
    let new = Workflow::builder("changed")
        .function(|ctx: Context, (): ()| async move {
            let _: u32 = ctx.step("price", (), || async { Ok(12) }).await?;
            ctx.sleep(Duration::from_secs(60)).await
        })
        .unwrap();
    engine.register(&new);
    let execution = world.until(&id, ended).await;
    let detail = error(&execution)["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("the result of step \"price\" does not read as u32"), "{detail}");
}

#[tokio::test]
async fn three_hundred_parallel_steps_share_commits() {
    let world = World::new().await;
    let engine = world.engine().await;
    let workflow = Workflow::builder("many")
        .function(|ctx: Context, count: u32| async move {
            let steps = (0..count).map(|n| {
                let ctx = ctx.clone();
                async move { ctx.step(&format!("step {n}"), (), move || async move { Ok(n) }).await }
            });
            let outputs: Vec<u32> = futures_util::future::try_join_all(steps).await?;
            Ok(outputs.iter().sum::<u32>())
        })
        .unwrap();
    let handle = engine.start_code(&tenant(), &workflow, &300).await.unwrap();
    let id = handle.execution_id().clone();
    assert_eq!(handle.output().await.unwrap(), 300 * 299 / 2);
    let execution = engine.wait(&tenant(), &id).await.unwrap();
    assert_eq!((execution.last_step, execution.last_event), (300, 902));
    assert!(execution.revision <= 20, "{} commits", execution.revision);
}

#[tokio::test]
async fn a_failing_branch_cancels_three_hundred_others() {
    let world = World::new().await;
    let engine = world.engine().await;
    let mut branches: Vec<_> = (0..300)
        .map(|n| step(format!("wait {n}"), |_: Context, (): ()| std::future::pending::<Result<(), StepError>>()))
        .map(|step| step.then(pass()))
        .collect();
    branches.push(
        step("fails", |_: Context, (): ()| std::future::ready(Err::<(), _>(StepError::permanent("no")))).then(pass()),
    );
    let workflow = Workflow::builder("fails").parallel(branches).build().unwrap();
    match engine.run_code(&tenant(), &workflow, &()).await {
        Err(RunError::Faulted(problem)) => assert_eq!(problem.instance.as_deref(), Some("/fails")),
        other => panic!("{other:?}"),
    }
    let executions: Vec<Execution> = world.scan(None).await;
    let steps = world.steps(&executions[0].id).await;
    assert_eq!(steps.iter().filter(|(_, _, status)| *status == Status::Cancelled).count(), 300);
    assert_eq!(steps.len(), 301);
}
