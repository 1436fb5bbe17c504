//! Removing the parts that crashes left behind.

use std::ops::Bound;

use super::Chunks;
use super::parts::{Header, key, set_unclaimed};
use crate::backend::BackendExt;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::kinds::{Part, PartColumn};
use crate::record::Record;
use crate::scan::{MAX_PAGE, Scan};
use crate::transaction::{Condition, Operation, Transaction};
use crate::value::Value;

/// What [`Chunks::sweep`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Values whose parts were removed.
    pub removed: usize,
    /// Values whose parts are referred to, and are kept from now on.
    pub kept: usize,
}

/// What becomes of one value.
enum Fate {
    Remove,
    Keep,
    /// Somebody else decides, or it cannot be decided yet.
    Later,
}

impl Chunks {
    /// Looks at up to `limit` values whose parts nobody has claimed in time: keeps those that a record refers to, and removes
    /// the others once no commit under way can refer to them any more. To be called now and then, by anybody.
    ///
    /// # Errors
    /// As for reads and commits; what was done stays done.
    pub async fn sweep(&self, limit: usize) -> Result<Swept> {
        let now = self.clock.now();
        let scan =
            Scan::index(Part::KIND, "by_unclaimed").to(Bound::Included(now.into())).limit(limit.clamp(1, MAX_PAGE));
        let mut swept = Swept::default();
        for header in self.inner.scan(&scan).await?.records {
            let Some(Value::Text(id)) = header.values.get(PartColumn::id as usize) else { continue };
            match self.fate(id, &header).await? {
                Fate::Remove if self.remove_parts(id, &header).await? => swept.removed += 1,
                Fate::Keep if self.postpone(id, &header, None).await? => swept.kept += 1,
                Fate::Later => {
                    self.postpone(id, &header, Some(self.deadline())).await?;
                }
                Fate::Remove | Fate::Keep => {}
            }
        }
        Ok(swept)
    }

    async fn fate(&self, id: &str, header: &Record) -> Result<Fate> {
        let Header { base, .. } = Header::read(header)?;
        let Some((owner, column)) = Header::read(header)?.owner(self.schema) else {
            // A newer program wrote it.
            return Ok(Fate::Later);
        };
        let Some(record) = self.inner.get_one(owner.clone()).await? else { return Ok(Fate::Remove) };
        let refers = self.markers(&record)?.iter().any(|(place, marker)| *place == column && marker.id == id);
        if refers {
            return Ok(Fate::Keep);
        }
        if record.revision > base {
            return Ok(Fate::Remove);
        }
        if record.revision < base {
            return Ok(Fate::Later);
        }
        // The commit that was to refer to the value could still arrive: it asks for this very revision. Take it away.
        let fence = Operation::Update { key: owner, condition: Condition::Revision(base), set: Vec::new() };
        match self.inner.commit_one(Transaction::new(vec![fence])).await {
            Ok(_) => Ok(Fate::Remove),
            Err(error) if is_race(&error) => Ok(Fate::Later),
            Err(error) => Err(error),
        }
    }

    /// Removes a value, unless somebody claimed it in the meantime.
    async fn remove_parts(&self, id: &str, header: &Record) -> Result<bool> {
        let parts = self.inner.scan(&Scan::key(Part::KIND).equals(id).limit(MAX_PAGE)).await?;
        let deletes = parts.records.iter().filter_map(|part| match part.values.get(PartColumn::number as usize) {
            Some(Value::Integer(0)) | None => None,
            Some(_) => Some(Operation::Delete { key: part.key(), condition: Condition::Exists }),
        });
        let unchanged = Operation::Delete { key: key(id, 0), condition: Condition::Revision(header.revision) };
        self.unless_raced(Transaction::new([unchanged].into_iter().chain(deletes).collect())).await
    }

    async fn postpone(&self, id: &str, header: &Record, until: Option<crate::Timestamp>) -> Result<bool> {
        let update = set_unclaimed(id, Condition::Revision(header.revision), until);
        self.unless_raced(Transaction::new(vec![update])).await
    }

    async fn unless_raced(&self, transaction: Transaction) -> Result<bool> {
        match self.inner.commit_one(transaction).await {
            Ok(_) => Ok(true),
            Err(error) if is_race(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether somebody else was faster.
fn is_race(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound)
}
