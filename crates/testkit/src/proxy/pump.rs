//! What passes between a client and a server.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::fault::{Fault, Faults};

/// How much is read at once.
const BUFFER: usize = 64 * 1024;

/// Passes on what comes until both sides have ended; whether they did so in an orderly way.
pub(super) async fn both_ways(client: &mut TcpStream, server: &mut TcpStream, faults: &Faults) -> bool {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    // Whether the next thing that the server says is the reply that is to be cut.
    let armed = AtomicBool::new(false);
    let requests = requests(from_client, to_server, faults, &armed);
    let replies = replies(from_server, to_client, faults, &armed);
    tokio::try_join!(requests, replies).is_ok()
}

async fn requests(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    faults: &Faults,
    armed: &AtomicBool,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    // The end of what has passed: the bytes that are looked for may come in two parts.
    let mut seen = Vec::new();
    loop {
        let length = from.read(&mut buffer).await?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else { return to.shutdown().await };
        let fault = faults.now();
        if let Fault::CutReply { to: wanted, .. } = &fault {
            seen.extend_from_slice(part);
            if wanted.is_empty() || seen.windows(wanted.len()).any(|bytes| bytes == wanted) {
                armed.store(true, Ordering::SeqCst);
            }
            seen.drain(..seen.len().saturating_sub(wanted.len()));
        } else {
            seen.clear();
        }
        pass(part, &mut to, &fault).await?;
        if fault == Fault::HalfOpen {
            return swallow(from).await;
        }
    }
}

async fn replies(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, faults: &Faults, armed: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    // How much may pass yet, once it is this connection that is to be cut.
    let mut left = None;
    loop {
        let length = from.read(&mut buffer).await?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else { return to.shutdown().await };
        if left.is_none() && armed.swap(false, Ordering::SeqCst) {
            left = faults.take_cut();
        }
        if let Some(left) = &mut left {
            let passing = part.get(..*left).unwrap_or(part);
            *left -= passing.len();
            to.write_all(passing).await?;
            if *left == 0 {
                // So that it is read before the reset, which throws away what has not been.
                tokio::time::sleep(Duration::from_millis(20)).await;
                faults.cut.fetch_add(1, Ordering::Relaxed);
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            continue;
        }
        let fault = faults.now();
        pass(part, &mut to, &fault).await?;
        if fault == Fault::HalfOpen {
            return swallow(from).await;
        }
    }
}

/// Passes on a part as the fault lets it.
async fn pass(part: &[u8], to: &mut WriteHalf<'_>, fault: &Fault) -> io::Result<()> {
    match fault {
        Fault::HalfOpen => Ok(()),
        Fault::Latency(time) => {
            tokio::time::sleep(*time).await;
            to.write_all(part).await
        }
        Fault::Throttle(rate) => {
            let rate = usize::try_from(*rate).unwrap_or(usize::MAX).max(1);
            // Twenty times a second, so that it trickles.
            for little in part.chunks(rate.div_ceil(20)) {
                tokio::time::sleep(Duration::from_secs_f64(little.len() as f64 / rate as f64)).await;
                to.write_all(little).await?;
            }
            Ok(())
        }
        _ => to.write_all(part).await,
    }
}

/// Reads on, and tells nobody, not even of the end.
async fn swallow(mut from: ReadHalf<'_>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    while from.read(&mut buffer).await? > 0 {}
    Ok(())
}
