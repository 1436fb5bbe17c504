//! What all clients share.

use std::net::Ipv4Addr;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use bson::{Document, RawDocumentBuf};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::TcpListener;

use crate::args::Args;
use crate::changes::{self, Changes};
use crate::client;
use crate::commands::{Command, Reply};
use crate::cursors::{Cursor, Cursors};
use crate::failure::{DUPLICATE_KEY, Failure, WRITE_CONFLICT, translate_write_errors};
use crate::faults::Faults;
use crate::greeting;
use crate::retried::Retried;
use crate::transactions::{Transaction, Transactions};

/// How often a write outside of a transaction is tried again when another was in the way, as MongoDB does within.
const TRIES: u32 = 50;
/// How long a stream of changes waits for news where the client does not say.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the engine, and what is remembered of clients.
#[derive(Debug)]
pub(crate) struct Gateway {
    pool: PgPool,
    address: String,
    engine: String,
    pub(crate) faults: Faults,
    changes: Changes,
    cursors: Cursors,
    retried: Retried,
    transactions: Transactions,
}

/// Which transaction or numbered write a command belongs to.
#[derive(Debug)]
pub(crate) struct Session {
    id: Vec<u8>,
    number: Option<i64>,
    is_transaction: bool,
    begins: bool,
}

/// Serves until the process ends.
///
/// # Errors
/// A text for people, if it cannot begin.
pub(crate) async fn serve(args: Args) -> Result<(), String> {
    let options = PgConnectOptions::from_str(&args.postgres)
        .map_err(|error| format!("--postgres is not understood: {error}"))?
        .options([("lock_timeout", "10s"), ("statement_timeout", "60s")]);
    let pool = PgPoolOptions::new()
        .max_connections(args.connections)
        .acquire_timeout(Duration::from_secs(20))
        .connect_with(options)
        .await
        .map_err(|error| format!("PostgreSQL does not answer: {error}"))?;
    let engine: String = sqlx::query_scalar("SELECT extversion FROM pg_extension WHERE extname = 'documentdb'")
        .fetch_optional(&pool)
        .await
        .map_err(|error| format!("PostgreSQL does not answer: {error}"))?
        .ok_or("PostgreSQL lacks the extension: CREATE EXTENSION documentdb CASCADE")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
        .await
        .map_err(|error| format!("cannot listen on port {}: {error}", args.port))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
    println!("listening on {address}");
    let gateway = Arc::new(Gateway {
        pool,
        address,
        engine,
        faults: Faults::default(),
        changes: Changes::default(),
        cursors: Cursors::default(),
        retried: Retried::default(),
        transactions: Transactions::default(),
    });
    let reaping = Arc::clone(&gateway);
    tokio::spawn(async move { reaping.transactions.reap().await });
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(client::serve(Arc::clone(&gateway), stream));
            }
            // Out of file descriptors, most likely: some will be free again.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

impl Session {
    /// Reads which it is from the command.
    pub(crate) fn of(command: &Command<'_>) -> Option<Self> {
        let id = command.body.get_document("lsid").ok()?.get_binary("id").ok()?.bytes.to_vec();
        let number = command.body.get_i64("txnNumber").ok();
        let is_transaction = command.body.get_bool("autocommit").is_ok_and(|autocommit| !autocommit);
        let begins = command.body.get_bool("startTransaction").unwrap_or(false);
        Some(Self { id, number, is_transaction, begins })
    }
}

impl Gateway {
    /// Answers the commands that are the gateway's own; `None` for the others.
    ///
    /// # Errors
    /// What to tell the client.
    pub(crate) fn own(&self, command: &Command<'_>) -> Result<Option<RawDocumentBuf>, Failure> {
        let answer = match command.name {
            "hello" | "isMaster" | "ismaster" => greeting::hello(&self.address),
            "buildInfo" | "buildinfo" => greeting::build_info(&self.engine),
            "ping" | "endSessions" | "killSessions" | "refreshSessions" => bson::doc! { "ok": 1.0 },
            "configureFailPoint" => {
                self.faults.configure(&Document::try_from(command.body)?);
                bson::doc! { "ok": 1.0 }
            }
            "killCursors" => {
                let cursors = command.body.get_array("cursors").map_err(|_| Failure::new(9, "no cursors to kill"))?;
                for id in cursors.into_iter().flatten().filter_map(|id| id.as_i64()) {
                    if !self.changes.close(id) {
                        self.cursors.take(id).into_iter().for_each(Cursor::close);
                    }
                }
                bson::doc! { "ok": 1.0 }
            }
            _ => return Ok(None),
        };
        Ok(Some(RawDocumentBuf::try_from(&answer)?))
    }

    /// Has the engine do a command, within its transaction if it belongs to one.
    ///
    /// # Errors
    /// What to tell the client.
    pub(crate) async fn run(&self, command: &Command<'_>) -> Result<RawDocumentBuf, Failure> {
        if command.name == "aggregate"
            && let Some(opened) = self.changes.open(command)?
        {
            return Ok(opened);
        }
        if let Ok(id) = command.body.get_i64("getMore") {
            let patience = command.body.get("maxTimeMS").ok().flatten().and_then(millis).unwrap_or(PATIENCE);
            if let Some(more) = self.changes.more(id, patience).await? {
                return Ok(more);
            }
        }
        match Session::of(command) {
            Some(Session { id, number: Some(number), is_transaction: true, begins }) => {
                let transaction = self.transactions.find(&id, number, begins).await?;
                let mut transaction = transaction.lock().await;
                self.in_transaction(command, &mut transaction).await
            }
            Some(Session { id, number: Some(number), .. }) if command.is_write() => {
                let session = self.retried.session(&id);
                let mut last = session.lock().await;
                if let Some((done, answer)) = last.as_ref()
                    && *done == number
                {
                    return Ok(answer.clone());
                }
                let answer = self.alone(command).await?;
                *last = Some((number, answer.clone()));
                Ok(answer)
            }
            _ => self.alone(command).await,
        }
    }

    async fn in_transaction(
        &self,
        command: &Command<'_>,
        transaction: &mut Transaction,
    ) -> Result<RawDocumentBuf, Failure> {
        match command.name {
            "commitTransaction" => {
                transaction.commit().await?;
                self.changes.tell(std::mem::take(&mut transaction.changes));
            }
            "abortTransaction" => transaction.abort().await,
            "getMore" => {
                let connection = transaction.connection(&self.pool).await?;
                let id = cursor_id(command)?;
                let cursor = self.cursors.take(id).ok_or_else(|| no_cursor(id))?;
                let reply = command.run(connection, Some(cursor.continuation)).await?;
                return self.keep(reply, None);
            }
            _ => {
                let connection = transaction.connection(&self.pool).await?;
                let done = match command.run(connection, None).await {
                    Ok(mut reply) => translate_write_errors(&mut reply.body).map(|failed| (reply, failed)),
                    Err(failure) => Err(failure),
                };
                // Whatever fails ends the transaction, as in MongoDB.
                return match done {
                    Ok((_, Some(WRITE_CONFLICT))) => {
                        transaction.abort().await;
                        Err(Failure::transient(WRITE_CONFLICT, "another write was in the way"))
                    }
                    Ok((reply, failed)) => {
                        match failed {
                            Some(_) => transaction.abort().await,
                            None => transaction.changes.extend(changes::of(command)),
                        }
                        self.keep(reply, None)
                    }
                    Err(failure) => {
                        transaction.abort().await;
                        Err(match failure {
                            Failure::Command { code: code @ (WRITE_CONFLICT | 91), message, .. } => {
                                Failure::transient(code, message)
                            }
                            other => other,
                        })
                    }
                };
            }
        }
        Ok(RawDocumentBuf::try_from(&bson::doc! { "ok": 1.0 })?)
    }

    /// Does a command by itself.
    async fn alone(&self, command: &Command<'_>) -> Result<RawDocumentBuf, Failure> {
        if command.name == "getMore" {
            let id = cursor_id(command)?;
            let cursor = self.cursors.take(id).ok_or_else(|| no_cursor(id))?;
            let mut connection = match cursor.connection {
                Some(connection) => connection,
                None => self.pool.acquire().await?,
            };
            let reply = command.run(&mut connection, Some(cursor.continuation)).await?;
            return self.keep(reply, Some(connection));
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let mut connection = self.pool.acquire().await?;
            let done = match command.run(&mut connection, None).await {
                Ok(mut reply) => translate_write_errors(&mut reply.body).map(|failed| (reply, failed)),
                Err(failure) => Err(failure),
            };
            match done {
                Ok((_, Some(WRITE_CONFLICT))) if tries < TRIES => {}
                Ok((reply, _)) => {
                    self.changes.tell(changes::of(command));
                    return self.keep(reply, Some(connection));
                }
                Err(failure) if failure.is_conflict() && tries < TRIES => {}
                // The engine says so of an upsert that was second; the first is there by now.
                Err(Failure::Command { code: DUPLICATE_KEY, .. })
                    if command.name == "createIndexes" && tries < TRIES => {}
                Err(failure) => return Err(failure),
            }
            drop(connection);
            tokio::time::sleep(Duration::from_millis(u64::from(tries.min(10)))).await;
        }
    }

    /// Remembers the cursor of a page, if more follows.
    fn keep(
        &self,
        reply: Reply,
        connection: Option<sqlx::pool::PoolConnection<sqlx::Postgres>>,
    ) -> Result<RawDocumentBuf, Failure> {
        if let Some(continuation) = reply.continuation {
            let id = reply.body.get_document("cursor").and_then(|cursor| cursor.get_i64("id")).unwrap_or(0);
            if id != 0 {
                let connection = connection.filter(|_| reply.is_pinned);
                self.cursors.put(id, Cursor { continuation, connection });
            }
        }
        Ok(reply.body)
    }
}

fn millis(number: bson::RawBsonRef<'_>) -> Option<Duration> {
    let millis = number.as_i64().or_else(|| number.as_i32().map(i64::from))?;
    u64::try_from(millis).ok().map(Duration::from_millis)
}

fn cursor_id(command: &Command<'_>) -> Result<i64, Failure> {
    command.body.get_i64("getMore").map_err(|_| Failure::new(9, "getMore names no cursor"))
}

fn no_cursor(id: i64) -> Failure {
    Failure::new(43, format!("cursor id {id} not found"))
}
