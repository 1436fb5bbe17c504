//! A pool of connections: never more than so many, and never all of them made at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aquifer_core::{Error, Result, Retry};
use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long the first pause after a connection that could not be made is, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long a connection may have been idle to be handed out without being asked whether it lives.
const FRESH: Duration = Duration::from_secs(1);

/// How long saying goodbye to the server may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a pool holds, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// The most connections at any time, those that are being opened and closed included.
    pub max_connections: usize,
    /// How many connections are kept even if nobody needs them.
    pub min_connections: usize,
    /// How long to wait for a connection.
    pub acquire_timeout: Duration,
    /// How long a connection may be idle before it is closed.
    pub idle_timeout: Duration,
    /// How old a connection may grow. Each ends up to a fifth earlier, so that they do not all end together.
    pub max_lifetime: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            min_connections: 0,
            acquire_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(1800),
        }
    }
}

/// What opens and closes the connections of a pool.
#[async_trait]
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// A connection.
    type Connection: Send + 'static;

    /// Opens one; bounds its own time.
    async fn connect(&self) -> Result<Self::Connection>;

    /// Whether it still lives.
    async fn is_alive(&self, connection: &mut Self::Connection) -> bool;

    /// Says goodbye to the server.
    async fn disconnect(&self, connection: Self::Connection);
}

/// A pool of connections. Cheap to clone.
pub struct Pool<C: Connect>(Arc<Inner<C>>);

struct Inner<C: Connect> {
    connect: C,
    options: PoolOptions,
    permits: Arc<Semaphore>,
    state: Mutex<State<C::Connection>>,
    /// Held while a connection is made: one at a time, so that a server that comes back is not overrun.
    door: tokio::sync::Mutex<()>,
    is_closed: AtomicBool,
}

struct State<T> {
    /// The one that was used last is at the end, and is the next to be used.
    idle: VecDeque<Idle<T>>,
    /// How many attempts to connect have failed since the last that did not, and when the next may be made.
    failures: u32,
    not_before: Option<Instant>,
}

struct Idle<T> {
    connection: T,
    since: Instant,
    until: Instant,
}

/// A connection of the pool, given back when it is dropped unless it is broken.
pub struct Pooled<C: Connect> {
    connection: Option<C::Connection>,
    until: Instant,
    is_broken: bool,
    permit: Option<OwnedSemaphorePermit>,
    pool: Pool<C>,
}

impl<C: Connect> Pool<C> {
    /// A pool without connections. Call within a runtime.
    pub fn new(connect: C, options: PoolOptions) -> Self {
        let options = PoolOptions { max_connections: options.max_connections.max(1), ..options };
        let inner = Arc::new(Inner {
            connect,
            options,
            permits: Arc::new(Semaphore::new(options.max_connections)),
            state: Mutex::new(State { idle: VecDeque::new(), failures: 0, not_before: None }),
            door: tokio::sync::Mutex::new(()),
            is_closed: AtomicBool::new(false),
        });
        tokio::spawn(tidy(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// What opens the connections.
    pub fn connector(&self) -> &C {
        &self.0.connect
    }

    /// A connection: one that is idle, or a new one.
    ///
    /// # Errors
    /// `Unavailable` if none is to be had in time or the pool is closed; what [`Connect::connect`] says.
    pub async fn acquire(&self) -> Result<Pooled<C>> {
        let permit = self.permit().await?;
        self.fill(permit).await
    }

    /// The right to one connection outside of the pool, within its limit. An idle one makes room for it.
    ///
    /// # Errors
    /// As for [`Pool::acquire`].
    pub async fn reserve(&self) -> Result<OwnedSemaphorePermit> {
        let permit = self.permit().await?;
        let excess = {
            let mut state = self.state();
            let is_full = state.idle.len() > self.0.permits.available_permits();
            if is_full { state.idle.pop_front() } else { None }
        };
        if let Some(idle) = excess {
            // A server that does not answer must not keep anybody.
            let _ = timeout(GOODBYE, self.0.connect.disconnect(idle.connection)).await;
        }
        Ok(permit)
    }

    fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.permits).try_acquire_owned().ok()
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        let within = self.0.options.acquire_timeout;
        match timeout(within, Arc::clone(&self.0.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(closed()),
            Err(_) => Err(Error::unavailable(format!(
                "all {} connections were in use for {within:?}: raise max_connections or acquire_timeout",
                self.0.options.max_connections
            ))),
        }
    }

    async fn fill(&self, permit: OwnedSemaphorePermit) -> Result<Pooled<C>> {
        let mut permit = permit;
        while let Some(idle) = self.take_idle() {
            let now = Instant::now();
            let (is_fresh, is_young) = (now.duration_since(idle.since) < FRESH, now < idle.until);
            // Taken for broken meanwhile: if this future is dropped, nobody gets a connection in the middle of a reply.
            let mut found = self.pooled(idle.connection, idle.until, permit);
            found.is_broken = true;
            let is_alive = is_young
                && match &mut found.connection {
                    Some(connection) => is_fresh || self.0.connect.is_alive(connection).await,
                    None => false,
                };
            if is_alive {
                found.is_broken = false;
                return Ok(found);
            }
            permit = found.end().await.ok_or_else(closed)?;
        }
        let connection = self.connect().await?;
        Ok(self.pooled(connection, self.end_of_life(), permit))
    }

    fn pooled(&self, connection: C::Connection, until: Instant, permit: OwnedSemaphorePermit) -> Pooled<C> {
        let pool = self.clone();
        Pooled { connection: Some(connection), until, is_broken: false, permit: Some(permit), pool }
    }

    fn take_idle(&self) -> Option<Idle<C::Connection>> {
        self.state().idle.pop_back()
    }

    /// Opens a connection, one at a time; after a failure not before a pause has passed that grows and differs for everybody.
    async fn connect(&self) -> Result<C::Connection> {
        let deadline = Instant::now() + self.0.options.acquire_timeout;
        let door = timeout(self.0.options.acquire_timeout, self.0.door.lock()).await;
        let _door = door.map_err(|_| Error::unavailable("no connection could be opened in time"))?;
        let not_before = self.state().not_before;
        if let Some(not_before) = not_before {
            tokio::time::sleep_until(not_before.min(deadline).into()).await;
        }
        if self.0.is_closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let connected = self.0.connect.connect().await;
        let mut state = self.state();
        match &connected {
            Ok(_) => (state.failures, state.not_before) = (0, None),
            Err(_) => {
                let longest = PAUSES.0.saturating_mul(1 << state.failures.min(10)).min(PAUSES.1);
                let pause = longest.mul_f64(0.5 + fastrand::f64() / 2.0);
                state.failures = state.failures.saturating_add(1);
                state.not_before = Some(Instant::now() + pause);
            }
        }
        drop(state);
        connected
    }

    fn end_of_life(&self) -> Instant {
        Instant::now() + self.0.options.max_lifetime.mul_f64(1.0 - fastrand::f64() / 5.0)
    }

    /// Refuses what comes now, waits for the connections that are in use, at most the time to acquire one, and closes all.
    pub async fn close(&self) {
        if self.0.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let all = u32::try_from(self.0.options.max_connections).unwrap_or(u32::MAX);
        let in_use = timeout(self.0.options.acquire_timeout, self.0.permits.acquire_many(all)).await;
        self.0.permits.close();
        while let Some(idle) = self.take_idle() {
            // A server that does not answer keeps nobody from leaving.
            let _ = timeout(GOODBYE, self.0.connect.disconnect(idle.connection)).await;
        }
        drop(in_use);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<C::Connection>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes what has been idle or has lived for too long, and opens what is to be kept.
    async fn tidy_once(&self) {
        let now = Instant::now();
        let options = self.0.options;
        let mut ended = Vec::new();
        let mut spare = {
            let mut state = self.state();
            let spare = state.idle.len().saturating_sub(options.min_connections);
            let idle = std::mem::take(&mut state.idle);
            for connection in idle {
                let unused = ended.len() < spare && now.duration_since(connection.since) >= options.idle_timeout;
                if unused || now >= connection.until {
                    ended.push(connection)
                } else {
                    state.idle.push_back(connection)
                }
            }
            options.min_connections.saturating_sub(state.idle.len())
        };
        for idle in ended {
            // It is closed within its permit, so that the server never sees more than there may be.
            let Some(permit) = self.try_permit() else { continue };
            let _ = timeout(GOODBYE, self.0.connect.disconnect(idle.connection)).await;
            drop(permit);
        }
        while spare > 0 && !self.0.is_closed.load(Ordering::Acquire) {
            let Some(permit) = self.try_permit() else { return };
            let Ok(connection) = self.connect().await else { return };
            self.put(connection, self.end_of_life());
            drop(permit);
            spare -= 1;
        }
    }

    fn put(&self, connection: C::Connection, until: Instant) {
        self.state().idle.push_back(Idle { connection, since: Instant::now(), until });
    }
}

impl<C: Connect> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Connect> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("connect", &self.0.connect).field("options", &self.0.options).finish()
    }
}

impl<C: Connect> Pooled<C> {
    /// Says that the connection must not be used again: it is in the middle of something, or lost.
    pub fn set_broken(&mut self, is_broken: bool) {
        self.is_broken = is_broken;
    }

    /// Closes the connection and hands over the right to another.
    async fn end(mut self) -> Option<OwnedSemaphorePermit> {
        let permit = self.permit.take();
        if let Some(connection) = self.connection.take() {
            // A server that does not answer must not keep anybody.
            let _ = timeout(GOODBYE, self.pool.0.connect.disconnect(connection)).await;
        }
        permit
    }

    /// The connection, which is there until this is dropped.
    ///
    /// # Errors
    /// `Unavailable` if it is not, which does not happen.
    pub fn connection(&mut self) -> Result<&mut C::Connection> {
        self.connection.as_mut().ok_or_else(closed)
    }

    /// Where it came from.
    pub fn pool(&self) -> &Pool<C> {
        &self.pool
    }
}

impl<C: Connect> Drop for Pooled<C> {
    fn drop(&mut self) {
        let (Some(connection), permit) = (self.connection.take(), self.permit.take()) else { return };
        if !self.is_broken && !self.pool.0.is_closed.load(Ordering::Acquire) {
            self.pool.put(connection, self.until);
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let pool = self.pool.clone();
            runtime.spawn(async move {
                // Within the permit, so that the server never sees more connections than there may be.
                let _ = timeout(GOODBYE, pool.0.connect.disconnect(connection)).await;
                drop(permit);
            });
        }
    }
}

fn closed() -> Error {
    Error::unavailable("the database is closed").with_retry(Retry::Permanent)
}

/// Tidies from time to time until the pool is gone or closed.
async fn tidy<C: Connect>(inner: std::sync::Weak<Inner<C>>) {
    loop {
        let Some(pause) = inner.upgrade().map(|inner| {
            let least = inner.options.idle_timeout.min(inner.options.max_lifetime) / 4;
            least.clamp(Duration::from_millis(50), Duration::from_secs(30))
        }) else {
            return;
        };
        tokio::time::sleep(pause).await;
        match inner.upgrade() {
            Some(inner) if !inner.is_closed.load(Ordering::Acquire) => Pool(inner).tidy_once().await,
            _ => return,
        }
    }
}
