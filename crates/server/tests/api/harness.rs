//! A server on a port of its own, and a client for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::SCHEMA;
use aquifer_core::{Backend, Store, SystemClock};
use aquifer_engine::{Engine, EngineOptions};
use aquifer_memory::MemoryBackend;
use aquifer_server::{ServerOptions, serve};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Greets whoever the input names.
pub(crate) const HELLO: &str = r#"
document: {dsl: '1.0.0', namespace: default, name: hello, version: '1.0.0'}
do:
- greet:
    set: {message: '${ "hello " + .who }'}
"#;

/// Does nothing for an hour.
pub(crate) const SLOW: &str = r#"
document: {dsl: '1.0.0', namespace: default, name: slow, version: '1.0.0'}
do:
- pause:
    wait: {hours: 1}
"#;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Engine,
    client: Client,
    shutdown: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("a document in JSON")
    }

    /// The document of a reply that must have this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The detail of a problem document, which must be one of this status and type.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, name: &str) -> String {
        let document = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(document["type"], format!("urn:aquifer:problem:{name}"), "{document}");
        assert_eq!(document["status"], status);
        assert!(!document["title"].as_str().unwrap().is_empty());
        document["detail"].as_str().unwrap().to_owned()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(ServerOptions::default()).await
    }

    pub(crate) async fn with(options: ServerOptions) -> Self {
        // Without a provider the client cannot be made; that two tests of one process install it does no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let backend = MemoryBackend::new(&SCHEMA);
        backend.migrate().await.unwrap();
        let store = Store::new(Arc::new(backend), Arc::new(SystemClock));
        let engine = Engine::open(store, EngineOptions::default()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, told) = oneshot::channel();
        let stop = async {
            let _ = told.await;
        };
        let serving = tokio::spawn(serve(listener, engine.clone(), options, stop));
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Self { address, engine, client, shutdown: Some(shutdown), serving }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Reply {
        Reply::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub(crate) fn posting(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).header(CONTENT_TYPE, "application/json").body(body.to_string())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.posting(path, body)).await
    }

    pub(crate) async fn apply(&self, definition: &str) -> Reply {
        let request = self.request(Method::POST, "/api/v1/workflows").header(CONTENT_TYPE, "application/yaml");
        self.send(request.body(definition.to_owned())).await
    }

    /// Applies a definition and gives the workflow's id.
    pub(crate) async fn workflow(&self, definition: &str) -> String {
        self.apply(definition).await.expect(201)["workflow"]["id"].as_str().unwrap().to_owned()
    }

    /// Starts an execution of the slow workflow and gives its id.
    pub(crate) async fn slow(&self) -> String {
        assert!(self.apply(SLOW).await.status.is_success());
        let started = self.post("/api/v1/executions", &json!({"name": "slow"})).await.expect(201);
        started["id"].as_str().unwrap().to_owned()
    }

    /// Opens a stream of an execution's events.
    pub(crate) async fn stream(&self, execution: &str, last: Option<i64>) -> EventStream {
        let path = format!("/api/v1/executions/{execution}/events");
        let mut request = self.request(Method::GET, &path).header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        EventStream { response, text: String::new() }
    }

    /// Shuts the server down and waits until it has.
    pub(crate) async fn stop(&mut self) -> std::io::Result<()> {
        self.shutdown.take().unwrap().send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(30), &mut self.serving).await.unwrap().unwrap()
    }
}

/// A stream of server-sent events.
pub(crate) struct EventStream {
    response: Response,
    text: String,
}

impl EventStream {
    /// The next event's id and data; `None` at the end of the stream. Comments are skipped.
    pub(crate) async fn next(&mut self) -> Option<(i64, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                let event = field("id").zip(field("data"));
                let event = event.map(|(id, data)| (id.parse().unwrap(), serde_json::from_str(data).unwrap()));
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The ids of all events until the stream ends, and the type of the last.
    pub(crate) async fn rest(&mut self) -> (Vec<i64>, String) {
        let (mut ids, mut last) = (Vec::new(), String::new());
        while let Some((id, event)) = self.next().await {
            ids.push(id);
            last = event["type"].as_str().unwrap().to_owned();
        }
        (ids, last)
    }
}
