//! Writing down what an execution does: one transaction a turn, checked against its revision.

use std::collections::HashSet;

use crate::backoff::{Backoff, is_refusal};
use crate::chain::link;
use crate::data::Data;
use crate::entry::Fact;
use crate::machine::StepRow;
use crate::redact::Redactor;
use aquifer_core::kinds::{
    Control, EventBatch, Execution, ExecutionColumn, ExecutionLog, ExecutionState, ExecutionStateColumn, LogLevel,
    Payload, Step,
};
use aquifer_core::{
    BackendExt, Condition, Entity, Error, ErrorKind, ExecutionId, Key, Operation, Retry, Store, TenantId, Timestamp,
    Transaction, Value, WorkerId,
};

/// What one turn writes.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) facts: Vec<Fact>,
    pub(crate) steps: Vec<StepRow>,
    pub(crate) logs: Vec<(LogLevel, String, Option<String>)>,
    /// Names with their new values; `None` removes one.
    pub(crate) state: Vec<(String, Option<String>)>,
    /// Large values that what is written refers to.
    pub(crate) payloads: Vec<Data>,
    /// Columns of the execution with their new values.
    pub(crate) set: Vec<(ExecutionColumn, Value)>,
}

/// Why an execution cannot go on here.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody else has it now, or it is gone. Nothing may be written any more.
    Lost,
    /// The backend refuses what is to be written, for good.
    Refused(Error),
}

/// How far the execution's streams have come.
#[derive(Debug, Clone)]
struct Head {
    last_event: i64,
    event_hash: Option<String>,
    last_log: i64,
}

/// The pen of an execution. There is one at a time: whoever holds the execution's newest revision.
#[derive(Debug)]
pub(crate) struct Journal {
    store: Store,
    pub(crate) tenant: TenantId,
    pub(crate) id: ExecutionId,
    worker: WorkerId,
    revision: u64,
    head: Head,
    /// The hashes of the payloads that are stored.
    stored: HashSet<String>,
    /// The names of the state values that are stored.
    state_names: HashSet<String>,
    redactor: Redactor,
}

impl Journal {
    /// The pen for an execution that this worker owns at `revision`.
    pub(crate) fn new(
        store: Store,
        worker: WorkerId,
        execution: &Execution,
        revision: u64,
        redactor: Redactor,
    ) -> Self {
        Self {
            store,
            tenant: execution.tenant_id.clone(),
            id: execution.id.clone(),
            worker,
            revision,
            head: Head {
                last_event: execution.last_event,
                event_hash: execution.event_hash.clone(),
                last_log: execution.last_event.saturating_mul(LOGS_PER_EVENT),
            },
            stored: HashSet::new(),
            state_names: HashSet::new(),
            redactor,
        }
    }

    /// Remembers that a state value of this name is stored, so that the next one replaces it.
    pub(crate) fn knows_state(&mut self, name: &str) {
        self.state_names.insert(name.to_owned());
    }

    /// The transaction that inserts a new execution together with its first entries. The journal is at revision 1 then.
    pub(crate) fn insert(&mut self, execution: &Execution, entries: &Entries, now: Timestamp) -> Transaction {
        let (mut operations, head, columns) = self.operations(entries, now);
        let mut record = execution.to_record();
        for (column, value) in columns {
            if let Some(place) = record.values.get_mut(column) {
                *place = value;
            }
        }
        operations.insert(0, Operation::Insert(record));
        self.written(entries, head, 1);
        Transaction::new(operations)
    }

    /// Writes a turn. Waits as long as the backend is unavailable: until it answers, or somebody else has the execution.
    ///
    /// Returns what a person asked of the execution meanwhile.
    pub(crate) async fn commit(&mut self, entries: &Entries, now: Timestamp) -> Result<Option<Control>, Stop> {
        let mut asked = None;
        let mut backoff = Backoff::default();
        let (mut transaction, mut head) = self.update(entries, now);
        loop {
            let error = match self.store.backend().commit_one(transaction.clone()).await {
                Ok(committed) => {
                    let revision =
                        committed.revisions.first().copied().unwrap_or_else(|| self.revision.wrapping_add(1));
                    self.written(entries, head, revision);
                    return Ok(asked);
                }
                Err(error) => error,
            };
            match (error.kind(), error.retry()) {
                (ErrorKind::NotFound, _) => return Err(Stop::Lost),
                (ErrorKind::Conflict, _) => {
                    // Somebody asked something of the execution, or took it.
                    asked = self.reload(&mut backoff).await?;
                    (transaction, head) = self.update(entries, now);
                }
                (ErrorKind::AlreadyExists, _) if error.record_kind() == Some(Payload::KIND.name) => {
                    self.find_stored(entries, &mut backoff).await?;
                    (transaction, head) = self.update(entries, now);
                }
                _ if is_refusal(&error) => return Err(Stop::Refused(error)),
                (_, retry) => {
                    tracing::warn!(execution = %self.id, %error, "the backend did not take a turn, trying again");
                    backoff.pause(&**self.store.clock()).await;
                    if retry == Retry::Unknown {
                        transaction = transaction.retry();
                    }
                }
            }
        }
    }

    fn written(&mut self, entries: &Entries, head: Head, revision: u64) {
        self.revision = revision;
        self.head = head;
        self.stored.extend(entries.payloads.iter().map(|data| data.hash().to_owned()));
        for (name, value) in &entries.state {
            if value.is_some() {
                self.state_names.insert(name.clone());
            } else {
                self.state_names.remove(name);
            }
        }
    }

    /// Reads the execution's revision again, if it is still ours.
    async fn reload(&mut self, backoff: &mut Backoff) -> Result<Option<Control>, Stop> {
        let key = execution_key(&self.tenant, &self.id);
        loop {
            match self.store.backend().get_one(key.clone()).await {
                Ok(None) => return Err(Stop::Lost),
                Ok(Some(record)) => {
                    let revision = record.revision;
                    let execution = Execution::from_record(record).map_err(Stop::Refused)?;
                    let ours = execution.owner.as_ref() == Some(&self.worker);
                    if !ours || execution.last_event != self.head.last_event {
                        return Err(Stop::Lost);
                    }
                    self.revision = revision;
                    return Ok(execution.control);
                }
                Err(error) if is_refusal(&error) => return Err(Stop::Refused(error)),
                Err(_) => backoff.pause(&**self.store.clock()).await,
            }
        }
    }

    /// Finds out which payloads are stored already: another run of this execution may have stored them.
    async fn find_stored(&mut self, entries: &Entries, backoff: &mut Backoff) -> Result<(), Stop> {
        let keys: Vec<Key> = entries
            .payloads
            .iter()
            .map(|data| Key::new(Payload::KIND, [self.tenant.as_str(), self.id.as_str(), data.hash()]))
            .collect();
        loop {
            match self.store.backend().get(&keys).await {
                Ok(found) => {
                    let known = entries.payloads.iter().zip(found).filter(|(_, found)| found.is_some());
                    self.stored.extend(known.map(|(data, _)| data.hash().to_owned()));
                    return Ok(());
                }
                Err(error) if is_refusal(&error) => return Err(Stop::Refused(error)),
                Err(_) => backoff.pause(&**self.store.clock()).await,
            }
        }
    }

    fn update(&self, entries: &Entries, now: Timestamp) -> (Transaction, Head) {
        let (mut operations, head, set) = self.operations(entries, now);
        let key = execution_key(&self.tenant, &self.id);
        let condition = Condition::Revision(self.revision);
        operations.insert(0, Operation::Update { key, condition, set });
        (Transaction::new(operations), head)
    }

    /// The operations beside that on the execution itself, where they lead, and the execution's columns.
    fn operations(&self, entries: &Entries, now: Timestamp) -> (Vec<Operation>, Head, Vec<(usize, Value)>) {
        let mut head = self.head.clone();
        let mut operations = Vec::with_capacity(3 + entries.steps.len() + entries.payloads.len());
        let mut set: Vec<(usize, Value)> =
            entries.set.iter().map(|(column, value)| (*column as usize, value.clone())).collect();
        set.push((ExecutionColumn::updated_at as usize, Value::from(now)));
        self.payloads(entries, now, &mut operations);
        for step in &entries.steps {
            operations.push(Operation::Insert(self.step(step).to_record()));
        }
        if let Some(last) = entries.steps.iter().map(|step| step.number).max() {
            set.push((ExecutionColumn::last_step as usize, Value::from(last)));
        }
        if let Some(batch) = self.batch(&entries.facts, &mut head, now) {
            operations.push(Operation::Insert(batch.to_record()));
            set.push((ExecutionColumn::last_event as usize, Value::from(head.last_event)));
            set.push((ExecutionColumn::event_hash as usize, aquifer_core::Field::to_value(&head.event_hash)));
        }
        self.logs(entries, &mut head, now, &mut operations);
        self.state(entries, now, &mut operations);
        (operations, head, set)
    }

    fn payloads(&self, entries: &Entries, now: Timestamp, operations: &mut Vec<Operation>) {
        let mut seen = HashSet::new();
        for data in &entries.payloads {
            if self.stored.contains(data.hash()) || !seen.insert(data.hash()) {
                continue;
            }
            let payload = Payload {
                tenant_id: self.tenant.clone(),
                execution_id: self.id.clone(),
                hash: data.hash().to_owned(),
                value: data.text().to_owned(),
                created_at: now,
            };
            operations.push(Operation::Insert(payload.to_record()));
        }
    }

    fn step(&self, step: &StepRow) -> Step {
        let problem = step.problem.as_ref().and_then(|problem| serde_json::to_string(problem).ok());
        Step {
            tenant_id: self.tenant.clone(),
            execution_id: self.id.clone(),
            number: step.number,
            task: step.task.clone(),
            name: step.name.clone(),
            visit: i64::from(step.visit),
            attempt: i64::from(step.attempt),
            status: step.status,
            output: step.output.as_ref().map(|output| self.redactor.redact(output.text())),
            error: problem.map(|problem| self.redactor.redact(&problem)),
            started_at: step.started_at,
            ended_at: step.ended_at,
        }
    }

    fn batch(&self, facts: &[Fact], head: &mut Head, now: Timestamp) -> Option<EventBatch> {
        let count = i64::try_from(facts.len()).ok().filter(|count| *count > 0)?;
        let mut text = String::with_capacity(facts.len().saturating_mul(64));
        for fact in facts {
            text.push(if text.is_empty() { '[' } else { ',' });
            fact.write(&mut text);
        }
        text.push(']');
        let entries = self.redactor.redact(&text);
        let hash = link(head.event_hash.as_deref(), &entries);
        let first = head.last_event.saturating_add(1);
        head.last_event = head.last_event.saturating_add(count);
        head.event_hash = Some(hash.clone());
        Some(EventBatch {
            tenant_id: self.tenant.clone(),
            execution_id: self.id.clone(),
            last: head.last_event,
            first,
            entries,
            hash,
            created_at: now,
        })
    }

    fn logs(&self, entries: &Entries, head: &mut Head, now: Timestamp, operations: &mut Vec<Operation>) {
        head.last_log = head.last_log.max(head.last_event.saturating_mul(LOGS_PER_EVENT));
        for (level, message, task) in &entries.logs {
            head.last_log = head.last_log.saturating_add(1);
            let log = ExecutionLog {
                tenant_id: self.tenant.clone(),
                execution_id: self.id.clone(),
                number: head.last_log,
                level: *level,
                message: self.redactor.redact(message).replace('\0', "\u{fffd}"),
                task: task.clone(),
                created_at: now,
            };
            operations.push(Operation::Insert(log.to_record()));
        }
    }

    fn state(&self, entries: &Entries, now: Timestamp, operations: &mut Vec<Operation>) {
        for (name, value) in &entries.state {
            let exists = self.state_names.contains(name);
            let key = Key::new(ExecutionState::KIND, [self.tenant.as_str(), self.id.as_str(), name.as_str()]);
            let condition = Condition::Exists;
            match value {
                Some(value) if exists => operations.push(Operation::Update {
                    key,
                    condition,
                    set: vec![
                        (ExecutionStateColumn::value as usize, Value::from(value.as_str())),
                        (ExecutionStateColumn::updated_at as usize, Value::from(now)),
                    ],
                }),
                Some(value) => {
                    let state = ExecutionState {
                        tenant_id: self.tenant.clone(),
                        execution_id: self.id.clone(),
                        name: name.clone(),
                        value: value.clone(),
                        updated_at: now,
                    };
                    operations.push(Operation::Insert(state.to_record()));
                }
                None if exists => operations.push(Operation::Delete { key, condition }),
                None => {}
            }
        }
    }
}

/// How many log lines may stand between two events; the numbers of lines leave that much room.
const LOGS_PER_EVENT: i64 = 10_000;

/// The key of an execution.
pub(crate) fn execution_key(tenant: &TenantId, id: &ExecutionId) -> Key {
    Key::new(Execution::KIND, [tenant.as_str(), id.as_str()])
}
