//! What is wrong with a URL, a server or the way to it shows when the database is opened, with what to change.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "the helpers of tests may fail")]

mod support;

use aquifer_core::{Backend as _, Error, ErrorKind, SCHEMA};
use aquifer_postgres::{PostgresBackend, PostgresOptions};
use aquifer_testkit::{Fault, Proxy, Server, tls_files, url};

use support::with;

async fn open(url: &str) -> Result<PostgresBackend, Error> {
    PostgresBackend::open(PostgresOptions::from_url(url)?, &SCHEMA).await
}

/// Opens what cannot be opened, and checks what is said about it.
async fn refused(url: &str, kind: ErrorKind, says: &[&str]) {
    let error = open(url).await.expect_err("it does not open");
    assert_eq!(error.kind(), kind, "{error:?}");
    for word in says {
        assert!(error.to_string().contains(word), "{word:?} is not in {error}");
    }
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

/// A URL with another user, password, database, host or port.
fn changed(url: &str, from: &str, to: &str) -> String {
    let changed = url.replacen(from, to, 1);
    assert_ne!(changed, url);
    changed
}

/// A URL of the same server under a name that its certificate does not have.
fn under_another_name(url: &str, port: u16) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_host(Some("127.0.0.2")).unwrap();
    url.set_port(Some(port)).unwrap();
    url.into()
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ann:s3cret@127.0.0.1:{closed}/app");
    refused(&url, ErrorKind::Unavailable, &[&format!("127.0.0.1:{closed}"), "host and port"]).await;
    refused("postgres://ann:s3cret@no.such.host.invalid/app", ErrorKind::Unavailable, &["no.such.host.invalid:5432"])
        .await;
    refused("postgres://ann:s3cret@%2Fno%2Fsuch%2Ffolder/app", ErrorKind::Unavailable, &["/no/such/folder"]).await;
}

#[tokio::test]
async fn something_else_that_listens_is_no_server() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    refused(&format!("postgres://ann:s3cret@127.0.0.1:{port}/app"), ErrorKind::Unavailable, &["host and port"]).await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_so_long() {
    let target = url::Url::parse(&url(Server::Postgres)).unwrap().socket_addrs(|| None).unwrap()[0];
    let proxy = Proxy::start(target).await.unwrap();
    proxy.set(Fault::HalfOpen).await.unwrap();
    let url = with(&proxy.in_url(&url(Server::Postgres)), "connect_timeout=300ms");
    let began = std::time::Instant::now();
    refused(&url, ErrorKind::Unavailable, &["cannot be reached"]).await;
    assert!(began.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn wrong_credentials_and_databases_are_named() {
    let given = url(Server::Postgres);
    refused(&changed(&given, ":secret@", ":s3cret@"), ErrorKind::Unauthorized, &["password", "\"aquifer\""]).await;
    refused(&changed(&given, "//aquifer:secret@", "//ann:s3cret@"), ErrorKind::Unauthorized, &["\"ann\""]).await;
    let (server, _) = given.rsplit_once('/').unwrap();
    refused(&format!("{server}/nothing"), ErrorKind::Invalid, &["\"nothing\"", "createdb"]).await;
}

#[tokio::test]
async fn a_wrong_password_through_a_pooler_is_named() {
    let given = url(Server::PgBouncer);
    refused(&changed(&given, ":secret@", ":s3cret@"), ErrorKind::Unauthorized, &["password"]).await;
}

#[tokio::test]
async fn the_server_proves_what_sslmode_asks_for() {
    let (given, files) = (url(Server::PostgresTls), tls_files(Server::PostgresTls));
    let (ca, other) = (files.ca.display().to_string(), files.other_ca.display().to_string());
    for good in [
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=verify-ca&sslrootcert={ca}"),
        format!("sslmode=verify-full&sslrootcert={ca}"),
    ] {
        let backend = open(&with(&given, &good)).await.unwrap_or_else(|error| panic!("{good}: {error:?}"));
        backend.ping().await.unwrap();
        backend.close().await.unwrap();
    }
    let unauthorized = ErrorKind::Unauthorized;
    refused(&with(&given, "sslmode=disable"), unauthorized, &["without encryption", "sslmode=require"]).await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let foreign = format!("sslmode={mode}&sslrootcert={other}");
        refused(&with(&given, &foreign), unauthorized, &["authority", "sslrootcert"]).await;
    }
    refused(&with(&given, "sslmode=verify-full"), unauthorized, &["authority", "sslrootcert"]).await;
    let missing = with(&given, "sslmode=verify-full&sslrootcert=/no/such/file");
    assert!(open(&missing).await.is_err());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_where_the_name_counts() {
    let (given, files) = (url(Server::PostgresTls), tls_files(Server::PostgresTls));
    let ca = files.ca.display();
    let port = url::Url::parse(&given).unwrap().port().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let other = under_another_name(&given, listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let full = with(&other, &format!("sslmode=verify-full&sslrootcert={ca}"));
    refused(&full, ErrorKind::Unauthorized, &["another name", "verify-ca"]).await;
    open(&with(&other, &format!("sslmode=verify-ca&sslrootcert={ca}"))).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_client_certificate_opens_the_door() {
    let (given, files) = (url(Server::PostgresTls), tls_files(Server::PostgresTls));
    let app = changed(&given, "aquifer:secret@", "app@");
    let (ca, certificate, key) = (files.ca.display(), files.certificate.display(), files.key.display());
    let bare = format!("sslmode=verify-full&sslrootcert={ca}");
    refused(&with(&app, &bare), ErrorKind::Unauthorized, &["sslcert"]).await;
    let backend = open(&with(&app, &format!("{bare}&sslcert={certificate}&sslkey={key}"))).await.unwrap();
    backend.ping().await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_used_as_asked() {
    let given = url(Server::Postgres);
    refused(&with(&given, "sslmode=require"), ErrorKind::Unauthorized, &["does not encrypt", "sslmode"]).await;
    for mode in ["disable", "prefer"] {
        open(&with(&given, &format!("sslmode={mode}"))).await.unwrap().close().await.unwrap();
    }
}

#[tokio::test]
async fn tables_that_are_not_there_or_not_ours_are_named() {
    let place = support::Place::new(Server::Postgres, "max_connections=2");
    let backend = open(&place.url).await.unwrap();
    let error = backend.stats().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("aquifer db migrate"), "{error}");
    let strange = format!("CREATE SCHEMA {0}; CREATE TABLE {0}.executions (id int)", place.schema);
    support::administer(&url(Server::Postgres), &strange).await;
    let error = backend.migrate().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("not Aquifer's"), "{error}");
}
