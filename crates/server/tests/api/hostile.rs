//! Requests that nobody should send.

use aquifer_server::ServerOptions;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{HELLO, Server};

#[tokio::test]
async fn a_body_above_the_limit_is_refused() {
    let server = Server::start().await;
    for (path, media_type) in [("/api/v1/workflows", "application/yaml"), ("/api/v1/executions", "application/json")] {
        let body = vec![b'x'; 100 << 20];
        let request = server.request(Method::POST, path).header("content-type", media_type).body(body);
        let detail = server.send(request).await.problem(413, "too-large");
        assert!(detail.contains("max_body_bytes"), "{detail}");
    }
    server.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_held_to_the_limit_too() {
    let server = Server::with(ServerOptions { max_body_bytes: 1000, ..ServerOptions::default() }).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /api/v1/executions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3 {
        socket.write_all(format!("1f4\r\n{}\r\n", " ".repeat(500)).as_bytes()).await.unwrap();
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_body_that_never_arrives_is_not_waited_for() {
    let body_timeout = Duration::from_millis(50);
    let server = Server::with(ServerOptions { body_timeout, ..ServerOptions::default() }).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /api/v1/executions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_head_that_never_arrives_is_not_waited_for() {
    let head_timeout = Duration::from_millis(50);
    let server = Server::with(ServerOptions { head_timeout, ..ServerOptions::default() }).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = Server::start().await;
    for noise in [b"\x16\x03\x01\x02\x00".as_slice(), b"\r\n\r\n\0\0", b"GET / HTTP/9.9\r\n\r\n"] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(noise).await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good an answer as any.
        let _ = socket.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    }
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20));
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let _ = socket.write_all(long.as_bytes()).await;
    server.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn bad_json_is_refused_and_the_process_lives() {
    let server = Server::start().await;
    server.workflow(HELLO).await;
    let deep = format!("{{\"name\":\"hello\",\"input\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 7] = [
        b"{",
        b"\xff\xfe",
        b"{\"name\":\"\xc3\x28\"}",
        deep.as_bytes(),
        b"nul",
        b"{}{}",
        b"{\"name\":\"a\",\"name\":\"b\"}",
    ];
    for body in bodies {
        let request = server.request(Method::POST, "/api/v1/executions").header("content-type", "application/json");
        server.send(request.body(body.to_vec())).await.problem(400, "invalid-request");
    }
    server.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn bad_definitions_are_refused_and_the_process_lives() {
    let server = Server::start().await;
    let deep = format!("do: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: [&[u8]; 6] = [b"", b"\xff\xfe\x00", b"a: &a [*a]", deep.as_bytes(), b"42", b"do: []\ndo: []"];
    for body in bodies {
        let request = server.request(Method::POST, "/api/v1/workflows").header("content-type", "application/yaml");
        let reply = server.send(request.body(body.to_vec())).await;
        reply.problem(422, "invalid-definition");
        assert!(reply.json()["errors"][0]["message"].is_string());
    }
    assert_eq!(server.get("/api/v1/workflows").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn odd_paths_are_refused() {
    let server = Server::start().await;
    for segment in ["%ff", "%00"] {
        server.get(&format!("/api/v1/executions/{segment}")).await.problem(400, "invalid-request");
    }
    let long = "x".repeat(5000);
    server.get(&format!("/api/v1/executions/{long}")).await.problem(400, "invalid-request");
    server.get(&format!("/api/v1/executions?{long}=1")).await.problem(400, "invalid-request");
    server.get("/api/v1/executions/..%2f..%2fetc%2fpasswd").await.problem(404, "not-found");
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let server = Server::start().await;
    let apply = |origin: &str, site: &str| {
        let request = server.request(Method::POST, "/api/v1/workflows").header("content-type", "application/yaml");
        request.header("origin", origin.to_owned()).header("sec-fetch-site", site.to_owned()).body(HELLO)
    };
    server.send(apply("https://evil.example", "cross-site")).await.problem(403, "cross-origin");
    server.get("/api/v1/workflows").await.expect(200);
    server.send(apply(&format!("http://{}", server.address), "same-origin")).await.expect(201);
}
