//! What every route has at hand, and the routes put together.

use std::any::Any;
use std::sync::Arc;

use aquifer_engine::Engine;
use axum::Router;
use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::options::ServerOptions;
use crate::problem::{Problem, ProblemType};
use crate::{observe, openapi, routes};

/// What every route has at hand.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    options: ServerOptions,
    stop: CancellationToken,
}

impl App {
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn options(&self) -> &ServerOptions {
        &self.0.options
    }

    /// Cancelled when the server shuts down: whatever waits for long ends then.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Does `work` to its end, even if the client hangs up meanwhile: an execution that was stored is also begun.
    pub(crate) async fn finish<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        match tokio::spawn(work).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(error) => Err(Problem::internal(&error)),
        }
    }
}

/// The routes of `engine`, to be served or nested by a program of its own. Streams of events end with the executions.
pub fn router(engine: Engine, options: ServerOptions) -> Router {
    stoppable(engine, options, CancellationToken::new())
}

/// The routes, which stop waiting when `stop` is cancelled.
pub(crate) fn stoppable(engine: Engine, options: ServerOptions, stop: CancellationToken) -> Router {
    let app = App(Arc::new(Inner { engine, options, stop }));
    let (documented, _) = openapi::documented().split_for_parts();
    documented
        .merge(routes::health::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CsrfLayer::new().with_rejection_response(cross_origin))
        .layer(middleware::from_fn_with_state(app.clone(), in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(observe::observe))
        .with_state(app)
}

/// Answers for a route that takes too long. What it does may still happen.
async fn in_time(axum::extract::State(app): axum::extract::State<App>, request: Request, next: Next) -> Response {
    let patience = app.options().request_timeout.saturating_add(app.options().max_wait);
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("the answer took too long: what was asked for may still happen").into_response(),
    }
}

async fn not_found(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("there is no route {path}: /api/v1/openapi.json lists them");
    Problem::new(ProblemType::NotFound, detail)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let method: String = method.as_str().chars().take(20).collect();
    let detail = format!("{} does not take {method}: the header Allow lists what it takes", uri.path());
    Problem::new(ProblemType::MethodNotAllowed, detail)
}

fn cross_origin(_: ProtectionError) -> Response {
    let detail = "a page of another web site may not change anything here";
    Problem::new(ProblemType::CrossOrigin, detail).into_response()
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::internal(&std::io::Error::other(text.unwrap_or("a panic without a message").to_owned())).into_response()
}
