//! Requests to DynamoDB: never more at once than there are connections, and again where it is busy.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use aquifer_core::{Error, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

use crate::error::{Access, Fault, explain, fault};
use crate::options::DynamoOptions;

/// How long DynamoDB may stay busy before the caller is told, who may be more patient: others wait for the end of the same commit.
const PATIENCE: Duration = Duration::from_secs(3);

/// The first pause, which doubles up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure<E> {
    /// What it means to the caller of the backend.
    pub(crate) error: Error,
    /// What DynamoDB said, if it did.
    pub(crate) said: Option<E>,
}

impl<E> From<Failure<E>> for Error {
    fn from(failure: Failure<E>) -> Self {
        failure.error
    }
}

/// Makes requests.
pub(crate) struct Calls {
    /// The SDK's client, which the requests are made with.
    pub(crate) client: Client,
    permits: Semaphore,
    acquire_timeout: Duration,
    place: String,
}

/// Pauses that grow, each of random length so that those who were refused together do not come back together.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
    until: Instant,
}

impl Pauses {
    /// Pauses for as long as DynamoDB may stay busy.
    pub(crate) fn new() -> Self {
        Self { next: PAUSES.0, until: Instant::now() + PATIENCE }
    }

    /// Waits; false if it has been long enough.
    pub(crate) async fn pause(&mut self) -> bool {
        let pause = self.next.mul_f64(0.1 + 0.9 * fastrand::f64());
        if Instant::now() + pause > self.until {
            return false;
        }
        sleep(pause).await;
        self.next = self.next.saturating_mul(2).min(PAUSES.1);
        true
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client knows the credentials.
        f.debug_struct("Calls").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Calls {
    pub(crate) fn new(client: Client, options: &DynamoOptions) -> Self {
        Self {
            client,
            permits: Semaphore::new(options.max_connections),
            acquire_timeout: options.acquire_timeout,
            place: options.place(),
        }
    }

    /// Where DynamoDB is.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Makes a request, again while DynamoDB is busy, and a read again if DynamoDB failed.
    ///
    /// # Errors
    /// What the last failure means; `Unavailable` if all connections stay in use.
    pub(crate) async fn call<T, E, R, F>(&self, access: Access, request: impl Fn(&Client) -> F) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + StdError + 'static,
        R: Debug + 'static,
    {
        self.call_while(access, |_| false, request).await
    }

    /// The same, with more that means that DynamoDB is busy.
    ///
    /// # Errors
    /// As for [`Calls::call`].
    pub(crate) async fn call_while<T, E, R, F>(
        &self,
        access: Access,
        is_busy: impl Fn(&E) -> bool,
        request: impl Fn(&Client) -> F,
    ) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + StdError + 'static,
        R: Debug + 'static,
    {
        let mut pauses = Pauses::new();
        loop {
            let permit = self.acquire().await.map_err(|error| Failure { error, said: None })?;
            // On the heap: the SDK's futures are large, and many are under way at once.
            let answer = Box::pin(request(&self.client)).await;
            drop(permit);
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let busy = match fault(&error) {
                Fault::Busy => true,
                Fault::Lost => access == Access::Read && matches!(error, SdkError::ServiceError(_)),
                Fault::Refused => error.as_service_error().is_some_and(&is_busy),
                Fault::Unreached => false,
            };
            if busy && pauses.pause().await {
                tracing::debug!(%error, "DynamoDB is busy, trying again");
                continue;
            }
            let meant = match error.as_service_error() {
                Some(said) if is_busy(said) => {
                    Error::unavailable("DynamoDB stays busy with other transactions on the same records")
                }
                _ => explain(&error, access, &self.place),
            };
            let said = match error {
                SdkError::ServiceError(refusal) => Some(refusal.into_err()),
                _ => None,
            };
            return Err(Failure { error: meant, said });
        }
    }

    async fn acquire(&self) -> Result<SemaphorePermit<'_>> {
        match timeout(self.acquire_timeout, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Error::unavailable("the backend is closed")),
            Err(_) => Err(Error::unavailable(
                "all connections to DynamoDB stay in use: raise the option max_connections or acquire_timeout",
            )),
        }
    }
}
