//! How the connection is encrypted.

use std::fs::File;
use std::path::PathBuf;

use aquifer_core::{Error, Result, UrlOptions};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

/// Whether a connection is encrypted, and what is checked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never encrypted.
    Disabled,
    /// Encrypted where the server can; nothing is checked.
    #[default]
    Preferred,
    /// Encrypted or refused; nothing is checked.
    Required,
    /// Encrypted, and the certificate must come from a known authority, whatever name it is for.
    VerifyCa,
    /// Encrypted, and the certificate must come from a known authority and be for the server's host name.
    VerifyIdentity,
}

/// What [`SslMode`] needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Whether and how.
    pub mode: SslMode,
    /// A file with the certificates of authorities, PEM, besides those of the public web.
    pub ca: Option<PathBuf>,
    /// A file with the client's certificate, PEM; needs the key.
    pub certificate: Option<PathBuf>,
    /// A file with the key to the client's certificate, PEM.
    pub key: Option<PathBuf>,
}

impl Tls {
    /// Reads `ssl_mode`, `ssl`, `ssl_ca`, `ssl_cert` and `ssl_key`.
    ///
    /// # Errors
    /// `Invalid` for options that contradict each other.
    pub(crate) fn read(given: &mut UrlOptions) -> Result<Self> {
        let mode = given.choice(
            "ssl_mode",
            &[
                ("disabled", SslMode::Disabled),
                ("preferred", SslMode::Preferred),
                ("required", SslMode::Required),
                ("verify_ca", SslMode::VerifyCa),
                ("verify-ca", SslMode::VerifyCa),
                ("verify_identity", SslMode::VerifyIdentity),
                ("verify-identity", SslMode::VerifyIdentity),
            ],
        )?;
        let wanted = given.boolean("ssl")?;
        let file = |given: Option<String>| given.filter(|path| !path.is_empty()).map(PathBuf::from);
        let ca = file(given.text("ssl_ca"));
        let certificate = file(given.text("ssl_cert"));
        let key = file(given.text("ssl_key"));
        if certificate.is_some() != key.is_some() {
            return Err(Error::invalid("the options ssl_cert and ssl_key of mysql belong together: give both or none"));
        }
        let is_off = mode == Some(SslMode::Disabled) || wanted == Some(false);
        if is_off && (ca.is_some() || certificate.is_some()) {
            return Err(Error::invalid(
                "the options ssl_ca, ssl_cert and ssl_key of mysql need ssl-mode=required or more",
            ));
        }
        let mode = match (mode, wanted) {
            (Some(SslMode::Disabled | SslMode::Preferred), Some(true)) => {
                return Err(Error::invalid("the option ssl=true of mysql contradicts ssl-mode: keep ssl-mode"));
            }
            (Some(mode), Some(false)) if mode != SslMode::Disabled => {
                return Err(Error::invalid("the option ssl=false of mysql contradicts ssl-mode: keep ssl-mode"));
            }
            (Some(mode), _) => mode,
            (None, Some(false)) => SslMode::Disabled,
            // Whoever names an authority wants it to be asked.
            (None, _) if ca.is_some() => SslMode::VerifyCa,
            (None, Some(true)) => SslMode::Required,
            (None, None) if certificate.is_some() => SslMode::Required,
            (None, None) => SslMode::Preferred,
        };
        Ok(Self { mode, ca, certificate, key })
    }

    /// Looks whether the files can be read, because the driver does not say which one cannot.
    ///
    /// # Errors
    /// `Invalid`, naming the option and the file.
    pub(crate) fn check_files(&self) -> Result<()> {
        for (option, file) in [("ssl_ca", &self.ca), ("ssl_cert", &self.certificate), ("ssl_key", &self.key)] {
            if let Some(path) = file
                && let Err(error) = File::open(path)
            {
                let message = format!("the file {} of the option {option} cannot be read", path.display());
                return Err(Error::invalid(message).with_source(error));
            }
        }
        Ok(())
    }

    /// Puts it into the driver's options.
    pub(crate) fn apply(&self, mut options: MySqlConnectOptions) -> MySqlConnectOptions {
        options = options.ssl_mode(match self.mode {
            SslMode::Disabled => MySqlSslMode::Disabled,
            SslMode::Preferred => MySqlSslMode::Preferred,
            SslMode::Required => MySqlSslMode::Required,
            SslMode::VerifyCa => MySqlSslMode::VerifyCa,
            SslMode::VerifyIdentity => MySqlSslMode::VerifyIdentity,
        });
        if let Some(ca) = &self.ca {
            options = options.ssl_ca(ca);
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        options
    }
}
