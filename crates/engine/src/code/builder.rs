//! Giving a workflow its name, its version, and what it runs.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use aquifer_dsl::Document;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::context::Context;
use super::error::StepError;
use super::flow::{Branches, Flow, IntoFlow, run};
use super::workflow::{Code, Workflow, erase};

/// The longest name, in characters.
const MAX_NAME: usize = 63;

/// Why a workflow cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The name or the namespace is not one.
    #[error("{0:?} cannot be a name: use letters, digits and inner hyphens, at most 63")]
    Name(String),
    /// The version is empty or too long.
    #[error("{0:?} cannot be a version: use one like 1.2.0, at most 63 characters")]
    Version(String),
    /// Two steps have the same key.
    #[error("two steps have the key {0:?}: give each its own")]
    DuplicateKey(String),
}

/// A workflow that is being put together; see [`Workflow::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    document: Document,
}

impl Builder {
    pub(super) fn new(name: String) -> Self {
        Self {
            document: Document {
                dsl: String::new(),
                namespace: "default".to_owned(),
                name,
                version: "1.0.0".to_owned(),
                title: None,
                summary: None,
                tags: Map::new(),
                metadata: Map::new(),
            },
        }
    }

    /// The namespace of its name; `default` unless it is given.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.document.namespace = namespace.into();
        self
    }

    /// The version that it gives itself; `1.0.0` unless it is given.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.document.version = version.into();
        self
    }

    /// A line for people.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.document.title = Some(title.into());
        self
    }

    /// A tag, for people and listings.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.document.tags.insert(name.into(), value.into());
        self
    }

    /// Makes a workflow of an async function, whose steps follow from what it does; see [`Context::step`].
    ///
    /// # Errors
    /// A name or version that cannot be one.
    pub fn function<I, O, F, R>(self, function: F) -> Result<Workflow<I, O>, BuildError>
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + 'static,
        F: Fn(Context, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, StepError>> + Send + 'static,
    {
        let document = self.checked()?;
        Ok(Workflow::new(Code::new(document, None, erase(function))))
    }

    /// Begins a declared graph of steps with this one; the workflow's input is the step's.
    pub fn step<A, F: IntoFlow<A>>(self, first: F) -> FlowBuilder<A, F::Output> {
        FlowBuilder { builder: self, flow: first.into_flow(), types: PhantomData }
    }

    /// Begins a declared graph with branches that run side by side; each is given the workflow's input.
    pub fn parallel<A, B: Branches<A>>(self, branches: B) -> FlowBuilder<A, B::Output> {
        FlowBuilder { builder: self, flow: Flow::parallel(branches), types: PhantomData }
    }

    fn checked(self) -> Result<Document, BuildError> {
        let Document { namespace, name, version, .. } = &self.document;
        for name in [namespace, name] {
            let fits = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
            if name.is_empty() || name.len() > MAX_NAME || !fits || name.starts_with('-') || name.ends_with('-') {
                return Err(BuildError::Name(name.clone()));
            }
        }
        if version.is_empty() || version.len() > MAX_NAME || version.chars().any(char::is_control) {
            return Err(BuildError::Version(version.clone()));
        }
        Ok(self.document)
    }
}

/// A workflow of declared steps that is being put together; see [`Builder::step`].
///
/// ```
/// use aquifer_engine::code::{Context, StepError, Workflow, pass, step};
///
/// let pricing = Workflow::builder("pricing")
///     .version("1.0.0")
///     .step(step("parse", |_: Context, text: String| async move { Ok(text.trim().parse::<u32>()?) }))
///     .parallel((
///         step("net", |_: Context, cents: u32| async move { Ok(cents) }),
///         step("tax", |_: Context, cents: u32| async move { Ok(cents / 5) }),
///     ))
///     .then(step("sum", |_: Context, (net, tax): (u32, u32)| async move { Ok(net + tax) }))
///     .condition(
///         |total: &u32| *total > 10_000,
///         step("discount", |_: Context, total: u32| async move { Ok(total - total / 10) }),
///         pass(),
///     )
///     .build()?;
/// # let _: Workflow<String, u32> = pricing;
/// # Ok::<(), aquifer_engine::code::BuildError>(())
/// ```
#[derive(Debug)]
pub struct FlowBuilder<I, O> {
    builder: Builder,
    flow: Flow<I, O>,
    types: PhantomData<fn(I) -> O>,
}

impl<I, O> FlowBuilder<I, O> {
    /// Goes on with a step, or with a flow of several; it is given what came before.
    pub fn step<F: IntoFlow<O>>(self, next: F) -> FlowBuilder<I, F::Output> {
        self.then(next)
    }

    /// Goes on with a step, or with a flow of several; after branches, it is given all their outputs.
    pub fn then<F: IntoFlow<O>>(self, next: F) -> FlowBuilder<I, F::Output> {
        FlowBuilder { builder: self.builder, flow: self.flow.then(next), types: PhantomData }
    }

    /// Goes on with branches side by side; see [`Flow::parallel`].
    pub fn parallel<B: Branches<O>>(self, branches: B) -> FlowBuilder<I, B::Output> {
        self.then(Flow::parallel(branches))
    }

    /// Goes on with one of two ways; see [`Flow::condition`].
    pub fn condition<P, T, D>(self, predicate: P, then: T, default: D) -> FlowBuilder<I, T::Output>
    where
        O: DeserializeOwned,
        P: Fn(&O) -> bool + Send + Sync + 'static,
        T: IntoFlow<O>,
        D: IntoFlow<O, Output = T::Output>,
    {
        self.then(Flow::condition(predicate, then, default))
    }

    /// The workflow.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Workflow<I, O>, BuildError> {
        let document = self.builder.checked()?;
        let mut keys = HashSet::new();
        self.flow.node.keys(&mut |key| match keys.insert(key.to_owned()) {
            true => Ok(()),
            false => Err(BuildError::DuplicateKey(key.to_owned())),
        })?;
        let steps = self.flow.node.describe();
        let node = Arc::new(self.flow.node);
        let function = Box::new(move |context: Context, input| -> super::run::Function {
            let node = Arc::clone(&node);
            Box::pin(async move { run(&node, &context, input).await })
        });
        Ok(Workflow::new(Code::new(document, Some(steps), function)))
    }
}
