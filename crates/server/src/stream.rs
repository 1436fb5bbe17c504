//! Events of an execution as they happen.

use std::collections::VecDeque;
use std::convert::Infallible;

use aquifer_core::kinds::EventBatch;
use aquifer_core::{Change, Entity, Error, ErrorKind, ExecutionId, TenantId, Value, Watch};
use aquifer_engine::Event;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream;

use crate::app::App;
use crate::problem::Problem;

/// How many events are read at a time.
const CHUNK: usize = 100;

/// The events after number `after`: those that are there, then those to come, until the execution has ended or the server stops.
pub(crate) async fn events(
    app: App,
    tenant: TenantId,
    id: ExecutionId,
    after: i64,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Error> {
    // Watched before the first read, so that nothing falls between.
    let watch = app.engine().store().backend().watch(EventBatch::KIND).await?;
    let partition = vec![Value::from(&tenant), Value::from(&id)];
    let feed = Feed { app, tenant, id, partition, after, read: VecDeque::new(), watch, ended: false };
    let events = stream::unfold(feed, async |mut feed| feed.next().await.map(|event| (Ok(event), feed)));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

struct Feed {
    app: App,
    tenant: TenantId,
    id: ExecutionId,
    /// How the watch names this execution.
    partition: Vec<Value>,
    /// The number of the last event that was sent.
    after: i64,
    /// Events that were read and not sent yet.
    read: VecDeque<Event>,
    watch: Watch,
    ended: bool,
}

impl Feed {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if self.app.stop().is_cancelled() || self.ended {
                return None;
            }
            if let Some(event) = self.read.pop_front() {
                self.after = event.number;
                // A CloudEvent always has a JSON form.
                return sse::Event::default().id(event.number.to_string()).json_data(event.cloud_event).ok();
            }
            match self.read_on().await {
                Ok(true) => {}
                Ok(false) => self.wait().await,
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!(execution = %self.id, %error, "a stream of events waits for the database");
                    self.wait().await;
                }
                // The execution was deleted.
                Err(error) if error.is_not_found() => return None,
                Err(error) => {
                    self.ended = true;
                    return sse::Event::default().event("problem").json_data(Problem::from(error)).ok();
                }
            }
        }
    }

    /// Reads what there is; false if there is nothing yet.
    async fn read_on(&mut self) -> Result<bool, Error> {
        let engine = self.app.engine();
        self.read = engine.events(&self.tenant, &self.id, self.after, CHUNK).await?.into();
        if !self.read.is_empty() {
            return Ok(true);
        }
        let execution = engine.store().tenant(&self.tenant).get_execution(&self.id).await?;
        self.ended = execution.status.is_final() && self.after >= execution.last_event;
        // An execution that wrote its last event meanwhile is read once more.
        Ok(self.ended || self.after < execution.last_event)
    }

    async fn wait(&mut self) {
        let changed = async {
            loop {
                match self.watch.next().await {
                    Change::Partition(changed) if changed != self.partition => {}
                    _ => return,
                }
            }
        };
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(self.app.options().poll) => {}
            () = self.app.stop().cancelled() => {}
        }
    }
}
