//! HTTP calls of workflows.

use std::time::Duration;

use aquifer::engine::HttpOptions;

use super::setting::Setting;
use super::values::{Values, boolean, duration, size, text};
use crate::failure::Result;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "http.user_agent",
        default: Some(concat!("aquifer/", env!("CARGO_PKG_VERSION"))),
        doc: "the User-Agent of calls whose author sets none",
    },
    Setting { key: "http.connect_timeout", default: Some("10s"), doc: "the longest wait for a connection" },
    Setting { key: "http.request_timeout", default: Some("5m"), doc: "the longest that a whole call may take" },
    Setting { key: "http.max_response_bytes", default: Some("100MiB"), doc: "the largest content of a reply" },
    Setting {
        key: "http.use_environment_proxy",
        default: Some("true"),
        doc: "whether the proxies in HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are used",
    },
];

/// HTTP calls of workflows.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    user_agent: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    max_response_bytes: usize,
    use_environment_proxy: bool,
}

impl HttpSettings {
    pub(super) fn read(values: &Values) -> Result<Self> {
        Ok(Self {
            user_agent: values.read("http.user_agent", user_agent)?,
            connect_timeout: values.read("http.connect_timeout", duration)?,
            request_timeout: values.read("http.request_timeout", duration)?,
            max_response_bytes: values.read("http.max_response_bytes", size)?,
            use_environment_proxy: values.read("http.use_environment_proxy", boolean)?,
        })
    }

    pub(super) fn options(&self) -> HttpOptions {
        HttpOptions {
            user_agent: self.user_agent.clone(),
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
            max_response_bytes: self.max_response_bytes,
            use_environment_proxy: self.use_environment_proxy,
            ..HttpOptions::default()
        }
    }
}

fn user_agent(value: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_graphic() || c == ' ';
    text(value).ok().filter(|value| value.chars().all(fits)).ok_or_else(|| "printable ASCII characters".to_owned())
}
