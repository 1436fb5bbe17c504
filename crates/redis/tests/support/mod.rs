//! What the tests of this crate share.
#![expect(clippy::expect_used, reason = "a test without its server has to fail")]

use std::sync::atomic::{AtomicU32, Ordering};

use redis::Commands as _;

/// A prefix that nobody else has.
pub(crate) fn prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}-{:08x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed), fastrand::u32(..))
}

/// A URL with more options.
pub(crate) fn with_options(url: &str, more: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}{more}")
}

/// A connection of the plain driver to the server of a URL; of a cluster, to the node that is named first.
pub(crate) fn plain(url: &str) -> redis::Connection {
    let (_, rest) = url.split_once("://").expect("a URL");
    let rest = rest.split(['?', ',']).next().unwrap_or(rest);
    let client = redis::Client::open(format!("redis://{rest}")).expect("a client");
    client.get_connection().expect("a connection")
}

/// Removes all keys that begin with a prefix, from every node.
pub(crate) fn remove(url: &str, prefix: &str) {
    let mut first = plain(url);
    let nodes: String = redis::cmd("CLUSTER").arg("NODES").query(&mut first).unwrap_or_default();
    let addresses = nodes.lines().filter(|line| line.contains("master")).filter_map(|line| {
        let address = line.split(' ').nth(1)?;
        address.split('@').next().map(str::to_owned)
    });
    let mut connections: Vec<redis::Connection> =
        addresses.map(|address| plain(&format!("redis://{address}"))).collect();
    if connections.is_empty() {
        connections.push(first);
    }
    for mut connection in connections {
        let keys: Vec<Vec<u8>> = connection
            .scan_match::<_, Vec<u8>>(format!("{prefix}:*"))
            .map(|keys| keys.filter_map(Result::ok).collect())
            .unwrap_or_default();
        for key in keys {
            let _ = connection.unlink::<_, i64>(key);
        }
    }
}
