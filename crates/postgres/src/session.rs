//! One connection in use.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::{ColumnType, Result, Retry, Value};
use aquifer_sql::network::{Fault, Parameter, Pooled, Session, Step, Written, write_step_by_step};
use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow};
use sqlx::{AssertSqlSafe, Either, Executor as _};
use tokio::time::timeout;

use crate::combine::{Combined, Combiner};
use crate::connect::{Connector, Link};
use crate::error::{fault, is_poolers, state};
use crate::options::PostgresOptions;
use crate::values::{arguments, values};

/// How much longer than the server this side waits for a statement to end.
const GRACE: Duration = Duration::from_secs(5);

/// The SQLSTATE of a division by zero: what a combined write ends with if it does not hold.
const DOES_NOT_HOLD: &str = "22012";

/// A connection in use.
pub(crate) struct PgSession {
    pooled: Pooled<Connector>,
    combiner: Arc<Combiner>,
    in_transaction: bool,
    /// Whether the connection can no longer be relied on.
    is_lost: bool,
}

/// What a statement gave.
struct Given {
    rows: Vec<PgRow>,
    affected: u64,
}

impl PgSession {
    pub(crate) fn new(pooled: Pooled<Connector>, combiner: Arc<Combiner>) -> Self {
        Self { pooled, combiner, in_transaction: false, is_lost: false }
    }

    /// As if the plans had been kept for as long as they may be.
    #[cfg(test)]
    pub(crate) fn age_plans(&mut self) {
        self.pooled.connection().unwrap().age_plans();
    }

    /// Runs one or more statements without parameters and without results.
    pub(crate) async fn simple(&mut self, text: &str, lost: Retry) -> Result<(), Fault> {
        let text = AssertSqlSafe(text.to_owned());
        let run = async |link: &mut Link| sqlx::raw_sql(text).execute(&mut link.connection).await.map(|_| ());
        self.guarded(run).await.map_err(|error| self.fault(&error, lost))
    }

    /// Runs one statement; in a transaction of its own where nothing stays in a session.
    async fn run(&mut self, text: &str, parameters: &[Parameter<'_>]) -> Result<Given, sqlx::Error> {
        let arguments =
            arguments(parameters).map_err(|error| sqlx::Error::Encode(error.message().to_owned().into()))?;
        let alone = self.link_is_pooled() && !self.in_transaction;
        let text = text.to_owned();
        self.guarded(async move |link: &mut Link| {
            if !alone {
                return statement(link, text, arguments).await;
            }
            let begin = format!("BEGIN ISOLATION LEVEL READ COMMITTED; {}", link.settings);
            sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut link.connection).await?;
            let given = statement(link, text, arguments).await;
            let end = if given.is_ok() { "COMMIT" } else { "ROLLBACK" };
            sqlx::raw_sql(end).execute(&mut link.connection).await?;
            given
        })
        .await
    }

    /// Does something with the connection, which nobody gets any more unless it comes to an end in time.
    async fn guarded<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Link) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.pooled.set_broken(true);
        let options = self.options();
        let within = options.request_timeout + GRACE;
        let closed = || sqlx::Error::PoolClosed;
        let done = match timeout(within, work(self.pooled.connection().map_err(|_| closed())?)).await {
            Ok(done) => done,
            Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no answer within {within:?}"),
            ))),
        };
        // What the server refused it has answered; anything else leaves the connection in an unknown state.
        let is_whole = match &done {
            Ok(_) => true,
            Err(sqlx::Error::Database(database)) => {
                let code = database.code().unwrap_or_default();
                let connector = self.pooled.pool().connector();
                if is_poolers(&code) && !connector.is_pooled() {
                    connector.found(true);
                }
                !code.starts_with("57P") && !code.starts_with("08") && !is_poolers(&code)
            }
            Err(_) => false,
        };
        self.is_lost = !is_whole;
        if is_whole {
            self.pooled.set_broken(self.in_transaction);
        }
        done
    }

    fn fault(&self, error: &sqlx::Error, lost: Retry) -> Fault {
        fault(error, self.options(), lost)
    }

    fn options(&self) -> &PostgresOptions {
        &self.pooled.pool().connector().options
    }

    fn link_is_pooled(&mut self) -> bool {
        self.pooled.connection().is_ok_and(|link| link.is_pooled)
    }

    /// What it means that the reply to a statement is lost: outside of a transaction a write may have been applied.
    fn lost(&self, text: &str) -> Retry {
        if self.in_transaction || text.starts_with("SELECT") { Retry::Transient } else { Retry::Unknown }
    }

    async fn write_combined(&mut self, combined: &Combined<'_>) -> Result<Option<Vec<Written>>, Fault> {
        match self.run(&combined.text, &combined.parameters).await {
            Ok(given) => {
                let rows = given.rows.iter().map(|row| values(row, &[ColumnType::Integer; 3]));
                Ok(Some(combined.written(rows.collect::<Result<Vec<_>>>()?)))
            }
            Err(error) if state(&error).as_deref() == Some(DOES_NOT_HOLD) => Ok(None),
            Err(error) => Err(self.fault(&error, Retry::Unknown)),
        }
    }
}

/// Runs one statement of the extended protocol.
async fn statement(link: &mut Link, text: String, arguments: PgArguments) -> Result<Given, sqlx::Error> {
    let query = sqlx::query_with(AssertSqlSafe(text), arguments).persistent(link.keeps_statements());
    let mut given = Given { rows: Vec::new(), affected: 0 };
    let mut stream = link.connection.fetch_many(query);
    while let Some(part) = stream.try_next().await? {
        match part {
            Either::Left(done) => given.affected += PgQueryResult::rows_affected(&done),
            Either::Right(row) => given.rows.push(row),
        }
    }
    Ok(given)
}

#[async_trait]
impl Session for PgSession {
    async fn begin(&mut self) -> Result<(), Fault> {
        let mut begin = "BEGIN ISOLATION LEVEL READ COMMITTED".to_owned();
        if self.link_is_pooled()
            && let Ok(link) = self.pooled.connection()
        {
            begin = format!("{begin}; {}", link.settings);
        }
        self.in_transaction = true;
        self.simple(&begin, Retry::Transient).await
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        self.in_transaction = false;
        self.simple("COMMIT", Retry::Unknown).await
    }

    async fn rollback(&mut self) -> Result<(), Fault> {
        if std::mem::take(&mut self.in_transaction)
            && !self.is_lost
            && let Err(fault) = self.simple("ROLLBACK", Retry::Transient).await
        {
            tracing::debug!(error = %fault.into_error(), "the connection was lost before its transaction was rolled back");
        }
        Ok(())
    }

    async fn rows(
        &mut self,
        text: &str,
        parameters: &[Parameter<'_>],
        columns: &[ColumnType],
    ) -> Result<Vec<Vec<Value>>, Fault> {
        let lost = self.lost(text);
        let given = self.run(text, parameters).await.map_err(|error| self.fault(&error, lost))?;
        Ok(given.rows.iter().map(|row| values(row, columns)).collect::<Result<_>>()?)
    }

    async fn execute(&mut self, text: &str, parameters: &[Parameter<'_>]) -> Result<u64, Fault> {
        let lost = self.lost(text);
        self.run(text, parameters).await.map(|given| given.affected).map_err(|error| self.fault(&error, lost))
    }

    async fn write(&mut self, steps: &[Step<'_>]) -> Result<Option<Vec<Written>>, Fault> {
        if !self.link_is_pooled()
            && let Some(combined) = self.combiner.combine(steps)
        {
            return self.write_combined(&combined).await;
        }
        write_step_by_step(self, steps).await
    }
}
