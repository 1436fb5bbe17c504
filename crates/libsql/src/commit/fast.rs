//! Transactions as a few statements over many rows, which apply all together or not at all.

use std::collections::{BTreeMap, HashSet};

use aquifer_core::{Committed, Condition, Key, Kind, Operation, Result, Schema, Transaction, Value};
use aquifer_sql::{JsonRows, JsonStatements};

use super::{assertion, begin, end, of_commit};
use crate::error::{is_assertion, is_too_big, is_violation, of_step};
use crate::hrana::{Argument, Batch, Reply, StepId};

/// Where rows go on in another statement.
const CHUNK_BYTES: usize = 1 << 20;
/// The most bytes that one argument may have: the server's limit is 5 MiB.
const MOST_BYTES: usize = 4 << 20;

/// A batch of transactions that touch different records and take no values of unique constraints from each other, so
/// that their order does not matter.
pub(super) struct Fast {
    pub(super) batch: Batch<'static>,
    commit: StepId,
    answers: Vec<Vec<u64>>,
    /// Steps that read revisions, and whose they are: the places of transaction and operation.
    revisions: Vec<(StepId, Vec<(usize, usize)>)>,
}

/// The statements, in the order in which they run: those that are referred to come before those that refer, and go after them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Absent,
    Exists,
    AtRevision,
    Insert { kind: usize },
    Update { columns: Vec<usize>, at_revision: bool },
    Delete { kind_from_last: usize, at_revision: bool },
}

/// Rows of one statement, in chunks.
#[derive(Default)]
struct Rows(Vec<JsonRows>);

impl Rows {
    /// Adds a row to the last chunk, or to a new one.
    fn push<'v>(&mut self, values: impl IntoIterator<Item = &'v Value>, numbers: &[u64]) {
        match self.0.last_mut() {
            Some(last) if last.size() < CHUNK_BYTES => last.push(values, numbers),
            _ => {
                let mut rows = JsonRows::default();
                rows.push(values, numbers);
                self.0.push(rows);
            }
        }
    }
}

/// What is gathered of a batch.
struct Gathered {
    schema: &'static Schema,
    statements: BTreeMap<(What, usize), Rows>,
    /// Of each kind the records whose revision the answer needs.
    asked: BTreeMap<usize, (JsonRows, Vec<(usize, usize)>)>,
}

impl Fast {
    /// The batch; `None` if something about the transactions wants care.
    pub(super) fn new(schema: &'static Schema, transactions: &[Transaction]) -> Option<Self> {
        if !are_independent(transactions) {
            return None;
        }
        let mut gathered = Gathered { schema, statements: BTreeMap::new(), asked: BTreeMap::new() };
        let mut answers = Vec::with_capacity(transactions.len());
        for (place, transaction) in transactions.iter().enumerate() {
            let mut revisions = Vec::with_capacity(transaction.operations.len());
            for (number, operation) in transaction.operations.iter().enumerate() {
                revisions.push(gathered.add(operation, transaction.id, (place, number))?);
            }
            answers.push(revisions);
        }
        gathered.finish(answers)
    }

    /// What each transaction is answered; `None` if something did not hold and nothing was applied.
    ///
    /// # Errors
    /// Those of the database; nothing was applied unless the error says that this is unknown.
    pub(super) fn answers(mut self, reply: &Reply, place: &str) -> Result<Option<Vec<Committed>>> {
        if !reply.is_ok(self.commit) {
            if let Some(error) = reply.error(self.commit) {
                return Err(of_commit(error, place));
            }
            let Some(error) = reply.errors().next() else { return Ok(None) };
            let is_about_data = is_assertion(error) || is_too_big(error) || is_violation(error);
            return if is_about_data { Ok(None) } else { Err(of_step(error, place)) };
        }
        for (step, places) in &self.revisions {
            for row in reply.rows(*step) {
                let [number, revision] = row.as_slice() else { continue };
                let place = number.number().and_then(|number| places.get(usize::try_from(number).ok()?));
                let (Some((transaction, operation)), Some(revision)) = (place, revision.number()) else { continue };
                let answer = self.answers.get_mut(*transaction).and_then(|revisions| revisions.get_mut(*operation));
                if let Some(answer) = answer {
                    *answer = revision;
                }
            }
        }
        Ok(Some(self.answers.into_iter().map(|revisions| Committed { revisions }).collect()))
    }
}

impl Gathered {
    /// Adds an operation, and gives the revision that it is answered with if that is known.
    fn add(&mut self, operation: &Operation, transaction: u64, place: (usize, usize)) -> Option<u64> {
        match operation {
            Operation::Insert(record) => {
                let kind = self.position(record.kind)?;
                self.rows(What::Insert { kind }, kind).push(&record.values, &[transaction]);
                Some(1)
            }
            Operation::Update { key, condition, set } => {
                let kind = self.position(key.kind)?;
                let columns = set.iter().map(|(column, _)| *column).collect();
                let at_revision = matches!(condition, Condition::Revision(_));
                // The transaction stands before the key, and numbers only after values.
                let transaction = Value::Integer(i64::try_from(transaction).ok()?);
                let values = set.iter().map(|(_, value)| value).chain([&transaction]).chain(&key.values);
                self.rows(What::Update { columns, at_revision }, kind).push(values, revision(*condition).as_slice());
                match condition {
                    Condition::Revision(before) => Some(before.saturating_add(1)),
                    _ => Some(self.ask(kind, key, place)),
                }
            }
            Operation::Delete { key, condition } => {
                let kind = self.position(key.kind)?;
                let kind_from_last = self.schema.kinds.len() - kind;
                let at_revision = matches!(condition, Condition::Revision(_));
                let what = What::Delete { kind_from_last, at_revision };
                self.rows(what, kind).push(&key.values, revision(*condition).as_slice());
                Some(0)
            }
            Operation::Check { key, condition } => {
                let kind = self.position(key.kind)?;
                let what = match condition {
                    Condition::Absent => What::Absent,
                    Condition::Exists => What::Exists,
                    Condition::Revision(_) => What::AtRevision,
                };
                self.rows(what, kind).push(&key.values, revision(*condition).as_slice());
                match condition {
                    Condition::Absent => Some(0),
                    Condition::Exists => Some(self.ask(kind, key, place)),
                    Condition::Revision(then) => Some(*then),
                }
            }
        }
    }

    /// Has the revision of a record read.
    fn ask(&mut self, kind: usize, key: &Key, place: (usize, usize)) -> u64 {
        let (rows, places) = self.asked.entry(kind).or_default();
        rows.push(&key.values, &[]);
        places.push(place);
        0
    }

    fn rows(&mut self, what: What, kind: usize) -> &mut Rows {
        self.statements.entry((what, kind)).or_default()
    }

    fn position(&self, kind: &Kind) -> Option<usize> {
        self.schema.kinds.iter().position(|other| *other == kind)
    }

    /// Writes the batch; `None` if a record is too large to stand among others.
    fn finish(self, answers: Vec<Vec<u64>>) -> Option<Fast> {
        let mut batch = Batch::default();
        let begin = begin(&mut batch, None);
        let mut last = begin;
        for ((what, kind), chunks) in self.statements {
            let statements = JsonStatements::of(self.schema.kinds.get(kind)?);
            let text = match &what {
                What::Absent | What::Exists => assertion::counts(&statements.count(false)),
                What::AtRevision => assertion::counts(&statements.count(true)),
                What::Insert { .. } => statements.insert(),
                What::Update { columns, at_revision } => statements.update(columns, *at_revision),
                What::Delete { at_revision, .. } => statements.delete(*at_revision),
            };
            for rows in chunks.0 {
                if rows.size() > MOST_BYTES {
                    return None;
                }
                let count = i64::try_from(rows.count()).ok()?;
                let rows = Argument::text(rows.finish());
                last = match &what {
                    What::Absent => batch.push_if(last.ok(), text.clone(), vec![rows, Argument::integer(0)]),
                    What::Exists | What::AtRevision => {
                        batch.push_if(last.ok(), text.clone(), vec![rows, Argument::integer(count)])
                    }
                    // It stores all of them or fails by itself.
                    What::Insert { .. } => batch.push_if(last.ok(), text.clone(), vec![rows]),
                    What::Update { .. } | What::Delete { .. } => {
                        let written = batch.push_if(last.ok(), text.clone(), vec![rows]);
                        batch.push_if(written.ok(), assertion::CHANGED, vec![Argument::integer(count)])
                    }
                };
            }
        }
        let mut revisions = Vec::with_capacity(self.asked.len());
        for (kind, (rows, places)) in self.asked {
            if rows.size() > MOST_BYTES {
                return None;
            }
            let text = JsonStatements::of(self.schema.kinds.get(kind)?).revisions();
            last = batch.push_if(last.ok(), text, vec![Argument::text(rows.finish())]);
            revisions.push((last, places));
        }
        let commit = end(&mut batch, begin, last.ok());
        Some(Fast { batch, commit, answers, revisions })
    }
}

/// The revision that a condition names.
fn revision(condition: Condition) -> Option<u64> {
    match condition {
        Condition::Revision(revision) => Some(revision),
        Condition::Exists | Condition::Absent => None,
    }
}

/// Whether the answers do not depend on the order of the transactions, and nothing has to be looked up first.
fn are_independent(transactions: &[Transaction]) -> bool {
    let mut keys = HashSet::new();
    let (mut takes, mut frees): (HashSet<&str>, HashSet<&str>) = Default::default();
    for transaction in transactions {
        if transaction.retried {
            return false;
        }
        for operation in transaction.operations.iter() {
            let key = operation.key();
            match operation {
                Operation::Insert(_) if !key.kind.uniques.is_empty() => {
                    takes.insert(key.kind.name);
                }
                Operation::Delete { .. } if !key.kind.uniques.is_empty() => {
                    frees.insert(key.kind.name);
                }
                // Its value may have to be free before, and its old one be taken after.
                Operation::Update { set, .. } if sets_unique(key.kind, set) => return false,
                _ => {}
            }
            let mut name = JsonRows::default();
            name.push(&key.values, &[]);
            if !keys.insert((key.kind.name, name.finish())) {
                return false;
            }
        }
    }
    takes.is_disjoint(&frees)
}

fn sets_unique(kind: &Kind, set: &[(usize, Value)]) -> bool {
    set.iter().any(|(column, _)| kind.uniques.iter().any(|unique| unique.columns.contains(column)))
}
