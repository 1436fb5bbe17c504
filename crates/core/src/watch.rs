//! Best-effort wake-ups.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::error::Result;
use crate::schema::Kind;
use crate::transaction::{Committed, Transaction};
use crate::value::Value;

/// What a [`Watch`] reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Records of the watched kind changed in this partition.
    Partition(Vec<Value>),
    /// Changes were missed; look at everything that matters.
    Missed,
}

/// A stream of wake-ups for one kind. It may miss or repeat any; whoever relies on it polls as a floor.
#[derive(Debug)]
pub struct Watch {
    receiver: Option<broadcast::Receiver<Vec<Value>>>,
}

impl Watch {
    /// A watch that never reports anything, for backends without push.
    pub fn silent() -> Self {
        Self { receiver: None }
    }

    /// Waits for the next change. Never returns once the backend is closed, or if it has no push: select it
    /// against a timer.
    pub async fn next(&mut self) -> Change {
        if let Some(receiver) = &mut self.receiver {
            match receiver.recv().await {
                Ok(partition) => return Change::Partition(partition),
                Err(broadcast::error::RecvError::Lagged(_)) => return Change::Missed,
                Err(broadcast::error::RecvError::Closed) => self.receiver = None,
            }
        }
        std::future::pending().await
    }
}

/// Hands changes to the watches of this process: what every backend's `watch` is made of.
#[derive(Debug, Default)]
pub struct Notifier {
    channels: Mutex<HashMap<&'static str, broadcast::Sender<Vec<Value>>>>,
}

impl Notifier {
    /// How many changes a slow watch may lag behind before it reports [`Change::Missed`].
    const CAPACITY: usize = 256;

    /// A watch of `kind`.
    pub fn watch(&self, kind: &'static Kind) -> Watch {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = channels.entry(kind.name).or_insert_with(|| broadcast::channel(Self::CAPACITY).0);
        Watch { receiver: Some(sender.subscribe()) }
    }

    /// Reports that records of `kind` changed in `partition`. Costs a lookup where nobody watches.
    pub fn notify(&self, kind: &'static Kind, partition: &[Value]) {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = channels.get(kind.name)
            && sender.receiver_count() > 0
        {
            // Without receivers there is nobody to tell.
            let _ = sender.send(partition.to_vec());
        }
    }

    /// Reports what those of `transactions` have written that were applied, by their answers.
    pub fn notify_applied<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a Transaction>,
        answers: &[Result<Committed>],
    ) {
        if !self.is_watched() {
            return;
        }
        for (transaction, _) in transactions.into_iter().zip(answers).filter(|(_, answer)| answer.is_ok()) {
            transaction.written().for_each(|key| self.notify(key.kind, key.partition()));
        }
    }

    /// Whether anybody watches anything, so that a backend can skip the work of telling.
    pub fn is_watched(&self) -> bool {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.values().any(|sender| sender.receiver_count() > 0)
    }
}
