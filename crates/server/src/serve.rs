//! A server on a socket.

use std::io;
use std::pin::pin;
use std::time::Duration;

use aquifer_engine::Engine;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::app::stoppable;
use crate::options::ServerOptions;

/// How often the metrics are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long to wait when the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(200);

/// Serves until `shutdown` is done: then it accepts nothing new, ends streams, and finishes the requests under way within
/// [`ServerOptions::grace`]. The engine runs on; shut it down afterwards.
///
/// # Errors
/// If the socket fails.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    listener.local_addr()?;
    let stop = CancellationToken::new();
    let cut = CancellationToken::new();
    if let Some(metrics) = options.metrics.clone() {
        tokio::spawn(stop.clone().run_until_cancelled_owned(tidy(metrics)));
    }
    let grace = options.grace;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(options.head_timeout);
    let service = TowerToHyperService::new(stoppable(engine, options, stop.clone()));
    let connections = GracefulShutdown::new();

    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            () = &mut shutdown => break,
        };
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
        let cut = cut.clone();
        tokio::spawn(async move {
            if let Some(Err(error)) = cut.run_until_cancelled(connection).await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }

    drop(listener);
    stop.cancel();
    if tokio::time::timeout(grace, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests were not done in time and are cut off");
        cut.cancel();
    }
    Ok(())
}

/// The next connection. Errors are of one connection, or pass when others end.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Events are small and wanted at once; a socket that refuses this still works.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_ROOM).await;
            }
        }
    }
}

async fn tidy(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}
