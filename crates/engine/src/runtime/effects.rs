//! Carrying out what machines ask of the outside.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use aquifer_core::kinds::{Execution, Status};
use aquifer_core::{ExecutionId, Stored};
use aquifer_dsl::{HttpOutput, Problem, ProblemKind, Return};
use aquifer_effects::http::{HttpCall, Output};
use aquifer_effects::process::{self, Arguments, Limits, ProcessCall, Program};
use aquifer_effects::{Failure, Kind};
use futures_util::future::{AbortHandle, Abortable, BoxFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::Value;

use super::engine::Inner;
use super::start::{Start, StartError, VersionRef, WorkflowRef};
use crate::backoff::{Backoff, is_refusal};
use crate::data::Data;
use crate::machine::{EffectRequest, EffectStart, HttpRequest, ProcessRequest, SubWorkflowRequest};

/// The outcome of the effect of a step.
pub(crate) type Finished = (i64, Result<Data, Problem>);

/// The effects of one execution that are under way. Dropping it stops them all.
#[derive(Default)]
pub(crate) struct Effects {
    futures: FuturesUnordered<BoxFuture<'static, Option<Finished>>>,
    handles: HashMap<i64, Handle>,
}

struct Handle {
    abort: AbortHandle,
    /// The execution that the effect started, if it is a sub-workflow's.
    child: Arc<OnceLock<ExecutionId>>,
}

impl Effects {
    pub(crate) fn start(&mut self, inner: &Arc<Inner>, parent: &Parent, start: EffectStart) {
        let (abort, registration) = AbortHandle::new_pair();
        let child = Arc::new(OnceLock::new());
        let work = carry_out(Arc::clone(inner), parent.clone(), start.request, Arc::clone(&child));
        let step = start.step;
        let future = Abortable::new(work, registration).map(move |result| result.ok().map(|result| (step, result)));
        self.handles.insert(step, Handle { abort, child });
        self.futures.push(future.boxed());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Waits for the next outcome; for ever if nothing is under way.
    pub(crate) async fn next(&mut self) -> Finished {
        loop {
            match self.futures.next().await {
                Some(Some(finished)) => {
                    self.handles.remove(&finished.0);
                    return finished;
                }
                Some(None) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// An outcome that is there already.
    pub(crate) fn ready(&mut self) -> Option<Finished> {
        if self.handles.is_empty() { None } else { self.next().now_or_never() }
    }

    /// Stops an effect for good, and the execution that it may have started.
    pub(crate) fn stop(&mut self, step: i64) -> Option<ExecutionId> {
        let handle = self.handles.remove(&step)?;
        handle.abort.abort();
        handle.child.get().cloned()
    }

    /// Stops every effect for good.
    pub(crate) fn stop_all(&mut self) -> Vec<ExecutionId> {
        let steps: Vec<i64> = self.handles.keys().copied().collect();
        steps.into_iter().filter_map(|step| self.stop(step)).collect()
    }
}

/// Who asks for an effect.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    pub(crate) tenant: aquifer_core::TenantId,
    pub(crate) id: ExecutionId,
}

async fn carry_out(
    inner: Arc<Inner>,
    parent: Parent,
    request: Result<EffectRequest, Problem>,
    child: Arc<OnceLock<ExecutionId>>,
) -> Result<Data, Problem> {
    match request? {
        EffectRequest::Http(request) => http(&inner, *request).await,
        EffectRequest::Process(request) => run(&inner, *request).await,
        EffectRequest::SubWorkflow(request) => sub_workflow(&inner, &parent, *request, &child).await,
    }
}

async fn http(inner: &Inner, request: HttpRequest) -> Result<Data, Problem> {
    let client = inner.http_client().map_err(problem)?;
    let call = HttpCall {
        method: request.method,
        endpoint: request.endpoint,
        is_template: request.is_template,
        variables: request.input.value(),
        headers: request.headers,
        query: request.query,
        body: request.body,
        output: match request.output {
            HttpOutput::Raw => Output::Raw,
            HttpOutput::Content => Output::Content,
            HttpOutput::Response => Output::Response,
        },
        redirect: request.redirect,
        idempotency_key: request.key,
    };
    client.call(call).await.map(Data::from).map_err(problem)
}

async fn run(inner: &Inner, request: ProcessRequest) -> Result<Data, Problem> {
    if !inner.options.processes {
        return Err(Problem::configuration("this server does not allow run: shell and run: script (engine.processes)"));
    }
    let arguments = match request.arguments {
        Value::Object(named) => Arguments::Named(named),
        Value::Array(list) => Arguments::Positional(list),
        _ => Arguments::default(),
    };
    let call = ProcessCall {
        program: match request.language {
            None => Program::Shell { command: request.code },
            Some(language) => Program::Script { language, code: request.code },
        },
        stdin: request.stdin,
        arguments,
        environment: request.environment,
        return_: match request.output {
            Return::Stdout => process::Return::Stdout,
            Return::Stderr => process::Return::Stderr,
            Return::Code => process::Return::Code,
            Return::All => process::Return::All,
            Return::None => process::Return::None,
        },
        working_directory: None,
        idempotency_key: request.key,
        limits: Limits::default(),
    };
    if request.wait {
        process::run(call).await.map(Data::from).map_err(problem)
    } else {
        process::spawn_detached(call).map_err(problem)?;
        Ok(request.input)
    }
}

async fn sub_workflow(
    inner: &Arc<Inner>,
    parent: &Parent,
    request: SubWorkflowRequest,
    child: &OnceLock<ExecutionId>,
) -> Result<Data, Problem> {
    let version = if request.version == "latest" { VersionRef::Latest } else { VersionRef::Label(request.version) };
    let start = Start {
        workflow: WorkflowRef::Name { namespace: request.namespace, name: request.name },
        version,
        input: request.workflow_input,
        idempotency_key: Some(request.key),
        tags: None,
        user_id: None,
    };
    // The key makes a start that is tried again the same start.
    let started = persist(inner, || async {
        // Boxed, because a child may itself start children.
        inner.start(&parent.tenant, start.clone(), Some(parent.id.clone())).boxed().await
    });
    let started =
        started.await.map_err(|error| Problem::configuration(format!("the workflow could not be started: {error}")))?;
    if !request.wait {
        return Ok(request.input);
    }
    // Set once: an effect starts one execution.
    let _ = child.set(started.execution_id.clone());
    let ended = persist(inner, || async { Ok(inner.wait(&parent.tenant, &started.execution_id).await?) })
        .await
        .map_err(|error| Problem::runtime(format!("the workflow's outcome could not be read: {error}")))?;
    outcome(&ended)
}

/// Does `work` again for as long as the store cannot answer: that is no outcome of a task. In a process that shuts down it waits
/// until the execution is handed back.
async fn persist<T, F>(inner: &Inner, work: impl Fn() -> F) -> Result<T, StartError>
where
    F: Future<Output = Result<T, StartError>>,
{
    let mut backoff = Backoff::default();
    loop {
        match work().await {
            Err(StartError::ShuttingDown) => std::future::pending().await,
            Err(StartError::Store(error)) if !is_refusal(&error) => {
                tracing::warn!(%error, "the backend did not start or find a child execution, trying again");
                backoff.pause(&**inner.store.clock()).await;
            }
            answer => return answer,
        }
    }
}

/// The outcome of an execution, as the task that started it sees it.
fn outcome(ended: &Stored<Execution>) -> Result<Data, Problem> {
    match ended.status {
        Status::Completed => {
            let output = ended.output.as_deref().unwrap_or("null");
            serde_json::from_str::<Value>(output)
                .map(Data::from)
                .map_err(|_| Problem::runtime("the workflow's output cannot be read"))
        }
        Status::Cancelled => Err(Problem::runtime(format!("the workflow's execution {} was cancelled", ended.id))),
        _ => {
            let problem = ended.error.as_deref().and_then(|error| serde_json::from_str::<Problem>(error).ok());
            // The place is that of the task here; what happened is the child's.
            let problem = problem.unwrap_or_else(|| Problem::runtime("the workflow faulted"));
            Err(Problem { instance: None, ..problem })
        }
    }
}

fn problem(failure: Failure) -> Problem {
    let kind = match failure.kind {
        Kind::Communication => ProblemKind::Communication,
        Kind::Configuration => ProblemKind::Configuration,
        Kind::Expression => ProblemKind::Expression,
        Kind::Runtime => ProblemKind::Runtime,
        Kind::Validation => ProblemKind::Validation,
        Kind::Timeout => ProblemKind::Timeout,
    };
    let problem = Problem::new(kind, failure.detail).with_status(failure.status);
    match failure.title {
        Some(title) => Problem { title: Some(title), ..problem },
        None => problem,
    }
}
