use serde_json::Value;

use super::Reader;
use super::cursor::{At, nearest};
use super::names::look_up;
use super::text::{is_host, is_name, is_semver, is_token};
use crate::{
    A2aCall, AsyncApiCall, AsyncApiChannel, AsyncApiConsumption, AsyncApiExchange, AsyncApiServer,
    AsyncApiSubscription, Call, FunctionCall, FunctionTarget, GrpcCall, GrpcService, HttpCall, HttpOutput, McpCall,
    McpClient, McpTransport, OpenApiCall, expression_in,
};

/// The calls that the DSL defines itself; every other name is a function's.
const BUILT_IN: [&str; 6] = ["a2a", "asyncapi", "grpc", "http", "mcp", "openapi"];

const OUTPUTS: [(&str, HttpOutput); 3] =
    [("raw", HttpOutput::Raw), ("content", HttpOutput::Content), ("response", HttpOutput::Response)];

const PROTOCOLS: [&str; 19] = [
    "amqp",
    "amqp1",
    "anypointmq",
    "googlepubsub",
    "http",
    "ibmmq",
    "jms",
    "kafka",
    "mercure",
    "mqtt",
    "mqtt5",
    "nats",
    "pulsar",
    "redis",
    "sns",
    "solace",
    "sqs",
    "stomp",
    "ws",
];

const A2A_METHODS: [&str; 11] = [
    "message/send",
    "message/stream",
    "tasks/get",
    "tasks/list",
    "tasks/cancel",
    "tasks/resubscribe",
    "tasks/pushNotificationConfig/set",
    "tasks/pushNotificationConfig/get",
    "tasks/pushNotificationConfig/list",
    "tasks/pushNotificationConfig/delete",
    "agent/getAuthenticatedExtendedCard",
];

const MCP_METHODS: [&str; 7] = [
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/read",
    "resources/templates/list",
];

impl Reader {
    pub(super) fn call(&mut self, task: &At<'_>, main: &At<'_>) -> Option<Call> {
        let name = self.text(main)?;
        if !BUILT_IN.contains(&name.as_str()) {
            return self.function_call(task, main, &name).map(Call::Function);
        }
        let with = self.require(task, "with", &format!("a call of {name}"))?;
        match name.as_str() {
            "a2a" => self.a2a(&with).map(|call| Call::A2a(Box::new(call))),
            "asyncapi" => self.async_api(&with).map(|call| Call::AsyncApi(Box::new(call))),
            "grpc" => self.grpc(&with).map(|call| Call::Grpc(Box::new(call))),
            "http" => self.http(&with).map(|call| Call::Http(Box::new(call))),
            "mcp" => self.mcp(&with).map(|call| Call::Mcp(Box::new(call))),
            _ => self.open_api(&with).map(|call| Call::OpenApi(Box::new(call))),
        }
    }

    fn function_call(&mut self, task: &At<'_>, main: &At<'_>, name: &str) -> Option<FunctionCall> {
        let with = self.optional(task, "with", Self::map);
        let target = self.function_target(main, name);
        let pointer = format!("{}/with", task.pointer);
        Some(FunctionCall { target: target?, with: with?.unwrap_or_default(), pointer })
    }

    fn function_target(&mut self, at: &At<'_>, name: &str) -> Option<FunctionTarget> {
        if name.contains("://") {
            self.uri(at)?;
            return Some(FunctionTarget::Url(name.to_owned()));
        }
        if self.names.functions.contains_key(name) {
            return Some(FunctionTarget::Local(name.to_owned()));
        }
        if let Some((function, catalog)) = name.rsplit_once('@') {
            return self.catalogued(at, function, catalog);
        }
        let hint = nearest(name, BUILT_IN.into_iter().chain(self.names.functions.keys().map(String::as_str)))
            .unwrap_or_else(|| "declare it under `use.functions`".to_owned());
        self.wrong("unknown-reference", at, format!("there is no `{name}` in `use.functions`"), Some(hint));
        None
    }

    fn catalogued(&mut self, at: &At<'_>, function: &str, catalog: &str) -> Option<FunctionTarget> {
        let parts = function.split_once(':').filter(|(name, version)| is_name(name) && is_semver(version));
        let Some((name, version)) = parts else {
            let message = format!("`{function}@{catalog}` is not the name of a function in a catalog");
            self.wrong("invalid-value", at, message, Some("write name:1.0.0@catalog".to_owned()));
            return None;
        };
        if catalog != "default" {
            let outcome = look_up(&self.names.catalogs, catalog, "catalogs");
            self.found(at, outcome)?;
        }
        Some(FunctionTarget::Catalogued {
            name: name.to_owned(),
            version: version.to_owned(),
            catalog: catalog.to_owned(),
        })
    }

    fn http(&mut self, with: &At<'_>) -> Option<HttpCall> {
        let what = "the HTTP call";
        let properties = ["method", "endpoint", "headers", "query", "body", "output", "redirect"];
        let known = self.object(with, what, &properties);
        if !with.is_map() {
            return None;
        }
        let method = self.required(with, "method", what, Self::http_method);
        let endpoint = self.required(with, "endpoint", what, Self::endpoint);
        let headers = self.optional(with, "headers", Self::strings_or_expression);
        let query = self.optional(with, "query", Self::strings_or_expression);
        let output = self.optional(with, "output", |reader, at| reader.choice(at, &OUTPUTS));
        let redirect = self.optional(with, "redirect", Self::boolean);
        known?;
        Some(HttpCall {
            method: method?,
            endpoint: endpoint?,
            headers: headers?,
            query: query?,
            body: with.get("body").map(|body| body.value()),
            output: output?.unwrap_or_default(),
            redirect: redirect?.unwrap_or(false),
        })
    }

    fn http_method(&mut self, at: &At<'_>) -> Option<String> {
        let method = self.text(at)?;
        if expression_in(&method).is_some() || is_token(&method) {
            return Some(method);
        }
        let hint = "write for example get, post, put or delete".to_owned();
        self.wrong("invalid-value", at, format!("`{method}` is not an HTTP method"), Some(hint));
        None
    }

    fn strings_or_expression(&mut self, at: &At<'_>) -> Option<Value> {
        match at.as_str() {
            Some(_) => self.object_or_expression(at),
            None => self.string_map(at).map(Value::Object),
        }
    }

    fn open_api(&mut self, with: &At<'_>) -> Option<OpenApiCall> {
        let what = "the OpenAPI call";
        let properties = ["document", "operationId", "parameters", "authentication", "output", "redirect"];
        let known = self.object(with, what, &properties);
        if !with.is_map() {
            return None;
        }
        let document = self.required(with, "document", what, Self::resource);
        let operation_id = self.required(with, "operationId", what, Self::text);
        let parameters = self.optional(with, "parameters", Self::map);
        let authentication = self.optional(with, "authentication", Self::authentication);
        let output = self.optional(with, "output", |reader, at| reader.choice(at, &OUTPUTS));
        let redirect = self.optional(with, "redirect", Self::boolean);
        known?;
        Some(OpenApiCall {
            document: document?,
            operation_id: operation_id?,
            parameters: parameters?.unwrap_or_default(),
            authentication: authentication?,
            output: output?.unwrap_or_default(),
            redirect: redirect?.unwrap_or(false),
        })
    }

    fn grpc(&mut self, with: &At<'_>) -> Option<GrpcCall> {
        let what = "the gRPC call";
        let known = self.object(with, what, &["proto", "service", "method", "arguments"]);
        if !with.is_map() {
            return None;
        }
        let proto = self.required(with, "proto", what, Self::resource);
        let service = self.required(with, "service", what, Self::grpc_service);
        let method = self.required(with, "method", what, Self::text);
        let arguments = self.optional(with, "arguments", Self::map);
        known?;
        Some(GrpcCall { proto: proto?, service: service?, method: method?, arguments: arguments?.unwrap_or_default() })
    }

    fn grpc_service(&mut self, at: &At<'_>) -> Option<GrpcService> {
        let what = "the gRPC service";
        let known = self.object(at, what, &["name", "host", "port", "authentication"]);
        if !at.is_map() {
            return None;
        }
        let name = self.required(at, "name", what, Self::text);
        let host = self.required(at, "host", what, |reader, at| {
            let host = reader.text(at)?;
            if is_host(&host) {
                return Some(host);
            }
            let hint = "write the name alone, without scheme and port".to_owned();
            reader.wrong("invalid-value", at, format!("`{host}` is not a host name"), Some(hint));
            None
        });
        let port = self
            .optional(at, "port", |reader, at| reader.integer(at, 0, 65_535).and_then(|port| u16::try_from(port).ok()));
        let authentication = self.optional(at, "authentication", Self::authentication);
        known?;
        Some(GrpcService { name: name?, host: host?, port: port?, authentication: authentication? })
    }

    fn async_api(&mut self, with: &At<'_>) -> Option<AsyncApiCall> {
        let what = "the AsyncAPI call";
        let properties =
            ["document", "channel", "operation", "server", "protocol", "message", "subscription", "authentication"];
        let known = self.object(with, what, &properties);
        if !with.is_map() {
            return None;
        }
        let document = self.required(with, "document", what, Self::resource);
        let channel = self.one_of(with, &["channel", "operation"], what).and_then(|(key, at)| {
            let name = self.text(&at)?;
            Some(if key == "channel" { AsyncApiChannel::Channel(name) } else { AsyncApiChannel::Operation(name) })
        });
        let server = self.optional(with, "server", |reader, at| {
            let known = reader.object(at, "the AsyncAPI server", &["name", "variables"]);
            let name = reader.required(at, "name", "the AsyncAPI server", Self::text);
            let variables = reader.optional(at, "variables", Self::map);
            known?;
            Some(AsyncApiServer { name: name?, variables: variables?.unwrap_or_default() })
        });
        let protocol = self.optional(with, "protocol", |reader, at| {
            reader.choice(at, &PROTOCOLS.map(|protocol| (protocol, protocol))).map(str::to_owned)
        });
        let exchange = self.one_of(with, &["message", "subscription"], what).and_then(|(key, at)| {
            if key == "message" { self.async_api_message(&at) } else { self.async_api_subscription(&at) }
        });
        let authentication = self.optional(with, "authentication", Self::authentication);
        known?;
        Some(AsyncApiCall {
            document: document?,
            channel: channel?,
            server: server?,
            protocol: protocol?,
            exchange: exchange?,
            authentication: authentication?,
        })
    }

    fn async_api_message(&mut self, at: &At<'_>) -> Option<AsyncApiExchange> {
        self.object(at, "the AsyncAPI message", &["payload", "headers"])?;
        let payload = self.optional(at, "payload", Self::object_or_expression);
        let headers = self.optional(at, "headers", Self::object_or_expression);
        Some(AsyncApiExchange::Message { payload: payload?, headers: headers? })
    }

    fn async_api_subscription(&mut self, at: &At<'_>) -> Option<AsyncApiExchange> {
        let what = "the AsyncAPI subscription";
        let known = self.object(at, what, &["filter", "consume", "foreach"]);
        let filter = self.optional(at, "filter", Self::enclosed_expression);
        let foreach = self.optional(at, "foreach", Self::subscription_iterator);
        let consume = self.require(at, "consume", what)?;
        let what = "`consume`";
        self.object(&consume, what, &["for", "amount", "while", "until"])?;
        let duration = self.optional(&consume, "for", Self::duration);
        let (key, limit) = self.one_of(&consume, &["amount", "while", "until"], what)?;
        let consume = match key {
            "amount" => AsyncApiConsumption::Amount(self.integer(&limit, 0, u64::MAX)?),
            "while" => AsyncApiConsumption::While(self.enclosed_expression(&limit)?),
            _ => AsyncApiConsumption::Until(self.enclosed_expression(&limit)?),
        };
        known?;
        Some(AsyncApiExchange::Subscription(Box::new(AsyncApiSubscription {
            filter: filter?,
            duration: duration?,
            consume,
            foreach: foreach?,
        })))
    }

    fn a2a(&mut self, with: &At<'_>) -> Option<A2aCall> {
        let what = "the A2A call";
        let known = self.object(with, what, &["agentCard", "server", "method", "parameters"]);
        if !with.is_map() {
            return None;
        }
        let agent_card = self.optional(with, "agentCard", Self::resource);
        let server = self.optional(with, "server", Self::endpoint);
        let method = self.required(with, "method", what, |reader, at| {
            reader.choice(at, &A2A_METHODS.map(|method| (method, method))).map(str::to_owned)
        });
        let parameters = self.optional(with, "parameters", Self::object_or_expression);
        known?;
        Some(A2aCall { agent_card: agent_card?, server: server?, method: method?, parameters: parameters? })
    }

    fn mcp(&mut self, with: &At<'_>) -> Option<McpCall> {
        let what = "the MCP call";
        let properties = ["protocolVersion", "method", "parameters", "timeout", "transport", "client"];
        let known = self.object(with, what, &properties);
        if !with.is_map() {
            return None;
        }
        let version = self.optional(with, "protocolVersion", Self::text);
        let method = self.required(with, "method", what, |reader, at| {
            reader.choice(at, &MCP_METHODS.map(|method| (method, method))).map(str::to_owned)
        });
        let parameters = self.optional(with, "parameters", Self::object_or_expression);
        let timeout = self.optional(with, "timeout", Self::duration);
        let client = self.optional(with, "client", Self::mcp_client);
        let transport = self.require(with, "transport", what)?;
        self.object(&transport, "the MCP transport", &["http", "stdio", "options"])?;
        let options = self.optional(&transport, "options", Self::string_map);
        let transport = match self.one_of(&transport, &["http", "stdio"], "the MCP transport")? {
            ("http", at) => self.mcp_http(&at),
            (_, at) => self.mcp_stdio(&at),
        };
        known?;
        Some(McpCall {
            protocol_version: version?.unwrap_or_else(|| "2025-06-18".to_owned()),
            method: method?,
            parameters: parameters?,
            timeout: timeout?,
            transport: transport?,
            options: options?.unwrap_or_default(),
            client: client?,
        })
    }

    fn mcp_http(&mut self, at: &At<'_>) -> Option<McpTransport> {
        let what = "the MCP transport over HTTP";
        let known = self.object(at, what, &["endpoint", "headers"]);
        let endpoint = self.required(at, "endpoint", what, Self::endpoint);
        let headers = self.optional(at, "headers", Self::string_map);
        known?;
        Some(McpTransport::Http { endpoint: endpoint?, headers: headers?.unwrap_or_default() })
    }

    fn mcp_stdio(&mut self, at: &At<'_>) -> Option<McpTransport> {
        let what = "the MCP transport over standard streams";
        let known = self.object(at, what, &["command", "arguments", "environment"]);
        let command = self.required(at, "command", what, Self::text);
        let arguments = self.optional(at, "arguments", Self::strings);
        let environment = self.optional(at, "environment", Self::string_map);
        known?;
        Some(McpTransport::Stdio {
            command: command?,
            arguments: arguments?.unwrap_or_default(),
            environment: environment?.unwrap_or_default(),
        })
    }

    fn mcp_client(&mut self, at: &At<'_>) -> Option<McpClient> {
        let what = "the MCP client";
        let known = self.object(at, what, &["name", "version", "description"]);
        let name = self.required(at, "name", what, Self::text);
        let version = self.required(at, "version", what, Self::text);
        let description = self.optional(at, "description", Self::string);
        known?;
        Some(McpClient { name: name?, version: version?, description: description? })
    }
}
