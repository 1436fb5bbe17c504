//! What holds for every route, derived from the OpenAPI document.

use reqwest::Method;
use serde_json::Value;

use crate::harness::Server;

/// Every operation of the document: method, path, and its description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    all
}

/// A path whose variable segments name things that do not exist.
fn nowhere(path: &str) -> String {
    let segment = |segment: &str| match segment {
        "{number}" => "999".to_owned(),
        segment if segment.starts_with('{') => "none".to_owned(),
        segment => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[test]
fn the_document_is_the_one_that_clients_were_made_from() {
    insta::assert_snapshot!("openapi", aquifer_server::openapi().to_pretty_json().unwrap());
}

#[tokio::test]
async fn the_document_describes_every_route_once() {
    let server = Server::start().await;
    let document = server.get("/api/v1/openapi.json").await.expect(200);
    let operations = operations(&document);
    assert!(operations.len() >= 20);
    let mut ids: Vec<&str> =
        operations.iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), operations.len(), "operation ids are unique");
    let verbs = ["list", "get", "apply", "replace", "delete", "start", "cancel", "suspend", "resume"];
    for (method, path, operation) in &operations {
        let id = operation["operationId"].as_str().unwrap();
        assert!(verbs.contains(&id.split('_').next().unwrap()), "{id} begins with a verb");
        assert!(
            operation["summary"].is_string() || operation["description"].is_string(),
            "{method} {path} is described"
        );
        assert!(operation["responses"]["default"].is_object(), "{method} {path} may answer with a problem");
    }
    // Whatever the document refers to is in it.
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is missing");
    }
}

#[tokio::test]
async fn every_route_says_what_does_not_exist() {
    let server = Server::start().await;
    let document = server.get("/api/v1/openapi.json").await.json();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        if !path.contains('{') || id == "replace_workflow" {
            continue;
        }
        let request = server.request(Method::from_bytes(method.as_bytes()).unwrap(), &nowhere(&path));
        let reply = server.send(request).await;
        let detail = reply.problem(404, "not-found");
        assert!(detail.contains("none"), "{method} {path}: {detail}");
    }
}

#[tokio::test]
async fn every_listing_names_the_nearest_parameter() {
    let server = Server::start().await;
    let document = server.get("/api/v1/openapi.json").await.json();
    let mut listings = 0;
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        if method != "GET" || !id.starts_with("list_") {
            continue;
        }
        listings += 1;
        let path = nowhere(&path);
        let detail = server.get(&format!("{path}?limt=1")).await.problem(400, "invalid-request");
        assert!(detail.contains("\"limt\"") && detail.contains("did you mean \"limit\""), "{path}: {detail}");
        let detail = server.get(&format!("{path}?limit=many")).await.problem(400, "invalid-request");
        assert!(detail.contains("limit"), "{path}: {detail}");
        server.get(&format!("{path}?limit=1&limit=2")).await.problem(400, "invalid-request");
    }
    assert!(listings >= 8);
    for limit in [0, 1001] {
        server.get(&format!("/api/v1/executions?limit={limit}")).await.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn what_is_no_route_is_a_problem_too() {
    let server = Server::start().await;
    for path in ["/", "/api", "/api/v1", "/api/v1/", "/api/v2/workflows", "/api/v1/workflows/", "/healthz/x"] {
        server.get(path).await.problem(404, "not-found");
    }
    for (method, path, allowed) in [
        (Method::PATCH, "/api/v1/workflows", "POST"),
        (Method::PUT, "/api/v1/executions/ex_1", "DELETE"),
        (Method::GET, "/api/v1/executions/ex_1/cancel", "POST"),
        (Method::POST, "/healthz", "GET"),
    ] {
        let reply = server.send(server.request(method, path)).await;
        reply.problem(405, "method-not-allowed");
        assert!(reply.header("allow").contains(allowed), "{path}: {:?}", reply.headers);
    }
}
