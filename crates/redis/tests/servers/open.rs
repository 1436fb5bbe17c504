//! Opening, with the right options and with wrong ones.

use std::time::Duration;

use aquifer_core::kinds::Message;
use aquifer_core::{BackendExt, Entity, Error, ErrorKind, Retry, Transaction};
use aquifer_redis::{RedisOptions, bare_rates};
use aquifer_testkit::{Server, tls_files, url};

use crate::records::{delete, insert, is_there_in_the_end, key, open, try_open};
use crate::support;

async fn refused(url: &str) -> Error {
    try_open(url, "never").await.expect_err("it is refused")
}

#[tokio::test]
async fn tls_works_with_the_right_authority() {
    let files = tls_files(Server::RedisTls);
    let server = url(Server::RedisTls);
    let prefix = support::prefix();
    for more in [
        format!("tls_ca={}", files.ca.display()),
        format!(
            "tls_ca={}&tls_cert={}&tls_key={}",
            files.ca.display(),
            files.certificate.display(),
            files.key.display()
        ),
    ] {
        let backend = open(&support::with_options(&server, &more), &prefix).await;
        let pong = backend.ping().await.unwrap();
        assert!(pong.server.starts_with("Redis "), "{pong:?}");
        backend.commit_one(insert(1)).await.unwrap();
        backend.watch(Message::KIND).await.expect("a connection that listens");
        let keys = backend.stats().await.unwrap().records;
        assert!(keys.contains(&("messages", 1)), "{keys:?}");
        backend.commit_one(Transaction::new(vec![delete(1)])).await.unwrap();
        backend.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_option() {
    // Nobody listens there.
    let error = refused("redis://127.0.0.1:1").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");

    let error = refused("redis://no-such-host.invalid").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");

    // Without TLS, without its authority, with another, by a name that the certificate does not have.
    let (files, tls) = (tls_files(Server::RedisTls), url(Server::RedisTls));
    let with_ca = support::with_options(&tls, &format!("tls_ca={}", files.ca.display()));
    for wrong in [
        tls.replace("rediss://", "redis://"),
        tls.clone(),
        support::with_options(&tls, &format!("tls_ca={}", files.other_ca.display())),
        with_ca.replace("localhost", "127.0.0.2"),
    ] {
        let error = refused(&wrong).await;
        assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Invalid), "{wrong}: {error:?}");
        let told = format!("{error:?} {error}");
        assert!(!told.contains("secret"), "{told}");
    }

    // Wrong credentials, and none.
    for wrong in ["rediss://:wrong@", "rediss://nobody:wrong@", "rediss://"] {
        let (_, place) = with_ca.split_once('@').expect("credentials");
        let error = refused(&format!("{wrong}{place}")).await;
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{wrong}: {error:?}");
        assert!(error.to_string().contains("options username and password"), "{error}");
        assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
    }

    let error = refused(&format!("{}/9999", url(Server::Redis))).await;
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().contains("option db"), "{error}");

    let error = refused(&support::with_options(&tls, "tls_ca=/no/such/file")).await;
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
}

#[tokio::test]
async fn missing_rights_are_told() {
    let server = url(Server::Redis);
    let prefix = support::prefix();
    let mut plain = support::plain(&server);
    let user = format!("reader-{prefix}");
    let rules =
        ["on", ">pw", "~*", "&*", "-@all", "+@read", "+@connection", "+info", "+config|get", "+evalsha", "+eval"];
    redis::cmd("ACL").arg("SETUSER").arg(&user).arg(&rules).exec(&mut plain).unwrap();
    let as_reader = server.replace("redis://", &format!("redis://{user}:pw@"));
    let backend = try_open(&as_reader, &prefix).await.expect("reading is enough to open");
    let error = backend.commit_one(insert(1)).await.expect_err("writing is forbidden");
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
    assert_eq!(error.retry(), Retry::Permanent);
    redis::cmd("ACL").arg("DELUSER").arg(&user).exec(&mut plain).unwrap();
    // The keys that are allowed are enough, and nothing else is touched.
    let rules = ["on", ">pw", "resetchannels", "+@all", "-@dangerous", "+info"];
    let rules: Vec<String> =
        rules.iter().map(|rule| (*rule).to_owned()).chain([format!("~{prefix}:*"), format!("&{prefix}:*")]).collect();
    redis::cmd("ACL").arg("SETUSER").arg(&user).arg(&rules).exec(&mut plain).unwrap();
    let backend = open(&as_reader, &prefix).await;
    backend.commit_one(insert(1)).await.expect("the commit succeeds");
    assert!(is_there_in_the_end(&*backend, key(1)).await);
    redis::cmd("ACL").arg("DELUSER").arg(&user).exec(&mut plain).unwrap();
    support::remove(&server, &prefix);
}

#[tokio::test]
async fn what_is_not_ours_is_refused() {
    let server = url(Server::Redis);
    let prefix = support::prefix();
    let mut plain = support::plain(&server);
    redis::cmd("SET").arg(format!("{prefix}:schema")).arg("theirs").exec(&mut plain).unwrap();
    let backend = try_open(&server, &prefix).await.unwrap();
    assert_eq!(backend.ping().await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(backend.migrate().await.unwrap_err().kind(), ErrorKind::Invalid);
    let value: String = redis::cmd("GET").arg(format!("{prefix}:schema")).query(&mut plain).unwrap();
    assert_eq!(value, "theirs");
    support::remove(&server, &prefix);
}

#[tokio::test]
async fn the_bare_driver_is_measured_and_leaves_nothing() {
    for server in [Server::Redis, Server::RedisCluster] {
        let (server, prefix) = (url(server), support::prefix());
        let options = RedisOptions::from_url(&support::with_options(&server, &format!("prefix={prefix}"))).unwrap();
        let rates = bare_rates(&options, Duration::from_millis(200)).await.unwrap();
        assert!(!rates.commits.is_empty() && rates.rows_per_second > 0.0, "{rates:?}");
        let mut plain = support::plain(&server);
        let left: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}*")).query(&mut plain).unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}
