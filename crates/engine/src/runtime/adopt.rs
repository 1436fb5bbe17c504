//! Taking up executions that stand in the store: resumed, due, or left by a dead worker.

use std::collections::HashMap;
use std::sync::Arc;

use aquifer_core::kinds::{Control, Execution, ExecutionColumn, Payload};
use aquifer_core::{Entity, Error, ErrorKind, Field, Key, Record, Stored, Value};
use aquifer_dsl::Problem;

use super::engine::Inner;
use super::runner::{Runner, ended};
use crate::code;
use crate::data::Data;
use crate::entry::Fact;
use crate::journal::{Entries, Journal};
use crate::machine::{Machine, Outcome, State};
use crate::redact::Redactor;

/// What to do with an execution that is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Go on.
    Continue,
    /// Go on after a suspension.
    Resume,
    /// Do what a person asked.
    Obey(Control),
}

impl Inner {
    /// Takes up records that were claimed.
    pub(crate) async fn take_up_claimed(self: &Arc<Self>, records: Vec<Record>) {
        for record in records {
            match Stored::<Execution>::from_record(record) {
                Ok(execution) => {
                    let action = execution.control.map_or(Action::Continue, Action::Obey);
                    self.take_up(execution, action).await;
                }
                Err(error) => tracing::error!(%error, "a claimed execution cannot be read"),
            }
        }
    }

    /// Takes up an execution that this worker owns at this revision.
    pub(crate) async fn take_up(self: &Arc<Self>, execution: Stored<Execution>, action: Action) {
        let id = execution.id.clone();
        let owner = execution.owner.clone().unwrap_or_else(|| self.lease.worker());
        let Some(nudges) = self.registry.enter(&id, &owner) else {
            // It is here already. What runs it may do so as the worker that this process was before, and then loses it.
            return self.doubt_all();
        };
        if code::is_code(&execution) {
            return self.take_up_code(execution, action, nudges).await;
        }
        match self.restore(&execution).await {
            Ok((mut machine, journal)) => {
                if action == Action::Resume {
                    machine.note_resumed();
                }
                let mut runner = Runner::new(Arc::clone(self), journal, machine, nudges);
                match action {
                    Action::Obey(control) => runner.obey_first(control),
                    Action::Continue | Action::Resume => runner.restart(),
                }
                self.spawn(runner.drive());
            }
            Err(error) => {
                self.registry.leave(&id);
                self.put_down(&execution, &error).await;
            }
        }
    }

    /// The machine of an execution, as it stood, and the pen to go on with.
    async fn restore(&self, execution: &Stored<Execution>) -> Result<(Machine, Journal), Error> {
        let tenant = &execution.tenant_id;
        let plan = self.plans.get(&self.store, tenant, &execution.workflow_id, execution.version).await?;
        let continuation = execution.continuation.as_deref().unwrap_or_default();
        let mut state: State = serde_json::from_str(continuation)
            .map_err(|error| Error::corrupt("the execution's continuation cannot be read").with_source(error))?;
        let input = serde_json::from_str(execution.input.as_deref().unwrap_or("null"))
            .map_err(|error| Error::corrupt("the execution's input cannot be read").with_source(error))?;
        state.raw_input = Data::new(input);
        self.resolve(execution, &mut state).await?;
        let secrets = self.secrets(tenant, &plan).await?;
        let redactor = Redactor::new(&secrets);
        let machine = Machine::resume(plan, self.identity(execution.id.as_str(), secrets), state);
        let worker = execution.owner.clone().unwrap_or_else(|| self.lease.worker());
        let journal = Journal::new(self.store.clone(), worker, execution, execution.revision, redactor);
        Ok((machine, journal))
    }

    /// Reads the large values that a continuation refers to.
    async fn resolve(&self, execution: &Execution, state: &mut State) -> Result<(), Error> {
        let mut values: HashMap<String, Option<Data>> = HashMap::new();
        state.each_data(&mut |data| {
            if let Some(hash) = data.pending() {
                values.insert(hash.to_owned(), None);
            }
        });
        if values.is_empty() {
            return Ok(());
        }
        let hashes: Vec<String> = values.keys().cloned().collect();
        let keys: Vec<Key> = hashes
            .iter()
            .map(|hash| Key::new(Payload::KIND, [execution.tenant_id.as_str(), execution.id.as_str(), hash.as_str()]))
            .collect();
        for (hash, record) in hashes.into_iter().zip(self.store.backend().get(&keys).await?) {
            let record = record.ok_or_else(|| Error::corrupt("a payload of the execution is missing"))?;
            let payload = Payload::from_record(record)?;
            let value = serde_json::from_str(&payload.value)
                .map_err(|error| Error::corrupt("a payload of the execution cannot be read").with_source(error))?;
            values.insert(hash, Some(Data::new(value)));
        }
        state.each_data(&mut |data| {
            let value = data.pending().and_then(|hash| values.get(hash).cloned().flatten());
            if let Some(value) = value {
                data.resolve(value);
            }
        });
        Ok(())
    }

    /// An execution that cannot be taken up: faults if that is for good, and is tried again later if not.
    pub(crate) async fn put_down(&self, execution: &Stored<Execution>, error: &Error) {
        let now = self.now();
        let id = &execution.id;
        if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) {
            tracing::error!(execution = %id, %error, "an execution cannot be taken up and faults");
            let problem = Problem::runtime(format!("the execution cannot go on: {error}")).at("/");
            let outcome = Outcome::Faulted(problem.clone());
            let mut entries = Entries { facts: vec![Fact::WorkflowFaulted(problem)], ..Entries::default() };
            ended(&outcome, now, &mut entries.set);
            let worker = self.lease.worker();
            let redactor = Redactor::default();
            let mut journal = Journal::new(self.store.clone(), worker, execution, execution.revision, redactor);
            match journal.commit(&entries, now).await {
                Ok(_) => self.ended(id, Some(&outcome)),
                Err(stop) => {
                    self.doubt_all();
                    tracing::error!(execution = %id, ?stop, "the execution cannot be ended either");
                }
            }
            return;
        }
        tracing::warn!(execution = %id, %error, "an execution cannot be taken up now and is put back");
        let later = now.saturating_add(self.options.poll);
        let set = vec![
            (ExecutionColumn::owner as usize, Value::Null),
            (ExecutionColumn::wake_at as usize, Some(later).to_value()),
        ];
        if let Err(error) = self.change(execution, set).await {
            // It belongs to this worker still, which looks for it again.
            self.doubt_all();
            tracing::warn!(execution = %id, %error, "an execution could not be put back");
        }
    }
}
