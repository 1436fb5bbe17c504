//! The Redis backend keeps the store contract: on Redis, on a cluster of three nodes, and on Valkey.

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Result, Schema};
use aquifer_redis::{RedisBackend, RedisOptions};
use aquifer_testkit::Server;
use async_trait::async_trait;

mod support;

struct Redis {
    name: &'static str,
    server: Server,
}

/// A prefix of its own; what is below it is removed at the end.
struct Prefix {
    url: String,
    prefix: String,
}

#[async_trait]
impl Harness for Redis {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        let (url, prefix) = (aquifer_testkit::url(self.server), support::prefix());
        Ok(Box::new(Prefix { url, prefix }))
    }
}

#[async_trait]
impl Database for Prefix {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        let more = format!("prefix={0}&stream_prefix={0}:&max_connections=3&request_timeout=60s", self.prefix);
        let options = RedisOptions::from_url(&support::with_options(&self.url, &more))?;
        Ok(Arc::new(RedisBackend::open(options, schema).await?))
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        support::remove(&self.url, &self.prefix);
    }
}

fn main() -> ExitCode {
    let harness = |name, server| Arc::new(Redis { name, server }) as Arc<dyn Harness>;
    aquifer_conformance::main([
        harness("redis", Server::Redis),
        harness("redis-cluster", Server::RedisCluster),
        harness("valkey", Server::Valkey),
    ])
}
