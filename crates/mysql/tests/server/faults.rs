//! The way to the server breaks, and the server itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aquifer_core::{Backend, BackendExt, ErrorKind, Retry, SCHEMA};
use aquifer_mysql::{MysqlBackend, MysqlOptions, SslMode};
use aquifer_testkit::{Fault, Instance, Options, Proxy, Server};

use crate::support::Scratch;
use crate::{insert, key, migrated, scratch, servers};

/// A database behind a proxy, opened through it.
async fn through_proxy(server: Server, request_timeout: Duration) -> (Scratch, Proxy, MysqlBackend) {
    let mut scratch = scratch(server).await;
    migrated(&scratch).await;
    let host = scratch.options.host.parse().unwrap_or(Ipv4Addr::LOCALHOST);
    let proxy = Proxy::start(SocketAddr::from((host, scratch.options.port))).await.expect("a proxy");
    let direct = scratch.options.clone();
    scratch.options.port = proxy.address().port();
    // What is to be cut must be seen.
    scratch.options.tls.mode = SslMode::Disabled;
    scratch.options.request_timeout = request_timeout;
    scratch.options.acquire_timeout = Duration::from_secs(3);
    scratch.options.connect_timeout = Duration::from_secs(1);
    let backend = MysqlBackend::open(scratch.options.clone(), &SCHEMA).await.expect("it opens");
    scratch.options = direct;
    (scratch, proxy, backend)
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_done_once() {
    for server in servers() {
        let (_scratch, proxy, backend) = through_proxy(server, Duration::from_secs(10)).await;
        for (round, lost) in ["COMMIT", "START TRANSACTION"].into_iter().enumerate() {
            let transaction = insert(&format!("t{round}"));
            // A connection there is: what sets up a new one speaks of READ-COMMITTED.
            backend.get_one(key("none")).await.expect("it reads");
            proxy.set(Fault::drop_reply(lost)).await.expect("the proxy obeys");
            let error = backend.commit_one(transaction.clone()).await.expect_err("the reply is lost");
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            if lost == "COMMIT" {
                assert_eq!(error.retry(), Retry::Unknown, "{error:?}");
            }
            assert_eq!(backend.commit_one(transaction.retry()).await.expect("it is answered").revisions, [1]);
            let record = backend.get_one(key(&format!("t{round}"))).await.expect("it reads").expect("the record");
            assert_eq!(record.revision, 1);
        }
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_in_time_and_found_again() {
    for server in servers() {
        let (_scratch, proxy, backend) = through_proxy(server, Duration::from_secs(2)).await;
        backend.commit_one(insert("before")).await.expect("it commits");
        proxy.set(Fault::HalfOpen).await.expect("the proxy obeys");
        let began = Instant::now();
        let error = backend.commit_one(insert("during")).await.expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        proxy.set(Fault::Refuse).await.expect("the proxy obeys");
        proxy.reset_all();
        let error = backend.get_one(key("before")).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        proxy.set(Fault::Pass).await.expect("the proxy obeys");
        let began = Instant::now();
        while let Err(error) = backend.get_one(key("before")).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            assert!(began.elapsed() < Duration::from_secs(20), "{error:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        backend.commit_one(insert("after")).await.expect("it commits");
    }
}

#[tokio::test]
async fn a_statement_of_the_servers_own_making_is_ended_by_the_server() {
    for server in servers() {
        let mut scratch = scratch(server).await;
        scratch.options.request_timeout = Duration::from_secs(2);
        let backend = migrated(&scratch).await;
        // Somebody holds the table for longer than a reader waits.
        let mut other = scratch.connection().await.expect("a connection");
        use sqlx::{AssertSqlSafe, Executor};
        other
            .execute(AssertSqlSafe(format!("LOCK TABLES `{}`.tenants WRITE", scratch.options.database)))
            .await
            .expect("a lock");
        let began = Instant::now();
        let error = backend.get_one(key("a")).await.expect_err("it is locked");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        other.execute("UNLOCK TABLES").await.expect("it is unlocked");
        assert!(backend.get_one(key("a")).await.expect("it reads").is_none());
    }
}

/// Commits until told to stop; the ids that were acknowledged.
async fn commit_on(backend: Arc<MysqlBackend>, task: usize, done: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let id = format!("t{task}-{number}");
        let mut transaction = insert(&id);
        loop {
            if done.load(Ordering::Relaxed) {
                return acknowledged;
            }
            match backend.commit_one(transaction.clone()).await {
                Ok(_) => break acknowledged.push(id),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
                    transaction = transaction.retry();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
    acknowledged
}

async fn survives_a_kill(mut server: Instance) {
    let options = MysqlOptions::from_url(server.url()).expect("the server's URL");
    let backend = Arc::new(MysqlBackend::open(options, &SCHEMA).await.expect("it opens"));
    backend.migrate().await.expect("it migrates");
    let done = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> =
        (0..6).map(|task| tokio::spawn(commit_on(Arc::clone(&backend), task, Arc::clone(&done)))).collect();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server.start_again();
            server
        })
        .await
        .expect("the server starts again");
    }
    // The same handle goes on.
    let began = Instant::now();
    let mut goes_on = insert("goes on");
    while backend.commit_one(goes_on.clone()).await.is_err() {
        goes_on = goes_on.retry();
        assert!(began.elapsed() < Duration::from_secs(30), "it does not go on");
    }
    done.store(true, Ordering::Relaxed);
    let mut acknowledged = 0;
    for task in tasks {
        let ids = task.await.expect("the task ends");
        acknowledged += ids.len();
        let keys: Vec<_> = ids.iter().map(|id| key(id)).collect();
        let found = backend.get(&keys).await.expect("it reads");
        for (id, record) in ids.iter().zip(found) {
            assert_eq!(record.map(|record| record.revision), Some(1), "{id} was acknowledged and is lost");
        }
    }
    assert!(acknowledged > 10, "{acknowledged} commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_server_of_mariadb_that_is_killed_loses_nothing_acknowledged() {
    let options = Options { durable: true, ..Options::default() };
    survives_a_kill(Instance::start_with(Server::Mariadb, options).expect("a server")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_server_of_mysql_that_is_killed_loses_nothing_acknowledged() {
    match Instance::start_with(Server::Mysql, Options { durable: true, ..Options::default() }) {
        Ok(server) => survives_a_kill(server).await,
        Err(error) => eprintln!("MySQL is LEFT OUT, MariaDB stands for both: {error}"),
    }
}
