//! Declared graphs of steps.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use aquifer_dsl::Problem;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{TryFutureExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::builder::BuildError;
use super::context::{Context, decode, encode};
use super::desk::Body;
use super::error::StepError;
use super::options::{Retry, StepOptions};
use crate::data::Data;

/// A step of a declared graph, under a key that is its own within the workflow: an async function from an `A` to a `B`.
///
/// ```
/// use std::time::Duration;
/// use aquifer_engine::code::{Context, Retry, Step, step};
///
/// let charge: Step<u32, Option<String>> =
///     step("charge", |ctx: Context, cents: u32| async move { Ok(format!("{cents} {}", ctx.idempotency_key())) })
///         .retry(Retry::linear(3, Duration::from_secs(2)))
///         .timeout(Duration::from_secs(30))
///         .continue_on_error();
/// # let _ = charge;
/// ```
pub fn step<A, B, F, R>(key: impl Into<String>, function: F) -> Step<A, B>
where
    A: DeserializeOwned + Send + 'static,
    B: Serialize + 'static,
    F: Fn(Context, A) -> R + Send + Sync + 'static,
    R: Future<Output = Result<B, StepError>> + Send + 'static,
{
    let function = Arc::new(function);
    let body = Arc::new(move |input: &Data| -> Body {
        let (function, input) = (Arc::clone(&function), input.clone());
        Box::new(move |context| match decode::<A>(&input) {
            Ok(input) => {
                let work = function(context, input);
                Box::pin(async move { encode(&work.await?) })
            }
            Err(error) => {
                let wanted = type_name::<A>();
                let problem = Problem::validation(format!("what came before does not read as {wanted}: {error}"));
                Box::pin(std::future::ready(Err(StepError::problem(problem))))
            }
        })
    });
    let node = StepNode { key: key.into(), options: StepOptions::default(), continues: false, body };
    Step { node, types: PhantomData }
}

/// A step of a declared graph; see [`step`].
pub struct Step<A, B> {
    node: StepNode,
    types: PhantomData<fn(A) -> B>,
}

impl<A, B> Step<A, B> {
    /// Tries again after a failure. The pauses are durable.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.node.options = self.node.options.retry(retry);
        self
    }

    /// Gives up an attempt after this time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.node.options = self.node.options.timeout(timeout);
        self
    }

    /// Lets the workflow go on with `None` if the last attempt fails. The failure is recorded all the same.
    pub fn continue_on_error(self) -> Step<A, Option<B>> {
        Step { node: StepNode { continues: true, ..self.node }, types: PhantomData }
    }

    /// Goes on with another step or flow.
    pub fn then<F: IntoFlow<B>>(self, next: F) -> Flow<A, F::Output> {
        self.into_flow().then(next)
    }
}

impl<A, B> fmt::Debug for Step<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Step").field(&self.node.key).finish()
    }
}

/// Several steps that together take an `A` and give a `B`.
pub struct Flow<A, B> {
    pub(super) node: Node,
    types: PhantomData<fn(A) -> B>,
}

impl<A, B> Flow<A, B> {
    fn new(node: Node) -> Self {
        Self { node, types: PhantomData }
    }

    /// Goes on with another step or flow.
    pub fn then<F: IntoFlow<B>>(self, next: F) -> Flow<A, F::Output> {
        let mut nodes = match self.node {
            Node::Sequence(nodes) => nodes,
            node => vec![node],
        };
        nodes.push(next.into_flow().node);
        Flow::new(Node::Sequence(nodes))
    }
}

impl<A, B> Flow<A, B> {
    /// Branches that run side by side, each given the same. Their outputs come as a tuple, or as a `Vec` where the branches do.
    /// If one fails, the others are cancelled.
    pub fn parallel<T: Branches<A, Output = B>>(branches: T) -> Self {
        let nodes = branches.branches().into_iter().map(|Branch(node)| node).collect();
        Self::new(Node::Parallel(nodes))
    }

    /// One of two ways: `then` if the predicate holds of what came before, otherwise `default`. The predicate is asked again
    /// whenever the execution is taken up, and must answer by its argument alone.
    pub fn condition<P, T, D>(predicate: P, then: T, default: D) -> Self
    where
        A: DeserializeOwned,
        P: Fn(&A) -> bool + Send + Sync + 'static,
        T: IntoFlow<A, Output = B>,
        D: IntoFlow<A, Output = B>,
    {
        let holds = move |input: &Data| {
            decode::<A>(input).map(|input| predicate(&input)).map_err(|error| {
                let wanted = type_name::<A>();
                StepError::problem(Problem::validation(format!(
                    "what a condition is asked about does not read as {wanted}: {error}"
                )))
            })
        };
        Self::new(Node::Condition {
            holds: Box::new(holds),
            then: Box::new(then.into_flow().node),
            default: Box::new(default.into_flow().node),
        })
    }
}

impl<A, B> fmt::Debug for Flow<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flow({})", Value::Array(self.node.describe()))
    }
}

/// A flow without steps, that gives what it is given: for a condition that has nothing to do in one case.
pub fn pass<A>() -> Flow<A, A> {
    Flow::new(Node::Sequence(Vec::new()))
}

/// A step, or a flow of several.
pub trait IntoFlow<A> {
    /// What it gives.
    type Output;

    /// The flow.
    fn into_flow(self) -> Flow<A, Self::Output>;
}

impl<A, B> IntoFlow<A> for Step<A, B> {
    type Output = B;

    fn into_flow(self) -> Flow<A, B> {
        Flow::new(Node::Step(self.node))
    }
}

impl<A, B> IntoFlow<A> for Flow<A, B> {
    type Output = B;

    fn into_flow(self) -> Self {
        self
    }
}

/// What can run side by side: a tuple of up to eight steps or flows, or any number of one type in a `Vec` or an array.
pub trait Branches<A> {
    /// The outputs together.
    type Output;

    #[doc(hidden)]
    fn branches(self) -> Vec<Branch>;
}

impl<A, F: IntoFlow<A>> Branches<A> for Vec<F> {
    type Output = Vec<F::Output>;

    fn branches(self) -> Vec<Branch> {
        self.into_iter().map(|flow| Branch(flow.into_flow().node)).collect()
    }
}

impl<A, F: IntoFlow<A>, const N: usize> Branches<A> for [F; N] {
    type Output = Vec<F::Output>;

    fn branches(self) -> Vec<Branch> {
        self.into_iter().map(|flow| Branch(flow.into_flow().node)).collect()
    }
}

macro_rules! tuple_branches {
    ($($name:ident $position:tt),*) => {
        impl<A, $($name: IntoFlow<A>),*> Branches<A> for ($($name,)*) {
            type Output = ($($name::Output,)*);

            fn branches(self) -> Vec<Branch> {
                vec![$(Branch(self.$position.into_flow().node)),*]
            }
        }
    };
}

tuple_branches!(B0 0);
tuple_branches!(B0 0, B1 1);
tuple_branches!(B0 0, B1 1, B2 2);
tuple_branches!(B0 0, B1 1, B2 2, B3 3);
tuple_branches!(B0 0, B1 1, B2 2, B3 3, B4 4);
tuple_branches!(B0 0, B1 1, B2 2, B3 3, B4 4, B5 5);
tuple_branches!(B0 0, B1 1, B2 2, B3 3, B4 4, B5 5, B6 6);
tuple_branches!(B0 0, B1 1, B2 2, B3 3, B4 4, B5 5, B6 6, B7 7);

/// A part of a graph, its types forgotten.
pub(super) enum Node {
    Step(StepNode),
    Sequence(Vec<Node>),
    Parallel(Vec<Node>),
    Condition { holds: Predicate, then: Box<Node>, default: Box<Node> },
}

/// One of several flows that run side by side.
#[doc(hidden)]
pub struct Branch(Node);

type Predicate = Box<dyn Fn(&Data) -> Result<bool, StepError> + Send + Sync>;

pub(super) struct StepNode {
    key: String,
    options: StepOptions,
    /// Whether the workflow goes on with null if the step fails.
    continues: bool,
    body: Arc<dyn Fn(&Data) -> Body + Send + Sync>,
}

impl Node {
    /// Shows the key of every step.
    pub(super) fn keys(&self, visit: &mut dyn FnMut(&str) -> Result<(), BuildError>) -> Result<(), BuildError> {
        match self {
            Self::Step(step) => visit(&step.key),
            Self::Sequence(nodes) | Self::Parallel(nodes) => nodes.iter().try_for_each(|node| node.keys(visit)),
            Self::Condition { then, default, .. } => {
                then.keys(visit)?;
                default.keys(visit)
            }
        }
    }

    /// What people see of it: a list of steps in order.
    pub(super) fn describe(&self) -> Vec<Value> {
        match self {
            Self::Step(step) => {
                let mut description = Map::new();
                description.insert("step".to_owned(), json!(step.key));
                step.options.describe(&mut description);
                if step.continues {
                    description.insert("continueOnError".to_owned(), json!(true));
                }
                vec![Value::Object(description)]
            }
            Self::Sequence(nodes) => nodes.iter().flat_map(Self::describe).collect(),
            Self::Parallel(nodes) => {
                vec![json!({ "parallel": nodes.iter().map(Self::describe).collect::<Vec<_>>() })]
            }
            Self::Condition { then, default, .. } => {
                vec![json!({ "condition": { "then": then.describe(), "default": default.describe() } })]
            }
        }
    }
}

/// Runs a part of a graph.
pub(super) fn run<'r>(node: &'r Node, context: &'r Context, input: Data) -> BoxFuture<'r, Result<Data, StepError>> {
    Box::pin(async move {
        match node {
            Node::Step(step) => match context.step_data(&step.key, step.options, (step.body)(&input)).await {
                Err(error) if step.continues && !error.is_misuse() => Ok(Data::null()),
                result => result,
            },
            Node::Sequence(nodes) => {
                let mut data = input;
                for node in nodes {
                    data = run(node, context, data).await?;
                }
                Ok(data)
            }
            Node::Parallel(nodes) => {
                let branch =
                    |(position, node)| run(node, context, input.clone()).map_ok(move |output| (position, output));
                // In the order of their ends, so that the first failure counts at once.
                let mut branches: FuturesUnordered<_> = nodes.iter().enumerate().map(branch).collect();
                let mut outputs = vec![Data::null(); nodes.len()];
                while let Some((position, output)) = branches.try_next().await? {
                    if let Some(place) = outputs.get_mut(position) {
                        *place = output;
                    }
                }
                join(&outputs)
            }
            Node::Condition { holds, then, default } => {
                let way = if holds(&input)? { then } else { default };
                run(way, context, input).await
            }
        }
    })
}

/// The outputs of branches as one JSON array.
fn join(outputs: &[Data]) -> Result<Data, StepError> {
    let mut text = String::with_capacity(outputs.iter().map(|output| output.text().len() + 1).sum::<usize>() + 2);
    text.push('[');
    for (position, output) in outputs.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(output.text());
    }
    text.push(']');
    Ok(Data::from_text(RawValue::from_string(text)?))
}
