//! The DynamoDB backend keeps the store contract.

mod support;

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Result, Schema};
use async_trait::async_trait;
use support::{Tables, options};

struct Dynamo;

struct Data(Tables);

#[async_trait]
impl Harness for Dynamo {
    fn name(&self) -> &'static str {
        "dynamodb"
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        Ok(Box::new(Data(Tables::new(options()))))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(self.0.open(schema).await?))
    }
}

fn main() -> ExitCode {
    aquifer_conformance::main([Arc::new(Dynamo) as Arc<dyn Harness>])
}
