//! The certificates of the servers that speak TLS.

use std::path::{Path, PathBuf};

/// The files that a client of a TLS server needs, all PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the authority that signed the server's certificate (`ca.crt`).
    pub ca: PathBuf,
    /// The certificate of the client `app` (`client.crt`).
    pub certificate: PathBuf,
    /// The key to it, PKCS #8 (`client.key`).
    pub key: PathBuf,
    /// The certificate of an authority that signed nothing here (`other-ca.crt`).
    pub other_ca: PathBuf,
}

impl TlsFiles {
    /// The files with the usual names in `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            ca: folder.join("ca.crt"),
            certificate: folder.join("client.crt"),
            key: folder.join("client.key"),
            other_ca: folder.join("other-ca.crt"),
        }
    }
}
