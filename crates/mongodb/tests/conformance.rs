//! The MongoDB backend keeps the store contract.
//!
//! The tests are called `mongodb` where a real `mongod` answers, and `mongodb-documentdb` where the DocumentDB engine behind
//! the gateway of this project stands for it.

use std::process::ExitCode;
use std::sync::Arc;

use aquifer_conformance::{Database, Harness};
use aquifer_core::{Backend, Result, Schema};
use aquifer_mongodb::{MongodbBackend, MongodbOptions};
use async_trait::async_trait;

#[path = "server/place.rs"]
mod place;

use place::Place;

struct Mongodb(&'static str);

struct Data(Place);

#[async_trait]
impl Harness for Mongodb {
    fn name(&self) -> &'static str {
        self.0
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        let place = Place::new()?;
        Ok(Box::new(Data(place)))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        let options = MongodbOptions::from_url(&self.0.url("max_connections=3"))?;
        Ok(Arc::new(MongodbBackend::open(options, schema).await?))
    }
}

fn main() -> ExitCode {
    let name = if place::is_real() { "mongodb" } else { "mongodb-documentdb" };
    aquifer_conformance::main([Arc::new(Mongodb(name)) as Arc<dyn Harness>])
}
