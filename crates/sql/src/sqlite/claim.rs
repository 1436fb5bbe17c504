//! Taking records out of a range of an index.

use aquifer_core::{Claim, Condition, Record, Result};

use super::commit::Refusal;
use super::session::Session;
use super::values;

impl Session {
    /// Claims records: no other writer runs meanwhile, so that each goes to one caller only.
    pub(super) fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        let Some(query) = self.database.catalog.of(claim.kind)?.claim(claim)? else { return Ok(Vec::new()) };
        self.in_transaction(|| {
            let mut records = self.rows(&query, |row| values::record(claim.kind, row))?;
            for record in &mut records {
                let key = record.key();
                // A claim is no transaction: the one that wrote the record is still found by whoever retries it.
                let writer = self.trace(&key)?.map_or(0, |found| found.transaction);
                let updated = self.update(&key, Condition::Revision(record.revision), &claim.set, writer);
                record.revision = updated.map_err(|refusal| match refusal {
                    Refusal::Refused(error) | Refusal::Failed(error) => error,
                })?;
                for (column, value) in &claim.set {
                    if let Some(place) = record.values.get_mut(*column) {
                        place.clone_from(value);
                    }
                }
            }
            Ok(records)
        })
    }
}
