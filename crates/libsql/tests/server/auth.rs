//! Tokens: none, wrong, expired, for reading only, right.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aquifer_core::{BackendExt as _, ErrorKind, Retry, SCHEMA};
use aquifer_libsql::{LibsqlBackend, LibsqlOptions};
use aquifer_testkit::{Instance, Options, Server};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ED25519, SigningKey as _};

use super::{failed, insert, key, open, options, refused};

/// A server that wants tokens that `keys` has signed.
fn start(folder: &Path, keys: &KeyPair) -> Instance {
    let file = folder.join("key.pem");
    fs::write(&file, keys.public_key_pem()).unwrap();
    // The server may run as somebody else.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = vec!["--auth-jwt-key-file".to_owned(), file.display().to_string()];
    Instance::start_with(Server::Libsql, Options { arguments, ..Options::default() }).unwrap()
}

fn token(keys: &KeyPair, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(r#"{"alg":"EdDSA","typ":"JWT"}"#), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(keys.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn own_server_tokens_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let server = start(folder.path(), &keys);
    let with = |token: String| LibsqlOptions { auth_token: Some(token), ..options(server.url()) };

    let none = refused(options(server.url())).await;
    assert_eq!(none.kind(), ErrorKind::Unauthorized);
    assert!(none.message().ends_with("wants an auth token: set the option authToken"), "{none}");
    let others = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    for (token, message) in [
        ("nonsense".to_owned(), "is not valid there: set the option authToken to a new one"),
        (token(&others, r#"{"a":"rw"}"#), "is not valid there: set the option authToken to a new one"),
        (token(&keys, r#"{"a":"rw","exp":1000}"#), "has expired: set the option authToken to a new one"),
    ] {
        let error = refused(with(token.clone())).await;
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Permanent), "{error:?}");
        assert!(error.message().ends_with(message), "{error}");
        assert!(!format!("{error:?}").contains(&token), "{error:?}");
    }

    let right = token(&keys, r#"{"a":"rw"}"#);
    let backend = open(&format!("{}?authToken={right}", server.url())).await;
    assert!(!format!("{backend:?}").contains(&right));
    backend.commit_one(insert("a")).await.unwrap();

    // Without the right to write.
    let reader = with(token(&keys, r#"{"a":"ro"}"#));
    let reader = LibsqlBackend::open(reader, &SCHEMA).await.unwrap();
    assert!(reader.get_one(key("a")).await.unwrap().is_some());
    let error = failed(reader.commit_one(insert("b")).await, ErrorKind::Unauthorized);
    assert!(error.message().contains("needs the rights to read and to write"), "{error}");
    assert!(backend.get_one(key("b")).await.unwrap().is_none());
}
