//! Servers that are gone, slow, endless or broken.

use std::time::Duration;

use aquifer_effects::{
    Failure, Kind,
    http::{Client, HttpOptions},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{
    PATIENCE, call, options, send, send_with,
    server::{Server, read, reply},
};

/// A server that handles one connection: reads a request, writes `start`, then `more` for as long as someone reads,
/// and returns when the other side has closed.
async fn once(start: &'static str, more: &'static [u8]) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("http://{}/x", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read(&mut stream).await.expect("a request");
        let (mut input, mut output) = stream.split();
        output.write_all(start.as_bytes()).await.expect("written");
        while !more.is_empty() && output.write_all(more).await.is_ok() {}
        // Zero bytes is a close, and an error a reset: both are the end.
        assert_eq!(input.read(&mut [0]).await.unwrap_or(0), 0);
    });
    (uri, task)
}

fn hasty() -> HttpOptions {
    HttpOptions { request_timeout: Duration::from_millis(200), ..options() }
}

fn no_answer(failure: &Failure) {
    assert_eq!((failure.kind, failure.status), (Kind::Communication, 500), "{failure}");
}

async fn closed(task: tokio::task::JoinHandle<()>) {
    tokio::time::timeout(PATIENCE, task).await.expect("the connection is still open").expect("no panic");
}

#[tokio::test]
async fn no_server_is_a_communication_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let failure = send(call("get", format!("http://{address}/?key=s3cret"))).await.expect_err("a failure");
    no_answer(&failure);
    assert!(failure.detail.contains("refused") && !failure.detail.contains("s3cret"), "{failure}");
    let failure = send(call("get", "http://no-such-host.invalid/")).await.expect_err("a failure");
    no_answer(&failure);
}

#[tokio::test]
async fn a_server_without_tls_is_a_communication_error_for_https() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("https://{}/", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
        let mut hello = Vec::new();
        let _ = stream.read_to_end(&mut hello).await;
        hello
    });
    let failure = send(call("get", uri)).await.expect_err("a failure");
    no_answer(&failure);
    assert!(failure.detail.contains("no reply"), "{failure}");
    // It did begin a TLS handshake: record type 22.
    assert_eq!(task.await.expect("no panic").first(), Some(&22));
}

#[tokio::test]
async fn what_is_not_http_is_a_communication_error() {
    for answer in ["", "garbage\r\n\r\n", "HTTP/1.1 two hundred\r\n\r\n", "HTTP/1.1 200 OK\r\nno end"] {
        let server = Server::always(answer).await;
        no_answer(&send(call("get", server.uri("/"))).await.expect_err("a failure"));
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_a_communication_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    ] {
        let server = Server::always(answer).await;
        let failure = send(call("get", server.uri("/"))).await.expect_err("a failure");
        no_answer(&failure);
        assert!(failure.detail.contains("broke off"), "{failure}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_or_stops_midway_is_not_waited_for_for_ever() {
    for start in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let (uri, task) = once(start, b"").await;
        let failure = send_with(hasty(), call("get", uri)).await.expect_err("a failure");
        no_answer(&failure);
        assert!(failure.detail.contains("within 200ms"), "{failure}");
        closed(task).await;
    }
}

#[tokio::test]
async fn a_trickle_does_not_extend_the_time() {
    let (uri, task) = once("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n").await;
    let failure = send_with(hasty(), call("get", uri)).await.expect_err("a failure");
    no_answer(&failure);
    closed(task).await;
}

#[tokio::test]
async fn a_refusal_that_stops_midway_keeps_its_status() {
    let (uri, task) = once("HTTP/1.1 503 No\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhalf", b"").await;
    let failure = send_with(hasty(), call("get", uri)).await.expect_err("a failure");
    assert_eq!((failure.kind, failure.status), (Kind::Communication, 503));
    assert!(failure.detail.ends_with("answered 503: half"), "{failure}");
    closed(task).await;
}

#[tokio::test]
async fn a_refusal_without_end_keeps_its_status() {
    let (uri, task) = once("HTTP/1.1 500 No\r\ncontent-type: text/plain\r\n\r\n", b"so much to say ").await;
    let begun = std::time::Instant::now();
    let failure = send(call("get", uri)).await.expect_err("a failure");
    assert_eq!(failure.status, 500);
    // It was cut off for its size, not after the 5 s that a silent server is given.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    closed(task).await;
}

#[tokio::test]
async fn a_reply_that_says_it_is_too_large_is_refused_unread() {
    // One byte over 100 MiB, none of which ever comes: only a refusal by the header alone ends this.
    let (uri, task) = once("HTTP/1.1 200 OK\r\ncontent-length: 104857601\r\n\r\n", b"").await;
    let failure = send(call("get", uri)).await.expect_err("a failure");
    no_answer(&failure);
    assert!(failure.detail.contains("larger than the limit of 104857600 bytes"), "{failure}");
    closed(task).await;
}

#[tokio::test]
async fn a_reply_without_end_is_cut_off_at_the_limit() {
    let options = HttpOptions { max_response_bytes: 1024 * 1024, ..options() };
    let (uri, task) = once("HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096]).await;
    let failure = send_with(options, call("get", uri)).await.expect_err("a failure");
    no_answer(&failure);
    assert!(failure.detail.contains("larger than the limit"), "{failure}");
    closed(task).await;
}

#[tokio::test]
async fn the_limit_is_exact() {
    let options = HttpOptions { max_response_bytes: 5, ..options() };
    for (body, fits) in [("12345", true), ("123456", false)] {
        let server = Server::always(reply(200, &["content-type: text/plain"], body)).await;
        let result = send_with(options.clone(), call("get", server.uri("/"))).await;
        assert_eq!(result.is_ok(), fits, "{result:?}");
        // The same without a length said in advance.
        let server = Server::always(format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n{body}")).await;
        let result = send_with(options.clone(), call("get", server.uri("/"))).await;
        assert_eq!(result.is_ok(), fits, "{result:?}");
    }
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    for start in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let uri = format!("http://{}/", listener.local_addr().expect("an address"));
        let client = Client::new(options()).expect("a client");
        let running = tokio::spawn({
            let client = client.clone();
            async move { client.call(call("get", uri)).await }
        });
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read(&mut stream).await.expect("a request");
        stream.write_all(start.as_bytes()).await.expect("written");
        running.abort();
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await.expect("the connection is still open");
        assert_eq!(end.unwrap_or(0), 0);
        assert!(running.await.expect_err("aborted").is_cancelled());
        // The client itself is none the worse for it.
        let server = Server::always(reply(200, &["content-type: text/plain"], "yes")).await;
        assert_eq!(client.call(call("get", server.uri("/"))).await, Ok(json!("yes")));
    }
}

#[tokio::test]
async fn one_client_makes_many_calls_at_once() {
    let server = Server::start(|request| reply(200, &["content-type: text/plain"], &request.target)).await;
    let client = Client::new(options()).expect("a client");
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let (client, uri) = (client.clone(), server.uri(&format!("/{n}")));
            tokio::spawn(async move { client.call(call("get", uri)).await })
        })
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.expect("no panic"), Ok(json!(format!("/{n}"))));
    }
}
