//! Commits: one call of a script for many transactions.

use std::collections::HashMap;

use aquifer_core::{
    Committed, Condition, Error, ErrorKind, Key, Kind, Operation, Record, Result, Retry, Trace, Transaction,
    Value as Datum, check,
};
use futures_util::future::join_all;
use redis::Value;

use crate::error::{Does, named};
use crate::layout::{home, plain};
use crate::registry::{Grants, Need, needs};
use crate::script::Call;
use crate::shared::Shared;
use crate::values::{array, odd_reply, text, to_field};

/// The most transactions of one call, so that the server's other clients do not wait for long.
const MAX_CALL: usize = 64;

/// The most bytes of one call, where it has more than one transaction.
const MAX_CALL_BYTES: usize = 1 << 20;

/// How often a home's transactions ask for what they need on a cluster without any of them getting further.
const ROUNDS: usize = 20;

/// A transaction with its place among those that were handed in.
type Placed<'a> = (usize, &'a Transaction);

/// What a script said of a transaction.
enum Said {
    Answer(Result<Committed>),
    /// Not applied; nothing is needed for one that only waits for those before it.
    Needs(Vec<Need>),
}

impl Shared {
    /// Applies transactions, each for itself.
    pub(crate) async fn commit(&self, transactions: &[Transaction]) -> Vec<Result<Committed>> {
        let mut answers: Vec<Option<Result<Committed>>> = Vec::with_capacity(transactions.len());
        let mut groups: Vec<(String, Vec<Placed<'_>>)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for (place, transaction) in transactions.iter().enumerate() {
            if let Err(error) = check::transaction(transaction, &self.capabilities) {
                answers.push(Some(Err(error)));
                continue;
            }
            answers.push(None);
            // One server takes all of them, in one call where they are not too many; on a cluster each home has its own.
            let home = match transaction.operations.first() {
                Some(first) if self.layout.cluster => home(&first.key().values),
                _ => String::new(),
            };
            let group = *known.entry(home.clone()).or_insert_with(|| {
                groups.push((home, Vec::new()));
                groups.len() - 1
            });
            if let Some((_, group)) = groups.get_mut(group) {
                group.push((place, transaction));
            }
        }
        let committed = groups.into_iter().map(|(home, group)| async move { self.commit_group(&home, group).await });
        for (place, answer) in join_all(committed).await.into_iter().flatten() {
            if let Some(slot) = answers.get_mut(place) {
                *slot = Some(answer);
            }
        }
        let unanswered = || Error::corrupt("a script gave no answer to a transaction").with_retry(Retry::Unknown);
        let answers = answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(unanswered())));
        answers.map(|answer| answer.map_err(|error| named(error, "commit"))).collect()
    }

    /// Applies the transactions of one home, in order.
    async fn commit_group(&self, home: &str, group: Vec<Placed<'_>>) -> Vec<(usize, Result<Committed>)> {
        let mut answers = Vec::with_capacity(group.len());
        let mut grants = Grants::default();
        let mut waiting = group;
        let mut rounds = 0;
        while rounds < ROUNDS {
            let (answered, needs, later) = self.commit_once(home, &waiting, &grants).await;
            rounds = if answered.is_empty() { rounds + 1 } else { 0 };
            answers.extend(answered);
            waiting = later;
            if waiting.is_empty() {
                return answers;
            }
            if let Err(error) = grants.obtain(self, home, needs).await {
                // Nothing of what waits was applied.
                answers.extend(waiting.iter().map(|(place, _)| (*place, Err(error.duplicate()))));
                return answers;
            }
        }
        let error = Error::unavailable("others change the same part of the cluster's registry all the time");
        answers.extend(waiting.iter().map(|(place, _)| (*place, Err(error.duplicate()))));
        answers
    }

    /// Hands transactions to the server once. Answers what is settled, what is needed for the rest, and the rest.
    async fn commit_once<'a>(
        &self,
        home: &str,
        group: &[Placed<'a>],
        grants: &Grants,
    ) -> (Vec<(usize, Result<Committed>)>, Vec<Need>, Vec<Placed<'a>>) {
        let (mut answered, mut needed, mut later) = (Vec::new(), Vec::new(), Vec::new());
        let chunks = chunks(group);
        // On a cluster a transaction may have to wait, and those after it with it, so that each chunk waits for the one before.
        let at_once = if self.layout.cluster { 1 } else { chunks.len().max(1) };
        for part in chunks.chunks(at_once) {
            if !later.is_empty() {
                later.extend(part.iter().flat_map(|chunk| chunk.iter().copied()));
                continue;
            }
            let calls = part.iter().map(|chunk| self.commit_call(home, chunk, grants)).collect::<Result<Vec<_>>>();
            let replies = match calls {
                Ok(calls) => self.link.calls(&self.scripts.commit, home, &calls, Does::Writes).await,
                Err(error) => Err(error),
            };
            let replies = match replies {
                Ok(replies) => replies,
                Err(error) => part.iter().map(|_| Err(error.duplicate())).collect(),
            };
            for (chunk, reply) in part.iter().zip(replies) {
                let mut said = match reply.and_then(array) {
                    Ok(said) => said,
                    Err(error) => {
                        answered.extend(chunk.iter().map(|(place, _)| (*place, Err(error.duplicate()))));
                        continue;
                    }
                };
                let emptied = if said.len() > chunk.len() { said.pop() } else { None };
                for ((place, transaction), said) in chunk.iter().zip(said) {
                    match understand(transaction, said) {
                        Ok(Said::Answer(answer)) => answered.push((*place, answer)),
                        Ok(Said::Needs(more)) => {
                            needed.extend(more);
                            later.push((*place, *transaction));
                        }
                        Err(error) => answered.push((*place, Err(error.with_retry(Retry::Unknown)))),
                    }
                }
                if let Some(emptied) = emptied {
                    self.settle_emptied(home, emptied).await;
                }
            }
        }
        (answered, needed, later)
    }

    /// Takes a home out of the registries of kinds of which it has nothing left, so that they hold no more than there is.
    async fn settle_emptied(&self, home: &str, emptied: Value) {
        let names = array(emptied).unwrap_or_default().into_iter().skip(1).filter_map(|name| text(name).ok());
        for name in names {
            let Some(kind) = self.schema.kind(&name) else { continue };
            for order in self.layout.orders(kind).iter().filter(|order| order.is_promised()) {
                self.settle(order, &[home.to_owned()]).await;
            }
        }
    }

    fn commit_call(&self, home: &str, chunk: &[Placed<'_>], grants: &Grants) -> Result<Call> {
        let mut call = Call::default();
        let longest = usize::try_from(self.stream_max_length).unwrap_or(usize::MAX);
        // Tells a call that the driver sent twice, on a cluster, from one that is made twice.
        let sent = format!("{:x}", fastrand::u64(..));
        call.arg(home).arg(&sent).number(longest);
        grants.push_to(&mut call);
        call.number(chunk.len());
        let mut kinds: Vec<&'static Kind> = Vec::new();
        for (_, transaction) in chunk {
            let id = transaction.id.to_string();
            call.arg(&id).arg(if transaction.retried { "1" } else { "0" });
            let bearer = if self.layout.cluster { format!("{id}:{sent}") } else { id };
            call.number(transaction.operations.len());
            for operation in transaction.operations.iter() {
                let key = operation.key();
                if self.layout.cluster && !kinds.contains(&key.kind) {
                    kinds.push(key.kind);
                }
                self.push_operation(&mut call, operation, &key, &bearer)?;
            }
        }
        for kind in kinds {
            self.layout.touched(home, kind, &mut call.keys);
        }
        Ok(call)
    }

    fn push_operation(&self, call: &mut Call, operation: &Operation, key: &Key, bearer: &str) -> Result<()> {
        call.keys.push(self.layout.record_key(key));
        let word = match operation {
            Operation::Insert(_) => "insert",
            Operation::Update { .. } => "update",
            Operation::Delete { .. } => "delete",
            Operation::Check { .. } => "check",
        };
        call.arg(word).number(self.layout.number(key.kind)?);
        match operation {
            Operation::Insert(record) => self.push_insert(call, record, key, bearer),
            Operation::Update { condition, set, .. } => {
                call.arg(word_of(*condition));
                let set = || set.iter().map(|(column, value)| (*column, value));
                push_fields(call, key.kind, &[("_transaction", bearer)], set());
                push_unset(call, key.kind, set());
                let orders = self.layout.orders(key.kind);
                let moved = orders.iter().filter(|order| set().any(|(column, _)| order.columns.contains(&column)));
                let moved: Vec<usize> = moved.map(|order| order.number).collect();
                call.number(moved.len());
                for number in moved {
                    call.number(number);
                }
            }
            Operation::Delete { condition, .. } => {
                call.arg(word_of(*condition));
                match self.layout.stream_key(key) {
                    None => drop(call.arg("0")),
                    Some(stream) => {
                        call.arg("1");
                        call.keys.push(stream);
                    }
                }
            }
            Operation::Check { condition, .. } => drop(call.arg(word_of(*condition))),
        }
        Ok(())
    }

    fn push_insert(&self, call: &mut Call, record: &Record, key: &Key, bearer: &str) {
        let entries = self.layout.entries(record);
        let stream = self.layout.stream_key(key).filter(|_| !entries.is_empty());
        let span = match (&stream, entries.first(), entries.last()) {
            (Some(_), Some((first, _)), Some((last, _))) => format!("{first} {last}"),
            _ => String::new(),
        };
        let own = [("_revision", "1"), ("_transaction", bearer), ("_stream", &span)];
        let own = if stream.is_some() { &own[..] } else { &own[..2] };
        push_fields(call, key.kind, own, record.values.iter().enumerate());
        let members = self.layout.orders(key.kind).iter().filter_map(|order| {
            let values = || order.columns.iter().filter_map(|column| record.values.get(*column));
            if values().any(Datum::is_null) {
                return None;
            }
            let (mut member, mut unique) = (Vec::new(), 0);
            for (value, place) in values().zip(1..) {
                crate::order::push(&mut member, value);
                if place == order.unique {
                    unique = member.len();
                }
            }
            Some((order.number, member, unique))
        });
        let members: Vec<_> = members.collect();
        call.number(members.len());
        for (number, member, unique) in members {
            call.number(number).arguments.push(member);
            call.number(unique);
        }
        match stream {
            None => drop(call.number(0)),
            Some(stream) => {
                call.keys.push(stream);
                let time = key.kind.stream.as_ref().and_then(|stream| record.values.get(stream.time));
                call.number(entries.len()).arg(time.map(plain).unwrap_or_default());
                for (number, entry) in entries {
                    call.arg(number.to_string()).arg(entry);
                }
            }
        }
    }
}

/// Fields with their values as `HSET` takes them, after how many arguments they are: those of the backend's own, and the columns that are
/// not null.
pub(crate) fn push_fields<'a>(
    call: &mut Call,
    kind: &'static Kind,
    own: &[(&str, &str)],
    set: impl Iterator<Item = (usize, &'a Datum)>,
) {
    let place = call.arguments.len();
    call.number(0);
    for (name, value) in own {
        call.arg(name).arg(value);
    }
    for (column, value) in set {
        if let (Some(column), Some(field)) = (kind.columns.get(column), to_field(value)) {
            call.arg(column.name).arguments.push(field);
        }
    }
    let count = call.arguments.len() - place - 1;
    if let Some(argument) = call.arguments.get_mut(place) {
        *argument = count.to_string().into_bytes();
    }
}

/// The names of columns that become null, after how many they are.
pub(crate) fn push_unset<'a>(call: &mut Call, kind: &'static Kind, set: impl Iterator<Item = (usize, &'a Datum)>) {
    let null = set.filter(|(_, value)| value.is_null());
    let names: Vec<&str> = null.filter_map(|(column, _)| Some(kind.columns.get(column)?.name)).collect();
    call.number(names.len());
    for name in names {
        call.arg(name);
    }
}

fn word_of(condition: Condition) -> String {
    match condition {
        Condition::Absent => String::from("absent"),
        Condition::Exists => String::from("exists"),
        Condition::Revision(revision) => revision.to_string(),
    }
}

/// Parts of a commit that are one call each.
fn chunks<'a>(group: &[Placed<'a>]) -> Vec<Vec<Placed<'a>>> {
    let mut chunks: Vec<Vec<Placed<'a>>> = Vec::new();
    let mut bytes = 0;
    for placed in group {
        let size = placed.1.size();
        match chunks.last_mut() {
            Some(last) if last.len() < MAX_CALL && bytes + size <= MAX_CALL_BYTES => {
                bytes += size;
                last.push(*placed);
            }
            _ => {
                bytes = size;
                chunks.push(vec![*placed]);
            }
        }
    }
    chunks
}

fn understand(transaction: &Transaction, said: Value) -> Result<Said> {
    let mut said = array(said)?.into_iter();
    let word = text(said.next().ok_or_else(odd_reply)?)?;
    let number = |value: Value| text(value)?.parse::<u64>().map_err(|_| odd_reply());
    match word.as_str() {
        "done" => {
            let revisions = said.map(number).collect::<Result<Vec<_>>>()?;
            Ok(Said::Answer(Ok(Committed { revisions })))
        }
        "applied" => {
            let told = said.map(number).collect::<Result<Vec<_>>>()?;
            let found = told.chunks(2).map(|pair| match pair {
                [0, _] | [] => None,
                // The script compared the ids already, which may be followed by that of a call.
                [revision, 1] => Some(Trace { revision: *revision, transaction: transaction.id }),
                [revision, ..] => Some(Trace { revision: *revision, transaction: transaction.id.wrapping_add(1) }),
            });
            let committed = transaction.applied_before(&found.collect::<Vec<_>>());
            Ok(Said::Answer(committed.ok_or_else(odd_reply)))
        }
        "need" => Ok(Said::Needs(needs(said)?)),
        _ => {
            let place = number(said.next().ok_or_else(odd_reply)?)?;
            let more = said.next().map(text).transpose()?.unwrap_or_default();
            let place = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
            let operation = place.and_then(|place| transaction.operations.get(place)).ok_or_else(odd_reply)?;
            Ok(Said::Answer(Err(refusal(&word, operation, &more)?)))
        }
    }
}

fn refusal(word: &str, operation: &Operation, more: &str) -> Result<Error> {
    let error = match word {
        "exists" => Error::already_exists("there is such a record already"),
        "missing" => Error::not_found("there is no such record"),
        "unique" => taken(more),
        "conflict" => {
            let expected = match operation {
                Operation::Update { condition: Condition::Revision(expected), .. }
                | Operation::Delete { condition: Condition::Revision(expected), .. }
                | Operation::Check { condition: Condition::Revision(expected), .. } => *expected,
                _ => 0,
            };
            Error::new(ErrorKind::Conflict, format!("the record is at revision {more}, not {expected}"))
        }
        _ => return Err(odd_reply()),
    };
    let key = operation.key();
    Ok(error.with_key(key.kind.name, key.to_string()))
}

/// A value of a unique constraint that another record has.
pub(crate) fn taken(constraint: &str) -> Error {
    Error::already_exists(format!("another record has this value of {constraint}"))
}
