//! Transactions over several commands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::sync::Mutex as AsyncMutex;

use crate::changes::Change;
use crate::failure::Failure;

/// How long a transaction may live, as MongoDB's `transactionLifetimeLimitSeconds`.
const LIFE: Duration = Duration::from_secs(60);
/// How long a transaction waits for what another one has written, before it gives up.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '15ms'";
const NO_SUCH_TRANSACTION: i32 = 251;

/// One transaction of a session: one connection, as long as it is open.
#[derive(Debug)]
pub(crate) struct Transaction {
    number: i64,
    began: Instant,
    state: State,
    /// What it has written, for who listens, once it is committed.
    pub(crate) changes: Vec<Change>,
}

#[derive(Debug)]
enum State {
    New,
    Open(PoolConnection<Postgres>),
    Committed,
    Aborted,
}

/// The transactions of all sessions, each its last one.
#[derive(Debug, Default)]
pub(crate) struct Transactions(Mutex<HashMap<Vec<u8>, Arc<AsyncMutex<Transaction>>>>);

impl Transaction {
    /// The transaction's connection; the first command begins it.
    pub(crate) async fn connection(&mut self, pool: &PgPool) -> Result<&mut PoolConnection<Postgres>, Failure> {
        if matches!(self.state, State::New) {
            let mut connection = pool.acquire().await?;
            sqlx::raw_sql(BEGIN).execute(&mut *connection).await?;
            self.state = State::Open(connection);
        }
        match &mut self.state {
            State::Open(connection) => Ok(connection),
            _ => Err(unknown()),
        }
    }

    /// Commits; committing again what was committed is fine.
    pub(crate) async fn commit(&mut self) -> Result<(), Failure> {
        match std::mem::replace(&mut self.state, State::Aborted) {
            State::Open(mut connection) => {
                let done = sqlx::raw_sql("COMMIT").execute(&mut *connection).await;
                if let Err(error) = done {
                    drop(connection.detach());
                    return Err(match Failure::from(error) {
                        Failure::Command { code, message, .. } => Failure::transient(code, message),
                        gone => gone,
                    });
                }
                self.state = State::Committed;
                Ok(())
            }
            State::New | State::Committed => {
                self.state = State::Committed;
                Ok(())
            }
            State::Aborted => Err(unknown()),
        }
    }

    /// Rolls back.
    pub(crate) async fn abort(&mut self) {
        if let State::Open(mut connection) = std::mem::replace(&mut self.state, State::Aborted)
            && sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_err()
        {
            drop(connection.detach());
        }
    }
}

impl Transactions {
    /// The session's transaction of this number; a new one if the command begins it.
    pub(crate) async fn find(
        &self,
        session: &[u8],
        number: i64,
        begins: bool,
    ) -> Result<Arc<AsyncMutex<Transaction>>, Failure> {
        let found = self.all().get(session).cloned();
        if begins {
            if let Some(old) = found {
                old.lock().await.abort().await;
            }
            let new = Transaction { number, began: Instant::now(), state: State::New, changes: Vec::new() };
            let new = Arc::new(AsyncMutex::new(new));
            self.all().insert(session.to_vec(), Arc::clone(&new));
            return Ok(new);
        }
        let found = found.ok_or_else(unknown)?;
        if found.lock().await.number != number {
            return Err(unknown());
        }
        Ok(found)
    }

    /// Aborts those that live too long and forgets those that ended long ago. Runs for ever.
    pub(crate) async fn reap(&self) {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let all: Vec<_> = self.all().iter().map(|(session, found)| (session.clone(), Arc::clone(found))).collect();
            for (session, transaction) in all {
                let mut transaction = transaction.lock().await;
                let age = transaction.began.elapsed();
                if age > LIFE && matches!(transaction.state, State::New | State::Open(_)) {
                    transaction.abort().await;
                } else if age > 10 * LIFE {
                    self.all().remove(&session);
                }
            }
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Arc<AsyncMutex<Transaction>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown() -> Failure {
    Failure::transient(NO_SUCH_TRANSACTION, "the transaction has been aborted or does not exist")
}
