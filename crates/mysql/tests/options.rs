//! URLs and their options.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::time::Duration;

use aquifer_core::ErrorKind;
use aquifer_mysql::{MysqlOptions, SslMode};

fn read(url: &str) -> MysqlOptions {
    MysqlOptions::from_url(url).unwrap()
}

#[track_caller]
fn refused(url: &str, part: &str) {
    let error = MysqlOptions::from_url(url).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains(part), "{error}");
    assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?} shows the password");
}

#[test]
fn every_form_of_a_url_is_read() {
    for scheme in ["mysql", "mariadb", "mysql+aiomysql", "mysql+asyncmy", "mysql+pymysql"] {
        let options = read(&format!("{scheme}://ann:s3cr3t@db.example:3307/flows?charset=UTF8MB4"));
        assert_eq!((options.host.as_str(), options.port, options.database.as_str()), ("db.example", 3307, "flows"));
        assert_eq!((options.user.as_str(), options.password.as_deref()), ("ann", Some("s3cr3t")));
    }
    let options = read("mysql://a%40b:p%2Fw%20%23@[::1]/my%20flows");
    assert_eq!((options.user.as_str(), options.password.as_deref()), ("a@b", Some("p/w #")));
    assert_eq!((options.place().as_str(), options.database.as_str()), ("[::1]:3306", "my flows"));
    let options = read("mysql:///flows?unix_socket=/run/my.sock");
    assert_eq!((options.user.as_str(), options.place().as_str()), ("root", "/run/my.sock"));
    assert_eq!((options.host.as_str(), options.password), ("localhost", None));
}

#[test]
fn every_option_is_read() {
    let options = read(
        "mysql://db/flows?max_connections=20&min-connections=2&acquire_timeout=5&idle_timeout=1m&max_lifetime=PT1H\
         &connect_timeout=500ms&request_timeout=10s",
    );
    assert_eq!((options.max_connections, options.min_connections), (20, 2));
    assert_eq!((options.acquire_timeout, options.idle_timeout), (Duration::from_secs(5), Duration::from_secs(60)));
    assert_eq!(
        (options.max_lifetime, options.connect_timeout),
        (Duration::from_secs(3600), Duration::from_millis(500))
    );
    assert_eq!(options.request_timeout, Duration::from_secs(10));
}

#[test]
fn modes_of_encryption_follow_from_what_is_given() {
    for (query, mode) in [
        ("", SslMode::Preferred),
        ("ssl=true", SslMode::Required),
        ("ssl=false", SslMode::Disabled),
        ("ssl-mode=DISABLED", SslMode::Disabled),
        ("ssl_mode=verify_identity&ssl=true", SslMode::VerifyIdentity),
        ("ssl-mode=verify-ca", SslMode::VerifyCa),
        ("ssl_ca=/ca.pem", SslMode::VerifyCa),
        ("ssl=1&ssl-ca=/ca.pem", SslMode::VerifyCa),
        ("ssl-cert=/c.pem&ssl-key=/k.pem", SslMode::Required),
    ] {
        assert_eq!(read(&format!("mysql://db/flows?{query}")).tls.mode, mode, "{query}");
    }
    for (query, part) in [
        ("ssl=true&ssl-mode=preferred", "contradicts ssl-mode"),
        ("ssl=false&ssl-mode=required", "contradicts ssl-mode"),
        ("ssl-cert=/c.pem", "belong together"),
        ("ssl-mode=disabled&ssl-ca=/ca.pem", "need ssl-mode=required"),
        ("ssl-mode=strict", "disabled, preferred, required, verify_ca"),
    ] {
        refused(&format!("mysql://ann:s3cr3t@db/flows?{query}"), part);
    }
}

#[test]
fn what_is_wrong_is_refused_with_the_fix_and_without_the_password() {
    for (url, part) in [
        ("postgres://ann:s3cr3t@db/flows", "is not a scheme of MySQL"),
        ("mysql://ann:s3cr3t@db", "names no database"),
        ("mysql://ann:s3cr3t@db/", "names no database"),
        ("mysql://ann:s3cr3t@db/a/b", "names no database"),
        ("mysql://ann:s3cr3t@db:port/flows", "cannot be read"),
        ("mysql://ann:s3cr3t@db/flows#x", "write it %23"),
        ("mysql://ann:s3cr3t@db/fl%00ows", "U+0000"),
        ("mysql://ann:s3cr3t@db/fl%ffows", "not UTF-8"),
        ("mysql://ann:s3cr3t@db/flows?charset=utf8", "cannot hold characters of four bytes"),
        ("mysql://ann:s3cr3t@db/flows?charset=utf8mb3", "takes utf8mb4"),
        ("mysql://ann:s3cr3t@db/flows?charset=latin1", "takes utf8mb4"),
        ("mysql://ann:s3cr3t@db/flows?max_conections=1", "did you mean max_connections?"),
        ("mysql://ann:s3cr3t@db/flows?max_connections=2&min_connections=3", "a number from 0 to 2"),
        ("mysql://ann:s3cr3t@db/flows?request_timeout=1s", "at least 2s"),
        ("mysql://ann:s3cr3t@db/flows?socket=/a&unix_socket=/b", "keep one"),
    ] {
        refused(url, part);
    }
    let shown = format!("{:?}", read("mysql://ann:s3cr3t@db/flows"));
    assert!(!shown.contains("s3cr3t"), "{shown}");
}
