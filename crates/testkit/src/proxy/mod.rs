//! What breaks the way to a server.

mod fault;
mod pump;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

pub use fault::Fault;

use fault::Faults;

/// A way to a server that can be broken: what connects to [`address`](Self::address) talks to the server, as well as the
/// current [`Fault`] lets it. Ends with this value, and with it all connections.
///
/// It understands no protocol, and passes on TLS unread.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    target: SocketAddr,
    faults: Arc<Faults>,
    /// Takes connections; nothing while they are refused.
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

impl Proxy {
    /// A way to `target`, which works as long as nothing else is [`set`](Self::set).
    ///
    /// # Errors
    /// If there is no port for it.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let faults = Arc::new(Faults::default());
        let acceptor = Mutex::new(Some(tokio::spawn(accept(listener, target, faults.clone()))));
        Ok(Self { address, target, faults, acceptor })
    }

    /// Where clients connect; it stays the same.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `url` with the server's address in it replaced by the proxy's: the first `HOST:PORT` whose port is the server's.
    ///
    /// # Panics
    /// If there is none.
    #[expect(clippy::panic, reason = "a test of a fault that is not on the way would show nothing")]
    pub fn in_url(&self, url: &str) -> String {
        let port = self.target.port();
        for host in ["localhost", "127.0.0.1"] {
            let server = format!("{host}:{port}");
            if url.contains(&server) {
                return url.replacen(&server, &format!("{host}:{}", self.address.port()), 1);
            }
        }
        panic!("the URL names no server on port {port} of this machine");
    }

    /// Breaks the way from now on, for the connections that there are too, or mends it with [`Fault::Pass`].
    ///
    /// # Errors
    /// If the port was given up for [`Fault::Refuse`] and somebody else has taken it.
    pub async fn set(&self, fault: Fault) -> io::Result<()> {
        let refuses = fault == Fault::Refuse;
        self.faults.set(fault);
        let mut acceptor = self.acceptor.lock().await;
        if refuses {
            if let Some(acceptor) = acceptor.take() {
                acceptor.abort();
                // It is over once nobody listens any more; that it was ended is no news.
                let _ = acceptor.await;
            }
        } else if acceptor.is_none() {
            let socket = TcpSocket::new_v4()?;
            // Connections of before may linger on the port.
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            let listener = socket.listen(1024)?;
            *acceptor = Some(tokio::spawn(accept(listener, self.target, self.faults.clone())));
        }
        Ok(())
    }

    /// Resets all connections that there are; new ones are not affected.
    pub fn reset_all(&self) {
        self.faults.resets.send_modify(|count| *count += 1);
    }

    /// How many connections have been accepted so far.
    pub fn accepted(&self) -> usize {
        self.faults.accepted.load(Ordering::Relaxed)
    }

    /// How many of them are open now.
    pub fn open(&self) -> usize {
        self.faults.open.load(Ordering::Relaxed)
    }

    /// How many replies have been cut or dropped so far.
    pub fn cut(&self) -> usize {
        self.faults.cut.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.reset_all();
        if let Some(acceptor) = self.acceptor.get_mut() {
            acceptor.abort();
        }
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, faults: Arc<Faults>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        faults.accepted.fetch_add(1, Ordering::Relaxed);
        let faults = faults.clone();
        tokio::spawn(async move {
            faults.open.fetch_add(1, Ordering::Relaxed);
            serve(client, target, &faults).await;
            faults.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Serves one connection to its end.
async fn serve(mut client: TcpStream, target: SocketAddr, faults: &Faults) {
    let mut resets = faults.resets.subscribe();
    if faults.now() == Fault::ResetNew {
        reset(client);
        return;
    }
    let connected = tokio::select! {
        connected = TcpStream::connect(target) => connected,
        _ = resets.changed() => return reset(client),
    };
    // A server that cannot be reached ends the connection as its own refusal would, only later.
    let Ok(mut server) = connected else { return reset(client) };
    // Each part is on its way as soon as it comes; without it there is only more delay.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let orderly = tokio::select! {
        orderly = pump::both_ways(&mut client, &mut server, faults) => orderly,
        _ = resets.changed() => false,
    };
    if !orderly {
        reset(client);
    }
}

/// Ends a connection such that the other side sees a reset, not an end.
fn reset(stream: TcpStream) {
    // Without it the other side sees an end, which is a fault too.
    let _ = stream.set_zero_linger();
}
