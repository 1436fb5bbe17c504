//! What a workflow function and its steps hold in their hands.

use std::any::type_name;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aquifer_core::ExecutionId;
use aquifer_core::kinds::{LogLevel, Status};
use aquifer_dsl::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::desk::{Body, Changes, Recorded, Request, Shared, Work};
use super::error::StepError;
use super::options::StepOptions;
use super::state::State;
use crate::data::Data;
use crate::depth::{MAX_DEPTH, is_text_too_deep};

/// The longest key of a step, in bytes.
const MAX_KEY_BYTES: usize = 200;

/// A workflow's hold on its execution. Cheap to clone; every clone is the same.
///
/// A workflow function runs again from its beginning whenever its execution is taken up, and finds the results of its
/// steps recorded. So everything that reaches outside, takes long, or gives another answer the next time (the clock, random
/// numbers) belongs into a step; what stands between steps only decides which step comes next.
#[derive(Clone)]
pub struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) scope: Option<Arc<Scope>>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let step = self.scope.as_ref().map(|scope| &scope.key);
        f.debug_struct("Context").field("execution", &self.shared.id).field("step", &step).finish()
    }
}

/// One attempt of a step.
pub(super) struct Scope {
    pub(super) key: Arc<str>,
    pub(super) attempt: u32,
    pub(super) over: CancellationToken,
    pub(super) changes: Mutex<Changes>,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, scope: None }
    }

    /// Carries out a step and gives its result; gives the recorded result without carrying it out, if there is one.
    ///
    /// `key` names the step within its execution and must be the same on every run. The step runs as a task of its own, at
    /// least once until its outcome is recorded; its result is recorded once and never changes. The step after it begins
    /// only when that is durable. Dropping the future before it is done stops the step and records it as cancelled.
    ///
    /// # Errors
    /// The failure of the last attempt, or a timeout or a panic in it; a key that is empty, longer than 200 bytes, or used
    /// twice; a recorded result that does not read as a `T`.
    ///
    /// ```
    /// use aquifer_engine::code::{Context, Retry, StepError};
    /// use std::time::Duration;
    ///
    /// async fn greet(ctx: Context, name: String) -> Result<String, StepError> {
    ///     let retry = Retry::constant(3, Duration::from_secs(1));
    ///     let title: String = ctx.step("look up", retry, || async { Ok("Dr".to_owned()) }).await?;
    ///     ctx.step("greet", (), move || {
    ///         let text = format!("hello {title} {name}");
    ///         async move { Ok(text) }
    ///     })
    ///     .await
    /// }
    /// ```
    pub async fn step<T, F, R>(&self, key: &str, options: impl Into<StepOptions>, mut body: F) -> Result<T, StepError>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Result<T, StepError>> + Send + 'static,
    {
        self.step_with(key, options, move |_| body()).await
    }

    /// [`Context::step`] for a step that asks for its attempt, its idempotency key or the state, or tells its progress: it is
    /// given a context of its own.
    ///
    /// # Errors
    /// As for [`Context::step`].
    ///
    /// ```
    /// use aquifer_engine::code::{Context, Retry, StepError};
    /// use std::time::Duration;
    ///
    /// async fn pay(ctx: Context, cents: u64) -> Result<String, StepError> {
    ///     ctx.step_with("charge", Retry::constant(3, Duration::from_secs(1)), move |step| async move {
    ///         step.state().set("cents", &cents)?;
    ///         Ok(format!("charged {cents} under {}", step.idempotency_key()))
    ///     })
    ///     .await
    /// }
    /// ```
    pub async fn step_with<T, F, R>(
        &self,
        key: &str,
        options: impl Into<StepOptions>,
        mut body: F,
    ) -> Result<T, StepError>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Self) -> R + Send + 'static,
        R: Future<Output = Result<T, StepError>> + Send + 'static,
    {
        let body: Body = Box::new(move |context| {
            let work = body(context);
            Box::pin(async move { encode(&work.await?) })
        });
        let data = self.step_data(key, options.into(), body).await?;
        decode(&data).map_err(|error| {
            StepError::misuse(format!("the result of step {key:?} does not read as {}: {error}", type_name::<T>()))
        })
    }

    /// Waits. The wait is durable: it goes on while no process runs, and ends at the same time.
    ///
    /// A workflow's waits are told apart by their order. Where several go on side by side, name them with [`Context::sleep_as`].
    ///
    /// # Errors
    /// In a step: waits belong between steps.
    pub async fn sleep(&self, duration: Duration) -> Result<(), StepError> {
        let number = {
            let mut desk = self.shared.desk();
            desk.sleeps = desk.sleeps.saturating_add(1);
            desk.sleeps
        };
        self.sleep_as(&format!("sleep {number}"), duration).await
    }

    /// Waits, under a key like that of a step.
    ///
    /// # Errors
    /// As for [`Context::sleep`]; a key that is empty, too long or used twice.
    pub async fn sleep_as(&self, key: &str, duration: Duration) -> Result<(), StepError> {
        let request = |_recorded: Option<&Recorded>| Work::Sleep(duration);
        self.ask(key, 1, request).await.map(|_| ())
    }

    /// The execution's id.
    pub fn execution_id(&self) -> &ExecutionId {
        &self.shared.id
    }

    /// Which attempt of its step this is, from 1; 1 outside of steps.
    pub fn attempt(&self) -> u32 {
        self.scope.as_ref().map_or(1, |scope| scope.attempt)
    }

    /// What makes this step's effects once-only for services that know idempotency keys: the same in every attempt and after
    /// every restart, and never that of another step.
    pub fn idempotency_key(&self) -> String {
        match &self.scope {
            Some(scope) => format!("{}/{}", self.shared.id, scope.key),
            None => self.shared.id.to_string(),
        }
    }

    /// Values that the execution keeps under names.
    pub fn state(&self) -> State<'_> {
        State::new(self)
    }

    /// Tells how far the execution is, in percent; more counts as 100. Written with the next outcome, or a moment later.
    pub fn set_progress(&self, percent: u8) {
        self.shared.set_progress(i64::from(percent.min(100)), self.scope.is_some());
    }

    /// Writes a line for people into the execution's log, with the next outcome or a moment later.
    pub fn log(&self, level: LogLevel, text: impl Into<String>) {
        let task = self.scope.as_ref().map(|scope| pointer(&scope.key));
        self.shared.log((level, text.into(), task), self.scope.is_some());
    }

    /// Done when nobody waits for this any more: the execution was cancelled, suspended or handed to another worker, or in a
    /// step, the step was given up. Futures of steps are dropped then anyway; this is for what they started elsewhere.
    pub async fn cancelled(&self) {
        self.token().cancelled().await;
    }

    /// Whether [`Context::cancelled`] is done.
    pub fn is_cancelled(&self) -> bool {
        self.token().is_cancelled()
    }

    fn token(&self) -> &CancellationToken {
        self.scope.as_ref().map_or(&self.shared.over, |scope| &scope.over)
    }

    /// A step whose result stays as it is recorded.
    pub(super) async fn step_data(&self, key: &str, options: StepOptions, body: Body) -> Result<Data, StepError> {
        let shared = &self.shared;
        let request = |recorded: Option<&Recorded>| {
            let failed = recorded.map(|last| (last.attempt, last.ended_at));
            let not_before = failed
                .map(|(attempt, ended_at)| ended_at.saturating_add(options.delay(attempt, (shared.id.as_str(), key))));
            let attempt = failed.map_or(0, |(attempt, _)| attempt).saturating_add(1);
            Work::Step { body, options, attempt, not_before }
        };
        self.ask(key, options.attempts(), request).await
    }

    /// Asks the run for something under a key, unless its outcome is recorded.
    async fn ask(
        &self,
        key: &str,
        attempts: u32,
        work: impl FnOnce(Option<&Recorded>) -> Work,
    ) -> Result<Data, StepError> {
        if let Some(scope) = &self.scope {
            let outer = &scope.key;
            return Err(StepError::misuse(format!(
                "step {key:?} is inside of step {outer:?}: steps and waits stand in the workflow function"
            )));
        }
        if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
            return Err(StepError::misuse(format!(
                "{key:?} cannot be the key of a step: give it 1 to {MAX_KEY_BYTES} bytes without control characters"
            )));
        }
        let key: Arc<str> = Arc::from(key);
        let (recorded, ticket) = {
            let mut desk = self.shared.desk();
            if !desk.used.insert(Arc::clone(&key)) {
                return Err(StepError::misuse(format!(
                    "the key {key:?} is used twice in this execution: number the steps of a loop"
                )));
            }
            desk.tickets = desk.tickets.wrapping_add(1);
            (desk.recorded.remove(&*key), desk.tickets)
        };
        match recorded.as_ref().map(|recorded| recorded.status) {
            Some(Status::Completed) => return output(&key, recorded),
            // Its future was dropped when it was cancelled, and will be again.
            Some(Status::Cancelled) => std::future::pending().await,
            Some(Status::Faulted) => {
                let error = failure(&key, recorded.as_ref());
                if error.is_permanent() || recorded.as_ref().is_none_or(|last| last.attempt >= attempts) {
                    return Err(error);
                }
            }
            _ => {}
        }
        let (reply, answer) = oneshot::channel();
        let request = Request { ticket, key, work: work(recorded.as_ref()), reply };
        self.shared.desk().requests.push(request);
        let mut waiting = Waiting { shared: &self.shared, ticket, done: false };
        // The function is asked for all it has to say at once; it must not be told to let others run first.
        let answer = tokio::task::unconstrained(answer).await;
        waiting.done = true;
        match answer {
            Ok(answer) => answer,
            // The run is over, and the function with it.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Tells the run if the function stops waiting for an answer.
struct Waiting<'c> {
    shared: &'c Arc<Shared>,
    ticket: u64,
    done: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.shared.give_up(self.ticket);
        }
    }
}

fn output(key: &str, recorded: Option<Recorded>) -> Result<Data, StepError> {
    let text = recorded.and_then(|recorded| recorded.output).unwrap_or_else(|| "null".to_owned());
    let text = RawValue::from_string(text)
        .map_err(|error| StepError::misuse(format!("the recorded result of step {key:?} is not JSON: {error}")))?;
    Ok(Data::from_text(text))
}

fn failure(key: &str, recorded: Option<&Recorded>) -> StepError {
    let problem = recorded.and_then(|recorded| recorded.problem.as_deref());
    let problem = problem.and_then(|problem| serde_json::from_str::<Problem>(problem).ok());
    StepError::problem(problem.unwrap_or_else(|| Problem::runtime("the step failed").at(pointer(key))))
}

/// How a step shows as a task: a JSON pointer.
pub(super) fn pointer(key: &str) -> String {
    let mut pointer = String::with_capacity(key.len() + 1);
    pointer.push('/');
    for character in key.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
    pointer
}

/// A value as it is recorded.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Data, StepError> {
    match serde_json::value::to_raw_value(value) {
        Ok(text) if is_text_too_deep(text.get()) => {
            let wanted = type_name::<T>();
            Err(StepError::permanent(format!("a {wanted} nests deeper than {MAX_DEPTH} levels")))
        }
        Ok(text) => Ok(Data::from_text(text)),
        Err(error) => Err(StepError::permanent(format!("a {} cannot be written as JSON: {error}", type_name::<T>()))),
    }
}

/// Reads a recorded value.
pub(super) fn decode<T: DeserializeOwned>(data: &Data) -> Result<T, serde_json::Error> {
    serde_json::from_str(data.text())
}

/// The names and values that an attempt has changed so far.
pub(super) fn changes(scope: &Scope) -> std::sync::MutexGuard<'_, BTreeMap<String, Option<String>>> {
    scope.changes.lock().unwrap_or_else(PoisonError::into_inner)
}
