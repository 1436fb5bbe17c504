//! TLS, with an authority of our own. Which authorities are trusted is a matter of the environment, so that the part that trusts it is
//! a process of its own: this test binary again.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use aquifer_core::{ErrorKind, SCHEMA};
use aquifer_libsql::LibsqlBackend;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{empty_database, options, refused};

const URL: &str = "AQUIFER_TEST_TLS_SERVER";

/// The certificate of an authority, and what a server of `localhost` needs.
fn authority() -> (String, ServerConfig) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let keys = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&keys).unwrap();
    let issuer = Issuer::from_params(&params, &keys);
    let server_keys = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let server = server.signed_by(&server_keys, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_keys.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![server.der().clone()], key);
    (certificate.pem(), config.unwrap())
}

/// A server that has an empty database; it ends with the process.
fn serve(config: ServerConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            // A client that trusts nobody ends here.
            if stream.read(&mut [0; 64 << 10]).is_ok_and(|size| size > 0) {
                let _ = stream.write_all(empty_database().as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    format!("libsql://localhost:{port}")
}

#[tokio::test]
#[ignore = "the part of a process that trusts the authority"]
async fn part_trusts() {
    let Ok(url) = std::env::var(URL) else { return };
    LibsqlBackend::open(options(&url), &SCHEMA).await.unwrap();
    println!("it was opened");
}

#[tokio::test]
async fn a_certificate_is_trusted_with_its_authority_only() {
    let (authority, config) = authority();
    let url = serve(config);
    let error = refused(options(&url)).await;
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert!(error.message().contains("is not trusted"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    std::fs::write(&file, authority).unwrap();
    let trusting = |url: String| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["tls::part_trusts", "--exact", "--ignored", "--nocapture"]);
        command.env("SSL_CERT_FILE", &file).env(URL, url).output().unwrap()
    };
    let output = trusting(url.clone());
    assert!(String::from_utf8_lossy(&output.stdout).contains("it was opened"), "{output:?}");
    // The certificate is for the other name.
    let output = trusting(url.replace("localhost", "127.0.0.1"));
    assert!(!output.status.success());
}
