//! Claims: candidates from an index, each taken with a conditional write of its own.

use aquifer_core::{
    Claim, Condition, Error, ErrorKind, Operation, Record, Result, Retry, Trace, Transaction, Value, check,
};
use futures_util::future::join_all;

use crate::cache::Known;
use crate::calls::Pauses;
use crate::commit::Committer;
use crate::expression::Names;
use crate::layout::{CLAIM, Order, Place, Table};
use crate::merge::Merge;
use crate::plan::{assignments, version};
use crate::range::Range;
use crate::read::{Columns, items};
use crate::statement::{Alone, Statement, Write};
use crate::values::{self, Item, blob, number};

impl Committer {
    /// Takes records, lowest first.
    ///
    /// # Errors
    /// As for [`aquifer_core::Backend::claim`]; what was taken before something failed is returned all the same, unless it is unknown
    /// whether more was taken.
    pub(crate) async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        check::claim(claim)?;
        let (place, table) = self.layout.table(claim.kind)?;
        let order = table.order(Some(claim.index))?;
        let range = Range::of_claim(claim)?;
        let mut merge = Merge::new(&self.calls, (place, table), order, range.clone(), false);
        let mut taken: Vec<Record> = Vec::new();
        while taken.len() < claim.limit {
            let entries = merge.next(claim.limit - taken.len()).await;
            let found = match entries {
                Ok(entries) if entries.is_empty() => break,
                Ok(entries) => {
                    let places: Vec<Place> = entries.into_iter().map(|entry| entry.place).collect();
                    items(&self.calls, &self.layout, &places, Columns::All).await.map(|found| (places, found))
                }
                Err(error) => Err(error),
            };
            let (places, mut found) = match found {
                Ok(found) => found,
                Err(error) if taken.is_empty() => return Err(error),
                Err(_) => break,
            };
            // The index may lag: what counts is where the record is now.
            let due = places.into_iter().filter_map(|place| {
                let item = found.remove(&place)?;
                blob(&item, &order.attribute).is_some_and(|sort| range.holds(sort)).then_some((place, item))
            });
            let takes = due.map(|(place, item)| self.take(claim, table, order, place, item));
            let mut failed: Option<Error> = None;
            for answer in join_all(takes).await {
                match answer {
                    Ok(record) => taken.extend(record),
                    Err(error) if failed.as_ref().is_some_and(is_unknown) => tracing::debug!(%error, "one more failed"),
                    Err(error) => failed = Some(error),
                }
            }
            match failed {
                Some(error) if taken.is_empty() || is_unknown(&error) => return Err(error),
                Some(error) => {
                    tracing::warn!(%error, "some of the records that are due could not be claimed");
                    break;
                }
                None => {}
            }
        }
        Ok(taken)
    }

    /// Takes one record, if it is still as it was read.
    async fn take(
        &self,
        claim: &Claim,
        table: &Table,
        order: &Order,
        place: Place,
        item: Item,
    ) -> Result<Option<Record>> {
        let before = values::record(table, item.clone())?;
        let mut record = before.clone();
        for (column, value) in &claim.set {
            if let Some(slot) = record.values.get_mut(*column) {
                slot.clone_from(value);
            }
        }
        record.revision = record.revision.saturating_add(1);
        if record.size() > self.capabilities.max_record_bytes {
            let message = format!("the record would be larger than {} bytes", self.capabilities.max_record_bytes);
            return Err(Error::new(ErrorKind::TooLarge, message).with_record_kind(table.kind.name));
        }
        let sets = |column: &usize| claim.set.iter().any(|(other, _)| other == column);
        if table.kind.uniques.iter().any(|unique| unique.columns.iter().any(sets)) {
            return self.take_with_guards(claim, record).await;
        }
        let trace = values::trace(table, &item)?;
        // Names this very claim, so that a claim whose reply was lost is found out, whoever else wants the same.
        let name = fastrand::u64(..).to_string();
        let mut names = Names::default();
        let condition = version(&mut names, trace);
        let named = names.equals(CLAIM, number(&name));
        let value = |column: usize| record.values.get(column);
        let update = assignments(table, &claim.set, record.revision, vec![named], &mut names, value)?;
        let statement = Statement {
            table: table.name.clone(),
            write: Write::Update(values::key(&place), update),
            condition,
            names,
        };
        if !self.apply(&statement, &name).await? {
            tracing::trace!(index = order.name, "somebody else took a record");
            return Ok(None);
        }
        let after = Trace { revision: record.revision, transaction: trace.transaction };
        let watched =
            table.watched.iter().map(|column| record.values.get(*column).cloned().unwrap_or(Value::Null)).collect();
        self.cache.put(place, Known { trace: after, watched });
        Ok(Some(record))
    }

    /// Takes a record whose values of unique constraints change with it: as a transaction.
    async fn take_with_guards(&self, claim: &Claim, record: Record) -> Result<Option<Record>> {
        let condition = Condition::Revision(record.revision.saturating_sub(1));
        let mut transaction =
            Transaction::new(vec![Operation::Update { key: record.key(), condition, set: claim.set.clone() }]);
        let mut pauses = Pauses::new();
        loop {
            match self.one(&transaction).await {
                Ok(_) => return Ok(Some(record)),
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => return Ok(None),
                Err(error) if is_unknown(&error) && pauses.pause().await => transaction = transaction.retry(),
                Err(error) if transaction.retried => return Err(error.with_retry(Retry::Unknown)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the record was taken by this claim. A lost reply is asked for again: the record bears the claim's name.
    async fn apply(&self, statement: &Statement, name: &str) -> Result<bool> {
        let mut pauses = Pauses::new();
        let mut lost = false;
        loop {
            match statement.alone(&self.calls).await {
                Ok(Alone::Applied) => return Ok(true),
                Ok(Alone::Refused(item)) => {
                    let bears = item.as_ref().and_then(|item| item.get(CLAIM)).and_then(|claim| claim.as_n().ok());
                    return Ok(bears.is_some_and(|bears| bears == name));
                }
                Err(error) if is_unknown(&error) && pauses.pause().await => lost = true,
                // What failed later does not settle what became of the first.
                Err(error) if lost => return Err(error.with_retry(Retry::Unknown)),
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_unknown(error: &Error) -> bool {
    error.retry() == Retry::Unknown
}
