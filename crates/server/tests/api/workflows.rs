//! Workflows and versions.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{HELLO, SLOW, Server};

#[tokio::test]
async fn a_definition_becomes_a_workflow_and_each_change_a_version() {
    let server = Server::start().await;
    let first = server.apply(HELLO).await;
    let document = first.expect(201);
    assert_eq!(
        (&document["version"], &document["created"], &document["changed"]),
        (&json!(1), &json!(true), &json!(true))
    );
    let id = document["workflow"]["id"].as_str().unwrap().to_owned();
    assert_eq!(first.header("location"), format!("/api/v1/workflows/{id}"));

    let again = server.apply(HELLO).await.expect(200);
    assert_eq!((&again["version"], &again["changed"]), (&json!(1), &json!(false)));
    let changed = server.apply(&HELLO.replace("hello \"", "hi \"")).await.expect(200);
    assert_eq!((&changed["version"], &changed["created"]), (&json!(2), &json!(false)));

    let shown = server.get(&format!("/api/v1/workflows/{id}")).await.expect(200);
    assert_eq!(
        (&shown["name"], &shown["namespace"], &shown["latest_version"]),
        (&json!("hello"), &json!("default"), &json!(2))
    );
    let versions = server.get(&format!("/api/v1/workflows/{id}/versions")).await.expect(200);
    let numbers: Vec<&Value> = versions["items"].as_array().unwrap().iter().map(|item| &item["number"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(1)]);
    assert_eq!(versions["items"][0].get("source"), None);
    let version = server.get(&format!("/api/v1/workflows/{id}/versions/1")).await.expect(200);
    assert_eq!(version["source"], HELLO);
    assert_eq!(version["label"], "1.0.0");
}

#[tokio::test]
async fn definitions_come_as_yaml_or_json_and_as_nothing_else() {
    let server = Server::start().await;
    let json = json!({
        "document": {"dsl": "1.0.0", "namespace": "default", "name": "json", "version": "1.0.0"},
        "do": [{"a": {"set": {"x": 1}}}],
    });
    server.post("/api/v1/workflows", &json).await.expect(201);
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = server.request(Method::POST, "/api/v1/workflows").header("content-type", media_type).body(HELLO);
        let detail = server.send(request).await.problem(415, "unsupported-media-type");
        assert!(detail.contains("application/yaml"), "{detail}");
    }
}

#[tokio::test]
async fn an_invalid_definition_is_told_where_it_is_wrong_and_changes_nothing() {
    let server = Server::start().await;
    let reply = server.apply(&HELLO.replace("set:", "sett:")).await;
    reply.problem(422, "invalid-definition");
    let errors = reply.json()["errors"].clone();
    let mistake = &errors[0];
    assert_eq!(mistake["line"], 5, "{errors}");
    for member in ["code", "message", "hint", "pointer", "column"] {
        assert!(mistake.get(member).is_some(), "{member} in {errors}");
    }
    assert_eq!(server.get("/api/v1/workflows").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_workflow_is_replaced_by_a_definition_that_names_it() {
    let server = Server::start().await;
    let id = server.workflow(HELLO).await;
    let put = async |id: &str, definition: &str| {
        let request = server.request(Method::PUT, &format!("/api/v1/workflows/{id}"));
        server.send(request.header("content-type", "text/yaml").body(definition.to_owned())).await
    };
    assert_eq!(put(&id, &HELLO.replace("1.0.0'}", "1.1.0'}")).await.expect(200)["version"], 2);
    put(&id, SLOW).await.problem(422, "invalid-definition");
    put(&id, "do: [").await.problem(422, "invalid-definition");
    put("wf_none", HELLO).await.problem(404, "not-found");
    assert_eq!(server.get("/api/v1/workflows").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn workflows_are_filtered_and_sorted_by_the_database() {
    let server = Server::start().await;
    for (namespace, name) in [("b", "two"), ("a", "three"), ("a", "one")] {
        let definition =
            HELLO.replace("namespace: default, name: hello", &format!("namespace: {namespace}, name: {name}"));
        server.workflow(&definition).await;
    }
    let names = async |query: &str| {
        let page = server.get(&format!("/api/v1/workflows{query}")).await.expect(200);
        let names: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        names.join(" ")
    };
    assert_eq!(names("").await, "one three two");
    assert_eq!(names("?sort=created_at").await, "two three one");
    assert_eq!(names("?sort=name").await, "one three two");
    assert_eq!(names("?sort=-name").await, "two three one");
    assert_eq!(names("?namespace=a&sort=created_at").await, "three one");
    assert_eq!(names("?namespace=a&name=one").await, "one");
    assert_eq!(names("?owner_id=us_1").await, "");
    assert_eq!(names("?limit=1").await, "one");
    server.get("/api/v1/workflows?name=one").await.problem(400, "invalid-request");
    let detail = server.get("/api/v1/workflows?sort=nmae").await.problem(400, "invalid-request");
    assert!(detail.contains("did you mean \"name\""), "{detail}");
}

#[tokio::test]
async fn a_workflow_is_deleted_once_it_has_no_executions() {
    let server = Server::start().await;
    let id = server.workflow(HELLO).await;
    let path = format!("/api/v1/workflows/{id}");
    let started =
        server.post(&format!("{path}/executions?wait=10"), &json!({"input": {"who": "ada"}})).await.expect(201);
    let detail = server.delete(&path).await.problem(409, "conflict");
    assert!(detail.contains("executions"), "{detail}");
    server.delete(&format!("/api/v1/executions/{}", started["id"].as_str().unwrap())).await.expect(204);
    server.delete(&path).await.expect(204);
    server.get(&path).await.problem(404, "not-found");
    server.delete(&path).await.problem(404, "not-found");
}
