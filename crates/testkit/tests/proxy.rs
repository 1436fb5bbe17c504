//! The faults of the proxy, seen by a client of an echo server.

#![expect(clippy::unwrap_used, reason = "tests may")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aquifer_testkit::{Fault, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A server that sends back whatever it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    address
}

async fn proxy() -> Proxy {
    Proxy::start(echo().await).await.unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends `text` and returns what comes back of it.
async fn ask(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut reply = vec![0; text.len()];
    stream.read_exact(&mut reply).await?;
    Ok(String::from_utf8(reply).unwrap())
}

#[tokio::test]
async fn everything_passes_as_long_as_nothing_is_set() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    let long = "x".repeat(300_000);
    let (mut from, mut to) = stream.split();
    let mut reply = vec![0; long.len()];
    let (sent, received) = tokio::join!(to.write_all(long.as_bytes()), from.read_exact(&mut reply));
    sent.unwrap();
    received.unwrap();
    assert_eq!(reply, long.as_bytes());

    // The end of one direction is passed on too, and the other stays open.
    stream.write_all(b"last").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!((rest.as_str(), proxy.accepted()), ("last", 1));
}

#[tokio::test]
async fn latency_delays_both_directions() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Fault::Latency(Duration::from_millis(50))).await.unwrap();
    let before = Instant::now();
    assert_eq!(ask(&mut stream, "a").await.unwrap(), "a");
    assert!(before.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn throttling_lets_a_trickle_pass() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Fault::Throttle(10_000)).await.unwrap();
    let before = Instant::now();
    ask(&mut stream, &"x".repeat(2_000)).await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn new_connections_are_reset_and_old_ones_live() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    assert_eq!(ask(&mut old, "a").await.unwrap(), "a");
    proxy.set(Fault::ResetNew).await.unwrap();
    assert_eq!(ask(&mut old, "b").await.unwrap(), "b");
    let mut new = connect(&proxy).await;
    assert_eq!(new.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn connections_are_refused_until_they_are_not() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    assert_eq!(ask(&mut old, "a").await.unwrap(), "a");
    proxy.set(Fault::Refuse).await.unwrap();
    let refusal = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(ask(&mut old, "b").await.unwrap(), "b");
    proxy.set(Fault::Pass).await.unwrap();
    assert_eq!(ask(&mut connect(&proxy).await, "c").await.unwrap(), "c");
}

#[tokio::test]
async fn all_connections_are_reset_at_once() {
    let proxy = proxy().await;
    let mut streams = [connect(&proxy).await, connect(&proxy).await];
    for stream in &mut streams {
        assert_eq!(ask(stream, "a").await.unwrap(), "a");
    }
    assert_eq!(proxy.open(), 2);
    proxy.reset_all();
    for stream in &mut streams {
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(ask(&mut connect(&proxy).await, "b").await.unwrap(), "b");
}

#[tokio::test]
async fn a_half_open_connection_is_silent_for_ever() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    assert_eq!(ask(&mut old, "a").await.unwrap(), "a");
    proxy.set(Fault::HalfOpen).await.unwrap();
    let mut new = connect(&proxy).await;
    let patience = Duration::from_millis(100);
    timeout(patience, ask(&mut old, "b")).await.unwrap_err();
    timeout(patience, ask(&mut new, "b")).await.unwrap_err();
    proxy.set(Fault::Pass).await.unwrap();
    timeout(patience, ask(&mut old, "c")).await.unwrap_err();
    assert_eq!(ask(&mut connect(&proxy).await, "d").await.unwrap(), "d");
}

#[tokio::test]
async fn one_reply_is_cut_in_the_middle() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Fault::CutReply { to: Vec::new(), after: 3 }).await.unwrap();
    stream.write_all(b"abcdef").await.unwrap();
    let mut reply = Vec::new();
    let end = stream.read_to_end(&mut reply).await.unwrap_err();
    assert_eq!((reply.as_slice(), end.kind(), proxy.cut()), (&b"abc"[..], ErrorKind::ConnectionReset, 1));
    assert_eq!(ask(&mut connect(&proxy).await, "whole").await.unwrap(), "whole");
}

#[tokio::test]
async fn the_reply_to_one_request_is_lost_after_the_server_got_it() {
    let proxy = proxy().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Fault::drop_reply(*b"COMMIT")).await.unwrap();
    assert_eq!(ask(&mut stream, "BEGIN").await.unwrap(), "BEGIN");
    // What marks the request may come in two parts.
    assert_eq!(ask(&mut stream, "; COM").await.unwrap(), "; COM");
    stream.write_all(b"MIT").await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(ask(&mut connect(&proxy).await, "COMMIT").await.unwrap(), "COMMIT");
    assert_eq!(proxy.cut(), 1);
}

#[tokio::test]
async fn the_proxy_takes_the_servers_place_in_a_url() {
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], 5432))).await.unwrap();
    let port = proxy.address().port();
    let url = proxy.in_url("postgres://a:b@localhost:5432/c?read=127.0.0.1:5432");
    assert_eq!(url, format!("postgres://a:b@localhost:{port}/c?read=127.0.0.1:5432"));
}
