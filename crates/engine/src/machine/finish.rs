//! How tasks, lists, branches and the workflow end well.

use std::sync::Arc;

use aquifer_core::Timestamp;
use aquifer_core::kinds::Status;
use aquifer_dsl::Problem;
use serde_json::Value;

use super::Machine;
use super::scope::Scope;
use super::state::{FiberState, Frame, Goto, Signal, TaskFrame, Work};
use super::turn::Outcome;
use crate::data::Data;
use crate::depth::{is_too_deep, too_deep};
use crate::entry::Fact;
use crate::plan::{Kind, Task};

impl Machine {
    /// The innermost task has its raw output: shapes it, exports, and leaves the task.
    pub(super) fn finish_task(
        &mut self,
        number: u32,
        raw: Data,
        flow: Option<Goto>,
        now: Timestamp,
    ) -> Option<FiberState> {
        let plan = Arc::clone(&self.plan);
        let task = plan.task(self.innermost(number)?.task)?;
        let (output, context) = match self.shape(number, task, raw, now) {
            Ok(shaped) => shaped,
            Err(problem) => {
                // The task is at its end: what it would catch while it ran is none of its business now.
                if let Some(Work::Try(work)) = self.innermost_mut(number).map(|frame| &mut frame.work) {
                    work.handling = true;
                }
                return Some(FiberState::Ready(Signal::Raise(problem)));
            }
        };
        if let Some(context) = context {
            self.state.context = context;
        }
        let Some(Frame::Task(frame)) = self.state.fibers.get_mut(&number)?.frames.pop() else { return None };
        if frame.caller.is_none() {
            self.turn.facts.push(Fact::TaskCompleted(frame.pointer(&plan).to_owned(), output.clone()));
        }
        self.trace(&plan, &frame, Some(Status::Completed));
        let flow = flow.unwrap_or_else(|| task.then.into());
        Some(FiberState::Ready(Signal::Next { output, flow }))
    }

    /// The task's output, and the new context if it exports.
    fn shape(&self, number: u32, task: &Task, raw: Data, now: Timestamp) -> Result<(Data, Option<Data>), Problem> {
        let frame = self.innermost(number).ok_or_else(|| Problem::runtime("the task is no longer there"))?;
        let scope = Scope::within(self, number, frame).with_raw_output(raw.value());
        let output = match &task.flow.output {
            None => raw.clone(),
            Some(transform) => Data::from(self.compute(transform, raw.value(), &scope, now)?),
        };
        if let Some(violation) = task.flow.output_schema.as_ref().and_then(|schema| schema.violation(output.value())) {
            return Err(Problem::validation(format!("the task's output: {violation}")));
        }
        let Some(export) = &task.export else { return Ok((output, None)) };
        let scope = scope.with_output(output.value());
        let context = Data::from(self.compute(export, output.value(), &scope, now)?);
        if let Some(violation) = task.export_schema.as_ref().and_then(|schema| schema.violation(context.value())) {
            return Err(Problem::validation(format!("the exported context: {violation}")));
        }
        Ok((output, Some(context)))
    }

    /// A task of the innermost list is done, or the branch that is this fiber.
    pub(super) fn after_task(&mut self, number: u32, output: Data, flow: Goto, now: Timestamp) -> Option<FiberState> {
        let plan = Arc::clone(&self.plan);
        let fiber = self.state.fibers.get_mut(&number)?;
        let signal = match fiber.frames.last_mut() {
            None => return self.branch_done(number, output, flow, now),
            // A function's task is done, and with it the call.
            Some(Frame::Task(_)) => Signal::Output { raw: output, flow: (flow == Goto::End).then_some(Goto::End) },
            Some(Frame::List(frame)) => {
                let tasks = &plan.list(frame.list)?.tasks;
                let next = match flow {
                    Goto::Continue => frame.index.saturating_add(1),
                    Goto::Task(index) => index,
                    Goto::Exit | Goto::End => tasks.len(),
                };
                match tasks.get(next) {
                    Some(task) => {
                        frame.index = next;
                        Signal::Task { task: *task, input: output }
                    }
                    None => {
                        fiber.frames.pop();
                        match (flow, fiber.frames.is_empty()) {
                            // The tasks around it still shape their output on the way out.
                            (Goto::End, false) => Signal::Output { raw: output, flow: Some(Goto::End) },
                            _ => Signal::ListDone { output },
                        }
                    }
                }
            }
        };
        Some(FiberState::Ready(signal))
    }

    /// The list of the innermost task is done, or the workflow's.
    pub(super) fn after_list(&mut self, number: u32, output: Data, now: Timestamp) -> Option<FiberState> {
        let plan = Arc::clone(&self.plan);
        let Some(frame) = self.innermost_mut(number) else {
            self.complete_workflow(output, now);
            return None;
        };
        let signal = match (&plan.task(frame.task)?.kind, &mut frame.work) {
            (Kind::For(r#for), Work::For { index, .. }) => {
                *index = index.saturating_add(1);
                self.iterate(number, r#for, output, now).unwrap_or_else(Signal::Raise)
            }
            (Kind::Try(r#try), Work::Try(work)) if work.handling => {
                Signal::Output { raw: output, flow: r#try.then.map(Goto::from) }
            }
            _ => Signal::Output { raw: output, flow: None },
        };
        Some(FiberState::Ready(signal))
    }

    /// The last task of a branch is done: tells the fork, and ends the fiber.
    fn branch_done(&mut self, number: u32, output: Data, flow: Goto, now: Timestamp) -> Option<FiberState> {
        let (parent, position) = self.state.fibers.remove(&number)?.parent?;
        let plan = Arc::clone(&self.plan);
        let frame = self.innermost_mut(parent)?;
        let Kind::Fork { branches, compete } = &plan.task(frame.task)?.kind else { return None };
        let Work::Fork { fibers, outputs } = &mut frame.work else { return None };
        fibers.remove(&position);
        let ends = flow == Goto::End;
        let raw = if *compete || ends {
            let others: Vec<u32> = std::mem::take(fibers).into_values().collect();
            for other in others {
                self.cancel_fiber(other, now);
            }
            output
        } else {
            outputs.insert(position, output);
            if outputs.len() < branches.len() {
                return None;
            }
            let outputs = std::mem::take(outputs);
            Data::from(Value::Array(outputs.into_values().map(Data::into_value).collect()))
        };
        let signal = if is_too_deep(raw.value()) {
            Signal::Raise(too_deep())
        } else {
            Signal::Output { raw, flow: ends.then_some(Goto::End) }
        };
        self.state.fibers.get_mut(&parent)?.state = FiberState::Ready(signal);
        self.ready.insert(parent);
        None
    }

    fn complete_workflow(&mut self, raw: Data, now: Timestamp) {
        match self.leave(raw, now) {
            Ok(output) => {
                self.turn.facts.push(Fact::WorkflowCompleted(output.clone()));
                self.turn.outcome = Some(Outcome::Completed(output));
            }
            Err(problem) => self.fault(problem.at("/")),
        }
    }

    /// Shapes and checks the workflow's output.
    fn leave(&self, raw: Data, now: Timestamp) -> Result<Data, Problem> {
        let flow = &self.plan.flow;
        let output = match &flow.output {
            None => raw,
            Some(transform) => Data::from(self.compute(transform, raw.value(), &self.workflow_scope(), now)?),
        };
        match flow.output_schema.as_ref().and_then(|schema| schema.violation(output.value())) {
            Some(violation) => Err(Problem::validation(format!("the workflow's output: {violation}"))),
            None => Ok(output),
        }
    }

    /// Names an effect or an emission: the same on every attempt and in every process.
    pub(super) fn key(&self, frame: &TaskFrame) -> String {
        format!("{}-{}-{}", self.identity.id, frame.task, frame.visit)
    }
}
