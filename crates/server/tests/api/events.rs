//! Events, page by page and as they happen.

use aquifer_core::kinds::{EventBatch, Execution, ExecutionColumn};
use aquifer_core::{BackendExt, Condition, Entity, Key, Operation, Timestamp, Transaction};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{HELLO, Server};

async fn ended(server: &Server) -> String {
    server.workflow(HELLO).await;
    let body = json!({"name": "hello", "input": {"who": "ada"}});
    let document = server.post("/api/v1/executions?wait=30", &body).await.expect(201);
    document["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn events_are_listed_page_by_page() {
    let server = Server::start().await;
    let path = format!("/api/v1/executions/{}/events", ended(&server).await);
    let all = server.get(&path).await.expect(200);
    let all: Vec<Value> = all["items"].as_array().unwrap().clone();
    assert!(all.len() >= 4, "{all:?}");
    assert_eq!(all[0]["event"]["type"], "io.serverlessworkflow.workflow.started.v1");

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}?limit=2{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let numbers: Vec<i64> = seen.iter().map(|event| event["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
    for wrong in ["?cursor=x", "?cursor=-1", "?limit=0", "?limit=1001"] {
        server.get(&format!("{path}{wrong}")).await.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_page_of_many_small_commits_says_that_more_follow() {
    let server = Server::start().await;
    let id = ended(&server).await;
    let backend = server.engine.store().backend();
    let records = server.engine.store().tenant(&"tn_default".into());
    let first = records.get_execution(&id.as_str().into()).await.unwrap().last_event + 1;
    let last = first + 499;
    let key = Key::new(Execution::KIND, ["tn_default", &id]);
    let set = vec![(ExecutionColumn::last_event as usize, last.into())];
    let update = Operation::Update { key, condition: Condition::Exists, set };
    backend.commit_one(Transaction::new(vec![update])).await.unwrap();
    for number in first..=last {
        let batch = EventBatch {
            tenant_id: "tn_default".into(),
            execution_id: id.as_str().into(),
            last: number,
            first: number,
            entries: r#"[["task.created","/do/0/a"]]"#.to_owned(),
            hash: String::new(),
            created_at: Timestamp::EPOCH,
        };
        backend.commit_one(Transaction::new(vec![Operation::Insert(batch.to_record())])).await.unwrap();
    }
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = server.get(&format!("/api/v1/executions/{id}/events?limit=1000{cursor}")).await.expect(200);
        seen += page["items"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, usize::try_from(last).unwrap());
    assert_eq!(server.stream(&id, None).await.rest().await.0.len(), seen);
}

#[tokio::test]
async fn a_stream_of_an_ended_execution_gives_every_event_and_ends() {
    let server = Server::start().await;
    let id = ended(&server).await;
    let (ids, last) = server.stream(&id, None).await.rest().await;
    assert_eq!(ids, (1..=ids.len() as i64).collect::<Vec<_>>());
    assert_eq!(last, "io.serverlessworkflow.workflow.completed.v1");
    let (rest, _) = server.stream(&id, Some(2)).await.rest().await;
    assert_eq!(rest, ids[2..]);
    assert_eq!(server.stream(&id, ids.last().copied()).await.rest().await.0, [] as [i64; 0]);
}

#[tokio::test]
async fn a_stream_gives_events_as_they_happen_and_goes_on_where_it_broke_off() {
    let server = Server::start().await;
    let id = server.slow().await;
    let mut stream = server.stream(&id, None).await;
    let (first, event) = stream.next().await.unwrap();
    assert_eq!((first, event["type"].as_str().unwrap()), (1, "io.serverlessworkflow.workflow.started.v1"));
    let (second, _) = stream.next().await.unwrap();
    drop(stream);

    // Resumed, it gives what there is, and then waits for what is to come.
    let path = format!("/api/v1/executions/{id}");
    let there = server.get(&path).await.expect(200)["last_event"].as_i64().unwrap();
    let mut resumed = server.stream(&id, Some(second)).await;
    for number in second + 1..=there {
        assert_eq!(resumed.next().await.unwrap().0, number);
    }
    let cancel = format!("{path}/cancel");
    let (cancelled, (ids, last)) = tokio::join!(server.post(&cancel, &Value::Null), resumed.rest());
    assert_eq!(cancelled.expect(200)["status"], "cancelled");
    assert_eq!(ids.first(), Some(&(there + 1)));
    assert!(ids.is_sorted_by(|a, b| a + 1 == *b), "{ids:?}");
    assert_eq!(last, "io.serverlessworkflow.workflow.cancelled.v1");
}

#[tokio::test]
async fn a_stream_that_cannot_be_is_refused_with_a_problem() {
    let server = Server::start().await;
    let id = ended(&server).await;
    let open = async |id: &str, last: &str| {
        let request = server.request(Method::GET, &format!("/api/v1/executions/{id}/events"));
        server.send(request.header("accept", "text/event-stream").header("last-event-id", last)).await
    };
    open("ex_none", "0").await.problem(404, "not-found");
    open(&id, "three").await.problem(400, "invalid-request");
}
