//! Threads that own what blocks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use aquifer_core::{Error, Result, Retry};
use tokio::sync::oneshot;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Threads with a queue: each owns a state and runs what it takes from the queue, one thing after another.
pub(super) struct Workers<S> {
    queue: Mutex<Option<mpsc::Sender<Job<S>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl<S: Send + 'static> Workers<S> {
    /// Starts one thread for each state.
    ///
    /// # Errors
    /// `Unavailable` if the system gives no more threads.
    pub(super) fn spawn(name: &str, states: Vec<S>) -> Result<Self> {
        let (sender, receiver) = mpsc::channel::<Job<S>>();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::with_capacity(states.len());
        for mut state in states {
            let receiver = Arc::clone(&receiver);
            let run = move || {
                loop {
                    // A statement of its own, so that the lock is free while the job runs.
                    let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    match job {
                        Ok(job) => job(&mut state),
                        Err(mpsc::RecvError) => return,
                    }
                }
            };
            let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
            threads.push(thread.map_err(|error| {
                Error::unavailable("the system gives no thread for the database").with_source(error)
            })?);
        }
        Ok(Self { queue: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    /// Puts `job` into the queue; false if the workers are closed.
    pub(super) fn submit(&self, job: impl FnOnce(&mut S) + Send + 'static) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().is_some_and(|queue| queue.send(Box::new(job)).is_ok())
    }

    /// Runs `job` and waits for what it gives. It runs to its end even if nobody waits any more.
    ///
    /// # Errors
    /// `Unavailable` if the workers are closed.
    pub(super) async fn run<T: Send + 'static>(&self, job: impl FnOnce(&mut S) -> T + Send + 'static) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let submitted = self.submit(move |state| {
            // Whoever dropped the receiver no longer wants to know.
            let _ = reply.send(job(state));
        });
        if !submitted {
            return Err(Error::unavailable("the database is closed"));
        }
        let stopped = |_| Error::unavailable("the database's thread has stopped").with_retry(Retry::Unknown);
        answer.await.map_err(stopped)
    }

    /// Refuses what comes now, finishes what is in the queue, and waits for the threads to end.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the database had panicked");
                }
            }
        });
        // Fails only when the runtime itself shuts down; the threads end by themselves.
        let _ = joined.await;
    }
}

impl<S> fmt::Debug for Workers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").finish_non_exhaustive()
    }
}
