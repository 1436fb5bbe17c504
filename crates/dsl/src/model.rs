//! The typed model of a definition: plain data, everything resolved, nothing left to parse.
//!
//! Expressions stay source text; where a property is *expression-typed* the model has an
//! [`Expression`], where it holds a *value* the model has a [`serde_json::Value`] whose strings may
//! be `${ ... }` as a whole (see [`crate::expression_in`]).

mod authentication;
mod call;
mod event;
mod failure;
mod run;
mod task;
mod workflow;

pub use authentication::{
    Authentication, AuthenticationPolicy, BearerToken, ClientAuthentication, Credentials, OAuth2, OAuth2Client,
    OAuth2Endpoints, OAuth2Grant, OAuth2Policy, OAuth2Token, TokenEncoding,
};
pub use call::{
    A2aCall, AsyncApiCall, AsyncApiChannel, AsyncApiConsumption, AsyncApiExchange, AsyncApiServer,
    AsyncApiSubscription, Call, Endpoint, FunctionCall, FunctionTarget, GrpcCall, GrpcService, HttpCall, HttpOutput,
    McpCall, McpClient, McpTransport, OpenApiCall, Resource, Uri,
};
pub use event::{Consumption, Correlation, Emit, EventFilter, Listen, ReadAs, SubscriptionIterator, Until};
pub use failure::{Backoff, Catch, ErrorTemplate, Jitter, Raise, RetryLimit, RetryPolicy, Try};
pub use run::{
    Arguments, Cleanup, Container, Process, PullPolicy, Return, Run, Script, ScriptCode, Shell, SubWorkflow,
};
pub use task::{Case, Do, FlowDirective, For, ForItems, Fork, Set, Switch, Task, TaskKind, TaskList, Wait};
pub use workflow::{
    Catalog, Document, Evaluate, EvaluateMode, Export, Extension, Input, Output, Schedule, Schema, SchemaSource,
    Timeout, Transform, Use, Workflow,
};
