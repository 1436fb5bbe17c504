//! Which executions run in this process, and who waits for their end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aquifer_core::{ExecutionId, WorkerId};
use tokio::sync::{mpsc, oneshot};

/// Executions of this process.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    nudges: HashMap<ExecutionId, (WorkerId, mpsc::UnboundedSender<()>)>,
    waiters: HashMap<ExecutionId, Vec<oneshot::Sender<()>>>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an execution that `worker` owns. The receiver hears when somebody asked something of it. `None` if it runs here
    /// already.
    pub(crate) fn enter(&self, id: &ExecutionId, worker: &WorkerId) -> Option<mpsc::UnboundedReceiver<()>> {
        let mut running = self.lock();
        if running.nudges.contains_key(id) {
            return None;
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        running.nudges.insert(id.clone(), (worker.clone(), sender));
        Some(receiver)
    }

    /// Removes an execution.
    pub(crate) fn leave(&self, id: &ExecutionId) {
        self.lock().nudges.remove(id);
    }

    /// Tells an execution that somebody asked something of it.
    pub(crate) fn nudge(&self, id: &ExecutionId) {
        if let Some((_, sender)) = self.lock().nudges.get(id) {
            // An execution that has just left needs no telling.
            let _ = sender.send(());
        }
    }

    /// As which worker this process runs an execution; `None` if it does not. A process that was taken for dead goes on as another
    /// worker, and what it ran before it may not write any more.
    pub(crate) fn runs_as(&self, id: &ExecutionId) -> Option<WorkerId> {
        self.lock().nudges.get(id).map(|(worker, _)| worker.clone())
    }

    /// Whether an execution runs here.
    pub(crate) fn contains(&self, id: &ExecutionId) -> bool {
        self.lock().nudges.contains_key(id)
    }

    /// How many executions run here.
    pub(crate) fn len(&self) -> usize {
        self.lock().nudges.len()
    }

    /// Hears when an execution that ends in this process has ended.
    pub(crate) fn wait(&self, id: &ExecutionId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut running = self.lock();
        let waiters = running.waiters.entry(id.clone()).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        waiters.push(sender);
        receiver
    }

    /// Forgets those who have stopped waiting for an execution.
    pub(crate) fn forget(&self, id: &ExecutionId) {
        let mut running = self.lock();
        if let Some(waiters) = running.waiters.get_mut(id) {
            waiters.retain(|waiter| !waiter.is_closed());
            if waiters.is_empty() {
                running.waiters.remove(id);
            }
        }
    }

    /// Tells those who wait that an execution has ended.
    pub(crate) fn ended(&self, id: &ExecutionId) {
        for waiter in self.lock().waiters.remove(id).into_iter().flatten() {
            // Whoever stopped waiting does not need it.
            let _ = waiter.send(());
        }
    }
}
