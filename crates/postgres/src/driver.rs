//! What PostgreSQL brings to the contract.

use std::sync::Arc;

use aquifer_core::{Capabilities, ColumnType, Error, Kind, Migration, Notifier, Pong, Result, Schema, Value};
use aquifer_sql::network::{Driver, Fault, Parameter, Pool, Purpose, Session, Step, Write};
use aquifer_sql::{Dialect, POSTGRES};
use async_trait::async_trait;

use crate::NAME;
use crate::combine::Combiner;
use crate::connect::Connector;
use crate::options::PostgresOptions;
use crate::session::PgSession;
use crate::watch::Push;

/// Two numbers that stand for the records of one schema, which whoever adds to them shares with others who add, and whoever checks
/// that one is absent has alone.
const RECORDS: &str = "hashtext('aquifer records'), hashtext(coalesce(current_schema(), ''))";

/// One PostgreSQL database, and its replica if there is one.
#[derive(Debug)]
pub struct PgDriver {
    primary: Pool<Connector>,
    replica: Option<Pool<Connector>>,
    combiner: Arc<Combiner>,
    push: Push,
    guard: Arc<str>,
}

impl PgDriver {
    pub(crate) fn options(&self) -> &PostgresOptions {
        &self.primary.connector().options
    }

    #[cfg(test)]
    pub(crate) fn combiner(&self) -> Arc<Combiner> {
        Arc::clone(&self.combiner)
    }

    /// A session of the primary.
    pub(crate) async fn primary(&self) -> Result<PgSession> {
        session(&self.primary, &self.combiner).await
    }
}

/// A session of a pool that is opened for what stands between now.
async fn session(pool: &Pool<Connector>, combiner: &Arc<Combiner>) -> Result<PgSession> {
    loop {
        let mut pooled = pool.acquire().await?;
        // If this is dropped meanwhile, nobody gets a connection that is half set.
        pooled.set_broken(true);
        if pool.connector().settle(pooled.connection()?).await? {
            pooled.set_broken(false);
            return Ok(PgSession::new(pooled, Arc::clone(combiner)));
        }
    }
}

/// Finds a pooler that gives every transaction to another session: two connections that take turns meet the same session, or one
/// meets several. Until that is known every transaction is run as if there was one, which works either way and leaves nothing
/// behind; so it stays with a single connection, which cannot tell.
async fn look_for_pooler(pool: &Pool<Connector>, combiner: &Arc<Combiner>) -> Result<()> {
    const ROUNDS: usize = 3;
    let mut first = session(pool, combiner).await?;
    let one = process(&mut first).await?;
    let options = &pool.connector().options;
    if options.statement_cache == 0 || options.pool.max_connections < 2 {
        return Ok(());
    }
    let mut second = session(pool, combiner).await?;
    let other = process(&mut second).await?;
    let mut is_pooled = one == other;
    for _ in 0..ROUNDS {
        is_pooled = is_pooled || process(&mut first).await? != one || process(&mut second).await? != other;
    }
    pool.connector().found(is_pooled);
    Ok(())
}

async fn process(session: &mut PgSession) -> Result<Value> {
    let rows = session.rows("SELECT pg_backend_pid()::bigint", &[], &[ColumnType::Integer]).await;
    let row = rows.map_err(Fault::into_error)?.into_iter().flatten().next();
    row.ok_or_else(|| Error::unavailable("PostgreSQL does not tell its process"))
}

/// Warns where the server keeps less than it acknowledges, and names the channel on which changes are told.
async fn warn_and_name(pool: &Pool<Connector>, combiner: &Arc<Combiner>) -> Result<String> {
    let text =
        "SELECT current_setting('fsync'), current_setting('synchronous_commit'), coalesce(current_schema()::text, '')";
    let mut session = session(pool, combiner).await?;
    let rows = session.rows(text, &[], &[ColumnType::Text; 3]).await.map_err(Fault::into_error)?;
    let Some([fsync, commit, schema]) = rows.first().map(Vec::as_slice) else {
        return Err(Error::unavailable("PostgreSQL does not tell its settings"));
    };
    for (name, value) in [("fsync", fsync), ("synchronous_commit", commit)] {
        if value.as_text() == Some("off") {
            tracing::warn!(
                address = %pool.connector().options.address(),
                "the server has {name} = off: a loss of power may take commits that were acknowledged, set it to on"
            );
        }
    }
    let configured = pool.connector().options.schema.as_deref();
    let schema = configured.or(schema.as_text()).unwrap_or_default();
    let mut channel = format!("aquifer_{schema}");
    // The longest name that a channel may have; two that are cut alike wake each other in vain.
    while channel.len() > 63 {
        channel.pop();
    }
    Ok(channel)
}

#[async_trait]
impl Driver for PgDriver {
    type Options = PostgresOptions;

    const NAME: &'static str = NAME;

    /// Finds out what stands between, too.
    async fn open(options: PostgresOptions, schema: &'static Schema) -> Result<Self> {
        let pool = |options: PostgresOptions| {
            let pool = options.pool;
            Pool::new(Connector::new(options), pool)
        };
        // What stands before the replica is found out for itself.
        let (primary, replica) = (pool(options.clone()), options.read.as_deref().cloned().map(pool));
        let combiner = Arc::new(Combiner::default());
        for pool in [Some(&primary), replica.as_ref()].into_iter().flatten() {
            look_for_pooler(pool, &combiner).await?;
        }
        let channel = warn_and_name(&primary, &combiner).await?;
        let push = Push::new(primary.clone(), schema, channel);
        let guard = format!("SELECT pg_advisory_xact_lock_shared({RECORDS})").into();
        Ok(Self { primary, replica, combiner, push, guard })
    }

    fn dialect(&self) -> &'static Dialect {
        &POSTGRES
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_record_bytes: 16 << 20,
            max_operations: 1000,
            max_transaction_bytes: 64 << 20,
            concurrent_commits: 3,
            scans_may_lag: self.replica.is_some(),
            native_expiry: false,
            push: self.push.is_possible(),
            durable: true,
        }
    }

    async fn session(&self, purpose: Purpose) -> Result<Box<dyn Session>> {
        let pool = match (purpose, &self.replica) {
            (Purpose::Listing, Some(replica)) => replica,
            _ => &self.primary,
        };
        Ok(Box::new(session(pool, &self.combiner).await?))
    }

    async fn migrate(&self, schema: &'static Schema) -> Result<Migration> {
        let mut session = self.primary().await?;
        crate::migrate::migrate(&mut session, schema, self.options()).await
    }

    async fn ping(&self) -> Result<Pong> {
        let mut session = self.primary().await?;
        crate::migrate::pong(&mut session).await
    }

    async fn facts(&self) -> Result<(Option<u64>, Vec<(&'static str, String)>)> {
        let mut session = self.primary().await?;
        crate::stats::facts(&mut session, self).await
    }

    async fn guard_absence(&self, session: &mut dyn Session) -> Result<(), Fault> {
        let text = format!("SELECT pg_advisory_xact_lock({RECORDS})");
        session.execute(&text, &[]).await.map(|_| ())
    }

    fn guard_insert(&self) -> Option<Step<'static>> {
        let (text, parameters) = (Arc::clone(&self.guard), Vec::<Parameter<'static>>::new());
        Some(Step { text, parameters, write: Write::Count, expected: 1 })
    }

    fn notifier(&self) -> &Notifier {
        self.push.notifier()
    }

    fn announce(&self, kind: &'static Kind, partition: &[Value]) {
        self.push.announce(kind, partition);
    }

    async fn listen(&self) {
        self.push.listen().await;
    }

    async fn close(&self) {
        self.push.close().await;
        self.primary.close().await;
        if let Some(replica) = &self.replica {
            replica.close().await;
        }
    }
}

impl PgDriver {
    /// How the connections are used, for people.
    pub(crate) fn mode(&self) -> &'static str {
        if self.primary.connector().is_pooled() { "transaction pooler" } else { "direct" }
    }
}
