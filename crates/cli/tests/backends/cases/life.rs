//! What executions do.

use std::collections::BTreeSet;
use std::time::Duration;

use aquifer::core::kinds::{Execution, Status};
use aquifer::core::{ExecutionFilter, ExecutionId, Paging, Stored};
use aquifer::engine::{Engine, verify_events};
use serde_json::{Value, json};

use crate::place::Place;
use crate::storm;
use crate::work::{apply_storm, close, engine, marks, start, start_storm, storm_is_over, tenant};

async fn begin(engine: &Engine, name: &str, body: &str, input: Value) -> ExecutionId {
    let definition = storm::definition(name, body);
    engine.apply(&tenant(), definition.as_bytes(), "test.yaml").await.unwrap();
    engine.start(&tenant(), start(name, input, None)).await.unwrap().execution_id
}

async fn ended(engine: &Engine, id: &ExecutionId) -> Stored<Execution> {
    let waited = tokio::time::timeout(Duration::from_secs(120), engine.wait(&tenant(), id)).await;
    waited.expect("the execution ends").unwrap()
}

pub(super) async fn workflows_run_to_their_end(place: &'static Place) {
    let database = place.database();
    let folder = tempfile::tempdir().unwrap();
    let marks = marks(folder.path());
    let engine = engine(&database.url).await;
    apply_storm(&engine).await;
    let acknowledged = start_storm(&engine, &marks, 40).await;
    // A key that was used starts nothing again.
    let again = start_storm(&engine, &marks, 40).await;
    assert_eq!(again, acknowledged);
    storm_is_over(engine.store(), &acknowledged).await;
    storm::verify(engine.store(), &marks, &acknowledged).await;
    close(engine).await;
}

pub(super) async fn large_values_come_back(place: &'static Place) {
    let database = place.database();
    let engine = engine(&database.url).await;
    let body = r#"
do:
- double: { set: '${ { text: (.text + .text), list: .list } }' }
- pause: { wait: { seconds: 1 } }
- last: { set: '${ { length: (.text | length), text: .text, list: .list } }' }
"#;
    // Larger than what the smallest of databases takes in a record, and with characters of every width.
    let text = "aé漢🦀".repeat(60_000);
    let list: Vec<i64> = (0..20_000).collect();
    let id = begin(&engine, "large", body, json!({ "text": text, "list": list })).await;
    let execution = ended(&engine, &id).await;
    assert_eq!(execution.status, Status::Completed, "{:?}", execution.error);
    let output: Value = serde_json::from_str(execution.output.as_deref().unwrap()).unwrap();
    assert_eq!(output["length"], 480_000);
    assert!(output["text"] == format!("{text}{text}") && output["list"] == json!(list));
    assert!(verify_events(engine.store(), &tenant(), &id).await.unwrap() > 0);
    close(engine).await;
}

pub(super) async fn executions_are_cancelled_suspended_and_resumed(place: &'static Place) {
    let database = place.database();
    let engine = engine(&database.url).await;
    let body = "do: [ { pause: { wait: { minutes: 10 } } }, { last: { set: '${ 1 }' } } ]";
    let id = begin(&engine, "long", body, json!({})).await;
    engine.cancel(&tenant(), &id).await.unwrap();
    assert_eq!(ended(&engine, &id).await.status, Status::Cancelled);

    let body = "do: [ { pause: { wait: { seconds: 1 } } }, { last: { set: '${ 2 }' } } ]";
    let id = begin(&engine, "short", body, json!({})).await;
    assert_eq!(engine.suspend(&tenant(), &id).await.unwrap().status, Status::Suspended);
    engine.resume(&tenant(), &id).await.unwrap();
    let execution = ended(&engine, &id).await;
    assert_eq!((execution.status, execution.output.as_deref()), (Status::Completed, Some("2")));
    close(engine).await;
}

pub(super) async fn listings_page_through_all(place: &'static Place) {
    let database = place.database();
    let engine = engine(&database.url).await;
    engine
        .apply(&tenant(), storm::definition("pure", "do: [ { a: { set: '${ .n }' } } ]").as_bytes(), "a")
        .await
        .unwrap();
    let mut started = BTreeSet::new();
    for number in 0..25 {
        let request = start("pure", json!({ "n": number }), None);
        started.insert(engine.start(&tenant(), request).await.unwrap().execution_id.to_string());
    }
    let filter = ExecutionFilter { status: Some(Status::Completed), ..ExecutionFilter::default() };
    let mut looks = 0;
    loop {
        let mut listed = Vec::new();
        let mut paging = Paging { limit: 10, ..Paging::default() };
        loop {
            let page = engine.store().tenant(&tenant()).list_executions(&filter, &paging).await.unwrap();
            listed.extend(page.items.into_iter().map(|execution| execution.id.to_string()));
            paging.cursor = page.next;
            if paging.cursor.is_none() {
                break;
            }
        }
        let whole: BTreeSet<String> = listed.iter().cloned().collect();
        assert_eq!(whole.len(), listed.len(), "nothing is listed twice");
        looks += 1;
        if whole == started {
            break;
        }
        assert!(engine.store().backend().capabilities().scans_may_lag && looks < 100, "{whole:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    close(engine).await;
}
