//! Where a libSQL server is and how it is used.

use std::fmt;
use std::time::Duration;

use aquifer_core::{Error, Result, UrlOptions};
use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::NAME;

const KNOWN: &[&str] = &[
    "acquire_timeout",
    "authToken",
    "connect_timeout",
    "idle_timeout",
    "max_connections",
    "namespace",
    "request_timeout",
    "tls",
];

/// The most requests at once.
const MOST_CONNECTIONS: usize = 1000;

/// Where a libSQL server is and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct LibsqlOptions {
    /// The server, with `http` or `https` as scheme and without a token: `https://db-org.turso.io`.
    pub url: String,
    /// What the server knows the program by: a JSON Web Token.
    pub auth_token: Option<String>,
    /// The database on a server of one's own that has several; `None` where the host's name tells, or there is one.
    pub namespace: Option<String>,
    /// The most requests at once, from 1 to 1000. Each has a connection of its own, unless the server speaks HTTP/2.
    pub max_connections: usize,
    /// How long a request waits until fewer than `max_connections` are under way.
    pub acquire_timeout: Duration,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// How long a request may take, connecting included.
    pub request_timeout: Duration,
    /// How long a connection that nobody uses is kept.
    pub idle_timeout: Duration,
}

impl LibsqlOptions {
    /// The server at `url`, with `http` or `https` as scheme, without a token.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            auth_token: None,
            namespace: None,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
        }
    }

    /// Reads a URL: `libsql://HOST`, `turso://HOST` or `https://HOST` over TLS, `http://HOST:PORT` or `libsql://HOST:PORT?tls=0` without.
    ///
    /// Options follow a `?`: `authToken` (or `auth_token`), `tls`, `namespace`, `max_connections`, `acquire_timeout`,
    /// `connect_timeout`, `request_timeout`, `idle_timeout`.
    ///
    /// # Errors
    /// `Invalid` for another scheme, no host, a user or a password, or an option that is unknown or out of range. It never holds
    /// the token.
    ///
    /// ```
    /// use aquifer_libsql::LibsqlOptions;
    /// let options = LibsqlOptions::from_url("libsql://flows-acme.turso.io?authToken=ey&max_connections=4")?;
    /// assert_eq!(options.url, "https://flows-acme.turso.io");
    /// assert_eq!(options.max_connections, 4);
    /// # Ok::<(), aquifer_core::Error>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self> {
        const FORMS: &str = "write libsql://HOST?authToken=TOKEN, or http://HOST:PORT for a server without TLS";
        let url = url.split_once('#').map_or(url, |(url, _)| url);
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let Some((scheme, rest)) = place.split_once("://") else {
            return Err(Error::invalid(format!("this is no URL of a libSQL server: {FORMS}")));
        };
        let mut given = UrlOptions::parse(NAME, query, KNOWN)?;
        let tls = given.boolean("tls")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "libsql" | "turso" => tls.unwrap_or(true),
            "https" if tls != Some(false) => true,
            "http" if tls != Some(true) => false,
            "https" | "http" => {
                return Err(Error::invalid(format!("{scheme} and the option tls contradict each other: drop tls")));
            }
            "ws" | "wss" => return Err(Error::invalid(format!("libsql is not spoken over WebSockets here: {FORMS}"))),
            _ => return Err(Error::invalid(format!("{scheme:?} is no scheme of a libSQL server: {FORMS}"))),
        };
        let mut options = Self::new(address(if tls { "https" } else { "http" }, rest)?);
        options.auth_token = given.text("authToken").filter(|token| !token.is_empty());
        options.namespace = given.text("namespace").filter(|namespace| !namespace.is_empty());
        if let Some(most) = given.number("max_connections", 1, MOST_CONNECTIONS)? {
            options.max_connections = most;
        }
        for (name, place) in [
            ("acquire_timeout", &mut options.acquire_timeout),
            ("connect_timeout", &mut options.connect_timeout),
            ("request_timeout", &mut options.request_timeout),
            ("idle_timeout", &mut options.idle_timeout),
        ] {
            if let Some(duration) = given.duration(name)? {
                *place = duration;
            }
        }
        options.host_header()?;
        options.authorization()?;
        Ok(options)
    }

    /// The header that says which database of several is meant, if the options name one.
    pub(crate) fn host_header(&self) -> Result<Option<HeaderValue>> {
        let Some(namespace) = &self.namespace else { return Ok(None) };
        let refused = || {
            Error::invalid(format!(
                "the option namespace takes letters, digits, - and _, at most 63, not {namespace:?}"
            ))
        };
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if namespace.is_empty() || namespace.len() > 63 || !namespace.chars().all(letters) {
            return Err(refused());
        }
        let host = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host);
        HeaderValue::from_str(&format!("{namespace}.{host}")).map(Some).map_err(|_| refused())
    }

    /// The header that carries the token, if there is one.
    pub(crate) fn authorization(&self) -> Result<Option<HeaderValue>> {
        let Some(token) = &self.auth_token else { return Ok(None) };
        let header = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut header = header.map_err(|_| {
            Error::invalid("the option authToken holds characters that no token has: copy the token once more")
        })?;
        header.set_sensitive(true);
        Ok(Some(header))
    }
}

impl fmt::Debug for LibsqlOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibsqlOptions")
            .field("url", &self.url)
            .field("auth_token", &self.auth_token.as_ref().map(|_| format_args!("<secret>")))
            .field("namespace", &self.namespace)
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .finish()
    }
}

/// The URL that requests go to, without a slash at its end.
fn address(scheme: &str, rest: &str) -> Result<String> {
    // Somebody's token may stand there: it is not repeated.
    if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
        return Err(Error::invalid("a libSQL server takes no user and password: give the token as ?authToken=TOKEN"));
    }
    let url = format!("{scheme}://{rest}");
    let parsed = Url::parse(&url)
        .map_err(|error| Error::invalid(format!("{url:?} names no host and port of a libSQL server: {error}")))?;
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_servers() {
        for (url, server) in [
            ("libsql://db-org.turso.io?authToken=x", "https://db-org.turso.io"),
            ("turso://db-org.turso.io", "https://db-org.turso.io"),
            ("LIBSQL://db:8443/", "https://db:8443"),
            ("libsql://127.0.0.1:8080?tls=0", "http://127.0.0.1:8080"),
            ("libsql://db?tls=1", "https://db"),
            ("https://db/dev/one/", "https://db/dev/one"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://db:8080?tls=0#x", "http://db:8080"),
        ] {
            assert_eq!(LibsqlOptions::from_url(url).unwrap().url, server, "{url}");
        }
    }

    #[test]
    fn options_are_read() {
        let url = "libsql://db?auth-token=a%2Fb&namespace=one&max_connections=3&acquire_timeout=1s&connect_timeout=2s\
                   &request_timeout=PT1M&idle_timeout=500ms";
        let options = LibsqlOptions::from_url(url).unwrap();
        let expected = LibsqlOptions {
            auth_token: Some("a/b".to_owned()),
            namespace: Some("one".to_owned()),
            max_connections: 3,
            acquire_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_millis(500),
            ..LibsqlOptions::new("https://db")
        };
        assert_eq!(options, expected);
        assert_eq!(options.host_header().unwrap().unwrap(), "one.db");
        let on_a_port = LibsqlOptions { namespace: Some("one".to_owned()), ..LibsqlOptions::new("http://db:8080/x") };
        assert_eq!(on_a_port.host_header().unwrap().unwrap(), "one.db:8080");
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_fix_and_without_the_token() {
        for (url, message) in [
            ("workflows.db", "this is no URL of a libSQL server"),
            ("postgres://db", "\"postgres\" is no scheme of a libSQL server"),
            ("wss://db", "not spoken over WebSockets"),
            ("https://db?tls=0", "https and the option tls contradict each other"),
            ("http://db?tls=1", "http and the option tls contradict each other"),
            ("libsql://", "names no host and port"),
            ("libsql://db:99999", "names no host and port"),
            ("libsql://secret@db", "takes no user and password"),
            ("libsql://db?authTokn=secret", "did you mean authToken?"),
            ("libsql://db?authToken=secret&auth_token=secret", "given twice"),
            ("libsql://db?authToken=secret%0A", "characters that no token has"),
            ("libsql://db?max_connections=0", "a number from 1 to 1000"),
            ("libsql://db?namespace=a.b", "letters, digits, - and _"),
        ] {
            let error = LibsqlOptions::from_url(url).unwrap_err().to_string();
            assert!(error.contains(message), "{url}: {error}");
            assert!(!error.contains("secret"), "{url}: {error}");
        }
        let options = LibsqlOptions::from_url("libsql://db?authToken=ey.hidden").unwrap();
        assert!(!format!("{options:?}").contains("hidden"));
    }
}
