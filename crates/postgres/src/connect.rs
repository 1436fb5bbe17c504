//! Opening and closing connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aquifer_core::{Error, Result};
use aquifer_sql::network::Connect;
use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::time::timeout;

use crate::error::{not_connected, state};
use crate::options::{PostgresOptions, SslMode};

/// How long asking a connection whether it lives may take.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// How long plans are kept. Long enough for planning to cost next to nothing where there is much to do, and short enough for a plan
/// made for an empty table to be gone when the table has grown.
const PLANS: Duration = Duration::from_secs(1);

/// The oldest server that will do, as it counts its versions.
const OLDEST: u32 = 100_000;

/// What opens connections, and knows whether a pooler stands between.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) options: PostgresOptions,
    connect: PgConnectOptions,
    /// Whether each transaction may meet another session, so that nothing can be left in one. True until it is known.
    is_pooled: AtomicBool,
}

/// A connection, and the way it has to be used.
pub(crate) struct Link {
    pub(crate) connection: PgConnection,
    /// Used as if a pooler gave every transaction to another session: nothing stays in the session, nor is anything set in it.
    pub(crate) is_pooled: bool,
    /// What such a transaction has to begin with.
    pub(crate) settings: Arc<str>,
    version: u32,
    /// Since when the session keeps the plans that it has.
    plans_since: Instant,
}

impl Link {
    /// Whether statements stay prepared, and their plans with them.
    pub(crate) fn keeps_statements(&self) -> bool {
        !self.is_pooled
    }

    #[cfg(test)]
    pub(crate) fn age_plans(&mut self) {
        self.plans_since = self.plans_since.checked_sub(PLANS * 2).unwrap();
    }

    /// Lets every statement be planned anew.
    async fn forget_plans(&mut self) -> std::result::Result<(), sqlx::Error> {
        sqlx::raw_sql("DISCARD PLANS").execute(&mut self.connection).await?;
        self.plans_since = Instant::now();
        Ok(())
    }
}

impl Connector {
    pub(crate) fn new(options: PostgresOptions) -> Self {
        let mut connect = PgConnectOptions::new_without_pgpass()
            .host(&options.host)
            .port(options.port)
            .statement_cache_capacity(options.statement_cache)
            .application_name(&options.application_name)
            // Poolers refuse parameters that they do not know.
            .extra_float_digits(None)
            .ssl_mode(ssl_mode(&options));
        if let Some(user) = &options.user {
            connect = connect.username(user);
        }
        if let Some(password) = &options.password {
            connect = connect.password(password);
        }
        if let Some(database) = &options.database {
            connect = connect.database(database);
        }
        if let Some(file) = &options.ssl_root_cert {
            connect = connect.ssl_root_cert(file);
        }
        if let Some(file) = &options.ssl_cert {
            connect = connect.ssl_client_cert(file);
        }
        if let Some(file) = &options.ssl_key {
            connect = connect.ssl_client_key(file);
        }
        // Statements hold no values, but the texts are long and every one would be logged.
        let connect = connect.disable_statement_logging();
        Self { options, connect, is_pooled: AtomicBool::new(true) }
    }

    /// What the driver connects with.
    pub(crate) fn connect_options(&self) -> &PgConnectOptions {
        &self.connect
    }

    pub(crate) fn is_pooled(&self) -> bool {
        self.is_pooled.load(Ordering::Relaxed)
    }

    /// Keeps whether a pooler stands between.
    pub(crate) fn found(&self, is_pooled: bool) {
        self.is_pooled.store(is_pooled, Ordering::Relaxed);
        if is_pooled {
            tracing::info!(
                address = %self.options.address(),
                "a pooler gives every transaction to another session: statements are not kept prepared, changes are polled"
            );
        }
    }

    /// Makes a connection ready for what is known of the way by now; false if it has to be opened anew.
    pub(crate) async fn settle(&self, link: &mut Link) -> Result<bool> {
        match (link.is_pooled, self.is_pooled()) {
            (false, true) => Ok(false),
            (true, false) => {
                let text = AssertSqlSafe(settings(&self.options, link.version, false));
                self.answered(sqlx::raw_sql(text).execute(&mut link.connection)).await?;
                link.is_pooled = false;
                Ok(true)
            }
            (false, false) if link.plans_since.elapsed() > PLANS => {
                self.answered(link.forget_plans()).await?;
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    async fn answered<T>(&self, asked: impl Future<Output = std::result::Result<T, sqlx::Error>>) -> Result<T> {
        let answer = timeout(self.options.connect_timeout, asked).await;
        let answer = answer.map_err(|_| Error::unavailable(format!("{} does not answer", self.options.address())))?;
        answer.map_err(|error| not_connected(error, &self.options))
    }

    async fn open(&self) -> Result<PgConnection> {
        match self.attempt(&self.connect).await {
            // As libpq does: a server that encrypts but does not let an encrypted connection in is asked without.
            Err(error) if self.options.ssl_mode == SslMode::Prefer && state(&error).as_deref() == Some("28000") => {
                let plain = self.connect.clone().ssl_mode(PgSslMode::Disable);
                self.attempt(&plain).await.map_err(|_| not_connected(error, &self.options))
            }
            other => other.map_err(|error| not_connected(error, &self.options)),
        }
    }

    async fn attempt(&self, options: &PgConnectOptions) -> std::result::Result<PgConnection, sqlx::Error> {
        match timeout(self.options.connect_timeout, PgConnection::connect_with(options)).await {
            Ok(connected) => connected,
            Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no answer within connect_timeout ({:?})", self.options.connect_timeout),
            ))),
        }
    }
}

#[async_trait]
impl Connect for Connector {
    type Connection = Link;

    async fn connect(&self) -> Result<Link> {
        let connection = self.open().await?;
        let version = connection.server_version_num().unwrap_or(OLDEST);
        if version < OLDEST {
            return Err(Error::invalid(format!(
                "{} is PostgreSQL {}.{}, older than 10: use a newer server",
                self.options.address(),
                version / 10_000,
                version / 100 % 100
            )));
        }
        let settings = settings(&self.options, version, true).into();
        Ok(Link { connection, is_pooled: true, settings, version, plans_since: Instant::now() })
    }

    async fn is_alive(&self, link: &mut Link) -> bool {
        let answer = async {
            // What would be asked next is a sign of life as well.
            if link.is_pooled { link.connection.ping().await } else { link.forget_plans().await }
        };
        matches!(timeout(SIGN_OF_LIFE, answer).await, Ok(Ok(())))
    }

    async fn disconnect(&self, link: Link) {
        if let Err(error) = link.connection.close().await {
            tracing::debug!(%error, "a connection to PostgreSQL was lost before it was closed");
        }
    }
}

fn ssl_mode(options: &PostgresOptions) -> PgSslMode {
    match options.ssl_mode {
        SslMode::Disable => PgSslMode::Disable,
        SslMode::Prefer => PgSslMode::Prefer,
        // As libpq does: whoever names an authority wants it checked.
        SslMode::Require if options.ssl_root_cert.is_some() => PgSslMode::VerifyCa,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa => PgSslMode::VerifyCa,
        SslMode::VerifyFull => PgSslMode::VerifyFull,
    }
}

/// What a session is set to, or a transaction where nothing stays in a session.
///
/// Every statement is written for an index, which these settings leave as the only way. Which one the planner sees from the size that
/// a table has now: a plan that was made while it was empty would read all of a tenant's records when it has grown. So plans are kept,
/// because making them is half of the server's work, but only for [`PLANS`].
fn settings(options: &PostgresOptions, version: u32, is_pooled: bool) -> String {
    let set = if is_pooled { "SET LOCAL " } else { "SET " };
    let timeout = options.request_timeout.as_millis().clamp(1, i32::MAX as u128);
    let mut names = vec![
        format!("statement_timeout = {timeout}"),
        // A client that vanished in a transaction must not keep its locks for longer than it could have waited itself.
        format!("idle_in_transaction_session_timeout = {}", timeout.saturating_mul(2).clamp(10_000, i32::MAX as u128)),
        "client_min_messages = warning".to_owned(),
    ];
    for plan in ["seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin"] {
        names.push(format!("enable_{plan} = off"));
    }
    if version >= 110_000 {
        names.push("jit = off".to_owned());
    }
    if version >= 120_000 && !is_pooled {
        names.push("plan_cache_mode = force_generic_plan".to_owned());
    }
    if let Some(schema) = &options.schema {
        names.push(format!("search_path = {}", quoted(schema)));
    }
    if !is_pooled {
        names.push("default_transaction_isolation = 'read committed'".to_owned());
    }
    names.iter().map(|name| format!("{set}{name}")).collect::<Vec<_>>().join("; ")
}

/// An identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
