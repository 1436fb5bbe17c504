//! Redirects, followed and not.

use aquifer_effects::http::HttpCall;
use serde_json::{Value, json};

use super::{
    call, respond, send,
    server::{Received, Server, reply},
};

/// A server that redirects from `/from` and answers elsewhere with what it got.
async fn redirecting(status: u16, location: String) -> Server {
    Server::start(move |request| {
        if request.target == "/from" {
            reply(status, &[&format!("location: {location}")], "gone")
        } else {
            echo(request)
        }
    })
    .await
}

fn echo(request: &Received) -> Vec<u8> {
    let text = format!("{} {} {}", request.method, request.target, request.body);
    reply(200, &["content-type: text/plain"], text)
}

fn following(method: &str, uri: String) -> HttpCall<'static> {
    HttpCall { redirect: true, ..call(method, uri) }
}

#[tokio::test]
async fn each_status_follows_its_rule() {
    for (status, method, expected) in [
        (301, "get", "GET /to "),
        (301, "post", "GET /to "),
        (302, "post", "GET /to "),
        (302, "put", "PUT /to {\"a\":1}"),
        (303, "post", "GET /to "),
        (303, "put", "GET /to "),
        (307, "post", "POST /to {\"a\":1}"),
        (308, "put", "PUT /to {\"a\":1}"),
    ] {
        let server = redirecting(status, "/to".to_owned()).await;
        let call =
            HttpCall { body: (method != "get").then(|| json!({"a": 1})), ..following(method, server.uri("/from")) };
        assert_eq!(send(call).await, Ok(json!(expected)), "{status} {method}");
        let second = &server.received()[1];
        let kept = second.body.is_empty();
        assert_eq!(second.header("content-type").is_none(), kept, "{status} {method}");
        assert_eq!(second.header("idempotency-key").as_deref(), Some("key-1"));
    }
}

#[tokio::test]
async fn the_response_names_the_request_that_was_answered() {
    let server = redirecting(302, "/to?x=1".to_owned()).await;
    let response = respond(following("get", server.uri("/from"))).await;
    assert_eq!(response["request"]["uri"], server.uri("/to?x=1"));
    assert_eq!(response["content"], "GET /to?x=1 ");
}

#[tokio::test]
async fn a_reply_that_leads_nowhere_is_the_result() {
    for headers in [&[][..], &["location: http://["], &["location: file:///etc/passwd"], &["location: javascript:1"]] {
        let server = Server::always(reply(302, headers, "stay")).await;
        let response = respond(following("get", server.uri("/"))).await;
        assert_eq!(response["statusCode"], 302, "{headers:?}");
        assert_eq!(server.received().len(), 1);
    }
    for status in [300, 304, 399] {
        let server = Server::always(reply(status, &["location: /elsewhere"], "")).await;
        assert_eq!(send(following("get", server.uri("/"))).await, Ok(Value::Null), "{status}");
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn a_loop_ends_after_ten_redirects() {
    let server = Server::always(reply(302, &["location: /again"], "")).await;
    let response = respond(following("get", server.uri("/"))).await;
    assert_eq!(response["statusCode"], 302);
    assert_eq!(server.received().len(), 11);
}

#[tokio::test]
async fn a_refusal_after_a_redirect_is_an_error() {
    let server = Server::start(|request| match request.target.as_str() {
        "/from" => reply(302, &["location: /to"], ""),
        _ => reply(404, &[], ""),
    })
    .await;
    let failure = send(following("get", server.uri("/from"))).await.expect_err("a failure");
    assert_eq!(failure.status, 404);
    assert!(failure.detail.contains("/to answered 404"), "{failure}");
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let credentials = json!({
        "Authorization": "s3cret", "Cookie": "s3cret", "X-Api-Key": "s3cret", "X-Auth-Token": "s3cret", "X-Other": "kept"
    });
    let names = ["authorization", "cookie", "x-api-key", "x-auth-token"];
    let other = Server::start(echo).await;
    for (location, crosses) in [("/to".to_owned(), false), (other.uri("/to"), true)] {
        let server = redirecting(307, location).await;
        let call = HttpCall { headers: Some(credentials.clone()), ..following("get", server.uri("/from")) };
        assert_eq!(send(call).await, Ok(json!("GET /to ")));
        let first = &server.received()[0];
        let second = if crosses { other.only() } else { server.received()[1].clone() };
        assert_eq!(second.header("x-other").as_deref(), Some("kept"));
        for name in names {
            assert_eq!(first.header(name).as_deref(), Some("s3cret"), "{name}");
            assert_eq!(second.header(name).is_none(), crosses, "{name}");
        }
    }
}

#[tokio::test]
async fn credentials_in_the_uri_stay_with_their_origin() {
    let other = Server::start(echo).await;
    let server = redirecting(302, other.uri("/to")).await;
    let uri = server.uri("/from").replace("http://", "http://me:s3cret@");
    assert_eq!(send(following("get", uri)).await, Ok(json!("GET /to ")));
    assert!(server.only().header("authorization").is_some());
    assert_eq!(other.only().header("authorization"), None);
}
