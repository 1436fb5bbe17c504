//! Telling other processes of changes, and hearing of theirs.
//!
//! `NOTIFY` takes a lock on the whole database while its transaction commits, so that it has no place in a commit. Changes are
//! gathered instead, and told every few milliseconds by a connection that also listens.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aquifer_core::{ColumnType, Kind, Notifier, Schema, Timestamp, Value};
use aquifer_sql::network::Pool;
use serde_json::{Value as Json, json};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::connect::Connector;

/// How long changes are gathered before they are told.
const GATHER: Duration = Duration::from_millis(10);

/// The most bytes of one notification; PostgreSQL takes fewer than 8000.
const MAX_PAYLOAD: usize = 7900;

/// The most changes that wait to be told. What comes beyond is not told: whoever relies on it polls.
const MAX_WAITING: usize = 2000;

/// The first pause before a lost connection is opened again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// Tells and hears changes.
#[derive(Debug)]
pub(crate) struct Push {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    pool: Pool<Connector>,
    schema: &'static Schema,
    channel: String,
    /// Names this handle, so that it does not hear itself.
    sender: u64,
    notifier: Notifier,
    waiting: Mutex<HashSet<String>>,
    is_waiting: Notify,
    is_listening: tokio::sync::watch::Sender<bool>,
    is_closed: AtomicBool,
}

impl Push {
    pub(crate) fn new(pool: Pool<Connector>, schema: &'static Schema, channel: String) -> Self {
        let shared = Arc::new(Shared {
            pool,
            schema,
            channel,
            sender: fastrand::u64(..),
            notifier: Notifier::default(),
            waiting: Mutex::default(),
            is_waiting: Notify::new(),
            is_listening: tokio::sync::watch::Sender::new(false),
            is_closed: AtomicBool::new(false),
        });
        Self { shared, task: Mutex::default() }
    }

    /// Whether changes of other processes are heard: not through a pooler, whose sessions forget who listens, and not where
    /// there is but one connection.
    pub(crate) fn is_possible(&self) -> bool {
        let connector = self.shared.pool.connector();
        !connector.is_pooled() && connector.options.pool.max_connections > 1
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.shared.notifier
    }

    /// Tells others of a change, soon.
    pub(crate) fn announce(&self, kind: &'static Kind, partition: &[Value]) {
        if !self.is_possible() {
            return;
        }
        let change = json!([kind.name, partition.iter().map(to_json).collect::<Vec<_>>()]).to_string();
        let is_first = {
            let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() < MAX_WAITING {
                waiting.insert(change);
            }
            waiting.len() == 1
        };
        if is_first {
            self.start();
            self.shared.is_waiting.notify_one();
        }
    }

    /// Begins to listen, if it can, and waits a moment for it.
    pub(crate) async fn listen(&self) {
        const MOMENT: Duration = Duration::from_secs(2);
        if self.is_possible() {
            self.start();
            let mut is_listening = self.shared.is_listening.subscribe();
            // Without the connection there is polling; a watch must not wait for it.
            let _ = tokio::time::timeout(MOMENT, is_listening.wait_for(|is_listening| *is_listening)).await;
        }
    }

    fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.is_none() && !self.shared.is_closed.load(Ordering::Acquire) {
            *task = Some(tokio::spawn(Arc::clone(&self.shared).run()));
        }
    }

    pub(crate) async fn close(&self) {
        self.shared.is_closed.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            self.shared.is_waiting.notify_one();
            // It ends by itself once it has told what it had to; a server that does not answer must not keep it.
            let stop = task.abort_handle();
            if tokio::time::timeout(Duration::from_secs(2), task).await.is_err() {
                stop.abort();
            }
        }
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Shared {
    /// Keeps the connection open until the backend closes.
    async fn run(self: Arc<Self>) {
        let mut failures = 0;
        while !self.is_closed.load(Ordering::Acquire) && !self.pool.connector().is_pooled() {
            match self.serve(&mut failures).await {
                Ok(()) => return,
                Err(error) => tracing::debug!(%error, "the connection that tells and hears changes was lost"),
            }
            self.is_listening.send_replace(false);
            let longest = PAUSES.0.saturating_mul(1 << failures.min(10)).min(PAUSES.1);
            failures += 1;
            tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
    }

    async fn serve(&self, failures: &mut u32) -> Result<(), sqlx::Error> {
        let reserved = self.pool.reserve().await.map_err(|error| sqlx::Error::Protocol(error.message().to_owned()))?;
        let options = self.pool.connector().connect_options().clone();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(self.pool.connector().options.connect_timeout)
            .connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        // After a loss the pause of this loop is kept, not the listener's own attempt.
        listener.eager_reconnect(false);
        listener.listen(&self.channel).await?;
        // Nothing is written that a crash could take.
        sqlx::query("SET synchronous_commit = off").execute(&mut listener).await?;
        *failures = 0;
        self.is_listening.send_replace(true);
        let served = self.tell_and_hear(&mut listener).await;
        drop(listener);
        pool.close().await;
        drop(reserved);
        served
    }

    async fn tell_and_hear(&self, listener: &mut PgListener) -> Result<(), sqlx::Error> {
        loop {
            tokio::select! {
                heard = listener.try_recv() => match heard? {
                    Some(notification) => self.hear(notification.payload()),
                    None => return Err(sqlx::Error::WorkerCrashed),
                },
                () = self.is_waiting.notified() => {
                    let is_closed = self.is_closed.load(Ordering::Acquire);
                    if !is_closed {
                        tokio::time::sleep(GATHER).await;
                    }
                    let payloads = self.payloads();
                    if !payloads.is_empty() {
                        sqlx::query("SELECT pg_notify($1, payload) FROM UNNEST($2::text[]) AS told(payload)")
                            .bind(&self.channel)
                            .bind(payloads)
                            .execute(&mut *listener)
                            .await?;
                    }
                    if is_closed {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// What waits to be told, as few notifications.
    fn payloads(&self) -> Vec<String> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let begin = format!("[{}", self.sender);
        let mut payloads: Vec<String> = Vec::new();
        for change in waiting.into_iter().filter(|change| begin.len() + change.len() + 2 <= MAX_PAYLOAD) {
            match payloads.last_mut().filter(|last| last.len() + change.len() + 2 <= MAX_PAYLOAD) {
                Some(last) => {
                    last.push(',');
                    last.push_str(&change);
                }
                None => payloads.push(format!("{begin},{change}")),
            }
        }
        payloads.iter_mut().for_each(|payload| payload.push(']'));
        payloads
    }

    fn hear(&self, payload: &str) {
        // Anybody may write to the channel: what is not understood is nobody's change.
        let Ok(Json::Array(told)) = serde_json::from_str(payload) else { return };
        let mut told = told.into_iter();
        if told.next().and_then(|sender| sender.as_u64()).is_none_or(|sender| sender == self.sender) {
            return;
        }
        for change in told {
            let Some((name, values)) = change.get(0).and_then(Json::as_str).zip(change.get(1).and_then(Json::as_array))
            else {
                continue;
            };
            let Some(kind) = self.schema.kind(name) else { continue };
            let columns = kind.key.iter().take(kind.partition);
            let types = columns.filter_map(|column| kind.columns.get(*column)).map(|column| column.column_type);
            let partition: Option<Vec<Value>> = types.zip(values).map(|(of, value)| from_json(of, value)).collect();
            if let Some(partition) = partition.filter(|partition| partition.len() == kind.partition) {
                self.notifier.notify(kind, &partition);
            }
        }
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(text.as_str()),
        Value::Integer(integer) => Json::from(*integer),
        Value::Boolean(boolean) => Json::from(*boolean),
        Value::Timestamp(time) => Json::from(time.as_micros()),
        Value::Null | Value::Json(_) | Value::Bytes(_) => Json::Null,
    }
}

fn from_json(of: ColumnType, value: &Json) -> Option<Value> {
    match of {
        ColumnType::Text => value.as_str().map(Value::from),
        ColumnType::Integer => value.as_i64().map(Value::from),
        ColumnType::Boolean => value.as_bool().map(Value::from),
        ColumnType::Timestamp => Timestamp::from_micros(value.as_i64()?).ok().map(Value::from),
        ColumnType::Json | ColumnType::Bytes => None,
    }
}
