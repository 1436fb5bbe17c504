//! What comes back.

use aquifer_effects::{
    Kind,
    http::{HttpCall, Output},
};
use serde_json::{Value, json};

use super::{
    call, send,
    server::{Server, reply},
};

const JSON: &str = "content-type: application/json; charset=utf-8";

async fn content(content_type: &str, body: impl AsRef<[u8]>) -> Value {
    let server = Server::always(reply(200, &[&format!("content-type: {content_type}")], body)).await;
    send(call("get", server.uri("/"))).await.expect("success")
}

#[tokio::test]
async fn content_becomes_a_value_by_its_type() {
    assert_eq!(content("application/json", r#"{"id":1}"#).await, json!({"id": 1}));
    assert_eq!(content("application/hal+json; v=1", "[1]").await, json!([1]));
    assert_eq!(content("text/plain", "{}\n").await, json!("{}\n"));
    assert_eq!(content("text/plain; charset=latin1", b"\xe9").await, json!("é"));
    assert_eq!(content("application/xml", "<a/>").await, json!("<a/>"));
    assert_eq!(content("image/png", b"\x89PNG").await, json!("iVBORw=="));
    let server = Server::always(reply(200, &[], "{}")).await;
    assert_eq!(send(call("get", server.uri("/"))).await, Ok(json!("e30=")));
}

#[tokio::test]
async fn no_content_is_null() {
    for output in [Output::Raw, Output::Content] {
        for (method, answer) in [
            ("get", reply(204, &[JSON], "")),
            ("get", reply(200, &[JSON], "")),
            ("head", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n".to_vec()),
            ("head", b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n".to_vec()),
        ] {
            let server = Server::always(answer).await;
            let call = HttpCall { output, ..call(method, server.uri("/")) };
            assert_eq!(send(call).await, Ok(Value::Null), "{method} {output:?}");
        }
    }
}

#[tokio::test]
async fn raw_is_base64_whatever_the_type() {
    let server = Server::always(reply(200, &[JSON], "{broken")).await;
    let call = HttpCall { output: Output::Raw, ..call("get", server.uri("/")) };
    assert_eq!(send(call).await, Ok(json!("e2Jyb2tlbg==")));
}

#[tokio::test]
async fn response_is_the_whole_exchange_without_credentials() {
    let headers = [JSON, "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Made-By: test"];
    let server = Server::always(reply(201, &headers, r#"{"id":1}"#)).await;
    let call = HttpCall {
        output: Output::Response,
        headers: Some(json!({
            "Authorization": "Bearer s3cret", "Cookie": "s3cret", "X-Api-Key": "s3cret", "Private-Token": "s3cret",
            "Proxy-Authorization": "s3cret", "X-Vault-Token": "s3cret", "Accept": "application/json"
        })),
        query: Some(json!({"q": 1})),
        body: Some(json!({})),
        ..call("post", server.uri("/pets"))
    };
    let response = send(call).await.expect("success");
    assert_eq!(
        response["request"],
        json!({
            "method": "POST",
            "uri": server.uri("/pets?q=1"),
            "headers": {
                "authorization": "***", "cookie": "***", "x-api-key": "***", "private-token": "***",
                "proxy-authorization": "***", "x-vault-token": "***", "accept": "application/json",
                "idempotency-key": "key-1", "content-type": "application/json"
            }
        })
    );
    assert_eq!(server.only().header("x-vault-token").as_deref(), Some("s3cret"));
    assert_eq!(response["statusCode"], 201);
    assert_eq!(response["headers"]["x-made-by"], "test");
    assert_eq!(response["headers"]["set-cookie"], "a=1, b=2");
    assert_eq!(response["content"], json!({"id": 1}));
}

#[tokio::test]
async fn a_status_outside_of_success_is_a_communication_error_with_that_status() {
    for (status, title) in [
        (301, Some("Moved Permanently")),
        (304, Some("Not Modified")),
        (400, Some("Bad Request")),
        (401, Some("Unauthorized")),
        (404, Some("Not Found")),
        (429, Some("Too Many Requests")),
        (500, Some("Internal Server Error")),
        (599, None),
    ] {
        let server = Server::always(reply(status, &["location: /elsewhere"], "")).await;
        let failure = send(call("get", server.uri("/a?key=s3cret"))).await.expect_err("a failure");
        assert_eq!((failure.kind, failure.status), (Kind::Communication, status));
        assert_eq!(failure.title.as_deref(), title);
        assert_eq!(failure.detail, format!("GET {}?... answered {status}", server.uri("/a")));
    }
}

#[tokio::test]
async fn every_status_of_success_is_one() {
    for status in [200, 201, 202, 203, 206, 226, 299] {
        let server = Server::always(reply(status, &["content-type: text/plain"], "yes")).await;
        assert_eq!(send(call("get", server.uri("/"))).await, Ok(json!("yes")), "{status}");
    }
}

#[tokio::test]
async fn a_refusal_quotes_a_short_and_safe_part_of_what_was_said() {
    let said = format!("no \x1b[31msuch\r\n\tpet\0 {}", "x".repeat(5000));
    let server = Server::always(reply(404, &["content-type: text/plain"], said)).await;
    let failure = send(call("get", server.uri("/"))).await.expect_err("a failure");
    let (_, quoted) = failure.detail.split_once("answered 404: ").expect("a quotation");
    assert!(quoted.starts_with("no [31msuch pet xxx"), "{quoted:?}");
    assert!(quoted.chars().count() <= 303 && quoted.ends_with("x..."), "{quoted:?}");

    let server = Server::always(reply(404, &["content-type: image/png"], "\u{1}binary")).await;
    let failure = send(call("get", server.uri("/"))).await.expect_err("a failure");
    assert!(failure.detail.ends_with("answered 404"), "{failure}");
}

#[tokio::test]
async fn json_that_is_none_is_a_communication_error() {
    for body in ["{", "<html>", " ", &"[".repeat(100_000), "1e999"] {
        let server = Server::always(reply(200, &[JSON], body)).await;
        let failure = send(call("get", server.uri("/"))).await.expect_err("a failure");
        assert_eq!((failure.kind, failure.status), (Kind::Communication, 500));
        assert!(failure.detail.contains("not valid json") && failure.detail.contains("GET http"), "{failure}");
    }
}

#[tokio::test]
async fn a_large_reply_is_decoded_too() {
    let numbers = json!((0..200_000).collect::<Vec<_>>());
    let server = Server::always(reply(200, &[JSON], numbers.to_string())).await;
    assert!(send(call("get", server.uri("/"))).await == Ok(numbers), "the reply differs");
}
