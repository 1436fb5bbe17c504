//! Running statements on one connection.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::{ColumnType, Error, Result, Retry, Value};
use aquifer_sql::network::{Fault, Parameter, Pooled, Session};
use async_trait::async_trait;
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::time::timeout;

use crate::connect::Connector;
use crate::error::{Cause, Place};
use crate::values;

/// How much longer than the server itself a caller waits, so that the server's own answer comes first.
const GRACE: Duration = Duration::from_secs(1);

/// One connection of the pool, with what its statements need.
pub(crate) struct MysqlSession {
    pooled: Pooled<Connector>,
    place: Arc<Place>,
    patience: Duration,
    in_transaction: bool,
    /// The connection is lost, or not to be used by others.
    is_spent: bool,
}

impl MysqlSession {
    pub(crate) fn new(pooled: Pooled<Connector>, place: Arc<Place>, request_timeout: Duration) -> Self {
        Self { pooled, place, patience: request_timeout + GRACE, in_transaction: false, is_spent: false }
    }

    /// Lets the statements of this session take longer.
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Ends the connection with the session, because it was set to what others do not expect.
    pub(crate) fn spend(mut self) {
        self.is_spent = true;
    }

    /// Runs a statement without parameters, as text.
    pub(crate) async fn run(&mut self, text: &str) -> Result<u64, Fault> {
        let (patience, connection) = self.connection()?;
        let done = timeout(patience, connection.execute(AssertSqlSafe(text))).await;
        Ok(self.settle(done)?.rows_affected())
    }

    /// Runs a statement that creates something, where it is not there.
    pub(crate) async fn run_unless_there(&mut self, text: &str) -> Result<(), Fault> {
        let (patience, connection) = self.connection()?;
        let done = match timeout(patience, connection.execute(AssertSqlSafe(text))).await {
            Ok(Err(error)) if Cause::of(&error) == Cause::Exists => Ok(Ok(())),
            done => done.map(|done| done.map(|_| ())),
        };
        self.settle(done)
    }

    /// Reads rows of text with a statement without parameters. Null is empty.
    pub(crate) async fn texts(&mut self, text: &str) -> Result<Vec<Vec<String>>, Fault> {
        let (patience, connection) = self.connection()?;
        let done = timeout(patience, connection.fetch_all(AssertSqlSafe(text))).await;
        let rows = self.settle(done)?;
        let read = |row: &MySqlRow, column: usize| -> Result<String> {
            let text: Option<String> = row.try_get_unchecked(column).map_err(|error| self.place.failed(error))?;
            Ok(text.unwrap_or_default())
        };
        let rows = rows.iter().map(|row| (0..row.len()).map(|column| read(row, column)).collect());
        Ok(rows.collect::<Result<_>>()?)
    }

    /// The connection, and how long to wait for it. It is in the middle of a statement from now on.
    fn connection(&mut self) -> Result<(Duration, &mut MySqlConnection)> {
        if self.is_spent {
            return Err(Error::unavailable(format!("the connection to {} was lost", self.place.server)));
        }
        self.pooled.set_broken(true);
        Ok((self.patience, self.pooled.connection()?))
    }

    /// What became of a statement, and of the connection with it.
    fn settle<T>(&mut self, done: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>) -> Result<T, Fault> {
        let error = match done {
            Ok(Ok(given)) => {
                self.pooled.set_broken(false);
                return Ok(given);
            }
            Ok(Err(error)) => error,
            Err(_) => {
                self.is_spent = true;
                let Self { place, patience, .. } = self;
                let message = format!("{} did not answer within {patience:?} (request_timeout)", place.server);
                return Err(Fault::Failed(Error::unavailable(message)));
            }
        };
        match Cause::of(&error) {
            Cause::Lost => self.is_spent = true,
            // The server answered, and waits for the next statement.
            _ => self.pooled.set_broken(false),
        }
        Err(self.place.fault(error))
    }
}

#[async_trait]
impl Session for MysqlSession {
    async fn begin(&mut self) -> Result<(), Fault> {
        self.in_transaction = true;
        self.run("START TRANSACTION").await?;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        match self.run("COMMIT").await {
            Ok(_) => {
                self.in_transaction = false;
                Ok(())
            }
            // Certification on a cluster, and nothing else, refuses a transaction as late as this.
            Err(Fault::Contention(error)) => Err(Fault::Contention(error)),
            Err(fault) => {
                self.is_spent = true;
                Err(Fault::Failed(fault.into_error().with_retry(Retry::Unknown)))
            }
        }
    }

    async fn rollback(&mut self) -> Result<(), Fault> {
        if !self.is_spent {
            self.run("ROLLBACK").await?;
        }
        self.in_transaction = false;
        Ok(())
    }

    async fn rows(
        &mut self,
        text: &str,
        parameters: &[Parameter<'_>],
        columns: &[ColumnType],
    ) -> Result<Vec<Vec<Value>>, Fault> {
        let arguments = arguments(parameters)?;
        let (patience, connection) = self.connection()?;
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        let done = timeout(patience, query.fetch_all(connection)).await;
        let rows = self.settle(done)?;
        Ok(rows.iter().map(|row| values::read(row, columns)).collect::<Result<_>>()?)
    }

    async fn execute(&mut self, text: &str, parameters: &[Parameter<'_>]) -> Result<u64, Fault> {
        let arguments = arguments(parameters)?;
        let (patience, connection) = self.connection()?;
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        let done = timeout(patience, query.execute(connection)).await;
        Ok(self.settle(done)?.rows_affected())
    }
}

impl Drop for MysqlSession {
    fn drop(&mut self) {
        if self.in_transaction || self.is_spent {
            self.pooled.set_broken(true);
        }
    }
}

fn arguments(parameters: &[Parameter<'_>]) -> Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    for parameter in parameters {
        match parameter {
            Parameter::One(column_type, value) => values::bind(&mut arguments, *column_type, value)?,
            Parameter::Many(..) => return Err(Error::invalid("MySQL takes no arrays as parameters")),
        }
    }
    Ok(arguments)
}
