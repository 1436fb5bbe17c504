use serde_json::{Map, Value};

use super::{Authentication, SubscriptionIterator};
use crate::{Duration, Expression};

/// `call`: a call of a service or a function.
#[derive(Debug, Clone)]
pub enum Call {
    /// `call: a2a`: an agent.
    A2a(Box<A2aCall>),
    /// `call: asyncapi`: an operation of an AsyncAPI document.
    AsyncApi(Box<AsyncApiCall>),
    /// Any other name: a function.
    Function(FunctionCall),
    /// `call: grpc`: a gRPC method.
    Grpc(Box<GrpcCall>),
    /// `call: http`: an HTTP request.
    Http(Box<HttpCall>),
    /// `call: mcp`: a Model Context Protocol server.
    Mcp(Box<McpCall>),
    /// `call: openapi`: an operation of an OpenAPI document.
    OpenApi(Box<OpenApiCall>),
}

/// A URI: text with `{variable}` places (RFC 6570 simple expansion), or an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uri {
    /// A literal URI or URI template.
    Template(String),
    /// A `${ ... }` expression that yields a URI; what it yields is not a template.
    Expression(Expression),
}

/// An endpoint: a URI and how to authenticate there.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The address.
    pub uri: Uri,
    /// How to authenticate.
    pub authentication: Option<Authentication>,
    /// JSON pointer of the endpoint.
    pub pointer: String,
}

/// A document, script or schema that is fetched from elsewhere.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its name.
    pub name: Option<String>,
    /// Where it is.
    pub endpoint: Endpoint,
    /// JSON pointer of the resource.
    pub pointer: String,
}

/// `with` of `call: http`.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// The method, as written: `get`, `POST` ...
    pub method: String,
    /// Where to send the request.
    pub endpoint: Endpoint,
    /// An object of strings, or a `${ ... }` string that yields an object.
    pub headers: Option<Value>,
    /// An object of strings, or a `${ ... }` string that yields an object.
    pub query: Option<Value>,
    /// The request's body, any value.
    pub body: Option<Value>,
    /// What the task's output is.
    pub output: HttpOutput,
    /// Whether redirections are followed, and 300-399 count as success.
    pub redirect: bool,
}

/// What an HTTP call's output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpOutput {
    /// The response's content, deserialized.
    #[default]
    Content,
    /// The response's content in base64.
    Raw,
    /// The response as an object with `request`, `statusCode`, `headers` and `content`.
    Response,
}

/// `with` of `call: openapi`.
#[derive(Debug, Clone)]
pub struct OpenApiCall {
    /// The OpenAPI document.
    pub document: Resource,
    /// The operation to call.
    pub operation_id: String,
    /// Arguments by name.
    pub parameters: Map<String, Value>,
    /// How to authenticate.
    pub authentication: Option<Authentication>,
    /// What the task's output is.
    pub output: HttpOutput,
    /// Whether redirections are followed, and 300-399 count as success.
    pub redirect: bool,
}

/// `with` of `call: grpc`.
#[derive(Debug, Clone)]
pub struct GrpcCall {
    /// The protocol buffers file that describes the service.
    pub proto: Resource,
    /// The service.
    pub service: GrpcService,
    /// The method's name.
    pub method: String,
    /// The request message.
    pub arguments: Map<String, Value>,
}

/// The service of a gRPC call.
#[derive(Debug, Clone)]
pub struct GrpcService {
    /// Full name of the service.
    pub name: String,
    /// Host name.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
    /// How to authenticate.
    pub authentication: Option<Authentication>,
}

/// `with` of `call: asyncapi`.
#[derive(Debug, Clone)]
pub struct AsyncApiCall {
    /// The AsyncAPI document.
    pub document: Resource,
    /// Which channel or operation.
    pub channel: AsyncApiChannel,
    /// Which server of the document.
    pub server: Option<AsyncApiServer>,
    /// Protocol by which to choose the server.
    pub protocol: Option<String>,
    /// Publish or subscribe.
    pub exchange: AsyncApiExchange,
    /// How to authenticate.
    pub authentication: Option<Authentication>,
}

/// What an AsyncAPI call addresses.
#[derive(Debug, Clone)]
pub enum AsyncApiChannel {
    /// `channel`: a channel of an AsyncAPI 2 document.
    Channel(String),
    /// `operation`: an operation of an AsyncAPI 3 document.
    Operation(String),
}

/// What an AsyncAPI call does.
#[derive(Debug, Clone)]
pub enum AsyncApiExchange {
    /// `message`: publishes this message.
    Message {
        /// The payload.
        payload: Option<Value>,
        /// The headers.
        headers: Option<Value>,
    },
    /// `subscription`: consumes messages.
    Subscription(Box<AsyncApiSubscription>),
}

/// The server of an AsyncAPI call.
#[derive(Debug, Clone)]
pub struct AsyncApiServer {
    /// Its name in the document.
    pub name: String,
    /// Values of its variables.
    pub variables: Map<String, Value>,
}

/// A subscription of an AsyncAPI call.
#[derive(Debug, Clone)]
pub struct AsyncApiSubscription {
    /// Which messages to consume.
    pub filter: Option<Expression>,
    /// `consume.for`: how long to consume.
    pub duration: Option<Duration>,
    /// When to stop.
    pub consume: AsyncApiConsumption,
    /// Tasks to perform for each message.
    pub foreach: Option<SubscriptionIterator>,
}

/// When a subscription ends.
#[derive(Debug, Clone)]
pub enum AsyncApiConsumption {
    /// After this many messages.
    Amount(u64),
    /// When this is false after a message.
    While(Expression),
    /// When this is true before a message.
    Until(Expression),
}

/// `with` of `call: a2a`.
#[derive(Debug, Clone)]
pub struct A2aCall {
    /// The card of the agent.
    pub agent_card: Option<Resource>,
    /// The server of the agent.
    pub server: Option<Endpoint>,
    /// The method.
    pub method: String,
    /// An object, or a `${ ... }` string that yields one.
    pub parameters: Option<Value>,
}

/// `with` of `call: mcp`.
#[derive(Debug, Clone)]
pub struct McpCall {
    /// Version of the protocol, `2025-06-18` by default.
    pub protocol_version: String,
    /// The method.
    pub method: String,
    /// An object, or a `${ ... }` string that yields one.
    pub parameters: Option<Value>,
    /// How long the call may take.
    pub timeout: Option<Duration>,
    /// How to reach the server.
    pub transport: McpTransport,
    /// Options of the transport.
    pub options: Map<String, Value>,
    /// What the client calls itself.
    pub client: Option<McpClient>,
}

/// How to reach an MCP server.
#[derive(Debug, Clone)]
pub enum McpTransport {
    /// Over HTTP.
    Http {
        /// The server's address.
        endpoint: Endpoint,
        /// Headers of each request.
        headers: Map<String, Value>,
    },
    /// A process that speaks on its standard streams.
    Stdio {
        /// The command.
        command: String,
        /// Its arguments.
        arguments: Vec<String>,
        /// Its environment variables.
        environment: Map<String, Value>,
    },
}

/// What an MCP client calls itself.
#[derive(Debug, Clone)]
pub struct McpClient {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// A description.
    pub description: Option<String>,
}

/// `call` of a function.
#[derive(Debug, Clone)]
pub struct FunctionCall {
    /// Which function.
    pub target: FunctionTarget,
    /// `with`: arguments by name; evaluated they are the function's raw input.
    pub with: Map<String, Value>,
    /// JSON pointer of `with`.
    pub pointer: String,
}

/// Which function a `call` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionTarget {
    /// A function of `use.functions`, by name; it exists.
    Local(String),
    /// The URL of a function's definition.
    Url(String),
    /// `name:version@catalog`.
    Catalogued {
        /// The function's name.
        name: String,
        /// Its semantic version.
        version: String,
        /// The catalog's name in `use.catalogs`, or `default`.
        catalog: String,
    },
}
