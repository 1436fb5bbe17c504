//! What is wrong is said when the database is opened, with the server and what to change.

use std::time::Duration;

use aquifer_core::{Backend, Error, ErrorKind, SCHEMA};
use aquifer_mysql::{MysqlBackend, MysqlOptions};

use crate::{insert, migrated, scratch, servers};

async fn refused(options: &MysqlOptions) -> Error {
    MysqlBackend::open(options.clone(), &SCHEMA).await.map(|_| ()).expect_err("it is refused")
}

#[track_caller]
fn says(error: &Error, kind: ErrorKind, parts: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{error:?}");
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
    assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?} shows the password");
}

#[tokio::test]
async fn wrong_credentials_databases_and_ports_are_named() {
    for server in servers() {
        let scratch = scratch(server).await;
        let good = &scratch.options;
        let place = good.place();

        let wrong = MysqlOptions { password: Some("s3cr3t".to_owned()), ..good.clone() };
        says(&refused(&wrong).await, ErrorKind::Unauthorized, &[&place, "check user and password"]);

        let wrong =
            MysqlOptions { user: "nobody_here".to_owned(), password: Some("s3cr3t".to_owned()), ..good.clone() };
        says(&refused(&wrong).await, ErrorKind::Unauthorized, &["nobody_here"]);

        let wrong = MysqlOptions { database: "not_there".to_owned(), ..good.clone() };
        says(&refused(&wrong).await, ErrorKind::Invalid, &["not_there", "CREATE DATABASE `not_there`"]);

        // Nobody listens on port 1.
        let wrong = MysqlOptions { port: 1, connect_timeout: Duration::from_secs(5), ..good.clone() };
        says(&refused(&wrong).await, ErrorKind::Unavailable, &[":1 ", "check host and port"]);

        let wrong = MysqlOptions { host: "no-such-host.invalid".to_owned(), ..good.clone() };
        says(&refused(&wrong).await, ErrorKind::Unavailable, &["no-such-host.invalid", "check host and port"]);

        let wrong = MysqlOptions { socket: Some("/no/such/socket".into()), ..good.clone() };
        says(&refused(&wrong).await, ErrorKind::Unavailable, &["/no/such/socket"]);
    }
}

#[tokio::test]
async fn a_port_that_says_nothing_or_something_else_is_told() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut options = MysqlOptions::new("127.0.0.1", "app", "workflows");
    options.port = silent.local_addr().expect("an address").port();
    options.connect_timeout = Duration::from_millis(300);
    says(&refused(&options).await, ErrorKind::Unavailable, &["does not answer within", "connect_timeout"]);

    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    options.port = other.local_addr().expect("an address").port();
    options.connect_timeout = Duration::from_secs(5);
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = other.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = refused(&options).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn missing_rights_are_named_with_the_grant() {
    for server in servers() {
        let scratch = scratch(server).await;
        let user = format!("limited_{:08x}", fastrand::u32(..));
        let database = &scratch.options.database;
        scratch.admin(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY 's3cr3t'")).await.expect("a user");
        let limited =
            MysqlOptions { user: user.clone(), password: Some("s3cr3t".to_owned()), ..scratch.options.clone() };
        says(&refused(&limited).await, ErrorKind::Unauthorized, &["GRANT SELECT", &user, database]);

        scratch.admin(&format!("GRANT SELECT ON `{database}`.* TO '{user}'@'%'")).await.expect("a right");
        let backend = MysqlBackend::open(limited.clone(), &SCHEMA).await.expect("it opens");
        let error = backend.migrate().await.expect_err("it cannot create");
        says(
            &error,
            ErrorKind::Unauthorized,
            &["GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES"],
        );

        // What is granted is enough, and nothing more.
        let rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES";
        scratch.admin(&format!("GRANT {rights} ON `{database}`.* TO '{user}'@'%'")).await.expect("the rights");
        let backend = MysqlBackend::open(limited, &SCHEMA).await.expect("it opens");
        backend.migrate().await.expect("it migrates");
        assert!(backend.commit(vec![insert("a")]).await.remove(0).is_ok());
        scratch.admin(&format!("DROP USER '{user}'@'%'")).await.expect("the user goes");
    }
}

#[tokio::test]
async fn a_database_that_is_not_migrated_or_not_ours_says_so() {
    for server in servers() {
        let scratch = scratch(server).await;
        let backend = MysqlBackend::open(scratch.options.clone(), &SCHEMA).await.expect("it opens");
        let error = backend.commit(vec![insert("a")]).await.remove(0).expect_err("there is no table");
        says(&error, ErrorKind::Invalid, &["migrate it first"]);
        scratch.ask("CREATE TABLE tenants (id int)").await;
        let error = backend.migrate().await.expect_err("it is somebody else's");
        says(&error, ErrorKind::Invalid, &["tenants", "not Aquifer's"]);
        assert_eq!(scratch.ask("SHOW TABLES").await, [["tenants"]]);
    }
}

#[tokio::test]
async fn statistics_tell_sizes_and_the_server() {
    for server in servers() {
        let scratch = scratch(server).await;
        let backend = migrated(&scratch).await;
        let stats = backend.stats().await.expect("statistics");
        assert!(stats.bytes.is_some_and(|bytes| bytes > 100_000), "{stats:?}");
        let name = backend.ping().await.expect("a sign of life").server;
        assert!(name.starts_with("MariaDB 1") || name.starts_with("MySQL "), "{name}");
        assert!(stats.facts.contains(&("server", name)), "{stats:?}");
    }
}
