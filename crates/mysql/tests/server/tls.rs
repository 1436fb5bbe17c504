//! Every mode of TLS against a server with a certificate of an authority of its own.

use aquifer_core::{ErrorKind, SCHEMA};
use aquifer_mysql::{MysqlBackend, MysqlOptions, SslMode, Tls};
use aquifer_testkit::{Instance, Server};

use crate::support::Scratch;

fn with(options: &MysqlOptions, mode: SslMode, ca: Option<&std::path::Path>, host: &str) -> MysqlOptions {
    let tls = Tls { mode, ca: ca.map(Into::into), ..Tls::default() };
    MysqlOptions { tls, host: host.to_owned(), ..options.clone() }
}

/// The cipher of a connection with these options; empty where it is not encrypted.
async fn opens(options: MysqlOptions) -> Result<(), aquifer_core::Error> {
    MysqlBackend::open(options, &SCHEMA).await.map(|_| ())
}

async fn every_mode(server: &Instance) {
    let files = server.tls_files().expect("certificates");
    let scratch = Scratch::new(server.url()).await.expect("a database");
    let options = &scratch.options;
    let modes = |mode, ca, host| with(options, mode, ca, host);
    let (ca, other) = (Some(files.ca.as_path()), Some(files.other_ca.as_path()));

    for mode in [SslMode::Disabled, SslMode::Preferred, SslMode::Required] {
        opens(modes(mode, None, "127.0.0.1")).await.expect("it opens");
    }
    opens(modes(SslMode::VerifyCa, ca, "127.0.0.1")).await.expect("its authority is known");
    opens(modes(SslMode::VerifyIdentity, ca, "localhost")).await.expect("its name is right");
    opens(modes(SslMode::VerifyIdentity, ca, "127.0.0.1")).await.expect("its address is right");

    for (mode, ca) in [
        (SslMode::VerifyCa, other),
        (SslMode::VerifyIdentity, other),
        (SslMode::VerifyCa, None),
        (SslMode::VerifyIdentity, None),
    ] {
        let error = opens(modes(mode, ca, "127.0.0.1")).await.expect_err("its authority is not known");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("name the authority's certificate with ssl-ca"), "{error}");
    }
    // 127.0.0.2 is the same machine by an address that the certificate does not hold.
    let error = opens(modes(SslMode::VerifyIdentity, ca, "127.0.0.2")).await;
    if let Err(error) = error.as_ref()
        && error.kind() == ErrorKind::Invalid
    {
        assert!(error.to_string().contains("verify_ca"), "{error}");
    } else {
        // Where the server listens on one address only, there is nothing to connect to.
        assert_eq!(error.expect_err("it is refused").kind(), ErrorKind::Unavailable);
    }

    // Whoever must encrypt is told so.
    let user = format!("encrypted_{:08x}", fastrand::u32(..));
    let database = &options.database;
    scratch.admin(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'secret' REQUIRE SSL")).await.expect("a user");
    scratch.admin(&format!("GRANT ALL ON `{database}`.* TO '{user}'@'%'")).await.expect("rights");
    let encrypted = MysqlOptions { user, password: Some("secret".to_owned()), ..options.clone() };
    opens(with(&encrypted, SslMode::Required, None, "127.0.0.1")).await.expect("it opens");
    let error = opens(with(&encrypted, SslMode::Disabled, None, "127.0.0.1")).await.expect_err("it is refused");
    assert!(matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Invalid), "{error:?}");

    let files_missing = Tls { mode: SslMode::VerifyCa, ca: Some("/no/such/ca.pem".into()), ..Tls::default() };
    let error = opens(MysqlOptions { tls: files_missing, ..options.clone() }).await.expect_err("there is no such file");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_server_of_mariadb_speaks_tls() {
    every_mode(&Instance::start(Server::Mariadb)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_server_of_mysql_speaks_tls_and_takes_passwords_without_it() {
    let server = match Instance::start_with(Server::Mysql, aquifer_testkit::Options::default()) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("MySQL is LEFT OUT, MariaDB stands for both: {error}");
            return;
        }
    };
    let scratch = Scratch::new(server.url()).await.expect("a database");
    // A password that the server has not seen since it started goes over an encrypted connection only.
    let user = format!("fresh_{:08x}", fastrand::u32(..));
    scratch.admin(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'secret'")).await.expect("a user");
    scratch.admin(&format!("GRANT ALL ON `{}`.* TO '{user}'@'%'", scratch.options.database)).await.expect("rights");
    let fresh = MysqlOptions { user, password: Some("secret".to_owned()), ..scratch.options.clone() };
    let error = opens(with(&fresh, SslMode::Disabled, None, "127.0.0.1")).await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().contains("set ssl-mode=required"), "{error}");
    opens(with(&fresh, SslMode::Required, None, "127.0.0.1")).await.expect("it opens");
    opens(with(&fresh, SslMode::Disabled, None, "127.0.0.1")).await.expect("the server remembers the password");
    drop(scratch);
    every_mode(&server).await;
}
