//! The project's examples, and those of the specification: what is supported runs, what is not is refused with its place.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::{Execution, SCHEMA, Status};
use aquifer_core::layers::GroupCommit;
use aquifer_core::{Backend, BackendExt, Entity, Key, ManualClock, Store};
use aquifer_engine::{DEFAULT_TENANT, Engine, EngineOptions, Start, VersionRef, WorkflowRef};
use aquifer_memory::MemoryBackend;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The definitions in a folder, ordered by name.
fn definitions(path: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder(path))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    found.sort();
    found
}

/// The input that lies beside a definition.
fn input_of(name: &str) -> Value {
    let text = fs::read_to_string(folder("examples").join(format!("{name}.input.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Runs the definition in `file` to its end, with further ones registered; waits take no time.
async fn run(file: &str, with: &[&str], input: Value) -> Execution {
    let sources: Vec<_> = with.iter().map(|file| fs::read(folder("examples").join(file)).unwrap()).collect();
    run_with(file, &sources, input).await
}

async fn run_with(file: &str, with: &[Vec<u8>], input: Value) -> Execution {
    let backend: Arc<dyn Backend> = Arc::new(GroupCommit::new(Arc::new(MemoryBackend::new(&SCHEMA))));
    backend.migrate().await.unwrap();
    let clock = ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap());
    let store = Store::new(Arc::clone(&backend), Arc::new(clock.clone()));
    let engine = Engine::open(store, EngineOptions::default()).await.unwrap();
    let tenant = DEFAULT_TENANT.into();
    for source in with {
        engine.apply(&tenant, source, "with.yaml").await.unwrap();
    }
    let source = fs::read(folder("examples").join(file)).unwrap();
    let applied = engine.apply(&tenant, &source, file).await.unwrap_or_else(|error| panic!("{error}"));
    let start = Start {
        workflow: WorkflowRef::Id(applied.workflow.id.clone()),
        version: VersionRef::Number(applied.version),
        input,
        idempotency_key: None,
        tags: None,
        user_id: None,
    };
    let id = engine.start(&tenant, start).await.unwrap().execution_id;
    let key = Key::new(Execution::KIND, [DEFAULT_TENANT, id.as_str()]);
    // A minute of real time, which is for the programs that are run.
    for _ in 0..6000 {
        let execution = Execution::from_record(backend.get_one(key.clone()).await.unwrap().unwrap()).unwrap();
        if execution.status.is_final() {
            engine.shutdown().await;
            return execution;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        // Time stands still while something runs outside, so that no slow machine strikes a timeout.
        if execution.status == Status::Waiting {
            clock.advance(Duration::from_secs(1));
        }
    }
    panic!("{file} does not come to an end")
}

fn output(execution: &Execution) -> Value {
    assert_eq!(execution.status, Status::Completed, "{:?}", execution.error);
    serde_json::from_str(execution.output.as_deref().unwrap()).unwrap()
}

fn error(execution: &Execution) -> Value {
    assert_eq!(execution.status, Status::Faulted, "{:?}", execution.output);
    serde_json::from_str(execution.error.as_deref().unwrap()).unwrap()
}

#[test]
fn all_are_valid() {
    let mut own = definitions("examples");
    assert!(own.len() >= 8);
    own.extend(definitions("examples/specification"));
    for (name, source) in own {
        Engine::validate(&source, &name).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn those_of_the_specification_that_are_supported_are_here_unchanged() {
    let here = definitions("examples/specification");
    let mut supported = definitions("crates/dsl/tests/spec/examples");
    assert_eq!(supported.len(), 66);
    supported.retain(|(name, source)| Engine::validate(source, name).is_ok());
    let names = |of: &[(String, Vec<u8>)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&here), names(&supported));
    assert!(here == supported, "an example differs from the specification's");
}

#[test]
fn those_of_the_specification_that_are_not_supported_are_refused_with_their_place() {
    let mut refused = 0;
    for (name, source) in definitions("crates/dsl/tests/spec/examples") {
        let Err(diagnostics) = Engine::validate(&source, &name) else { continue };
        refused += 1;
        let text = String::from_utf8(source).unwrap();
        for item in &diagnostics.items {
            assert_eq!(item.code, "unsupported", "{diagnostics}");
            assert!(item.message.ends_with("is not supported in this release") && item.hint.is_some(), "{item:?}");
            // The line is that of the construct: it holds the last member of the pointer, or an item of its list.
            let line = text.lines().nth(item.line - 1).unwrap();
            let member = item.pointer.rsplit('/').next().unwrap();
            let is_item = member.parse::<usize>().is_ok();
            let value = item.message.split('`').nth(1).map(|named| named.rsplit(' ').next().unwrap());
            let shows = line.contains(member) || is_item || value.is_some_and(|value| line.contains(value));
            assert!(shows, "{name}:{}: {line:?} does not show {}", item.line, item.pointer);
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn order() {
    let execution = run("order.yaml", &[], input_of("order")).await;
    assert_eq!(
        output(&execution),
        json!({
            "orderId": "A-1042",
            "total": 76,
            "payment": "payment-A-1042",
            "packed": [
                "packed 1 of lamp", "packed 4 of bulb", "packed 2 of cable", "packed 1 of switch", "packed 3 of plug"
            ]
        })
    );
    let empty = error(&run("order.yaml", &[], json!({ "orderId": "A-1", "items": [] })).await);
    assert_eq!(empty["detail"], "order A-1 has no items");
    let invalid = error(&run("order.yaml", &[], json!({ "orderId": "../x", "items": [] })).await);
    assert_eq!(invalid["status"], 400);
}

#[tokio::test]
async fn enrichment() {
    let execution = run("enrichment.yaml", &[], input_of("enrichment")).await;
    assert_eq!(
        output(&execution),
        json!({
            "customer": "Ada",
            "profile": {
                "address": { "street": "Canal Street 7", "city": "Delft" },
                "orders": { "count": 3, "total": 61 },
                "credit": { "rating": null, "reason": 500 }
            },
            "valued": true
        })
    );
}

#[tokio::test]
async fn saga() {
    let error = error(&run("saga.yaml", &[], input_of("saga")).await);
    assert_eq!(error["status"], 409);
    assert_eq!(error["detail"], "undone, in this order - hotel for 3 nights, flight to Lisbon");
    let execution = run("saga.yaml", &[], json!({ "to": "Porto", "nights": 1, "car": false })).await;
    assert_eq!(output(&execution), json!({ "bookings": ["flight to Porto", "hotel for 1 nights"] }));
}

#[tokio::test]
async fn polling() {
    let execution = run("polling.yaml", &[], input_of("polling")).await;
    assert_eq!(output(&execution), json!({ "message": "export was done after 3 questions" }));
}

#[tokio::test]
async fn invoice() {
    let execution = run("invoice.yaml", &["invoice-line.yaml"], input_of("invoice")).await;
    assert_eq!(
        output(&execution),
        json!({ "lines": [{ "text": "work", "gross": 120 }, { "text": "travel", "gross": 54 }], "total": 174 })
    );
}

#[tokio::test]
async fn pipeline() {
    let execution = run("pipeline.yaml", &[], input_of("pipeline")).await;
    assert_eq!(output(&execution), json!({ "exitCode": 0, "chart": ["in      ###", "the     ###", "rain    ##"] }));
}

#[tokio::test]
async fn probe() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/healthz", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for status in ["503 Service Unavailable", "200 OK"] {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = connection.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /healthz "));
            let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            connection.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    let execution = run("probe.yaml", &[], json!({ "url": url })).await;
    assert_eq!(output(&execution), json!({ "url": url, "status": 200, "well": true }));
}

#[tokio::test]
async fn specification_raise() {
    for name in ["raise-inline", "raise-reusable"] {
        let error = error(&run(&format!("specification/{name}.yaml"), &[], json!({})).await);
        assert_eq!(error["type"], "https://serverlessworkflow.io/errors/not-implemented");
        let detail = "The workflow 'raise-not-implemented:0.1.0' is a work in progress and cannot be run yet";
        assert_eq!(error["detail"], detail);
        assert_eq!(error["instance"], "/do/0/notImplemented");
    }
}

#[tokio::test]
async fn specification_conditional_task() {
    let execution = run("specification/conditional-task.yaml", &[], json!({ "customer": { "age": 17 } })).await;
    assert_eq!(error(&execution)["title"], "Access Forbidden");
}

#[tokio::test]
async fn specification_switch() {
    for (order, expected) in [
        ("electronic", json!({ "validate": true, "status": "fulfilled" })),
        ("physical", json!({ "inventory": "clear", "items": 1, "address": "Elmer St" })),
        ("other", json!({ "log": "warn", "message": "something's wrong" })),
    ] {
        let execution = run("specification/switch-then-string.yaml", &[], json!({ "orderType": order })).await;
        assert_eq!(output(&execution), expected);
    }
}

#[tokio::test]
async fn specification_emit() {
    let event = output(&run("specification/emit.yaml", &[], json!({})).await);
    assert_eq!(event["type"], "com.petstore.order.placed.v1");
    assert_eq!(event["data"]["client"], json!({ "firstName": "Cruella", "lastName": "de Vil" }));
}

#[tokio::test]
async fn specification_run() {
    let execution = run("specification/run-shell-stdin-and-arguments.yaml", &[], json!({})).await;
    assert_eq!(output(&execution), json!("STDIN was: Hello World\nARGS are Foo Bar"));
    let execution = run("specification/run-script-with-stdin-and-arguments.yaml", &[], json!({})).await;
    assert_eq!(output(&execution), json!("stdin >  Hello Workflow\narg >  hello\nenv >  bar"));
}

#[tokio::test]
async fn specification_run_subflow() {
    let child = "document: { dsl: '1.0.3', namespace: test, name: register-customer, version: '0.1.0' }\n\
                 do: [{ register: { set: { registered: '${ .customer }' } } }]";
    let execution = run_with("specification/run-subflow.yaml", &[child.into()], json!({ "user": "Ada" })).await;
    // `customer: .user` is no expression: in strict mode those stand in ${ }.
    assert_eq!(output(&execution), json!({ "registered": ".user" }));
}

#[tokio::test]
async fn specification_wait() {
    for name in ["wait-duration-inline", "wait-duration-iso8601"] {
        let execution = run(&format!("specification/{name}.yaml"), &[], json!({ "kept": 1 })).await;
        assert_eq!(output(&execution), json!({ "kept": 1 }));
        let waited = execution.ended_at.unwrap().as_millis() - execution.created_at.as_millis();
        assert!((30_000..33_000).contains(&waited), "{waited}");
    }
}
