//! The certificates of the servers that speak TLS.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::run::Home;
use crate::{Error, Result};

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

/// Makes an authority and what it signs: `server.crt` for `localhost` and 127.0.0.1, and `client.crt` for the user `app`.
pub(crate) fn make_certificates(home: &Home) -> Result<PathBuf> {
    let failed = |error: rcgen::Error| Error::new(format!("no certificates: {error}"));
    let folder = home.path().join("certificates");
    fs::create_dir(&folder).map_err(Error::because(folder.display()))?;
    let (authority, issuer) = authority("Aquifer's tests").map_err(failed)?;
    let (other, _) = self::authority("Somebody else").map_err(failed)?;
    write(&folder.join("ca.crt"), &authority, 0o644)?;
    write(&folder.join("other-ca.crt"), &other, 0o644)?;

    let (certificate, key) = signed(&issuer, "localhost", &["localhost", "127.0.0.1"]).map_err(failed)?;
    write(&folder.join("server.crt"), &certificate, 0o644)?;
    home.write("certificates/server.key", &key)?;
    let (certificate, key) = signed(&issuer, "app", &["app"]).map_err(failed)?;
    write(&folder.join("client.crt"), &certificate, 0o644)?;
    write(&folder.join("client.key"), &key, 0o600)?;
    Ok(folder)
}

fn write(file: &Path, text: &str, mode: u32) -> Result {
    let written = fs::write(file, text).and_then(|()| fs::set_permissions(file, Permissions::from_mode(mode)));
    written.map_err(Error::because(file.display()))
}

/// An authority's certificate, and what signs with its key.
fn authority(name: &str) -> std::result::Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?.pem();
    Ok((certificate, Issuer::new(params, key)))
}

/// A certificate for these names, and the key to it.
fn signed(
    issuer: &Issuer<'_, KeyPair>,
    subject: &str,
    names: &[&str],
) -> std::result::Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, subject);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok((params.signed_by(&key, issuer)?.pem(), key.serialize_pem()))
}
