//! Making a connection, and setting it up so that every one behaves alike whatever the server's settings are.

use std::time::Duration;

use aquifer_core::{Error, Result};
use aquifer_sql::network::{Connect, PoolOptions};
use async_trait::async_trait;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use tokio::time::timeout;

use crate::error::Place;
use crate::options::MysqlOptions;
use crate::server::{Flavour, Server};

/// How many statements a connection keeps prepared.
const PREPARED: usize = 200;
/// How long a connection waits for a lock at most. Whoever holds one that long is stuck, or gone without saying so.
const LONGEST_LOCK_WAIT: Duration = Duration::from_secs(10);

/// What makes connections to one server.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) options: MysqlOptions,
    pub(crate) place: Place,
    pub(crate) server: Server,
    settings: String,
}

impl Connector {
    /// Connects for the first time, and asks the server what it is.
    ///
    /// # Errors
    /// `Unavailable`, `Unauthorized` or `Invalid`, naming the server and what to change.
    pub(crate) async fn open(options: MysqlOptions) -> Result<(Self, MySqlConnection)> {
        options.tls.check_files()?;
        let place = Place::new(&options);
        let mut connection = raw(&options, &place).await?;
        let patience = options.connect_timeout;
        let ask = connection.fetch_one("SELECT VERSION(), CAST(@@max_allowed_packet AS CHAR)");
        let row = within(patience, &place, ask).await?;
        let server = Server::new(text(&row, 0, &place)?, text(&row, 1, &place)?.parse().unwrap_or(0))?;
        let settings = settings(&options, server.flavour);
        let connector = Self { options, place, server, settings };
        connector.set_up(&mut connection).await?;
        Ok((connector, connection))
    }

    /// How many connections there may be, and for how long.
    pub(crate) fn pool_options(&self) -> PoolOptions {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        PoolOptions {
            max_connections: count(self.options.max_connections),
            min_connections: count(self.options.min_connections),
            acquire_timeout: self.options.acquire_timeout,
            idle_timeout: self.options.idle_timeout,
            max_lifetime: self.options.max_lifetime,
        }
    }

    async fn set_up(&self, connection: &mut MySqlConnection) -> Result<()> {
        let set = connection.execute(AssertSqlSafe(self.settings.as_str()));
        within(self.options.connect_timeout, &self.place, set).await?;
        Ok(())
    }
}

#[async_trait]
impl Connect for Connector {
    type Connection = MySqlConnection;

    async fn connect(&self) -> Result<MySqlConnection> {
        let mut connection = raw(&self.options, &self.place).await?;
        self.set_up(&mut connection).await?;
        Ok(connection)
    }

    async fn is_alive(&self, connection: &mut MySqlConnection) -> bool {
        matches!(timeout(self.options.connect_timeout, connection.ping()).await, Ok(Ok(())))
    }

    async fn disconnect(&self, connection: MySqlConnection) {
        // The server notices the end anyway.
        let _ = connection.close().await;
    }
}

async fn raw(options: &MysqlOptions, place: &Place) -> Result<MySqlConnection> {
    match timeout(options.connect_timeout, driver_options(options).connect()).await {
        Ok(connected) => connected.map_err(|error| place.not_connected(error)),
        Err(_) => Err(Error::unavailable(format!(
            "{} does not answer within {:?} (connect_timeout): check host and port in the URL",
            place.server, options.connect_timeout
        ))),
    }
}

fn driver_options(options: &MysqlOptions) -> MySqlConnectOptions {
    let mut driver = MySqlConnectOptions::new()
        .host(&options.host)
        .port(options.port)
        .username(&options.user)
        .database(&options.database)
        .statement_cache_capacity(PREPARED)
        // All that a connection is set to is in one statement of ours.
        .set_names(false)
        .timezone(None)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .disable_statement_logging();
    if let Some(password) = options.password.as_deref().filter(|password| !password.is_empty()) {
        driver = driver.password(password);
    }
    if let Some(socket) = &options.socket {
        driver = driver.socket(socket);
    }
    options.tls.apply(driver)
}

/// The statement that sets a connection up.
fn settings(options: &MysqlOptions, flavour: Flavour) -> String {
    let collation = flavour.collation();
    // In whole seconds, at least one.
    let lock_wait = (options.request_timeout / 3).min(LONGEST_LOCK_WAIT).as_secs().max(1);
    let kept = (options.max_lifetime + Duration::from_secs(60)).as_secs().clamp(60, 31_536_000);
    let own = match flavour {
        Flavour::Mysql => format!(
            "transaction_isolation = 'READ-COMMITTED', max_execution_time = {}, information_schema_stats_expiry = 0",
            options.request_timeout.as_millis()
        ),
        Flavour::Mariadb => {
            format!("tx_isolation = 'READ-COMMITTED', max_statement_time = {}", options.request_timeout.as_secs_f64())
        }
    };
    format!(
        "SET sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION', \
         time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1, sql_safe_updates = 0, \
         sql_select_limit = DEFAULT, innodb_lock_wait_timeout = {lock_wait}, wait_timeout = {kept}, {own}, \
         NAMES utf8mb4 COLLATE {collation}"
    )
}

/// Waits for a statement, as long as it may take.
///
/// # Errors
/// What the driver's error means; `Unavailable` after that time.
pub(crate) async fn within<T>(
    patience: Duration,
    place: &Place,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T> {
    match timeout(patience, work).await {
        Ok(done) => done.map_err(|error| place.failed(error)),
        Err(_) => Err(Error::unavailable(format!("{} did not answer within {patience:?}", place.server))),
    }
}

/// The text in a column of a row.
///
/// # Errors
/// `Corrupt` if there is none.
pub(crate) fn text(row: &MySqlRow, column: usize, place: &Place) -> Result<String> {
    row.try_get_unchecked(column).map_err(|error| place.failed(error))
}
