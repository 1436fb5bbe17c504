//! Keeps values in parts that are too large for one record of the backend.

mod commit;
mod layout;
mod marker;
mod parts;
mod plain;
mod plan;
mod read;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::layout::Layout;
use self::plain::Plain;
pub use self::sweep::Swept;
use super::pass_on::pass_on;
use super::waves::{Placed, waves};
use crate::backend::{Backend, Capabilities};
use crate::check;
use crate::claim::Claim;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::record::{Key, Record};
use crate::scan::{Page, Scan};
use crate::schema::Schema;
use crate::timestamp::Timestamp;
use crate::transaction::{Committed, Transaction};
use crate::value::Value;

/// How long parts are left alone before a sweep asks whether anything refers to them.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// A layer that takes records larger than the backend's: large text, documents and bytes of columns that no key and no index
/// holds are stored as records of the kind [`crate::kinds::Part`], and a short marker in their place.
///
/// Parts are written before the record that refers to them, unclaimed until a time; then the record is written; then the parts are
/// claimed, and those that it referred to before are removed. Whatever happens in between, [`Chunks::sweep`] clears up: it
/// removes unclaimed parts only after it has made sure that their record does not refer to them, and that no commit that was under way
/// can make it do so: an update is fenced by the record's revision, an insert by the day that passes first, and a
/// writer that finds its parts gone writes them again.
///
/// A change of such columns reads the record first, unless it is at a revision that this layer wrote or claimed itself and knows to keep
/// nothing in parts. A claim cannot set them. Every process that opens the database wraps it in
/// this layer, or none does. Retries belong beneath it, so that one lost part does not cost the whole value.
#[derive(Debug)]
pub struct Chunks {
    inner: Arc<dyn Backend>,
    schema: &'static Schema,
    clock: Arc<dyn Clock>,
    layout: Layout,
    grace: Duration,
    plain: Plain,
}

impl Chunks {
    /// Wraps `inner`, which was opened for the kinds of `schema`.
    ///
    /// # Errors
    /// `Invalid` if the backend's records are smaller than 8 KiB, or too small for what a kind holds in keys and indexes.
    pub fn new(inner: Arc<dyn Backend>, schema: &'static Schema, clock: Arc<dyn Clock>) -> Result<Self> {
        let layout = Layout::new(schema, inner.capabilities())?;
        Ok(Self { inner, schema, clock, layout, grace: GRACE, plain: Plain::default() })
    }

    /// When parts that are written now may be removed if nothing refers to them.
    fn deadline(&self) -> Timestamp {
        self.clock.now().saturating_add(self.grace)
    }

    fn named(&self, error: Error, operation: &'static str) -> Error {
        error.with_backend(self.inner.name()).with_operation(operation)
    }
}

#[async_trait]
impl Backend for Chunks {
    pass_on!(name, migrate, watch, ping, stats, close);

    fn capabilities(&self) -> Capabilities {
        self.layout.capabilities()
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let stored = self.inner.get(keys).await?;
        let present: Vec<bool> = stored.iter().map(Option::is_some).collect();
        let records: Vec<Record> = stored.into_iter().flatten().collect();
        let before = records.len();
        let whole = self.whole(records).await?;
        if whole.len() == before {
            let mut whole = whole.into_iter();
            return Ok(present.into_iter().map(|present| if present { whole.next() } else { None }).collect());
        }
        // Some were deleted meanwhile: find each by its key.
        Ok(keys.iter().map(|key| whole.iter().find(|record| record.key() == *key).cloned()).collect())
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let mut answers: Vec<Option<Result<Committed>>> = transactions.iter().map(|_| None).collect();
        let capabilities = self.capabilities();
        for wave in waves(transactions) {
            let mut sound = Vec::with_capacity(wave.len());
            for (place, transaction) in wave {
                match check::transaction(&transaction, &capabilities) {
                    Ok(()) => sound.push((place, transaction)),
                    Err(error) => {
                        if let Some(slot) = answers.get_mut(place) {
                            *slot = Some(Err(self.named(error, "commit")));
                        }
                    }
                }
            }
            self.commit_wave(sound, &mut answers).await;
        }
        let missing = || Error::corrupt("the backend gave no answer to a transaction");
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(missing()))).collect()
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        let page = self.inner.scan(scan).await?;
        let mut records = self.whole(page.records).await?;
        if !scan.detail {
            // One that was read again came with all columns.
            for record in &mut records {
                for (column, value) in record.kind.columns.iter().zip(&mut record.values) {
                    if column.detail {
                        *value = Value::Null;
                    }
                }
            }
        }
        Ok(Page { records, next: page.next })
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        let shape = self.layout.shape(claim.kind);
        if shape.is_some_and(|shape| claim.set.iter().any(|(column, _)| shape.columns.contains(column))) {
            let error = Error::new(ErrorKind::Invalid, "a claim cannot set a column that may be kept in parts");
            return Err(self.named(error.with_record_kind(claim.kind.name), "claim"));
        }
        let taken = self.inner.claim(claim).await?;
        self.learn_from(&taken);
        // Taken they are, whatever else fails: to claim again would take others.
        self.whole(taken).await.map_err(|error| error.with_retry(Retry::Unknown))
    }
}
