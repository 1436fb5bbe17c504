//! The layers keep the store contract, and the retrying one keeps it over a backend that fails.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aquifer_conformance::{Database, Harness};
use aquifer_core::layers::{Faults, GroupCommit, Observe, Retries, RetryOptions};
use aquifer_core::{Backend, Result, SCHEMA, Schema, SystemClock};
use aquifer_memory::MemoryBackend;
use async_trait::async_trait;

type Wrap = fn(Arc<dyn Backend>) -> Result<Arc<dyn Backend>>;

/// The memory backend, wrapped.
struct Wrapped {
    name: &'static str,
    wrap: Wrap,
}

struct Data {
    memory: MemoryBackend,
    wrap: Wrap,
}

#[async_trait]
impl Harness for Wrapped {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        Ok(Box::new(Data { memory: MemoryBackend::new(&SCHEMA), wrap: self.wrap }))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        (self.wrap)(Arc::new(self.memory.handle_for(schema)))
    }
}

fn retries(inner: Arc<dyn Backend>) -> Arc<dyn Backend> {
    let options = RetryOptions {
        retries: 20,
        shortest_pause: Duration::from_micros(10),
        longest_pause: Duration::from_micros(100),
    };
    Arc::new(Retries::new(inner, Arc::new(SystemClock), options))
}

fn faults(inner: Arc<dyn Backend>) -> Arc<dyn Backend> {
    // Each handle has a bad day of its own.
    static SEED: AtomicU64 = AtomicU64::new(1);
    let seed = SEED.fetch_add(1, Ordering::Relaxed);
    let faults = Faults::new(inner, Arc::new(SystemClock), seed)
        .with_failures(0.1)
        .with_lost_replies(0.1)
        .with_delays(0.05, Duration::from_micros(50));
    Arc::new(faults)
}

fn all_but_chunks(inner: Arc<dyn Backend>) -> Arc<dyn Backend> {
    let grouped = Arc::new(GroupCommit::new(retries(inner)));
    Arc::new(Observe::new(grouped, Duration::from_secs(10)))
}

fn main() -> ExitCode {
    aquifer_conformance::main([
        Arc::new(Wrapped { name: "memory+layers", wrap: |inner| Ok(all_but_chunks(inner)) }) as Arc<dyn Harness>,
        Arc::new(Wrapped { name: "memory+faults", wrap: |inner| Ok(retries(faults(inner))) }),
    ])
}
