//! Taking records out of a range of an index.

use aquifer_core::{Claim, Key, Record, Result};

use super::backend::Shared;
use super::batch::claimed;
use super::commit::{changed_meanwhile, pause};
use super::driver::{Driver, Purpose};
use super::fault::Fault;
use super::lookup::record;
use super::read::{assigned, parameters, stored};
use super::session::Session;
use crate::dialect::Bulk;
use crate::text::Query;

/// How often a claim that others came in the way of is tried again.
const ATTEMPTS: u32 = 5;

impl<D: Driver> Shared<D> {
    /// Claims records, lowest first.
    pub(super) async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        let statements = self.catalog.of(claim.kind)?;
        let at_once = self.driver.dialect().bulk == Bulk::Arrays;
        let query = if at_once { statements.claim_at_once(claim)? } else { statements.claim(claim)? };
        let Some(query) = query else { return Ok(Vec::new()) };
        let mut attempt = 0;
        loop {
            let mut session = self.driver.session(Purpose::Write).await?;
            let claimed = match at_once {
                true => self.claim_at_once(&mut *session, claim, &query).await,
                false => self.find_and_claim(&mut *session, claim, &query).await,
            };
            match claimed {
                Ok(records) => return Ok(records),
                Err(Fault::Contention(_)) if attempt < ATTEMPTS => {
                    session.rollback().await.map_err(Fault::into_error)?
                }
                Err(fault) => return Err(fault.into_error()),
            }
            drop(session);
            attempt += 1;
            tokio::time::sleep(pause(attempt)).await;
        }
    }

    /// One statement finds, locks and writes.
    async fn claim_at_once(
        &self,
        session: &mut dyn Session,
        claim: &Claim,
        query: &Query,
    ) -> Result<Vec<Record>, Fault> {
        let mut parameters = parameters(query);
        parameters.extend(assigned(claim.kind, &claim.set));
        let rows = session.rows(&query.text, &parameters, &stored(claim.kind)).await?;
        Ok(rows.into_iter().map(|row| record(claim.kind, row)).collect::<Result<_>>()?)
    }

    /// Finds and locks, then writes.
    async fn find_and_claim(
        &self,
        session: &mut dyn Session,
        claim: &Claim,
        query: &Query,
    ) -> Result<Vec<Record>, Fault> {
        session.begin().await?;
        let rows = session.rows(&query.text, &parameters(query), &stored(claim.kind)).await?;
        let mut records = rows.into_iter().map(|row| record(claim.kind, row)).collect::<Result<Vec<_>>>()?;
        if records.is_empty() {
            session.rollback().await?;
            return Ok(records);
        }
        let keys: Vec<Key> = records.iter().map(Record::key).collect();
        for (step, _) in self.writer.steps(&claimed(claim, &keys)) {
            if session.step(&step).await?.is_none() {
                return Err(changed_meanwhile());
            }
        }
        session.commit().await?;
        for record in &mut records {
            record.revision += 1;
            for (column, value) in &claim.set {
                if let Some(place) = record.values.get_mut(*column) {
                    place.clone_from(value);
                }
            }
        }
        Ok(records)
    }
}
