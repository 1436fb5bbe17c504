//! What a libSQL server does without Aquifer.

use std::time::Duration;

use aquifer_core::{BARE_ROW_BYTES, BareRates, Result};

use crate::NAME;
use crate::error::of_step;
use crate::hrana::{Access, Argument, Batch, Client, Failure};
use crate::options::LibsqlOptions;

/// Measures durable writes of plain rows for about `duration`, one request each: a row by itself, and rows in a batch. They go to a
/// table of its own, which is removed.
///
/// # Errors
/// `Unavailable` with what the server says; `Unauthorized`; `Invalid` for options that cannot be used.
pub async fn bare_rates(options: &LibsqlOptions, duration: Duration) -> Result<BareRates> {
    measure(options, duration).await.map_err(|error| error.with_backend(NAME).with_operation("bare_rates"))
}

async fn measure(options: &LibsqlOptions, duration: Duration) -> Result<BareRates> {
    let client = &Client::new(options.clone())?;
    // Two that measure at once have a table each.
    let table = format!("libsql_bare_{:016x}", fastrand::u64(..));
    let create = format!("CREATE TABLE \"{table}\" (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT NOT NULL)");
    all_or_nothing(client, |batch| {
        batch.push(create, Vec::new());
    })
    .await?;
    let insert = &format!("INSERT INTO \"{table}\" (key, value) VALUES (?, ?)");
    let value = &"x".repeat(BARE_ROW_BYTES);
    let rates = BareRates::measure_async(duration, |rows| {
        all_or_nothing(client, move |batch| {
            let row = || vec![Argument::text("key"), Argument::text(value.clone())];
            if rows == 1 {
                batch.push(insert.as_str(), row());
                return;
            }
            let mut last = batch.push("BEGIN IMMEDIATE", Vec::new());
            for _ in 0..rows {
                last = batch.push_if(last.ok(), insert.as_str(), row());
            }
            batch.push_if(last.ok(), "COMMIT", Vec::new());
        })
    })
    .await;
    let removed = all_or_nothing(client, |batch| {
        batch.push(format!("DROP TABLE \"{table}\""), Vec::new());
    })
    .await;
    rates.and_then(|rates| removed.map(|()| rates))
}

/// Sends a batch of which every step must go well.
async fn all_or_nothing<'a>(client: &Client, write: impl FnOnce(&mut Batch<'a>)) -> Result<()> {
    let mut batch = Batch::default();
    write(&mut batch);
    let reply = client.run(&batch, Access::Write).await.map_err(Failure::into_error)?;
    match reply.errors().next() {
        None => Ok(()),
        Some(error) => Err(of_step(error, client.place_name())),
    }
}
