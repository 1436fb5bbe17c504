//! Replies that are lost, servers that end, and what stands in between.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer_core::layers::{GroupCommit, Retries, RetryOptions};
use aquifer_core::{Backend, BackendExt as _, ErrorKind, Retry, SCHEMA, SystemClock};
use aquifer_libsql::{LibsqlBackend, LibsqlOptions};
use aquifer_testkit::{Fault, Instance, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{empty_database, failed, insert, key, open, options, refused, start, touch};

async fn proxied() -> (Instance, Proxy, String) {
    let server = start();
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], server.port()))).await.unwrap();
    let url = proxy.in_url(server.url());
    (server, proxy, url)
}

#[tokio::test]
async fn own_server_a_lost_reply_has_no_double_effect() {
    let (server, proxy, url) = proxied().await;
    let backend = open(&url).await;
    backend.commit_one(insert("a")).await.unwrap();

    // One of few operations, and one of many.
    for count in [1, 20] {
        let names: Vec<String> = (0..count).map(|number| format!("{count}-{number}")).collect();
        let transactions: Vec<_> = names.iter().map(|name| insert(name)).chain([touch("a")]).collect();
        let before = backend.get_one(key("a")).await.unwrap().unwrap().revision;
        proxy.set(Fault::drop_reply("COMMIT")).await.unwrap();
        for answer in backend.commit(transactions.clone()).await {
            assert_eq!(failed(answer, ErrorKind::Unavailable).retry(), Retry::Unknown);
        }
        // It was applied, and doing it again finds that out.
        let again = backend.commit(transactions.iter().map(|transaction| transaction.retry()).collect()).await;
        let revisions: Vec<u64> = again.into_iter().flat_map(|answer| answer.unwrap().revisions).collect();
        let expected: Vec<u64> = names.iter().map(|_| 1).chain([before + 1]).collect();
        assert_eq!(revisions, expected);
        let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
        assert!(backend.get(&keys).await.unwrap().iter().all(Option::is_some));
        assert_eq!(backend.get_one(key("a")).await.unwrap().unwrap().revision, before + 1);
    }
    drop(server);
}

#[tokio::test]
async fn own_server_commits_go_on_through_lost_replies() {
    let (_server, proxy, url) = proxied().await;
    let backend: Arc<dyn Backend> = Arc::new(open(&url).await);
    let retries = Retries::new(backend, Arc::new(SystemClock), RetryOptions::default());
    let backend = Arc::new(GroupCommit::new(Arc::new(retries)));
    backend.commit_one(insert("a")).await.unwrap();
    for round in 0..5 {
        proxy.set(Fault::drop_reply("COMMIT")).await.unwrap();
        let tasks = (0..20).map(|number| {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move { backend.commit_one(insert(&format!("{round}-{number}"))).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap().unwrap();
        }
        backend.commit_one(touch("a")).await.unwrap();
    }
    assert_eq!(backend.get_one(key("a")).await.unwrap().unwrap().revision, 6);
}

#[tokio::test]
async fn own_server_what_was_acknowledged_survives_kill_9() {
    let mut server = start();
    let backend = Arc::new(open(server.url()).await);
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let writer = {
            let backend = Arc::clone(&backend);
            tokio::spawn(async move {
                let mut done = Vec::new();
                for number in 0.. {
                    let name = format!("{round}-{number}");
                    match backend.commit_one(insert(&name)).await {
                        Ok(_) => done.push(name),
                        Err(error) => return (done, error),
                    }
                }
                unreachable!("numbers do not end")
            })
        };
        tokio::time::sleep(Duration::from_millis(300)).await;
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server
        })
        .await
        .unwrap();
        let (done, error) = writer.await.unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert_ne!(error.retry(), Retry::Permanent);
        assert!(!done.is_empty());
        acknowledged.extend(done);
        server = tokio::task::spawn_blocking(move || {
            server.start_again();
            server
        })
        .await
        .unwrap();
    }
    // The same handle goes on.
    let keys: Vec<_> = acknowledged.iter().map(|name| key(name)).collect();
    let found = backend.get(&keys).await.unwrap();
    for (name, record) in acknowledged.iter().zip(found) {
        assert!(record.is_some(), "{name} was acknowledged and is gone");
    }
}

#[tokio::test]
async fn own_server_silence_ends_in_time() {
    let (_server, proxy, url) = proxied().await;
    let url = format!("{url}?request_timeout=300ms&acquire_timeout=200ms&max_connections=1");
    let backend = LibsqlBackend::open(LibsqlOptions::from_url(&url).unwrap(), &SCHEMA).await.unwrap();
    backend.migrate().await.unwrap();
    let backend = Arc::new(backend);
    proxy.set(Fault::HalfOpen).await.unwrap();
    let began = Instant::now();
    let read = failed(backend.get(&[key("a")]).await, ErrorKind::Unavailable);
    assert_eq!(read.retry(), Retry::Transient);
    assert!(read.message().contains("request_timeout"), "{read}");
    let written = failed(backend.commit_one(insert("a")).await, ErrorKind::Unavailable);
    assert_eq!(written.retry(), Retry::Unknown);
    // Who waits for a place is told, too.
    let first = {
        let backend = Arc::clone(&backend);
        tokio::spawn(async move { backend.get(&[key("a")]).await })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    let waiting = failed(backend.commit_one(insert("a")).await, ErrorKind::Unavailable);
    assert_eq!(waiting.retry(), Retry::Transient);
    assert!(waiting.message().contains("raise max_connections or acquire_timeout"), "{waiting}");
    failed(first.await.unwrap(), ErrorKind::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(5));
    proxy.set(Fault::Pass).await.unwrap();
    let answer = backend.commit_one(insert("a").retry()).await;
    assert!(answer.is_ok() || answer.is_err_and(|error| error.is_already_exists()));
    assert!(backend.get_one(key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn own_server_a_dropped_call_wedges_nothing() {
    let (_server, proxy, url) = proxied().await;
    let backend = open(&url).await;
    proxy.set(Fault::Latency(Duration::from_millis(50))).await.unwrap();
    for number in 0..10 {
        let commit = backend.commit_one(insert(&format!("dropped {number}")));
        let _ = tokio::time::timeout(Duration::from_millis(number * 15), commit).await;
    }
    proxy.set(Fault::Pass).await.unwrap();
    backend.commit_one(insert("a")).await.unwrap();
    assert!(backend.get_one(key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn nobody_there_is_told_with_the_place() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = refused(options(&format!("http://{address}"))).await;
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient));
    let expected =
        format!("cannot connect to http://{address}: is it up, and are host, port and the option tls right?");
    assert_eq!(error.message(), expected);
}

#[tokio::test]
async fn own_server_tls_where_there_is_none_is_told() {
    let server = start();
    let error = refused(options(&format!("libsql://127.0.0.1:{}", server.port()))).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("the option tls"), "{error}");
}

/// Something that answers requests with what `reply` makes of them.
async fn answering(reply: impl Fn(&str) -> String + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let reply = reply.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 64 << 10];
                let size = stream.read(&mut request).await.unwrap_or(0);
                let reply = reply(&String::from_utf8_lossy(&request[..size]));
                let _ = stream.write_all(reply.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn what_is_no_libsql_server_is_told() {
    for (reply, kind, message) in [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", ErrorKind::Invalid, "does not speak Hrana over HTTP"),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Invalid,
            "redirects to another place",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
            ErrorKind::Unavailable,
            "answers what Hrana over HTTP does not know",
        ),
        ("HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n", ErrorKind::Unavailable, "answers with status 503"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{", ErrorKind::Unavailable, "did not come whole"),
        ("SSH-2.0-OpenSSH_9.2\r\n", ErrorKind::Unavailable, "broke before the reply"),
    ] {
        let error = refused(options(&answering(|_| reply.to_owned()).await)).await;
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.message().contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_gateway_that_gives_up_leaves_commits_unknown() {
    // It finds its server while the database is opened, and not any more after that.
    let url = answering(|request| match request.contains("sqlite_version") {
        true => empty_database(),
        false => "HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbad".to_owned(),
    })
    .await;
    let backend = LibsqlBackend::open(options(&url), &SCHEMA).await.unwrap();
    let error = failed(backend.commit_one(insert("a")).await, ErrorKind::Unavailable);
    assert_eq!(error.retry(), Retry::Unknown, "{error:?}");
    assert_eq!(failed(backend.get(&[key("a")]).await, ErrorKind::Unavailable).retry(), Retry::Transient);
}

#[test]
fn options_that_cannot_be_used_are_refused() {
    let options = LibsqlOptions { auth_token: Some("a\nb".to_owned()), ..LibsqlOptions::new("http://127.0.0.1:1") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(refused(options)).kind(), ErrorKind::Invalid);
}
