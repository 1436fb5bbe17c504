//! Changes that others make, where the server tells of them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use aquifer_core::{Kind, Notifier, Schema};
use futures_util::stream::StreamExt as _;
use mongodb::bson::{Document, doc};
use tokio::task::JoinHandle;

use crate::connection::Connection;
use crate::layout::ID;
use crate::values::key_of;

/// How long to wait before listening again after it broke, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How long the server holds a request without changes.
const PATIENCE: Duration = Duration::from_secs(1);

/// One task that listens to the whole database, from the first watch on.
#[derive(Debug, Default)]
pub(crate) struct Listener(std::sync::Mutex<Option<JoinHandle<()>>>);

impl Listener {
    /// Begins to listen, if nobody has yet, and waits a moment until the server knows.
    pub(crate) async fn start(&self, connection: &Arc<Connection>, notifier: &Arc<Notifier>, schema: &'static Schema) {
        let begun = {
            let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if task.is_some() {
                return;
            }
            let (sender, begun) = tokio::sync::oneshot::channel();
            let (connection, notifier) = (Arc::clone(connection), Arc::clone(notifier));
            *task = Some(tokio::spawn(listen(connection, notifier, schema, sender)));
            begun
        };
        // A watch may miss what happens before: it is a hint, and never worth waiting long for.
        let _ = tokio::time::timeout(PATIENCE, begun).await;
    }

    /// Stops for good.
    pub(crate) fn stop(&self) {
        if let Some(task) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn listen(
    connection: Arc<Connection>,
    notifier: Arc<Notifier>,
    schema: &'static Schema,
    begun: tokio::sync::oneshot::Sender<()>,
) {
    let kinds: Vec<&str> = schema.kinds.iter().map(|kind| kind.name).collect();
    let pipeline = [
        doc! { "$match": {
            "operationType": { "$in": ["insert", "update", "replace", "delete"] },
            "ns.coll": { "$in": kinds },
        } },
        // The key is all that is needed, and the rest may be large.
        doc! { "$project": { "operationType": 1, "ns": 1, "documentKey": 1 } },
    ];
    let mut begun = Some(begun);
    let mut pause = PAUSE.0;
    while !connection.is_closed() {
        let stream = connection.database().watch().pipeline(pipeline.clone()).max_await_time(PATIENCE).await;
        match stream {
            Ok(mut stream) => {
                begun.take().map(|begun| begun.send(()));
                pause = PAUSE.0;
                while let Some(Ok(event)) = stream.next().await {
                    if let Some((kind, partition)) = changed(schema, event.ns, event.document_key) {
                        notifier.notify(kind, &partition);
                    }
                }
            }
            Err(error) => {
                let code = crate::error::code(&error);
                tracing::debug!(code, "cannot listen for changes in MongoDB");
            }
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// The kind and the partition of a changed document; `None` for what is not a record.
fn changed(
    schema: &'static Schema,
    place: Option<mongodb::change_stream::event::ChangeNamespace>,
    key: Option<Document>,
) -> Option<(&'static Kind, Vec<aquifer_core::Value>)> {
    let kind = schema.kind(&place?.coll?)?;
    let id = key?.get_document(ID).ok()?.clone();
    let key = key_of(kind, id).ok()?;
    Some((kind, key.partition().to_vec()))
}
