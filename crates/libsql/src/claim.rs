//! Taking records out of a range of an index.

use aquifer_core::{Claim, Error, Record, Result};
use aquifer_sql::JsonStatements;

use crate::backend::LibsqlBackend;
use crate::commit::{assertion, begin, end, of_commit};
use crate::error::{is_assertion, of_step};
use crate::hrana::{Access, Batch, Failure};
use crate::values::{arguments, record};

impl LibsqlBackend {
    /// Claims records, fewer where the reply would be too large: no other writer runs meanwhile, so that each goes to one caller
    /// only.
    pub(crate) async fn take(&self, claim: &Claim) -> Result<Vec<Record>> {
        let mut claim = claim.clone();
        loop {
            match self.try_take(&claim).await {
                Err(Failure::ReplyTooLarge) if claim.limit > 1 => claim.limit /= 2,
                taken => return taken.map_err(Failure::into_error),
            }
        }
    }

    async fn try_take(&self, claim: &Claim) -> Result<Vec<Record>, Failure> {
        let place = self.client.place_name();
        let Some(query) = self.catalog.of(claim.kind)?.claim(claim)? else {
            self.client.check_open()?;
            return Ok(Vec::new());
        };
        let update = JsonStatements::of(claim.kind).claim(claim, &query);
        let mut batch = Batch::default();
        // Nothing is due most of the time: then nobody else has to wait.
        let due = batch.push(assertion::finds(&query.text), arguments(&query.values));
        let begin = begin(&mut batch, Some(due.ok()));
        let found = batch.push_if(begin.ok(), query.text, arguments(&query.values));
        let taken = batch.push_if(found.ok(), update.text, arguments(&update.values));
        let commit = end(&mut batch, begin, taken.ok());
        let mut reply = self.client.run(&batch, Access::Write).await?;
        if !reply.is_ok(commit) {
            if let Some(error) = reply.error(commit) {
                return Err(of_commit(error, place).into());
            }
            return match (reply.error(due), reply.errors().next()) {
                (Some(error), _) if is_assertion(error) => Ok(Vec::new()),
                (_, Some(error)) => Err(of_step(error, place).into()),
                (_, None) => Err(Error::unavailable(format!("{place} did not run the claim to its end")).into()),
            };
        }
        let rows = reply.take_rows(found).into_iter();
        let mut records = rows.map(|row| record(claim.kind, row.into_iter())).collect::<Result<Vec<_>>>()?;
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
