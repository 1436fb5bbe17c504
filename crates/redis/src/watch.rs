//! Wake-ups: what this process changes is told to its own watches at once, and to those of others through pub/sub.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aquifer_core::{Kind, Notifier, Operation, Result, Value, Watch};
use futures_util::StreamExt as _;
use redis::aio::PubSub;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::connect::Connector;
use crate::error::Does;
use crate::layout::plain;
use crate::pool::pause;
use crate::shared::Shared;
use crate::values::typed;

/// The most partitions that one message names; where there are more, polling finds the rest.
const MOST_TOLD: usize = 256;

/// How long a listener waits for a sign of life before it asks whether the connection still is one.
const QUIET: Duration = Duration::from_secs(20);

/// What tells of changes, and hears of them.
#[derive(Debug)]
pub(crate) struct Changes {
    notifier: Arc<Notifier>,
    untold: Arc<Untold>,
    tasks: Mutex<Tasks>,
    /// Tells this process's own messages from those of others.
    sender: String,
}

#[derive(Debug, Default)]
struct Untold {
    partitions: Mutex<BTreeMap<&'static str, BTreeSet<String>>>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Tasks {
    teller: Option<JoinHandle<()>>,
    listeners: BTreeMap<&'static str, JoinHandle<()>>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self {
            notifier: Arc::default(),
            untold: Arc::default(),
            tasks: Mutex::default(),
            sender: format!("{:016x}", fastrand::u64(..)),
        }
    }

    /// A watch of a kind. The first one of a kind begins to listen to other processes.
    pub(crate) async fn watch(&self, shared: &Arc<Shared>, connector: Connector, kind: &'static Kind) -> Result<Watch> {
        let watch = self.notifier.watch(kind);
        if !self.tasks().listeners.contains_key(kind.name) {
            // Listening before the watch is handed out, so that it misses nothing from now on.
            let mut heard = connector.listen().await?;
            let channel = shared.layout.channel(kind);
            heard
                .subscribe(&channel)
                .await
                .map_err(|error| crate::error::of_call(error, connector.target(), Does::Reads))?;
            let listener = Listener {
                connector,
                channel,
                kind,
                notifier: Arc::clone(&self.notifier),
                sender: self.sender.clone(),
            };
            self.tasks().listeners.entry(kind.name).or_insert_with(|| tokio::spawn(listener.run(heard)));
        }
        Ok(watch)
    }

    /// Tells that transactions were applied, or may have been.
    pub(crate) fn tell<'a>(&self, shared: &Arc<Shared>, operations: impl Iterator<Item = &'a Operation>) {
        let mut written: Vec<(&'static Kind, Vec<Value>)> = Vec::new();
        for operation in operations.filter(|operation| !matches!(operation, Operation::Check { .. })) {
            let key = operation.key();
            let known =
                |(kind, partition): &(&'static Kind, Vec<Value>)| *kind == key.kind && partition == key.partition();
            if !written.iter().rev().take(8).any(known) {
                written.push((key.kind, key.partition().to_vec()));
            }
        }
        for (kind, partition) in written {
            self.tell_of(shared, kind, &partition);
        }
    }

    /// Tells that records of a partition changed.
    pub(crate) fn tell_of(&self, shared: &Arc<Shared>, kind: &'static Kind, partition: &[Value]) {
        self.notifier.notify(kind, partition);
        let text: Vec<String> = partition.iter().map(plain).collect();
        let Ok(text) = serde_json::to_string(&text) else { return };
        {
            let mut untold = self.untold.partitions.lock().unwrap_or_else(PoisonError::into_inner);
            let untold = untold.entry(kind.name).or_default();
            if untold.len() < MOST_TOLD {
                untold.insert(text);
            }
        }
        self.untold.more.notify_one();
        let mut tasks = self.tasks();
        if tasks.teller.is_none() {
            let (shared, untold, sender) = (Arc::clone(shared), Arc::clone(&self.untold), self.sender.clone());
            tasks.teller = Some(tokio::spawn(tell_others(shared, untold, sender)));
        }
    }

    pub(crate) fn close(&self) {
        let mut tasks = self.tasks();
        for task in tasks.teller.take().into_iter().chain(std::mem::take(&mut tasks.listeners).into_values()) {
            task.abort();
        }
    }

    // Nothing panics while it holds the lock.
    fn tasks(&self) -> std::sync::MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.close();
    }
}

/// Publishes what changed, one message a kind for all that changed while the messages before were under way.
async fn tell_others(shared: Arc<Shared>, untold: Arc<Untold>, sender: String) {
    loop {
        untold.more.notified().await;
        let changed = {
            let mut partitions = untold.partitions.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *partitions)
        };
        let mut commands = Vec::with_capacity(changed.len());
        for (name, partitions) in changed {
            let Some(kind) = shared.schema.kind(name) else { continue };
            let mut message = sender.clone();
            for partition in partitions {
                message.push('\n');
                message.push_str(&partition);
            }
            let mut command = redis::cmd("PUBLISH");
            command.arg(shared.layout.channel(kind)).arg(message);
            commands.push(command);
        }
        // Any node of a cluster passes a message on to all. Whoever misses it polls.
        if !commands.is_empty()
            && let Err(error) = shared.link.send(&shared.layout.schema_key(), commands, Does::Reads).await
        {
            tracing::debug!(%error, "changes could not be told to other processes");
        }
    }
}

struct Listener {
    connector: Connector,
    channel: String,
    kind: &'static Kind,
    notifier: Arc<Notifier>,
    sender: String,
}

impl Listener {
    /// Hears until the backend is closed; where the connection breaks, there will be another one.
    async fn run(self, mut heard: PubSub) {
        let mut failed = 0;
        loop {
            self.hear(heard).await;
            heard = loop {
                tokio::time::sleep(pause(failed)).await;
                failed = failed.saturating_add(1);
                let Ok(mut again) = self.connector.listen().await else { continue };
                if again.subscribe(&self.channel).await.is_ok() {
                    break again;
                }
            };
            failed = 0;
        }
    }

    /// Passes on what is heard, until the connection breaks.
    async fn hear(&self, heard: PubSub) {
        let (mut sink, mut messages) = heard.split();
        loop {
            match tokio::time::timeout(QUIET, messages.next()).await {
                Ok(Some(message)) => self.pass_on(message.get_payload_bytes()),
                Ok(None) => return,
                Err(_) => {
                    let asked = tokio::time::timeout(QUIET, sink.ping::<redis::Value>()).await;
                    if !matches!(asked, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    fn pass_on(&self, message: &[u8]) {
        let Ok(message) = std::str::from_utf8(message) else { return };
        let mut lines = message.lines();
        if lines.next() == Some(self.sender.as_str()) {
            return;
        }
        for line in lines {
            if let Some(partition) = self.partition(line) {
                self.notifier.notify(self.kind, &partition);
            }
        }
    }

    fn partition(&self, line: &str) -> Option<Vec<Value>> {
        let texts: Vec<String> = serde_json::from_str(line).ok()?;
        let columns = self.kind.key.iter().take(self.kind.partition);
        if texts.len() != self.kind.partition {
            return None;
        }
        let typed = |(column, text): (&usize, String)| typed(self.kind.columns.get(*column)?.column_type, text);
        columns.zip(texts).map(typed).collect()
    }
}
