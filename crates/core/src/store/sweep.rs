//! Removing what has expired.

use std::ops::Bound;

use super::{Store, removal};
use crate::error::{Error, Result};
use crate::kinds::SCHEMA;
use crate::scan::Scan;
use crate::schema::Kind;
use crate::transaction::Condition;
use crate::value::Value;

/// How many records are removed at a time.
const CHUNK: usize = 100;

/// The index that begins with the kind's expiry column.
pub(super) fn expiry_index(kind: &Kind) -> Option<&'static str> {
    let expiry = kind.expiry?;
    kind.indexes.iter().find(|index| index.columns.first() == Some(&expiry)).map(|index| index.name)
}

impl Store {
    /// Clears up: removes what has expired, and parts of large values that crashes left behind, about `most` of each at the most.
    /// Returns how many it looked at: fewer than `most` means that there is nothing more for now. To be called now and then by
    /// anybody; several processes may sweep at once.
    ///
    /// # Errors
    /// `Unavailable` if the backend does not answer; what was done until then stays done.
    pub async fn sweep(&self, most: usize) -> Result<usize> {
        let expired = self.sweep_expired(most).await?;
        let Some(chunks) = &self.chunks else { return Ok(expired) };
        let swept = chunks.sweep(most).await?;
        Ok(expired.max(swept.removed + swept.kept))
    }

    /// Removes records of all tenants whose time of expiry has passed, about `most` of them at the most, the longest expired
    /// first. Returns how many it removed: fewer than `most` means that there were no more. Several processes may sweep at once.
    ///
    /// # Errors
    /// `Unavailable` if the backend does not answer; what was removed until then stays removed.
    pub async fn sweep_expired(&self, most: usize) -> Result<usize> {
        let now = self.now();
        let mut removed = 0;
        for kind in SCHEMA.kinds.iter().filter(|kind| kind.expiry.is_some()) {
            let index = expiry_index(kind)
                .ok_or_else(|| Error::corrupt(format!("no index of {kind} begins with its time of expiry")))?;
            let mut scan = Scan::index(kind, index).to(Bound::Included(Value::from(now))).limit(CHUNK);
            while removed < most {
                scan.limit = CHUNK.min(most - removed);
                let page = self.backend().scan(&scan).await?;
                // A record that was given more time meanwhile stays.
                removed +=
                    removal::delete_each(self, &page.records, |record| Condition::Revision(record.revision)).await?;
                if page.next.is_none() {
                    break;
                }
                scan.cursor = page.next;
            }
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_expires_has_an_index_for_it_and_nothing_below() {
        let expiring: Vec<_> = SCHEMA.kinds.iter().filter(|kind| kind.expiry.is_some()).collect();
        assert!(expiring.len() >= 2);
        for kind in expiring {
            assert!(expiry_index(kind).is_some(), "{kind} cannot be swept");
            assert!(removal::children(kind).is_empty(), "sweeping {kind} would leave what belongs to it");
        }
    }
}
