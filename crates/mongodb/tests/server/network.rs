//! The way to the server breaks, or leads to the wrong one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aquifer_core::{Backend, Error, ErrorKind, Retry};
use aquifer_mongodb::{MongodbBackend, MongodbOptions};
use aquifer_testkit::{Fault, Instance, Proxy, Server};
use mongodb::bson::{Document, doc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::notes::{NOTES, commit, insert, key, revision, set};
use crate::place::{self, Place};

async fn open(url: &str) -> Result<MongodbBackend, Error> {
    MongodbBackend::open(MongodbOptions::from_url(url).unwrap(), &NOTES).await
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let began = Instant::now();
    let error = open("mongodb://user:hunter2@127.0.0.1:1/flows?acquire_timeout=1s").await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("127.0.0.1:1") && text.contains("refused"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_without_tls_is_not_taken_for_one_with_it() {
    let place = Place::new().unwrap();
    let error = open(&place.url("tls=true&acquire_timeout=1s")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("tls"), "{error}");
}

#[tokio::test]
async fn a_replica_set_of_another_name_is_said_to_be_one() {
    let place = Place::new().unwrap();
    let url = place.url("acquire_timeout=1s").replace("replicaSet=rs0", "replicaSet=other");
    let error = open(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("of this name"), "{error}");
}

#[tokio::test]
async fn a_standalone_server_is_refused_with_the_fix() {
    let address = standalone("7.0.5").await;
    let error = open(&format!("mongodb://{address}/flows")).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Invalid, Retry::Permanent), "{error:?}");
    assert!(error.to_string().contains("--replSet"), "{error}");
}

/// Answers every command as a `mongod` without a replica set does.
async fn standalone(version: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, version));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, version: &'static str) -> Option<()> {
    let answer: Document = doc! {
        "ok": 1.0, "ismaster": true, "isWritablePrimary": true, "helloOk": true, "version": version, "minWireVersion": 0,
        "maxWireVersion": 21, "maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
        "logicalSessionTimeoutMinutes": 30, "readOnly": false,
    };
    let answer = answer.to_vec().ok()?;
    loop {
        let (length, id) = (stream.read_i32_le().await.ok()?, stream.read_i32_le().await.ok()?);
        let (_, code) = (stream.read_i32_le().await.ok()?, stream.read_i32_le().await.ok()?);
        stream.read_exact(&mut vec![0; length as usize - 16]).await.ok()?;
        // The old form begins with the first greeting.
        let (code, before) = if code == 2004 { (1, vec![0; 16]) } else { (2013, vec![0]) };
        let mut body = vec![0; 4];
        body.extend(before);
        if code == 1 {
            body.truncate(16);
            body.extend(1_i32.to_le_bytes());
        }
        body.extend(&answer);
        for field in [16 + body.len() as i32, 1, id, code] {
            stream.write_i32_le(field).await.ok()?;
        }
        stream.write_all(&body).await.ok()?;
    }
}

async fn proxied(place: &Place, options: &str) -> (Proxy, String) {
    let url = place.url(&format!("directConnection=true&{options}"));
    let (_, rest) = url.split_once("://").unwrap();
    let target: SocketAddr = rest.split('/').next().unwrap().parse().unwrap();
    let proxy = Proxy::start(target).await.unwrap();
    let url = proxy.in_url(&url);
    (proxy, url)
}

#[tokio::test]
async fn what_breaks_on_the_way_mends_by_itself() {
    let place = Place::new().unwrap();
    let options = "request_timeout=1s&acquire_timeout=1s&heartbeatFrequencyMS=500&max_connections=3";
    let (proxy, url) = proxied(&place, options).await;
    let backend = open(&url).await.unwrap();
    backend.migrate().await.unwrap();
    commit(&backend, vec![insert(1)]).await.unwrap();
    for fault in [Fault::HalfOpen, Fault::Refuse, Fault::ResetNew] {
        proxy.set(fault.clone()).await.unwrap();
        if fault != Fault::HalfOpen {
            proxy.reset_all();
        }
        let began = Instant::now();
        let error = commit(&backend, vec![insert(2), set(1, 1)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{fault:?}: {error:?}");
        let error = backend.get(&[key(1)]).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient), "{fault:?}: {error:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{fault:?} {:?}", began.elapsed());
        proxy.set(Fault::Pass).await.unwrap();
        proxy.reset_all();
        mended(&backend).await;
        assert_eq!((revision(&backend, 1).await, revision(&backend, 2).await), (1, 0), "{fault:?}");
    }
    backend.close().await.unwrap();
}

/// Waits until the backend answers again.
async fn mended(backend: &MongodbBackend) {
    let began = Instant::now();
    while backend.ping().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "the backend does not recover");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn own_server_that_is_killed_has_kept_what_it_acknowledged() {
    let mut server = tokio::task::spawn_blocking(|| Instance::start(Server::Mongodb)).await.unwrap();
    let url = place::url(server.url(), "flows", "acquire_timeout=1s&request_timeout=5s&heartbeatFrequencyMS=500");
    let backend = open(&url).await.unwrap();
    backend.migrate().await.unwrap();
    let mut acknowledged = Vec::new();
    for number in 0..40 {
        // Some alone, some with others.
        let operations =
            if number % 2 == 0 { vec![insert(number)] } else { vec![insert(number), insert(number + 1000)] };
        commit(&backend, operations).await.unwrap();
        acknowledged.push(number);
    }
    let server = tokio::task::spawn_blocking(move || {
        server.kill();
        server
    });
    let mut server = server.await.unwrap();
    let error = commit(&backend, vec![insert(100)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let server = tokio::task::spawn_blocking(move || {
        server.start_again();
        server
    });
    let server = server.await.unwrap();
    mended(&backend).await;
    for number in acknowledged {
        assert_eq!(revision(&backend, number).await, 1, "note {number} is lost");
        assert_eq!(revision(&backend, number + 1000).await, u64::from(number % 2 != 0));
    }
    commit(&backend, vec![insert(200), insert(201)]).await.unwrap();
    backend.close().await.unwrap();
    drop(tokio::task::spawn_blocking(move || drop(server)).await);
}
