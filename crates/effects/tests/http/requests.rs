//! What goes out.

use aquifer_effects::{Kind, http::HttpCall};
use serde_json::{Value, json};

use super::{
    call, respond, send,
    server::{Received, Server, reply},
};

/// Sends a call to a server that says yes, and tells what came in.
async fn sent(make: impl FnOnce(HttpCall<'static>) -> HttpCall<'static>) -> Received {
    let server = Server::always(reply(204, &[], "")).await;
    let call = make(call("post", server.uri("/path")));
    assert_eq!(send(call).await, Ok(Value::Null));
    server.only()
}

/// Checks that a call is refused before anything is sent.
async fn refused(kind: Kind, make: impl FnOnce(HttpCall<'static>) -> HttpCall<'static>) -> String {
    let server = Server::always(reply(204, &[], "")).await;
    let failure = send(make(call("post", server.uri("/path")))).await.expect_err("a failure");
    assert_eq!((failure.kind, failure.status), (kind, 400), "{failure}");
    assert_eq!(server.received().len(), 0);
    failure.detail
}

#[tokio::test]
async fn methods_may_have_any_case() {
    for (method, expected) in
        [("get", "GET"), ("GET", "GET"), ("Patch", "PATCH"), ("delete", "DELETE"), ("purge", "PURGE")]
    {
        let received = sent(|call| HttpCall { method: method.to_owned(), ..call }).await;
        assert_eq!(received.method, expected);
    }
    for method in ["", "a b", "get\r\nx: y", "é", "connect"] {
        let make = |call| HttpCall { method: method.to_owned(), ..call };
        refused(Kind::Configuration, make).await;
    }
}

#[tokio::test]
async fn templates_are_expanded_and_data_is_not() {
    let server = Server::always(reply(204, &[], "")).await;
    let variables = json!({"id": "a/b {x}", "x": "no", "q": true});
    let template = HttpCall {
        is_template: true,
        variables: &variables,
        ..call("get", server.uri("/pets/{id}?q={q}&none={none}"))
    };
    assert_eq!(send(template).await, Ok(Value::Null));
    let data = HttpCall { variables: &variables, ..call("get", server.uri("/pets/{x}")) };
    assert_eq!(send(data).await, Ok(Value::Null));
    let targets: Vec<_> = server.received().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/pets/a%2Fb%20%7Bx%7D?q=true&none=", "/pets/%7Bx%7D"]);
}

#[tokio::test]
async fn a_variable_of_a_wrong_type_is_an_expression_error() {
    let variables = json!({"id": {}});
    let call = HttpCall { is_template: true, variables: &variables, ..call("get", "http://localhost/{id}") };
    let failure = send(call).await.expect_err("a failure");
    assert_eq!((failure.kind, failure.status), (Kind::Expression, 400));
}

#[tokio::test]
async fn uris_that_cannot_be_called_are_refused() {
    for endpoint in [
        "",
        "/relative",
        "no scheme",
        "ftp://host/x",
        "file:///etc/passwd",
        "http://",
        "http://a b/",
        "http://h:99999/",
    ] {
        let failure = send(call("get", endpoint)).await.expect_err(endpoint);
        assert_eq!((failure.kind, failure.status), (Kind::Configuration, 400), "{endpoint}: {failure}");
    }
}

#[tokio::test]
async fn query_parameters_are_added_encoded() {
    let server = Server::always(reply(204, &[], "")).await;
    let query =
        json!({"s": "a&b=c d+é", "n": 1.5, "b": false, "none": null, "many": [1, "two", null, true], "empty": ""});
    for (path, target) in [
        ("/path", "/path?s=a%26b%3Dc+d%2B%C3%A9&n=1.5&b=false&many=1&many=two&many=true&empty="),
        ("/path?x=1", "/path?x=1&s=a%26b%3Dc+d%2B%C3%A9&n=1.5&b=false&many=1&many=two&many=true&empty="),
    ] {
        let call = HttpCall { query: Some(query.clone()), ..call("get", server.uri(path)) };
        assert_eq!(send(call).await, Ok(Value::Null));
        assert_eq!(server.received().last().expect("a request").target, target);
    }
    let received = sent(|call| HttpCall { query: Some(json!({"none": null})), ..call }).await;
    assert_eq!(received.target, "/path");
}

#[tokio::test]
async fn headers_are_sent_as_text() {
    let received = sent(|call| HttpCall {
        headers: Some(json!({"X-Text": "a b", "x-number": 3, "x-bool": true, "x-none": null, "X-Utf8": "é", "user-agent": "mine"})),
        ..call
    })
    .await;
    for (name, value) in
        [("x-text", "a b"), ("x-number", "3"), ("x-bool", "true"), ("x-utf8", "é"), ("user-agent", "mine")]
    {
        assert_eq!(received.header(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(received.header("x-none"), None);
    assert_eq!(received.header("content-type"), None);
}

#[tokio::test]
async fn headers_and_queries_that_cannot_be_sent_are_refused() {
    for headers in [
        json!({"a b": "x"}),
        json!({"": "x"}),
        json!({"x": "s3cret\r\ny: z"}),
        json!({"x": ["s3cret"]}),
        json!({"x": {}}),
        json!({"Content-Length": "5"}),
        json!({"transfer-encoding": "chunked"}),
        json!(["s3cret"]),
        json!("s3cret"),
    ] {
        let make = |call| HttpCall { headers: Some(headers), ..call };
        let detail = refused(Kind::Configuration, make).await;
        assert!(!detail.contains("s3cret"), "{detail}");
    }
    for query in [json!({"q": {"s3cret": 1}}), json!({"q": [["s3cret"]]}), json!("s3cret"), json!(1)] {
        let make = |call| HttpCall { query: Some(query), ..call };
        let detail = refused(Kind::Configuration, make).await;
        assert!(!detail.contains("s3cret"), "{detail}");
    }
}

#[tokio::test]
async fn every_call_has_a_user_agent_and_its_key() {
    let received = sent(|call| call).await;
    let agent = received.header("user-agent").expect("a user agent");
    assert!(agent.starts_with("aquifer/"), "{agent}");
    assert_eq!(received.header("idempotency-key").as_deref(), Some("key-1"));
    let received = sent(|call| HttpCall { headers: Some(json!({"idempotency-KEY": "mine"})), ..call }).await;
    assert_eq!(received.header("idempotency-key").as_deref(), Some("mine"));
    let make = |call| HttpCall { idempotency_key: "a\nb".to_owned(), ..call };
    refused(Kind::Configuration, make).await;
}

#[tokio::test]
async fn bodies_are_json_unless_a_header_says_otherwise() {
    for (content_type, body, expected_type, expected) in [
        (None, json!({"a": [1, "é"]}), Some("application/json"), r#"{"a":[1,"é"]}"#),
        (None, json!([]), Some("application/json"), "[]"),
        (None, json!("text"), Some("application/json"), "\"text\""),
        (None, json!(false), Some("application/json"), "false"),
        (None, json!(null), None, ""),
        (Some("application/problem+json"), json!("text"), Some("application/problem+json"), "\"text\""),
        (Some("text/plain; charset=utf-8"), json!("a\n\"é\""), Some("text/plain; charset=utf-8"), "a\n\"é\""),
        (Some("application/xml"), json!("<a/>"), Some("application/xml"), "<a/>"),
        (Some("application/octet-stream"), json!({"a": 1}), Some("application/octet-stream"), r#"{"a":1}"#),
        (Some("application/x-www-form-urlencoded"), json!("a=b"), Some("application/x-www-form-urlencoded"), "a=b"),
        (
            Some("application/x-www-form-urlencoded"),
            json!({"a b": "c&d", "n": 1, "l": ["x", "y"], "none": null}),
            Some("application/x-www-form-urlencoded"),
            "a+b=c%26d&n=1&l=x&l=y",
        ),
    ] {
        let received = sent(|call| HttpCall {
            headers: content_type.map(|text| json!({"Content-Type": text})),
            body: Some(body),
            ..call
        })
        .await;
        assert_eq!(received.body, expected);
        assert_eq!(received.header("content-type").as_deref(), expected_type);
        assert_eq!(received.header("content-length").as_deref(), Some(&*expected.len().to_string()));
    }
    let make = |call| HttpCall {
        headers: Some(json!({"content-type": "application/x-www-form-urlencoded"})),
        body: Some(json!({"a": {"b": 1}})),
        ..call
    };
    refused(Kind::Configuration, make).await;
}

#[tokio::test]
async fn credentials_in_the_uri_are_sent_and_not_shown() {
    let server = Server::always(reply(200, &[], "")).await;
    let uri = server.uri("/x").replace("http://", "http://me:s3cret@");
    let response = respond(call("get", uri)).await;
    // "me:s3cret"
    assert_eq!(server.only().header("authorization").as_deref(), Some("Basic bWU6czNjcmV0"));
    let text = response.to_string();
    assert!(!text.contains("s3cret") && !text.contains("bWU6"), "{text}");
    let server = Server::always(reply(404, &[], "")).await;
    let uri = server.uri("/x").replace("http://", "http://me:s3cret@");
    let failure = send(call("get", uri)).await.expect_err("a failure");
    assert!(failure.detail.starts_with("GET http://***:***@127.0.0.1"), "{failure}");
}
