//! What operators rely on: health, metrics, request ids, shutdown.

use std::time::Duration;

use aquifer_server::{ServerOptions, install_metrics};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{HELLO, Server};

#[tokio::test]
async fn health_and_readiness_are_told_apart() {
    let server = Server::start().await;
    server.get("/healthz").await.expect(200);
    server.get("/readyz").await.expect(200);
    server.engine.store().backend().close().await.unwrap();
    server.get("/healthz").await.expect(200);
    let reply = server.get("/readyz").await;
    reply.problem(503, "unavailable");
    assert_eq!(reply.header("retry-after"), "1");
    let detail = server.get("/api/v1/workflows").await.problem(503, "unavailable");
    assert!(!detail.contains("memory"), "details of the backend stay inside: {detail}");
}

#[tokio::test]
async fn metrics_count_routes_and_not_paths() {
    let metrics = install_metrics().unwrap();
    let server = Server::with(ServerOptions { metrics: Some(metrics), ..ServerOptions::default() }).await;
    server.get("/api/v1/executions/ex_12345").await.expect(404);
    server.get("/nowhere").await.expect(404);
    let reply = server.get("/metrics").await;
    assert_eq!(reply.status, 200);
    let counted =
        r#"aquifer_http_requests_total{method="GET",route="/api/v1/executions/{execution_id}",status="404"} 1"#;
    assert!(reply.text.contains(counted), "{}", reply.text);
    assert!(reply.text.contains(r#"route="none""#) && !reply.text.contains("ex_12345"), "{}", reply.text);
    assert!(reply.text.contains("aquifer_http_request_seconds_bucket"), "{}", reply.text);
}

#[tokio::test]
async fn metrics_that_nobody_collects_are_not_found() {
    let server = Server::start().await;
    server.get("/metrics").await.problem(404, "not-found");
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let server = Server::start().await;
    let own = server.get("/nowhere").await.header("x-request-id").to_owned();
    assert_eq!(own.len(), 16);
    let ask = async |id: &str| {
        let reply = server.send(server.request(Method::GET, "/healthz").header("x-request-id", id)).await;
        reply.header("x-request-id").to_owned()
    };
    assert_eq!(ask("trace-7").await, "trace-7");
    assert_eq!(ask(&"x".repeat(500)).await.len(), 16);
}

#[tokio::test]
async fn a_shutdown_ends_streams_and_waits_and_refuses_the_rest() {
    let mut server = Server::start().await;
    let id = server.slow().await;
    let mut stream = server.stream(&id, None).await;
    stream.next().await.unwrap();
    let waiting = server.posting("/api/v1/executions?wait=60", &json!({"name": "slow"})).send();
    let waiting = tokio::spawn(waiting);
    let listed = async || server.get("/api/v1/executions").await.json()["items"].as_array().unwrap().len();
    while listed().await < 2 {
        tokio::task::yield_now().await;
    }

    server.stop().await.unwrap();
    stream.rest().await;
    assert_eq!(waiting.await.unwrap().unwrap().status(), 201);
    let refused = server.request(Method::GET, "/healthz").send().await;
    assert!(refused.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_shutdown_cuts_off_what_does_not_end_in_time() {
    let grace = Duration::from_millis(50);
    let mut server = Server::with(ServerOptions { grace, ..ServerOptions::default() }).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /api/v1/executions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    // Once the server asks for the body, the request is under way; the body never comes.
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    server.stop().await.unwrap();
    let mut rest = String::new();
    let _ = socket.read_to_string(&mut rest).await;
    assert!(!rest.contains("HTTP/1.1 2"), "{rest}");
}

#[tokio::test]
async fn an_engine_that_shuts_down_starts_nothing() {
    let server = Server::start().await;
    server.workflow(HELLO).await;
    server.engine.shutdown().await;
    let reply = server.post("/api/v1/executions", &json!({"name": "hello", "input": {"who": "ada"}})).await;
    reply.problem(503, "unavailable");
}
