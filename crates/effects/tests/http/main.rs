//! HTTP calls, made to a server that says exactly what the test wants.

#![expect(clippy::expect_used, reason = "these are tests, helpers included")]

mod redirects;
mod replies;
mod requests;
mod server;
mod trouble;

use std::time::Duration;

use aquifer_effects::{
    Failure,
    http::{Client, HttpCall, HttpOptions, Output},
};
use serde_json::{Value, json};

/// A test fails, rather than hangs, after this long.
const PATIENCE: Duration = Duration::from_secs(60);

fn options() -> HttpOptions {
    HttpOptions { use_environment_proxy: false, ..HttpOptions::default() }
}

/// A call without any data.
fn call(method: &str, endpoint: impl Into<String>) -> HttpCall<'static> {
    HttpCall {
        method: method.to_owned(),
        endpoint: endpoint.into(),
        is_template: false,
        variables: &Value::Null,
        headers: None,
        query: None,
        body: None,
        output: Output::Content,
        redirect: false,
        idempotency_key: "key-1".to_owned(),
    }
}

async fn send_with(options: HttpOptions, call: HttpCall<'_>) -> Result<Value, Failure> {
    let client = Client::new(options).expect("a client");
    tokio::time::timeout(PATIENCE, client.call(call)).await.expect("an outcome")
}

async fn send(call: HttpCall<'_>) -> Result<Value, Failure> {
    send_with(options(), call).await
}

/// The reply as the DSL's HTTP response.
async fn respond(call: HttpCall<'_>) -> Value {
    let call = HttpCall { output: Output::Response, ..call };
    send(call).await.expect("success")
}

#[test]
fn the_client_and_its_calls_can_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let client = Client::new(HttpOptions::default()).expect("a client");
    movable(&client);
    movable(&client.call(call("get", "http://localhost")));
}

#[test]
fn options_that_cannot_be_used_are_refused() {
    let options = HttpOptions { user_agent: "a\nb".to_owned(), ..options() };
    let failure = Client::new(options).expect_err("a failure");
    assert_eq!(failure.kind, aquifer_effects::Kind::Configuration);
    assert_eq!(json!(failure.status), json!(400));
}
