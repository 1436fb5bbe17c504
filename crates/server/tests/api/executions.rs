//! Starting, listing, showing, controlling and deleting executions.

use aquifer_core::kinds::ExecutionState;
use aquifer_core::{BackendExt, Entity, Operation, Timestamp, Transaction};
use aquifer_server::ServerOptions;
use serde_json::{Value, json};

use crate::harness::{HELLO, Server};

const START: &str = "/api/v1/executions";

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_execution_ends_while_it_is_waited_for() {
    let server = Server::start().await;
    let workflow = server.workflow(HELLO).await;
    let body = json!({"name": "hello", "input": {"who": "ada"}, "tags": {"team": "a"}});
    let started = server.post(&format!("{START}?wait=30"), &body).await;
    let document = started.expect(201);
    assert_eq!(document["status"], "completed");
    assert_eq!((&document["input"], &document["output"]), (&json!({"who": "ada"}), &json!({"message": "hello ada"})));
    assert_eq!((&document["tags"], &document["workflow_id"]), (&json!({"team": "a"}), &json!(workflow)));
    assert_eq!(document.get("error"), None);
    assert_eq!(started.header("location"), format!("{START}/{}", document["id"].as_str().unwrap()));
    assert_eq!(server.get(started.header("location")).await.expect(200), document);

    for version in [json!(1), json!("1.0.0")] {
        let body = json!({"workflow_id": workflow, "version": version, "input": {"who": "bob"}});
        server.post(START, &body).await.expect(201);
    }
    let faulted =
        server.post(&format!("{START}?wait=30"), &json!({"name": "hello", "input": {"who": 1}})).await.expect(201);
    assert_eq!(faulted["status"], "faulted");
    assert!(faulted["error"]["type"].is_string(), "{faulted}");
    assert_eq!(faulted.get("output"), None);
}

#[tokio::test]
async fn an_execution_that_does_not_end_in_time_is_answered_as_it_stands() {
    let server = Server::start().await;
    server.slow().await;
    let document = server.post(&format!("{START}?wait=1"), &json!({"name": "slow"})).await.expect(201);
    assert!(["running", "waiting"].contains(&document["status"].as_str().unwrap()), "{document}");
    let detail =
        server.post(&format!("{START}?wait=61"), &json!({"name": "slow"})).await.problem(400, "invalid-request");
    assert!(detail.contains("60"), "{detail}");
}

#[tokio::test]
async fn what_cannot_be_started_is_refused() {
    let server = Server::start().await;
    let workflow = server.workflow(HELLO).await;
    for body in [
        json!({"name": "nobody"}),
        json!({"name": "hello", "namespace": "elsewhere"}),
        json!({"workflow_id": "wf_none"}),
        json!({"workflow_id": workflow, "version": 7}),
        json!({"workflow_id": workflow, "version": "7.0.0"}),
    ] {
        server.post(START, &body).await.problem(404, "not-found");
    }
    for body in [
        json!({}),
        json!({"workflow_id": workflow, "name": "hello"}),
        json!({"name": 1}),
        json!({"name": "hello", "version": true}),
        json!({"name": "hello", "inptu": {}}),
        json!([]),
        json!("hello"),
    ] {
        server.post(START, &body).await.problem(400, "invalid-request");
    }
    assert_eq!(ids(&server.get(START).await.expect(200)).len(), 0);
}

#[tokio::test]
async fn one_idempotency_key_starts_one_execution() {
    let server = Server::start().await;
    let workflow = server.workflow(HELLO).await;
    let start = async |key: &str, who: &str| {
        let path = format!("/api/v1/workflows/{workflow}/executions");
        server.send(server.posting(&path, &json!({"input": {"who": who}})).header("Idempotency-Key", key)).await
    };
    let first = start("order-17", "ada").await.expect(201);
    let second = start("order-17", "ada").await.expect(200);
    assert_eq!(first["id"], second["id"]);
    assert_eq!(first["idempotency_key"], "order-17");
    start("order-17", "bob").await.problem(422, "idempotency-mismatch");
    assert_ne!(start("order-18", "ada").await.expect(201)["id"], first["id"]);
    for key in ["", &"x".repeat(256), "ü"] {
        start(key, "ada").await.problem(400, "invalid-request");
    }
    assert_eq!(ids(&server.get(START).await.expect(200)).len(), 2);
}

#[tokio::test]
async fn executions_are_filtered_by_the_database() {
    let server = Server::start().await;
    let hello = server.workflow(HELLO).await;
    let slow = server.slow().await;
    let body = json!({"name": "hello", "input": {"who": "ada"}});
    let ended = server.post(&format!("{START}?wait=30"), &body).await.expect(201)["id"].as_str().unwrap().to_owned();

    let list = async |query: &str| ids(&server.get(&format!("{START}{query}")).await.expect(200));
    assert_eq!(list("").await, [ended.clone(), slow.clone()]);
    assert_eq!(list("?sort=created_at").await, [slow.clone(), ended.clone()]);
    assert_eq!(list("?status=completed").await, [ended.as_str()]);
    assert_eq!(list(&format!("?workflow_id={hello}")).await, [ended.as_str()]);
    assert_eq!(list(&format!("?workflow_id={hello}&status=faulted")).await, [] as [&str; 0]);
    assert_eq!(list("?parent_id=ex_1").await, [] as [&str; 0]);
    assert_eq!(list("?user_id=us_1").await, [] as [&str; 0]);
    let of_workflow = server.get(&format!("/api/v1/workflows/{hello}/executions?status=completed")).await.expect(200);
    assert_eq!(ids(&of_workflow), [ended]);
    assert_eq!(of_workflow["items"][0].get("output"), None, "a listing leaves outputs out");

    server.get(&format!("{START}?user_id=us_1&status=completed")).await.problem(400, "invalid-request");
    let detail = server.get(&format!("{START}?status=complete")).await.problem(400, "invalid-request");
    assert!(detail.contains("did you mean \"completed\""), "{detail}");
}

#[tokio::test]
async fn pages_join_without_gaps_while_executions_come_and_go() {
    let server = Server::start().await;
    server.workflow(HELLO).await;
    let body = json!({"name": "hello", "input": {"who": "ada"}});
    let mut started = Vec::new();
    for _ in 0..7 {
        started
            .push(server.post(&format!("{START}?wait=30"), &body).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    started.reverse();

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("{START}?limit=3{cursor}")).await.expect(200);
        seen.extend(ids(&page));
        // What comes later stands before the first page; what goes was seen already.
        server.post(START, &body).await.expect(201);
        server.delete(&format!("{START}/{}", seen.last().unwrap())).await.expect(204);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, started);

    let next = server.get(&format!("{START}?limit=3")).await.expect(200)["next_cursor"].as_str().unwrap().to_owned();
    for wrong in [
        format!("{START}?cursor=abc"),
        format!("{START}?cursor={next}&sort=created_at"),
        format!("{START}?cursor={next}&status=completed"),
        format!("/api/v1/workflows?cursor={next}"),
    ] {
        let detail = server.get(&wrong).await.problem(400, "invalid-request");
        assert!(detail.contains("cursor"), "{detail}");
    }
}

#[tokio::test]
async fn executions_are_suspended_resumed_cancelled_and_deleted() {
    let server = Server::start().await;
    let id = server.slow().await;
    let path = format!("{START}/{id}");
    let ask = async |verb: &str| server.post(&format!("{path}/{verb}"), &json!({})).await;

    ask("resume").await.problem(409, "conflict");
    assert_eq!(ask("suspend").await.expect(200)["status"], "suspended");
    assert_eq!(ask("suspend").await.expect(200)["status"], "suspended");
    ask("resume").await.expect(200);
    let detail = server.delete(&path).await.problem(409, "conflict");
    assert!(detail.contains("cancel"), "{detail}");
    assert_eq!(ask("cancel").await.expect(200)["status"], "cancelled");
    assert_eq!(ask("cancel").await.expect(200)["status"], "cancelled");
    ask("suspend").await.problem(409, "conflict");
    assert_eq!(server.get(&path).await.expect(200)["status"], "cancelled");

    server.delete(&path).await.expect(204);
    server.get(&path).await.problem(404, "not-found");
    ask("cancel").await.problem(404, "not-found");
}

#[tokio::test]
async fn steps_logs_state_and_payloads_are_shown() {
    let server = Server::start().await;
    let definition = r#"
document: {dsl: '1.0.0', namespace: default, name: large, version: '1.0.0'}
do:
- say:
    run: {shell: {command: 'echo hi'}}
- grow:
    set: {text: '${ "x" * 20000 }'}
"#;
    server.workflow(definition).await;
    let ended = server.post(&format!("{START}?wait=30"), &json!({"name": "large"})).await.expect(201);
    assert_eq!(ended["status"], "completed", "{ended}");
    let id = ended["id"].as_str().unwrap();
    let path = format!("{START}/{id}");

    let steps = server.get(&format!("{path}/steps")).await.expect(200);
    assert_eq!((&steps["items"][0]["name"], &steps["items"][0]["status"]), (&json!("say"), &json!("completed")));
    assert_eq!(steps["items"][0].get("output"), None);
    let step = server.get(&format!("{path}/steps/1")).await.expect(200);
    assert!(step["output"].to_string().contains("hi"), "{step}");
    server.get(&format!("{path}/steps/99")).await.problem(404, "not-found");
    server.get(&format!("{path}/steps/one")).await.problem(400, "invalid-request");

    let events = server.get(&format!("{path}/events")).await;
    events.expect(200);
    let place = events.text.split('"').find(|text| text.contains("/payloads/")).expect("an event refers to a payload");
    let payload = server.get(place).await;
    assert_eq!(payload.expect(200), ended["output"]);
    assert_eq!(payload.header("content-type"), "application/json");

    let state = ExecutionState {
        tenant_id: "tn_default".into(),
        execution_id: id.into(),
        name: "count".to_owned(),
        value: "[1]".to_owned(),
        updated_at: Timestamp::EPOCH,
    };
    let insert = Transaction::new(vec![Operation::Insert(state.to_record())]);
    server.engine.store().backend().commit_one(insert).await.unwrap();
    let state = server.get(&format!("{path}/state")).await.expect(200);
    assert_eq!((&state["items"][0]["name"], &state["items"][0]["value"]), (&json!("count"), &json!([1])));
    assert!(server.get(&format!("{path}/logs?sort=-number")).await.expect(200)["items"].is_array());
}

#[tokio::test]
async fn the_server_shows_one_tenant() {
    let server = Server::with(ServerOptions { tenant: "tn_other".into(), ..ServerOptions::default() }).await;
    server.engine.apply(&"tn_default".into(), HELLO.as_bytes(), "hello").await.unwrap();
    assert_eq!(server.get("/api/v1/workflows").await.expect(200)["items"], json!([]));
    server.post(START, &json!({"name": "hello"})).await.problem(404, "not-found");
}
