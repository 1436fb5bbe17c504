//! A server on a socket.

use std::time::Duration;

use aquifer_engine::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::stoppable;
use crate::options::ServerOptions;

/// How often the metrics are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);

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
) -> std::io::Result<()> {
    let stop = CancellationToken::new();
    let upkeep = options.metrics.clone().map(|metrics| {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                metrics.run_upkeep();
            }
        })
    });
    let grace = options.grace;
    let router = stoppable(engine, options, stop.clone());
    let stopping = stop.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        stopping.cancel();
    });
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    let served = tokio::select! {
        served = async { server.await } => served,
        () = deadline => {
            tracing::warn!("some requests were not done in time and are cut off");
            Ok(())
        }
    };
    if let Some(upkeep) = upkeep {
        upkeep.abort();
    }
    served
}
