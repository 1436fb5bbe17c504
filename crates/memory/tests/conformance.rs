//! The memory backend keeps the store contract.

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Capabilities, Result, SCHEMA, Schema};
use aquifer_memory::MemoryBackend;
use async_trait::async_trait;

struct Memory {
    name: &'static str,
    limits: Option<(usize, usize, usize)>,
}

struct Data(MemoryBackend);

#[async_trait]
impl Harness for Memory {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        let mut memory = MemoryBackend::new(&SCHEMA);
        if let Some((max_record_bytes, max_operations, max_transaction_bytes)) = self.limits {
            let own = memory.capabilities();
            let limits = Capabilities { max_record_bytes, max_operations, max_transaction_bytes, ..own };
            memory = memory.with_capabilities(limits);
        }
        Ok(Box::new(Data(memory)))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(self.0.handle_for(schema)))
    }
}

fn main() -> ExitCode {
    aquifer_conformance::main([
        Arc::new(Memory { name: "memory", limits: None }) as Arc<dyn Harness>,
        // The limits of the most limited database that Aquifer runs on.
        Arc::new(Memory { name: "memory-small", limits: Some((400_000, 100, 4_000_000)) }),
    ])
}
