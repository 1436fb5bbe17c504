//! How things go wrong: errors and their handlers, retries, timeouts, and being cancelled.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use aquifer_core::Timestamp;
use aquifer_core::kinds::Status;
use aquifer_dsl::{Backoff, Problem};

use super::Machine;
use super::scope::{Scope, problem_data};
use super::state::{FiberState, Frame, Goto, Signal, Work};
use super::turn::StepRow;
use crate::entry::Fact;
use crate::plan::{Kind, Retry, Try};

/// What a `try` makes of an error.
enum Verdict {
    /// Not its business.
    Pass(Problem),
    /// Try again after a while.
    Retry(StdDuration),
    /// Run the handler, or go on if there is none.
    Handle,
}

impl Machine {
    /// Leaves frames until a `try` catches the error, or nothing is left.
    pub(super) fn unwind(&mut self, number: u32, problem: Problem, now: Timestamp) -> Option<FiberState> {
        let plan = Arc::clone(&self.plan);
        let mut problem = problem;
        loop {
            match self.state.fibers.get(&number)?.frames.last() {
                None => return self.fiber_failed(number, problem, now),
                Some(Frame::List(_)) => {}
                Some(Frame::Task(frame)) => {
                    if problem.instance.is_none() {
                        problem.instance = Some(frame.pointer(&plan).to_owned());
                    }
                    if let (Kind::Try(r#try), Work::Try(work)) = (&plan.task(frame.task)?.kind, &frame.work)
                        && !work.handling
                    {
                        match self.judge(number, r#try, problem, now) {
                            Verdict::Pass(passed) => problem = passed,
                            verdict => return self.caught(number, r#try, verdict, now),
                        }
                    }
                }
            }
            if let Some(Frame::Task(frame)) = self.state.fibers.get_mut(&number)?.frames.pop() {
                if frame.caller.is_none() {
                    let pointer = frame.pointer(&plan).to_owned();
                    self.turn.facts.push(Fact::TaskFaulted(pointer, problem.clone()));
                }
                self.trace(&plan, &frame, Some(Status::Faulted));
            }
        }
    }

    /// Nothing in the fiber caught the error: the workflow faults, or the fork whose branch this is.
    fn fiber_failed(&mut self, number: u32, problem: Problem, now: Timestamp) -> Option<FiberState> {
        let Some((parent, position)) = self.state.fibers.remove(&number)?.parent else {
            self.fault(problem);
            return None;
        };
        if let Some(Work::Fork { fibers, .. }) = self.innermost_mut(parent).map(|frame| &mut frame.work) {
            fibers.remove(&position);
            let others: Vec<u32> = std::mem::take(fibers).into_values().collect();
            for other in others {
                self.cancel_fiber(other, now);
            }
        }
        self.state.fibers.get_mut(&parent)?.state = FiberState::Ready(Signal::Raise(problem));
        self.ready.insert(parent);
        None
    }

    /// Decides what the innermost task, a `try`, makes of an error, and remembers the error if it is caught.
    fn judge(&mut self, number: u32, r#try: &Try, problem: Problem, now: Timestamp) -> Verdict {
        if r#try.filter.as_ref().is_some_and(|filter| !filter.matches(&problem)) {
            return Verdict::Pass(problem);
        }
        let error = problem_data(&problem);
        let decided = self.decide(number, r#try, error.value(), now);
        let Some(frame) = self.innermost_mut(number) else { return Verdict::Pass(problem) };
        let pointer = frame.task;
        let verdict = match decided {
            Ok(Some(verdict)) => verdict,
            Ok(None) => return Verdict::Pass(problem),
            Err(failed) => {
                let place = self.plan.task(pointer).map_or("/", |task| task.pointer.as_str());
                return Verdict::Pass(failed.at(place));
            }
        };
        if let Verdict::Handle = verdict
            && r#try.handler.is_none()
            && r#try.retry.is_some()
        {
            return Verdict::Pass(problem);
        }
        if let Work::Try(work) = &mut frame.work {
            work.caught = Some(error);
        }
        verdict
    }

    /// `None` if `when` or `exceptWhen` let the error pass.
    fn decide(
        &self,
        number: u32,
        r#try: &Try,
        error: &serde_json::Value,
        now: Timestamp,
    ) -> Result<Option<Verdict>, Problem> {
        let Some(frame) = self.innermost(number) else { return Ok(None) };
        let Work::Try(work) = &frame.work else { return Ok(None) };
        let scope = Scope::within(self, number, frame).bind(&r#try.variable, error);
        if !self.holds(r#try.when.as_ref(), true, error, &scope, now)?
            || self.holds(r#try.except_when.as_ref(), false, error, &scope, now)?
        {
            return Ok(None);
        }
        let Some(retry) = &r#try.retry else { return Ok(Some(Verdict::Handle)) };
        if !self.holds(retry.when.as_ref(), true, error, &scope, now)?
            || self.holds(retry.except_when.as_ref(), false, error, &scope, now)?
            || retry.count.is_some_and(|count| work.retries >= count)
        {
            return Ok(Some(Verdict::Handle));
        }
        let input = frame.input.value();
        let delay = self.delay(retry, work.retries.saturating_add(1), input, &scope, now)?;
        if let Some(limit) = &retry.duration {
            let limit = self.duration(limit, input, &scope, now)?;
            if now.saturating_add(delay).duration_since(frame.started_at) > limit {
                return Ok(Some(Verdict::Handle));
            }
        }
        Ok(Some(Verdict::Retry(delay)))
    }

    /// How long to wait before the `retry`-th retry: linear is d·n, exponential d·2ⁿ⁻¹, each with jitter on top.
    fn delay(
        &self,
        policy: &Retry,
        retry: u32,
        input: &serde_json::Value,
        scope: &Scope<'_>,
        now: Timestamp,
    ) -> Result<StdDuration, Problem> {
        let base = match &policy.delay {
            None => StdDuration::ZERO,
            Some(delay) => self.duration(delay, input, scope, now)?,
        };
        let delay = match &policy.backoff {
            Backoff::Constant(_) => base,
            Backoff::Linear(_) => base.saturating_mul(retry),
            Backoff::Exponential(_) => base.saturating_mul(2_u32.saturating_pow(retry.saturating_sub(1))),
        };
        let Some((from, to)) = &policy.jitter else { return Ok(delay) };
        let from = self.duration(from, input, scope, now)?;
        let to = self.duration(to, input, scope, now)?;
        let span = to.saturating_sub(from);
        Ok(delay.saturating_add(from).saturating_add(span.mul_f64(fastrand::f64())))
    }

    fn caught(&mut self, number: u32, r#try: &Try, verdict: Verdict, now: Timestamp) -> Option<FiberState> {
        let plan = Arc::clone(&self.plan);
        let frame = self.innermost_mut(number)?;
        let input = frame.input.clone();
        let pointer = frame.pointer(&plan).to_owned();
        let Work::Try(work) = &mut frame.work else { return None };
        work.attempt_deadline = None;
        match verdict {
            Verdict::Retry(delay) => {
                work.retries = work.retries.saturating_add(1);
                self.turn.facts.push(Fact::TaskRetried(pointer));
                Some(FiberState::Sleeping { until: now.saturating_add(delay) })
            }
            Verdict::Handle | Verdict::Pass(_) => {
                work.handling = true;
                Some(FiberState::Ready(match r#try.handler {
                    Some(list) => Signal::List { list, input },
                    None => Signal::Output { raw: input, flow: r#try.then.map(Goto::from) },
                }))
            }
        }
    }

    /// Does what is due: ends waits, tries again, and lets timeouts strike.
    pub(super) fn fire(&mut self, now: Timestamp) {
        if self.state.deadline.is_some_and(|deadline| deadline <= now) && !self.state.fibers.is_empty() {
            let fibers: Vec<u32> = self.state.fibers.keys().copied().collect();
            for number in fibers {
                self.cancel_fiber(number, now);
            }
            self.fault(Problem::timeout("the workflow took longer than its timeout allows").at("/"));
            return;
        }
        let fibers: Vec<u32> = self.state.fibers.keys().copied().collect();
        for number in fibers {
            self.fire_fiber(number, now);
        }
    }

    fn fire_fiber(&mut self, number: u32, now: Timestamp) {
        let Some(fiber) = self.state.fibers.get(&number) else { return };
        let due = fiber.frames.iter().enumerate().find_map(|(depth, frame)| match frame {
            Frame::Task(task) => {
                let attempt = match &task.work {
                    Work::Try(work) => work.attempt_deadline.filter(|deadline| *deadline <= now),
                    _ => None,
                };
                let whole = task.deadline.filter(|deadline| *deadline <= now);
                whole.map(|time| (time, depth, false)).or_else(|| attempt.map(|time| (time, depth, true)))
            }
            Frame::List(_) => None,
        });
        // What was to end before the timeout has ended, even if nobody was there to see.
        if let FiberState::Sleeping { until } = fiber.state
            && until <= now
            && due.is_none_or(|(time, ..)| until <= time)
        {
            return self.wake(number, now);
        }
        if let Some((_, depth, is_attempt)) = due {
            self.time_out(number, depth, is_attempt, now);
        }
    }

    fn wake(&mut self, number: u32, now: Timestamp) {
        let signal = self.after_sleep(number, now);
        if let Some(fiber) = self.state.fibers.get_mut(&number) {
            fiber.state = FiberState::Ready(signal);
            self.ready.insert(number);
        }
    }

    fn after_sleep(&mut self, number: u32, now: Timestamp) -> Signal {
        let plan = Arc::clone(&self.plan);
        let lost = || Signal::Raise(Problem::runtime("the task that slept is no longer there"));
        let Some(frame) = self.innermost(number) else { return lost() };
        let input = frame.input.clone();
        let Some(task) = plan.task(frame.task) else { return lost() };
        let Kind::Try(r#try) = &task.kind else { return Signal::Output { raw: input, flow: None } };
        let limit = r#try.retry.as_ref().and_then(|retry| retry.attempt_duration.as_ref());
        let scope = Scope::within(self, number, frame);
        let limit = match limit.map(|limit| self.duration(limit, input.value(), &scope, now)).transpose() {
            Ok(limit) => limit,
            Err(problem) => return Signal::Raise(problem),
        };
        let number_of_try = frame.task;
        let Some(frame) = self.innermost_mut(number) else { return lost() };
        let Work::Try(work) = &mut frame.work else { return lost() };
        work.caught = None;
        work.attempt_deadline = limit.map(|limit| now.saturating_add(limit));
        let before = work.visits.clone();
        // The tasks inside come again as what they were, so that their effects keep their keys.
        for (inside, visit) in self.state.visits.range_mut(number_of_try.saturating_add(1)..task.end) {
            *visit = before.get(inside).copied().unwrap_or(0);
        }
        Signal::List { list: r#try.list, input }
    }

    /// Interrupts what runs inside the frame at `depth`, and raises the timeout there.
    fn time_out(&mut self, number: u32, depth: usize, is_attempt: bool, now: Timestamp) {
        self.cancel_above(number, depth, now);
        let Some(frame) = self.innermost_mut(number) else { return };
        let detail = if is_attempt {
            "the attempt took longer than the retry policy allows"
        } else {
            "the task took longer than its timeout allows"
        };
        match &mut frame.work {
            Work::Try(work) if is_attempt => work.attempt_deadline = None,
            // A task's own timeout is caught outside of it, never by itself.
            Work::Try(work) => work.handling = true,
            _ => {}
        }
        frame.deadline = None;
        if let Some(fiber) = self.state.fibers.get_mut(&number) {
            fiber.state = FiberState::Ready(Signal::Raise(Problem::timeout(detail)));
            self.ready.insert(number);
        }
    }

    /// Ends a fiber with everything in it.
    pub(super) fn cancel_fiber(&mut self, number: u32, now: Timestamp) {
        self.stop_effect(number, now);
        while let Some(depth) = self.state.fibers.get(&number).and_then(|fiber| fiber.frames.len().checked_sub(1)) {
            self.cancel_top(number, depth, now);
        }
        self.state.fibers.remove(&number);
        self.ready.remove(&number);
    }

    /// Ends what runs inside the frame at `depth`, which stays.
    fn cancel_above(&mut self, number: u32, depth: usize, now: Timestamp) {
        self.stop_effect(number, now);
        while let Some(top) = self.state.fibers.get(&number).and_then(|fiber| fiber.frames.len().checked_sub(1))
            && top > depth
        {
            self.cancel_top(number, top, now);
        }
        self.cancel_branches(number, depth, now);
    }

    fn cancel_top(&mut self, number: u32, depth: usize, now: Timestamp) {
        self.cancel_branches(number, depth, now);
        let plan = Arc::clone(&self.plan);
        let popped = self.state.fibers.get_mut(&number).and_then(|fiber| fiber.frames.pop());
        if let Some(Frame::Task(frame)) = popped {
            if frame.caller.is_none() {
                self.turn.facts.push(Fact::TaskCancelled(frame.pointer(&plan).to_owned()));
            }
            self.trace(&plan, &frame, Some(Status::Cancelled));
        }
    }

    fn cancel_branches(&mut self, number: u32, depth: usize, now: Timestamp) {
        let frame = self.state.fibers.get_mut(&number).and_then(|fiber| fiber.frames.get_mut(depth));
        if let Some(Frame::Task(task)) = frame
            && let Work::Fork { fibers, .. } = &mut task.work
        {
            let branches: Vec<u32> = std::mem::take(fibers).into_values().collect();
            for branch in branches {
                self.cancel_fiber(branch, now);
            }
        }
    }

    fn stop_effect(&mut self, number: u32, now: Timestamp) {
        let Some(fiber) = self.state.fibers.get(&number) else { return };
        if let (FiberState::Effect { step }, Some(Frame::Task(frame))) = (&fiber.state, fiber.frames.last()) {
            let row = StepRow::of(*step, frame, &self.plan, None, None, now);
            self.turn.stops.push(*step);
            self.turn.steps.push(row);
        }
    }

    /// When something is due next, if nothing happens before.
    pub(super) fn next_time(&self) -> Option<Timestamp> {
        let fibers = self.state.fibers.values().flat_map(|fiber| {
            let sleep = match fiber.state {
                FiberState::Sleeping { until } => Some(until),
                _ => None,
            };
            let deadlines = fiber.frames.iter().filter_map(|frame| match frame {
                Frame::Task(task) => {
                    let attempt = match &task.work {
                        Work::Try(work) => work.attempt_deadline,
                        _ => None,
                    };
                    [task.deadline, attempt].into_iter().flatten().min()
                }
                Frame::List(_) => None,
            });
            sleep.into_iter().chain(deadlines)
        });
        fibers.chain(self.state.deadline).min()
    }
}
