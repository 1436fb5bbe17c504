//! What the tests of this crate share: places for data on the test server, which remove what they made.

#![allow(dead_code, reason = "each test uses what it needs")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

pub(crate) mod front;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use aquifer_core::{Entity, Result, Schema, Timestamp};
use aquifer_dynamodb::{DynamoBackend, DynamoOptions};
use aquifer_testkit::Server;

/// The options of the test server, with a prefix of tables that nobody else has.
pub(crate) fn options() -> DynamoOptions {
    let mut options =
        DynamoOptions::from_url(&aquifer_testkit::url(Server::Dynamodb)).expect("the URL of the test server");
    options.table_prefix = format!("test_{:016x}_", fastrand::u64(..));
    options.max_connections = 8;
    options
}

/// Tables with a prefix of their own, which are removed at the end.
pub(crate) struct Tables {
    pub(crate) options: DynamoOptions,
    made: Mutex<BTreeSet<&'static str>>,
}

impl Tables {
    pub(crate) fn new(options: DynamoOptions) -> Self {
        Self { options, made: Mutex::new(BTreeSet::from(["meta", "uniques"])) }
    }

    pub(crate) async fn open(&self, schema: &'static Schema) -> Result<DynamoBackend> {
        self.open_with(self.options.clone(), schema).await
    }

    /// Opens the same tables another way.
    pub(crate) async fn open_with(&self, options: DynamoOptions, schema: &'static Schema) -> Result<DynamoBackend> {
        let names = schema.kinds.iter().map(|kind| kind.name);
        self.made.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
        DynamoBackend::open(DynamoOptions { table_prefix: self.options.table_prefix.clone(), ..options }, schema).await
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let options = self.options.clone();
        // The runtime of the test cannot wait for this one, but a thread can.
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let client = client(&options);
                for name in made {
                    let table = format!("{}{name}", options.table_prefix);
                    // Some were never made.
                    let _ = client.delete_table().table_name(table).send().await;
                }
            });
        });
        let _ = removal.join();
    }
}

/// The bare SDK at the test server.
pub(crate) fn client(options: &DynamoOptions) -> aws_sdk_dynamodb::Client {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
            aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(options.region.clone().unwrap_or_else(|| "us-east-1".to_owned())))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(options.endpoint.as_deref().expect("the test server has an address"))
        .http_client(http)
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// Where the test server is.
pub(crate) fn address(options: &DynamoOptions) -> SocketAddr {
    let endpoint = options.endpoint.as_deref().expect("the test server has an address");
    let authority = endpoint.rsplit('/').next().expect("an authority").replace("localhost", "127.0.0.1");
    authority.parse().expect("an address with a port")
}

aquifer_core::kind! {
    /// Something that is counted.
    Counter as "counters", columns CounterColumn {
        /// The tenant it belongs to.
        tenant_id: String,
        /// Its id.
        id: String,
        /// How much.
        count: i64,
        /// Its name.
        name: Option<String>,
        /// When something is due.
        due_at: Option<Timestamp>,
        /// When it is void.
        expires_at: Option<Timestamp>,
    }
    key(tenant_id, id) partition 1;
    index by_due(due_at);
    unique by_name(tenant_id, name);
    expiry expires_at;
}

/// A small schema.
pub(crate) static COUNTERS: Schema = Schema { version: 1, kinds: &[Counter::KIND] };

/// A counter that has nothing but a key.
pub(crate) fn counter(id: impl ToString) -> Counter {
    let id = id.to_string();
    Counter { tenant_id: "t".to_owned(), id, count: 0, name: None, due_at: None, expires_at: None }
}
