//! What MongoDB does through the bare driver.

use std::time::Duration;

use aquifer_core::{BARE_ROW_BYTES, BareRates, Error, Result};
use mongodb::bson::{Document, doc};

use crate::backend::NAME;
use crate::connection::Connection;
use crate::error::{Effect, from_driver};
use crate::options::MongodbOptions;

/// Measures durable inserts of the bare driver into one plain collection, which is removed afterwards, for about `duration`: single
/// documents, and many in one command, each confirmed by the journals of a majority.
///
/// # Errors
/// As for opening the backend.
pub async fn bare_rates(options: &MongodbOptions, duration: Duration) -> Result<BareRates> {
    let named = |error: Error| error.with_backend(NAME).with_operation("measure");
    let connection = Connection::open(options.clone()).await.map_err(named)?;
    let rows = connection.database().collection::<Document>(&format!("aquifer_bench_{:08x}", fastrand::u32(..)));
    let value = "x".repeat(BARE_ROW_BYTES);
    let row = || doc! { "key": "key", "value": &value };
    let measured = BareRates::measure_async(duration, |count| {
        let batch: Vec<Document> = (0..count).map(|_| row()).collect();
        let rows = rows.clone();
        async move {
            match <[Document; 1]>::try_from(batch) {
                Ok([row]) => rows.insert_one(row).await.map(drop),
                Err(batch) => rows.insert_many(batch).await.map(drop),
            }
        }
    })
    .await;
    let dropped = connection.call(Effect::None, rows.drop()).await;
    connection.close().await;
    let measured = measured.map_err(|error| from_driver(&error, Effect::None, &options.hosts));
    measured.and_then(|rates| dropped.map(|()| rates)).map_err(named)
}
