//! The server, and how to reach one.

use std::net::SocketAddr;

use aquifer::core::{MAX_NAME_BYTES, TenantId};
use url::Url;

use super::setting::{LISTEN_KEY, Setting};
use super::values::Values;
use crate::failure::Result;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: LISTEN_KEY,
        default: Some("127.0.0.1:7400"),
        doc: "the address and port that `serve` listens on; port 0 takes a free one",
    },
    Setting {
        key: "server.tenant",
        default: Some("tn_default"),
        doc: "the tenant that everything belongs to until there is sign-in",
    },
    Setting {
        key: "server.url",
        default: None,
        doc: "the server that `workflow` and `execution` talk to; without one they work straight on the database",
    },
];

/// The server, and how to reach one.
#[derive(Debug, Clone)]
pub(crate) struct ServerSettings {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// The tenant of everything.
    pub(crate) tenant: TenantId,
    /// The server that commands talk to.
    pub(crate) url: Option<Url>,
}

impl ServerSettings {
    pub(super) fn read(values: &Values) -> Result<Self> {
        Ok(Self {
            listen: values.read(LISTEN_KEY, address)?,
            tenant: values.read("server.tenant", tenant)?,
            url: values.read_optional("server.url", server)?,
        })
    }
}

pub(super) fn address(value: &str) -> Result<SocketAddr, String> {
    let named = value.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(value).parse().map_err(|_| "an address and a port, such as 127.0.0.1:7400".to_owned())
}

fn tenant(value: &str) -> Result<TenantId, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match !value.is_empty() && value.len() <= MAX_NAME_BYTES && value.chars().all(fits) {
        true => Ok(TenantId::from(value)),
        false => Err(format!("letters, digits, _, - and ., at most {MAX_NAME_BYTES}")),
    }
}

fn server(value: &str) -> Result<Url, String> {
    let takes = "an http or https URL, such as http://127.0.0.1:7400";
    let mut url: Url = value.parse().map_err(|_| takes.to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err(takes.to_owned());
    }
    // Paths are appended to it.
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}
