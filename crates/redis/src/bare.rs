//! What the bare driver does, for benchmarks to compare with.

use std::time::Duration;

use aquifer_core::{BARE_ROW_BYTES, BareRates, Result};

use crate::RedisOptions;
use crate::error::{Does, named};
use crate::link::Link;

/// How many fields are written before they are written again.
const FIELDS: usize = 10_000;

/// Measures, for about `duration`, what the bare driver does with the server: `HSET` of one field, and pipelines of them. The key that it writes
/// to is `PREFIX:bare`, and is gone afterwards.
///
/// # Errors
/// As opening a backend with these options; `Unavailable` if the server does not answer.
pub async fn bare_rates(options: &RedisOptions, duration: Duration) -> Result<BareRates> {
    let link = Link::open(options).await.map_err(|error| named(error, "bare"))?;
    let key = format!("{}:bare:{:08x}", options.prefix, fastrand::u32(..));
    let value = vec![b'x'; BARE_ROW_BYTES];
    let mut written = 0;
    let measured = BareRates::measure_async(duration, |rows| {
        let mut commands = Vec::with_capacity(rows);
        for _ in 0..rows {
            let mut command = redis::cmd("HSET");
            command.arg(&key).arg(written % FIELDS).arg(value.as_slice());
            commands.push(command);
            written += 1;
        }
        let (link, key) = (&link, &key);
        async move {
            for reply in link.send(key, commands, Does::Writes).await? {
                link.accepted(reply, Does::Writes)?;
            }
            Ok(())
        }
    })
    .await;
    let mut remove = redis::cmd("DEL");
    remove.arg(&key);
    let removed = link.one(&key, remove, Does::Writes).await;
    link.close();
    let rates = measured.map_err(|error: aquifer_core::Error| named(error, "bare"))?;
    removed.map_err(|error| named(error, "bare"))?;
    Ok(rates)
}
