//! The DynamoDB backend keeps the store contract, on demand and with provisioned capacity.

mod support;

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Result, Schema};
use aquifer_dynamodb::DynamoOptions;
use async_trait::async_trait;
use support::{Tables, options};

/// Tables with or without provisioned capacity.
struct Dynamo {
    name: &'static str,
    capacity: Option<(i64, i64)>,
}

struct Data(Tables);

#[async_trait]
impl Harness for Dynamo {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        Ok(Box::new(Data(Tables::new(DynamoOptions { capacity: self.capacity, ..options() }))))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(self.0.open(schema).await?))
    }
}

fn main() -> ExitCode {
    aquifer_conformance::main([
        Arc::new(Dynamo { name: "dynamodb", capacity: None }) as Arc<dyn Harness>,
        Arc::new(Dynamo { name: "dynamodb+provisioned", capacity: Some((50, 50)) }),
    ])
}
