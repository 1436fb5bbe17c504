//! Committing: each transaction of the contract as one request, many at once.

use std::collections::HashMap;
use std::sync::Arc;

use aquifer_core::layers::waves;
use aquifer_core::{
    Capabilities, Committed, Condition, Error, Notifier, Operation, Result, Retry, Trace, Transaction, check,
};
use tokio::task::JoinSet;

use crate::cache::{Cache, Known};
use crate::calls::{Calls, Pauses};
use crate::guards::{GuardKey, Purpose, Stale, guard_key, owner, stale};
use crate::layout::{Layout, Place};
use crate::outcome::{Outcome, send};
use crate::plan::{Part, Plan, Planner, Stop, fitting, needs_basis};
use crate::read::{Columns, items};
use crate::values::{self, Item};

/// What committing needs.
#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) calls: Calls,
    pub(crate) layout: Layout,
    pub(crate) cache: Cache,
    pub(crate) notifier: Notifier,
    pub(crate) capabilities: Capabilities,
}

/// What is found out about one transaction until it is answered.
struct Attempt<'a> {
    transaction: &'a Transaction,
    places: Vec<Place>,
    bases: Vec<Option<Known>>,
    stale: HashMap<GuardKey, Stale>,
    salt: u64,
}

impl Committer {
    /// Applies transactions, each answered for itself in the order given.
    pub(crate) async fn commit(self: &Arc<Self>, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let [transaction] = transactions.as_slice() {
            return vec![self.one(transaction).await];
        }
        let mut answers: Vec<Option<Result<Committed>>> = transactions.iter().map(|_| None).collect();
        for wave in waves(transactions) {
            // Tasks of their own, because putting requests together takes more than one processor where there are many. They end with
            // this future.
            let mut tasks = JoinSet::new();
            for (place, transaction) in wave {
                let committer = Arc::clone(self);
                tasks.spawn(async move { (place, committer.one(&transaction).await) });
            }
            while let Some(ended) = tasks.join_next().await {
                if let Ok((place, answer)) = ended
                    && let Some(slot) = answers.get_mut(place)
                {
                    *slot = Some(answer);
                }
            }
        }
        let unanswered = || Err(Error::unavailable("the commit was broken off").with_retry(Retry::Unknown));
        answers.into_iter().map(|answer| answer.unwrap_or_else(unanswered)).collect()
    }

    /// Applies one transaction.
    ///
    /// # Errors
    /// As for [`aquifer_core::Backend::commit`].
    pub(crate) async fn one(&self, transaction: &Transaction) -> Result<Committed> {
        check::transaction(transaction, &self.capabilities)?;
        let operations = &transaction.operations;
        let places =
            operations.iter().map(|operation| self.layout.place(&operation.key())).collect::<Result<Vec<_>>>()?;
        let bases = operations.iter().map(|_| None).collect();
        let mut attempt = Attempt { transaction, places, bases, stale: HashMap::new(), salt: 0 };
        if transaction.retried {
            let found = self.read(&mut attempt, |_| true).await?;
            if let Some(committed) = transaction.applied_before(&found) {
                return Ok(committed);
            }
        } else {
            for ((operation, place), basis) in operations.iter().zip(&attempt.places).zip(&mut attempt.bases) {
                if writes_what_is_there(operation) {
                    *basis = self.cache.get(place).filter(|known| fitting(operation, Some(known)).is_some());
                }
            }
            self.read_missing(&mut attempt).await?;
        }
        let mut pauses = Pauses::new();
        loop {
            let planner = Planner {
                layout: &self.layout,
                transaction,
                places: &attempt.places,
                bases: &attempt.bases,
                stale: &attempt.stale,
                salt: attempt.salt,
            };
            let plan = planner.plan()?;
            match send(&self.calls, &plan, || planner.token()).await? {
                Outcome::Applied => return Ok(self.applied(transaction, plan)),
                Outcome::Refused(old) => {
                    if let Some(error) = self.refusal(&mut attempt, &plan, old).await? {
                        return Err(error);
                    }
                }
                // A retried one has been looked for, and is not there.
                Outcome::TokenTaken(_) if transaction.retried => attempt.salt = fastrand::u64(1..),
                Outcome::TokenTaken(error) => return Err(error),
            }
            // Somebody else was at work on the same records: look again.
            if !pauses.pause().await {
                return Err(Error::unavailable("others keep writing the same records: try again"));
            }
            self.read(&mut attempt, writes_what_is_there).await?;
        }
    }

    /// Remembers what was written, and tells the watches.
    fn applied(&self, transaction: &Transaction, plan: Plan) -> Committed {
        for (place, known) in plan.learned {
            match known {
                Some(known) => self.cache.put(place, known),
                None => self.cache.forget(&place),
            }
        }
        if self.notifier.is_watched() {
            transaction.written().for_each(|key| self.notifier.notify(key.kind, key.partition()));
        }
        plan.committed
    }

    /// Reads what cannot be done without.
    async fn read_missing(&self, attempt: &mut Attempt<'_>) -> Result<()> {
        let mut wanted = Vec::new();
        for ((operation, place), basis) in
            attempt.transaction.operations.iter().zip(&attempt.places).zip(&attempt.bases)
        {
            wanted.push(basis.is_none() && needs_basis(self.layout.at(place)?, operation));
        }
        if wanted.contains(&true) {
            let mut wanted = wanted.into_iter();
            self.read(attempt, |_| wanted.next().unwrap_or(false)).await?;
        }
        Ok(())
    }

    /// Reads the records of the operations that are wanted, and answers what there is of each.
    async fn read(
        &self,
        attempt: &mut Attempt<'_>,
        mut wanted: impl FnMut(&Operation) -> bool,
    ) -> Result<Vec<Option<Trace>>> {
        let wanted: Vec<bool> = attempt.transaction.operations.iter().map(&mut wanted).collect();
        let places: Vec<Place> =
            attempt.places.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(place, _)| place.clone()).collect();
        let found = items(&self.calls, &self.layout, &places, Columns::Watched).await?;
        let mut traces = Vec::with_capacity(wanted.len());
        for ((place, basis), wanted) in attempt.places.iter().zip(&mut attempt.bases).zip(wanted) {
            if wanted {
                let item = found.get(place);
                *basis = item.map(|item| values::known(self.layout.at(place)?, item)).transpose()?;
                match basis {
                    Some(known) => self.cache.put(place.clone(), known.clone()),
                    None => self.cache.forget(place),
                }
            }
            traces.push(basis.as_ref().map(|known| known.trace));
        }
        Ok(traces)
    }

    /// What a refused plan means to the caller: the error of the first operation that fails; `None` if the plan was made from what is
    /// no longer so.
    async fn refusal(
        &self,
        attempt: &mut Attempt<'_>,
        plan: &Plan,
        old: Vec<Option<Option<Item>>>,
    ) -> Result<Option<Error>> {
        let failed = plan
            .origins
            .iter()
            .zip(old)
            .filter_map(|((operation, part), old)| old.map(|item| (*operation, part, item)))
            // An operation's own record is judged before its unique values.
            .min_by_key(|(operation, part, _)| (*operation, !matches!(part, Part::Own)));
        let Some((number, part, item)) = failed else {
            return Err(Error::corrupt("DynamoDB refused a transaction and does not say why"));
        };
        let operation = attempt.transaction.operations.get(number).zip(attempt.places.get(number));
        let (operation, place) = operation.ok_or_else(|| Error::corrupt("a statement belongs to no operation"))?;
        let key = operation.key();
        let named = |error: Error| error.with_key(key.kind.name, key.to_string());
        match part {
            Part::Own => {
                let found = item.map(|item| values::trace(self.layout.at(place)?, &item)).transpose()?;
                Ok(own_refusal(operation, found).map(named))
            }
            Part::Guard(Purpose::Take(unique, guard)) => {
                // A value that was given up meanwhile is free.
                let Some(item) = item else { return Ok(None) };
                match self.stale_guard(place.table, unique, guard, &item).await? {
                    None => Ok(Some(named(taken(unique.name)))),
                    Some(stale) => {
                        attempt.stale.insert(guard.clone(), stale);
                        Ok(None)
                    }
                }
            }
            Part::Guard(Purpose::Release) => Ok(None),
            Part::Stop => Ok(match plan.stop {
                Some(Stop::Taken(unique)) => Some(named(taken(unique.name))),
                Some(Stop::Unknown) | None => None,
            }),
        }
    }

    /// Whether a guard names a record that does not have the value: DynamoDB removes what has expired without asking.
    async fn stale_guard(
        &self,
        table: usize,
        unique: &'static aquifer_core::Index,
        guard: &GuardKey,
        item: &Item,
    ) -> Result<Option<Stale>> {
        let (Some(owner), Some(stale)) = (owner(table, item), stale(item)) else {
            return Err(Error::corrupt("the item of a unique value names no record"));
        };
        let found = items(&self.calls, &self.layout, std::slice::from_ref(&owner), Columns::All).await?;
        let Some(item) = found.get(&owner) else { return Ok(Some(stale)) };
        let record = values::record(self.layout.at(&owner)?, item.clone())?;
        let value = |column: usize| record.values.get(column).unwrap_or(&aquifer_core::Value::Null);
        let has = guard_key(record.kind, unique, value)?;
        Ok((has.as_ref() != Some(guard)).then_some(stale))
    }
}

/// Whether an operation is about a record that is there already.
fn writes_what_is_there(operation: &Operation) -> bool {
    match operation {
        Operation::Insert(_) => false,
        Operation::Update { .. } | Operation::Delete { .. } => true,
        Operation::Check { condition, .. } => *condition == Condition::Exists,
    }
}

/// The error of an operation that fails over its own record; `None` if the record is what the operation wants, but not what was
/// known of it.
fn own_refusal(operation: &Operation, found: Option<Trace>) -> Option<Error> {
    let condition = match operation {
        Operation::Insert(_) => Condition::Absent,
        Operation::Update { condition, .. }
        | Operation::Delete { condition, .. }
        | Operation::Check { condition, .. } => *condition,
    };
    match (condition, found) {
        (Condition::Absent, Some(_)) => Some(Error::already_exists("there is such a record already")),
        (Condition::Absent, None) | (Condition::Exists, Some(_)) => None,
        (Condition::Exists | Condition::Revision(_), None) => Some(Error::not_found("there is no such record")),
        (Condition::Revision(expected), Some(found)) if found.revision != expected => {
            Some(Error::conflict(format!("the record is at revision {}, not {expected}", found.revision)))
        }
        (Condition::Revision(_), Some(_)) => None,
    }
}

fn taken(unique: &str) -> Error {
    Error::already_exists(format!("another record has this value of {unique}"))
}
