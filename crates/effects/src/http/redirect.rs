//! Where a redirect leads, and what goes along.

use reqwest::{
    Method, StatusCode, Url,
    header::{CONTENT_TYPE, HOST, HeaderMap, LOCATION},
};

use super::request::{Request, is_sensitive};

/// The most redirects that one call follows.
pub(super) const MAX_REDIRECTS: usize = 10;

/// The request that a reply redirects to (RFC 9110 §15.4); `None` if it does not, or not to where a call may go.
///
/// As browsers do, 303 and a POST's 301 and 302 become a GET without content. Headers that carry credentials stay
/// behind when the origin changes.
pub(super) fn follow(request: &Request, status: StatusCode, headers: &HeaderMap) -> Option<Request> {
    let becomes_get = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method == Method::POST,
        StatusCode::SEE_OTHER => request.method != Method::HEAD,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return None,
    };
    let location = str::from_utf8(headers.get(LOCATION)?.as_bytes()).ok()?;
    let uri = request.uri.join(location).ok()?;
    // A reply over TLS must not lead to where anyone can listen.
    if !matches!((request.uri.scheme(), uri.scheme()), ("http", "http" | "https") | ("https", "https")) {
        return None;
    }
    let mut next = request.clone();
    if becomes_get {
        next.method = Method::GET;
        next.body = None;
        next.headers.remove(CONTENT_TYPE);
    }
    if origin(&request.uri) != origin(&uri) {
        let left_behind: Vec<_> =
            next.headers.keys().filter(|name| is_sensitive(name) || *name == HOST).cloned().collect();
        for name in left_behind {
            next.headers.remove(name);
        }
    }
    next.uri = uri;
    Some(next)
}

fn origin(uri: &Url) -> (&str, Option<&str>, Option<u16>) {
    (uri.scheme(), uri.host_str(), uri.port_or_known_default())
}

#[cfg(test)]
mod tests {
    use reqwest::{
        Method, StatusCode, Url,
        header::{HeaderMap, HeaderValue, LOCATION},
    };

    use super::{Request, follow};

    fn target(from: &str, location: &'static str) -> Option<String> {
        let request = Request {
            method: Method::GET,
            uri: Url::parse(from).expect("a uri"),
            headers: HeaderMap::from_iter(
                [("authorization", "a"), ("host", "h"), ("accept", "*")]
                    .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value))),
            ),
            body: None,
        };
        let reply = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        follow(&request, StatusCode::FOUND, &reply).map(|next| format!("{} {}", next.uri, next.headers.len()))
    }

    #[test]
    fn tls_is_never_given_up() {
        assert_eq!(target("https://h/", "http://h/"), None);
        assert_eq!(target("https://h/", "https://h/x").as_deref(), Some("https://h/x 3"));
        assert_eq!(target("http://h/", "https://h/x").as_deref(), Some("https://h/x 1"));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (location, kept) in [
            ("/x", 3),
            ("?y", 3),
            ("http://a.example:80/", 3),
            ("http://A.EXAMPLE/", 3),
            ("//b.example/", 1),
            ("http://a.example:81/", 1),
            ("http://a.example.evil.example/", 1),
            ("http://sub.a.example/", 1),
        ] {
            let next = target("http://a.example/p", location).expect("a target");
            assert!(next.ends_with(&format!(" {kept}")), "{location}: {next}");
        }
    }
}
