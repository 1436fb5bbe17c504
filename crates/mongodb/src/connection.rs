//! The way to the database: one client, with limits of its own.

use std::fmt;
use std::future::IntoFuture;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aquifer_core::{Error, Kind, Result};
use mongodb::bson::{Document, doc};
use mongodb::options::{Acknowledgment, ClientOptions, ReadConcern, SelectionCriteria, WriteConcern};
use mongodb::{Client, ClientSession, Collection, Database};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::backend::NAME;
use crate::error::{self, Effect};
use crate::options::MongodbOptions;

/// The oldest version that is known to have what is needed.
const OLDEST: i64 = 5;

/// A client and its database.
pub(crate) struct Connection {
    pub(crate) options: MongodbOptions,
    client: Client,
    database: Database,
    /// One for each operation that is under way.
    permits: Semaphore,
    is_closed: AtomicBool,
    /// Name and version of the server.
    pub(crate) server: String,
    /// Whether the server tells of changes, and a connection is free to listen.
    pub(crate) has_changes: bool,
}

impl Connection {
    /// Connects, and finds out what the server is.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be reached; `Unauthorized` for credentials or rights; `Invalid` for a URL or a server that
    /// cannot be used.
    pub(crate) async fn open(options: MongodbOptions) -> Result<Self> {
        // Two libraries in one process may want different ones; the first is fine for all.
        rustls::crypto::ring::default_provider().install_default().ok();
        let limit = options.acquire_timeout + options.connect_timeout;
        let parsed = tokio::time::timeout(limit, ClientOptions::parse(options.url.as_str()).into_future());
        let parsed = parsed.await.map_err(|_| error::slow(&options.hosts, limit, Effect::None))?;
        let mut driver = parsed.map_err(|error| error::from_driver(&error, Effect::None, &options.hosts))?;
        driver.app_name = driver.app_name.or_else(|| Some(NAME_OF_APP.to_owned()));
        driver.max_pool_size = Some(options.max_connections);
        driver.min_pool_size = Some(options.min_connections);
        driver.max_idle_time = Some(options.idle_timeout);
        driver.connect_timeout = Some(options.connect_timeout);
        driver.server_selection_timeout = Some(options.acquire_timeout);
        driver.write_concern = Some(durable(&options));
        driver.read_concern = Some(ReadConcern::majority());
        driver.selection_criteria = Some(SelectionCriteria::ReadPreference(mongodb::options::ReadPreference::Primary));
        let client =
            Client::with_options(driver).map_err(|error| error::from_driver(&error, Effect::None, &options.hosts))?;
        let database = client.database(&options.database);
        let permits = Semaphore::new(options.max_connections as usize);
        let is_closed = AtomicBool::new(false);
        let server = String::new();
        let mut connection = Self { options, client, database, permits, is_closed, server, has_changes: false };
        connection.look().await?;
        Ok(connection)
    }

    /// Finds out whether the server will do.
    async fn look(&mut self) -> Result<()> {
        let admin = self.client.database("admin");
        let hello = self.call(Effect::None, admin.run_command(doc! { "hello": 1 })).await?;
        let is_sharded = hello.get_str("msg").is_ok_and(|text| text == "isdbgrid");
        if !is_sharded && !hello.contains_key("setName") {
            return Err(error::replica_set_needed());
        }
        let build = self.call(Effect::None, admin.run_command(doc! { "buildInfo": 1 })).await?;
        let version = build.get_str("version").unwrap_or("of an unknown version");
        let major = version.split('.').next().and_then(|major| major.parse::<i64>().ok());
        if major.is_some_and(|major| major < OLDEST) {
            return Err(Error::invalid(format!("this is MongoDB {version}: {OLDEST}.0 or newer is needed")));
        }
        let modules = build.get_array("modules").into_iter().flatten().filter_map(|module| module.as_str());
        let modules: Vec<&str> = modules.collect();
        self.server = match modules.is_empty() {
            true => format!("MongoDB {version}"),
            false => format!("MongoDB {version} ({})", modules.join(", ")),
        };
        // Listening takes a connection for as long as it lasts.
        self.has_changes = self.options.max_connections > 1 && self.can_listen().await;
        Ok(())
    }

    async fn can_listen(&self) -> bool {
        let asked = doc! { "aggregate": 1, "pipeline": [{ "$changeStream": {} }], "cursor": { "batchSize": 0 } };
        let Ok(answer) = self.call(Effect::None, self.database.run_command(asked)).await else { return false };
        if let Ok(id) = answer.get_document("cursor").and_then(|cursor| cursor.get_i64("id")) {
            let kill = doc! { "killCursors": "$cmd.aggregate", "cursors": [id] };
            // It ends by itself too, only later.
            let _ = self.call(Effect::None, self.database.run_command(kill)).await;
        }
        true
    }

    /// Waits until one more operation may begin.
    ///
    /// # Errors
    /// `Unavailable` if the backend is closed, or too much is under way for too long.
    pub(crate) async fn permit(&self) -> Result<SemaphorePermit<'_>> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(error::closed());
        }
        let acquired = tokio::time::timeout(self.options.acquire_timeout, self.permits.acquire()).await;
        match acquired {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(error::closed()),
            Err(_) => Err(Error::unavailable(format!(
                "all {} connections to MongoDB have been busy for {:?}: raise max_connections",
                self.options.max_connections, self.options.acquire_timeout
            ))),
        }
    }

    /// Waits for an answer of the driver, but not longer than the options say.
    ///
    /// # Errors
    /// As the contract has it.
    pub(crate) async fn call<T>(
        &self,
        effect: Effect,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T> {
        self.timed(effect, call).await?.map_err(|error| error::from_driver(&error, effect, &self.options.hosts))
    }

    /// The same, with the driver's own error in the inner result.
    pub(crate) async fn timed<T>(
        &self,
        effect: Effect,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<mongodb::error::Result<T>> {
        let limit = self.options.request_timeout;
        tokio::time::timeout(limit, call.into_future())
            .await
            .map_err(|_| error::slow(&self.options.hosts, limit, effect))
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The collection of a kind.
    pub(crate) fn collection(&self, kind: &'static Kind) -> Collection<Document> {
        self.database.collection(kind.name)
    }

    /// A session for transactions.
    pub(crate) async fn session(&self) -> Result<ClientSession> {
        self.call(Effect::None, self.client.start_session().causal_consistency(false)).await
    }

    /// What a transaction reads: one snapshot.
    pub(crate) fn snapshot(&self) -> ReadConcern {
        ReadConcern::snapshot()
    }

    /// What a write waits for: the journals of a majority.
    pub(crate) fn durable(&self) -> WriteConcern {
        durable(&self.options)
    }

    /// What a read by key waits for.
    pub(crate) fn newest(&self) -> ReadConcern {
        if self.options.linearizable { ReadConcern::linearizable() } else { ReadConcern::majority() }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Waits for what is under way, and closes all connections.
    pub(crate) async fn close(&self) {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let all = self.options.max_connections;
        let ended = tokio::time::timeout(self.options.request_timeout, self.permits.acquire_many(all)).await;
        drop(ended);
        self.permits.close();
        self.client.clone().shutdown().immediate(true).await;
    }
}

/// What the server's log shows where the URL says nothing.
const NAME_OF_APP: &str = "aquifer";

fn durable(options: &MongodbOptions) -> WriteConcern {
    let limit = options.request_timeout.max(Duration::from_millis(1));
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(limit).build()
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("backend", &NAME).field("options", &self.options).finish_non_exhaustive()
    }
}
