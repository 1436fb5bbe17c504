//! The layers keep the store contract, and the retrying one keeps it over a backend that fails.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aquifer_conformance::{Database, Harness};
use aquifer_core::layers::{Chunks, Faults, GroupCommit, Observe, Retries, RetryOptions};
use aquifer_core::{Backend, Capabilities, Result, SCHEMA, Schema, SystemClock};
use aquifer_memory::MemoryBackend;
use async_trait::async_trait;

type Wrap = fn(Arc<dyn Backend>, &'static Schema) -> Result<Arc<dyn Backend>>;

/// The memory backend, wrapped.
struct Wrapped {
    name: &'static str,
    /// Whether records are so small that many values of the suite are kept in parts.
    small: bool,
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
        let mut memory = MemoryBackend::new(&SCHEMA);
        if self.small {
            let limits = Capabilities {
                max_record_bytes: 8 << 10,
                max_operations: 100,
                max_transaction_bytes: 256 << 10,
                ..memory.capabilities()
            };
            memory = memory.with_capabilities(limits);
        }
        Ok(Box::new(Data { memory, wrap: self.wrap }))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        (self.wrap)(Arc::new(self.memory.handle_for(schema)), schema)
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

fn chunks(inner: Arc<dyn Backend>, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(Chunks::new(inner, schema, Arc::new(SystemClock))?))
}

fn all(inner: Arc<dyn Backend>, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
    let grouped = Arc::new(GroupCommit::new(chunks(retries(inner), schema)?));
    Ok(Arc::new(Observe::new(grouped, Duration::from_secs(10))))
}

fn main() -> ExitCode {
    let wrapped = |name, small, wrap| Arc::new(Wrapped { name, small, wrap }) as Arc<dyn Harness>;
    aquifer_conformance::main([
        wrapped("memory+layers", true, all),
        wrapped("memory+faults", false, |inner, _| Ok(retries(faults(inner)))),
        wrapped("memory+faults+chunks", true, |inner, schema| chunks(retries(faults(inner)), schema)),
        wrapped("memory+chunks+faults", true, |inner, schema| Ok(retries(faults(chunks(inner, schema)?)))),
    ])
}
