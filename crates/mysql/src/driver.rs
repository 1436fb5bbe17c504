//! What MySQL and MariaDB bring to the contract that all SQL servers share.

use std::sync::Arc;

use aquifer_core::{Capabilities, Migration, Notifier, Pong, Result, Schema};
use aquifer_sql::Dialect;
use aquifer_sql::network::{Connect, Driver, Fault, Pool, Purpose, Session};
use async_trait::async_trait;

use crate::connect::Connector;
use crate::error::Place;
use crate::options::MysqlOptions;
use crate::session::MysqlSession;
use crate::{NAME, migrate};

/// One server, and the connections to it.
#[derive(Debug)]
pub struct MysqlDriver {
    pool: Pool<Connector>,
    place: Arc<Place>,
    notifier: Notifier,
}

impl MysqlDriver {
    pub(crate) async fn connect(&self) -> Result<MysqlSession> {
        let pooled = self.pool.acquire().await?;
        Ok(MysqlSession::new(pooled, Arc::clone(&self.place), self.pool.connector().options.request_timeout))
    }
}

#[async_trait]
impl Driver for MysqlDriver {
    type Options = MysqlOptions;

    const NAME: &'static str = NAME;

    async fn open(options: MysqlOptions, _: &'static Schema) -> Result<Self> {
        let (connector, connection) = Connector::open(options).await?;
        connector.disconnect(connection).await;
        let (place, options) = (Arc::new(connector.place.clone()), connector.pool_options());
        Ok(Self { pool: Pool::new(connector, options), place, notifier: Notifier::default() })
    }

    fn dialect(&self) -> &'static Dialect {
        self.pool.connector().server.flavour.dialect()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // JSON comes back half as long again at worst, and has to fit into 16 MiB with the rest.
            max_record_bytes: 8 << 20,
            max_operations: 1000,
            max_transaction_bytes: 64 << 20,
            concurrent_commits: 3,
            scans_may_lag: false,
            native_expiry: false,
            push: false,
            durable: true,
        }
    }

    async fn session(&self, _: Purpose) -> Result<Box<dyn Session>> {
        Ok(Box::new(self.connect().await?))
    }

    async fn migrate(&self, schema: &'static Schema) -> Result<Migration> {
        let connector = self.pool.connector();
        migrate::migrate(self.connect().await?, connector.server.flavour, schema, &connector.options.database).await
    }

    async fn ping(&self) -> Result<Pong> {
        let mut session = self.connect().await?;
        let schema_version = migrate::schema_version(&mut session).await?.unwrap_or(0);
        Ok(Pong { schema_version, server: self.pool.connector().server.text() })
    }

    async fn facts(&self) -> Result<(Option<u64>, Vec<(&'static str, String)>)> {
        let mut session = self.connect().await?;
        let sizes = "SELECT CAST(SUM(data_length + index_length) AS CHAR) FROM information_schema.tables \
                     WHERE table_schema = DATABASE()";
        let bytes = session.texts(sizes).await.map_err(Fault::into_error)?.concat();
        let connector = self.pool.connector();
        let facts = vec![
            ("server", connector.server.text()),
            ("place", self.place.server.clone()),
            ("database", connector.options.database.clone()),
            ("max_allowed_packet", connector.server.max_allowed_packet.to_string()),
        ];
        Ok((bytes.first().and_then(|bytes| bytes.parse().ok()), facts))
    }

    /// Sessions read what is committed at each statement, which keeps claims from locking gaps that others insert into. Only what must
    /// not appear meanwhile needs those locks.
    async fn guard_absence(&self, session: &mut dyn Session) -> Result<(), Fault> {
        session.rollback().await?;
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", &[]).await?;
        session.begin().await
    }

    fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
