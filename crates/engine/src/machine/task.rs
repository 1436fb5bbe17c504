//! How tasks begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use aquifer_core::Timestamp;
use aquifer_dsl::Problem;
use aquifer_expr::truthy;
use serde_json::{Map, Value, json};

use super::scope::Scope;
use super::state::{Fiber, FiberState, Frame, Goto, ListFrame, Signal, TaskFrame, TryWork, Work};
use super::turn::{EffectStart, Trace};
use super::{MAX_FRAMES, Machine};
use crate::data::Data;
use crate::entry::Fact;
use crate::plan::{Case, For, Kind, ListNumber, Plan, Raise, Task, TaskNumber, Try};

/// What a task that has begun does next.
enum Begun {
    Signal(Signal),
    /// Starts an effect.
    Effect,
    Sleep(Timestamp),
    /// Waits for the branches that were made.
    Join,
}

impl Machine {
    pub(super) fn begin_list(&mut self, number: u32, list: ListNumber, input: Data) -> Option<FiberState> {
        let first = self.plan.list(list).and_then(|list| list.tasks.first().copied());
        let fiber = self.state.fibers.get_mut(&number)?;
        Some(FiberState::Ready(match first {
            None => Signal::ListDone { output: input },
            Some(task) => {
                fiber.frames.push(Frame::List(ListFrame { list, index: 0 }));
                Signal::Task { task, input }
            }
        }))
    }

    pub(super) fn begin_task(
        &mut self,
        number: u32,
        task: TaskNumber,
        input: Data,
        now: Timestamp,
    ) -> Option<FiberState> {
        let plan = Arc::clone(&self.plan);
        let compiled = plan.task(task)?;
        let frame = self.new_frame(&plan, number, task, input, now)?;
        let skipped = self.is_skipped(number, compiled, &frame, now);
        if let Ok(true) = skipped {
            self.trace(&plan, &frame, None);
            return Some(FiberState::Ready(Signal::Next { output: frame.raw_input, flow: Goto::Continue }));
        }
        if frame.caller.is_none() {
            let pointer = frame.pointer(&plan).to_owned();
            self.turn.facts.push(Fact::TaskCreated(pointer.clone()));
            self.turn.facts.push(Fact::TaskStarted(pointer));
        }
        let depth = self.state.fibers.get(&number)?.frames.len();
        self.state.fibers.get_mut(&number)?.frames.push(Frame::Task(Box::new(frame)));
        let begun = match skipped {
            Err(problem) => Err(problem),
            Ok(_) if depth >= MAX_FRAMES => Err(Problem::runtime(format!("tasks nest more than {MAX_FRAMES} deep"))),
            Ok(_) => self.begin_work(number, compiled, now),
        };
        Some(match begun {
            Err(problem) => FiberState::Ready(Signal::Raise(problem)),
            Ok(Begun::Signal(signal)) => FiberState::Ready(signal),
            Ok(Begun::Sleep(until)) => FiberState::Sleeping { until },
            Ok(Begun::Join) => FiberState::Joining,
            Ok(Begun::Effect) => {
                self.state.last_step += 1;
                let step = self.state.last_step;
                let request = self.effect_request(number, now);
                self.turn.starts.push(EffectStart { step, request });
                FiberState::Effect { step }
            }
        })
    }

    fn new_frame(
        &mut self,
        plan: &Plan,
        number: u32,
        task: TaskNumber,
        input: Data,
        now: Timestamp,
    ) -> Option<TaskFrame> {
        let attempt = self.attempt(number);
        let caller = match self.state.fibers.get(&number)?.frames.last() {
            Some(Frame::Task(caller)) if matches!(plan.task(caller.task)?.kind, Kind::Function { .. }) => {
                Some(caller.caller.unwrap_or(caller.task))
            }
            _ => None,
        };
        let visit = self.state.visits.entry(task).or_insert(0);
        *visit = visit.saturating_add(1);
        Some(TaskFrame {
            task,
            caller,
            visit: *visit,
            attempt,
            raw_input: input.clone(),
            input,
            started_at: now,
            deadline: None,
            work: Work::Plain,
        })
    }

    /// One more than the retries of every `try` around the fiber's innermost frame.
    fn attempt(&self, number: u32) -> u32 {
        let mut attempt: u32 = 1;
        let mut next = Some(number);
        while let Some(fiber) = next.and_then(|number| self.state.fibers.get(&number)) {
            for frame in &fiber.frames {
                if let Frame::Task(task) = frame
                    && let Work::Try(work) = &task.work
                    && !work.handling
                {
                    attempt = attempt.saturating_add(work.retries);
                }
            }
            next = fiber.parent.map(|(parent, _)| parent);
        }
        attempt
    }

    fn is_skipped(&self, number: u32, task: &Task, frame: &TaskFrame, now: Timestamp) -> Result<bool, Problem> {
        if let Some(problem) = self.missing_secret(&task.secrets) {
            return Err(problem);
        }
        let Some(condition) = &task.condition else { return Ok(false) };
        let scope = Scope::before(self, number, frame);
        self.evaluate(condition, frame.raw_input.value(), &scope, now).map(|value| !truthy(&value))
    }

    pub(super) fn trace(&mut self, plan: &Plan, frame: &TaskFrame, status: Option<aquifer_core::kinds::Status>) {
        if frame.caller.is_none() {
            let (task, name) = (frame.pointer(plan).to_owned(), frame.name(plan).to_owned());
            self.turn.trace.push(Trace { task, name, status });
        }
    }

    /// The fiber's innermost task.
    pub(super) fn innermost(&self, number: u32) -> Option<&TaskFrame> {
        match self.state.fibers.get(&number)?.frames.last()? {
            Frame::Task(frame) => Some(frame),
            Frame::List(_) => None,
        }
    }

    pub(super) fn innermost_mut(&mut self, number: u32) -> Option<&mut TaskFrame> {
        match self.state.fibers.get_mut(&number)?.frames.last_mut()? {
            Frame::Task(frame) => Some(frame),
            Frame::List(_) => None,
        }
    }

    /// Checks and shapes the innermost task's input, starts its clock, and begins what it does.
    fn begin_work(&mut self, number: u32, task: &Task, now: Timestamp) -> Result<Begun, Problem> {
        let lost = || Problem::runtime("the task is no longer there");
        let frame = self.innermost(number).ok_or_else(lost)?;
        let raw = frame.raw_input.clone();
        if let Some(violation) = task.flow.input_schema.as_ref().and_then(|schema| schema.violation(raw.value())) {
            return Err(Problem::validation(format!("the task's input: {violation}")));
        }
        if let Some(from) = &task.flow.input {
            let scope = Scope::before(self, number, frame);
            let input = Data::from(self.compute(from, raw.value(), &scope, now)?);
            self.innermost_mut(number).ok_or_else(lost)?.input = input;
        }
        let frame = self.innermost(number).ok_or_else(lost)?;
        let input = frame.input.clone();
        let scope = Scope::within(self, number, frame);
        if let Some(timeout) = &task.timeout {
            let after = self.duration(timeout, input.value(), &scope, now)?;
            self.innermost_mut(number).ok_or_else(lost)?.deadline = Some(now.saturating_add(after));
        }
        let frame = self.innermost(number).ok_or_else(lost)?;
        let scope = Scope::within(self, number, frame);
        match &task.kind {
            Kind::Set(template) => {
                let raw = Data::from(self.fill(template, input.value(), &scope, now)?);
                Ok(Begun::Signal(Signal::Output { raw, flow: None }))
            }
            Kind::Do(list) => Ok(Begun::Signal(Signal::List { list: *list, input })),
            Kind::For(r#for) => {
                let items = Data::from(self.compute(&r#for.items, input.value(), &scope, now)?);
                if !items.value().is_array() {
                    return Err(Problem::expression("for.in must yield an array"));
                }
                self.innermost_mut(number).ok_or_else(lost)?.work = Work::For { items, index: 0 };
                self.iterate(number, r#for, input, now).map(Begun::Signal)
            }
            Kind::Fork { branches, compete } => Ok(self.fork(number, branches, *compete, input)),
            Kind::Switch(cases) => {
                let flow = self.choose(cases, input.value(), &scope, now)?;
                Ok(Begun::Signal(Signal::Output { raw: input, flow }))
            }
            Kind::Try(r#try) => {
                let work = self.begin_try(r#try, task, frame.task, input.value(), &scope, now)?;
                self.innermost_mut(number).ok_or_else(lost)?.work = Work::Try(work);
                Ok(Begun::Signal(Signal::List { list: r#try.list, input }))
            }
            Kind::Raise(raise) => Err(self.raised(raise, input.value(), &scope, now)?),
            Kind::Wait(duration) => {
                let after = self.duration(duration, input.value(), &scope, now)?;
                Ok(Begun::Sleep(now.saturating_add(after)))
            }
            Kind::Emit(template) => {
                let event = self.event(template, &input, &scope, frame, now)?;
                self.turn.facts.push(Fact::Emitted(event.clone()));
                Ok(Begun::Signal(Signal::Output { raw: event, flow: None }))
            }
            Kind::Function { with, function } => {
                let with = Data::from(self.fill(with, input.value(), &scope, now)?);
                let task = self.plan.functions.get(*function).copied().ok_or_else(lost)?;
                Ok(Begun::Signal(Signal::Task { task, input: with }))
            }
            Kind::Http(_) | Kind::Process(_) | Kind::SubWorkflow(_) => Ok(Begun::Effect),
        }
    }

    /// The next round of the innermost task, a `for`, with what the round before gave.
    pub(super) fn iterate(&self, number: u32, r#for: &For, data: Data, now: Timestamp) -> Result<Signal, Problem> {
        let Some(frame) = self.innermost(number) else { return Ok(Signal::Output { raw: data, flow: None }) };
        let Work::For { items, index } = &frame.work else { return Ok(Signal::Output { raw: data, flow: None }) };
        let more = items.value().as_array().is_some_and(|items| *index < items.len());
        if more {
            let scope = Scope::within(self, number, frame);
            if self.holds(r#for.condition.as_ref(), true, data.value(), &scope, now)? {
                return Ok(Signal::List { list: r#for.list, input: data });
            }
        }
        Ok(Signal::Output { raw: data, flow: None })
    }

    fn fork(&mut self, number: u32, branches: &[TaskNumber], compete: bool, input: Data) -> Begun {
        if branches.is_empty() {
            let raw = if compete { input } else { Data::from(json!([])) };
            return Begun::Signal(Signal::Output { raw, flow: None });
        }
        let mut fibers = BTreeMap::new();
        for (position, task) in branches.iter().enumerate() {
            let signal = Signal::Task { task: *task, input: input.clone() };
            fibers.insert(position, self.add(Fiber::new(Some((number, position)), signal)));
        }
        if let Some(frame) = self.innermost_mut(number) {
            frame.work = Work::Fork { fibers, outputs: BTreeMap::new() };
        }
        Begun::Join
    }

    fn choose(
        &self,
        cases: &[Case],
        input: &Value,
        scope: &Scope<'_>,
        now: Timestamp,
    ) -> Result<Option<Goto>, Problem> {
        let mut default = None;
        for case in cases {
            match &case.when {
                None => default = default.or(Some(case.then.into())),
                Some(_) if self.holds(case.when.as_ref(), true, input, scope, now)? => {
                    return Ok(Some(case.then.into()));
                }
                Some(_) => {}
            }
        }
        Ok(default)
    }

    fn begin_try(
        &self,
        r#try: &Try,
        task: &Task,
        number: TaskNumber,
        input: &Value,
        scope: &Scope<'_>,
        now: Timestamp,
    ) -> Result<TryWork, Problem> {
        let limit = r#try.retry.as_ref().and_then(|retry| retry.attempt_duration.as_ref());
        let attempt_deadline = match limit {
            None => None,
            Some(limit) => Some(now.saturating_add(self.duration(limit, input, scope, now)?)),
        };
        let inside = number.saturating_add(1)..task.end;
        let visits = self.state.visits.range(inside).map(|(task, visit)| (*task, *visit)).collect();
        Ok(TryWork { retries: 0, attempt_deadline, caught: None, handling: false, visits })
    }

    fn raised(&self, raise: &Raise, input: &Value, scope: &Scope<'_>, now: Timestamp) -> Result<Problem, Problem> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let optional = |template: &Option<aquifer_expr::Template>| match template {
            None => Ok(None),
            Some(template) => self.fill(template, input, scope, now).map(|value| Some(text(value))),
        };
        Ok(Problem {
            type_: text(self.fill(&raise.type_, input, scope, now)?),
            status: raise.status,
            instance: None,
            title: optional(&raise.title)?,
            detail: optional(&raise.detail)?,
        })
    }

    /// The CloudEvent that an `emit` task gives. Its id follows from the task instance, so that an emission that is repeated
    /// after a crash is recognised.
    fn event(
        &self,
        template: &aquifer_expr::Template,
        input: &Data,
        scope: &Scope<'_>,
        frame: &TaskFrame,
        now: Timestamp,
    ) -> Result<Data, Problem> {
        let Value::Object(with) = self.fill(template, input.value(), scope, now)? else {
            return Err(Problem::configuration("emit.event.with must be an object"));
        };
        let document = &self.plan.workflow.document;
        let mut event = Map::new();
        event.insert("specversion".to_owned(), json!("1.0"));
        event.insert("id".to_owned(), json!(self.key(frame)));
        event.insert(
            "source".to_owned(),
            json!(format!("/{}/{}/{}", document.namespace, document.name, document.version)),
        );
        event.insert("time".to_owned(), json!(now.to_string()));
        event.extend(with.into_iter().filter(|(_, value)| !value.is_null()));
        for attribute in ["id", "source", "type"] {
            if event.get(attribute).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(Problem::configuration(format!(
                    "the event's {attribute:?} must be a text that is not empty"
                )));
            }
        }
        if event.contains_key("data") && !event.contains_key("datacontenttype") {
            event.insert("datacontenttype".to_owned(), json!("application/json"));
        }
        Ok(Data::from(Value::Object(event)))
    }
}
