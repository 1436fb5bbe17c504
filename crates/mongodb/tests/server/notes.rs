//! Notes to write down, and commands that fail.

use std::sync::Arc;

use aquifer_core::{
    Backend, Condition, Entity, Json, Key, Operation, Record, Result, Schema, Timestamp, Transaction, Value,
};
use aquifer_mongodb::{MongodbBackend, MongodbOptions};
use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};

use crate::place::Place;

aquifer_core::kind! {
    /// Something to write down.
    Note as "notes", columns NoteColumn {
        /// Whose it is.
        tenant: String,
        /// Its number.
        number: i64,
        /// A name, unique in the tenant.
        name: Option<String>,
        /// Counts what was done.
        count: i64,
        /// When something is due.
        due_at: Option<Timestamp>,
        /// What is queried.
        document: Option<Json>,
        /// When it is void.
        expires_at: Option<Timestamp>,
    }
    key(tenant, number) partition 1;
    index by_due(due_at);
    unique by_name(tenant, name);
    expiry expires_at;
}

aquifer_core::kind! {
    /// Something that always has a title.
    Page as "pages", columns PageColumn {
        /// Whose it is.
        tenant: String,
        /// Its number.
        number: i64,
        /// Unique in the tenant, and never null.
        title: String,
    }
    key(tenant, number) partition 1;
    unique by_title(tenant, title);
}

/// Notes and pages.
pub(crate) static NOTES: Schema = Schema { version: 1, kinds: &[Note::KIND, Page::KIND] };

/// A page of tenant `t`.
pub(crate) fn page(number: i64, title: &str) -> Page {
    Page { tenant: "t".to_owned(), number, title: title.to_owned() }
}

impl Place {
    /// The backend over notes, migrated. Its connections are known to the server by the name of the database.
    pub(crate) async fn notes(&self, options: &str) -> Arc<MongodbBackend> {
        let url = self.url(&format!("appName={}&max_connections=3&{options}", self.name));
        let backend = MongodbBackend::open(MongodbOptions::from_url(&url).unwrap(), &NOTES).await.unwrap();
        backend.migrate().await.unwrap();
        Arc::new(backend)
    }

    /// The database by the driver alone.
    pub(crate) async fn driver(&self) -> Database {
        Client::with_uri_str(&self.server).await.unwrap().database(&self.name)
    }

    /// Makes commands of the backend fail: MongoDB's `failCommand`, for the connections of this database only.
    pub(crate) async fn fail(&self, mode: Document, commands: &[&str], how: Document) {
        let mut data = how;
        data.insert("failCommands", commands.to_vec());
        data.insert("appName", &self.name);
        self.configure(doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data }).await;
    }

    /// Ends what [`fail`](Self::fail) began.
    pub(crate) async fn mend(&self) {
        let data = doc! { "appName": &self.name, "failCommands": [] };
        self.configure(doc! { "configureFailPoint": "failCommand", "mode": "off", "data": data }).await;
    }

    async fn configure(&self, command: Document) {
        let client = Client::with_uri_str(&self.server).await.unwrap();
        client.database("admin").run_command(command).await.unwrap();
    }
}

/// A note of tenant `t`.
pub(crate) fn note(number: i64) -> Note {
    Note { tenant: "t".to_owned(), number, name: None, count: 0, due_at: None, document: None, expires_at: None }
}

/// The key of [`note`].
pub(crate) fn key(number: i64) -> Key {
    note(number).to_record().key()
}

pub(crate) fn insert(number: i64) -> Operation {
    Operation::Insert(note(number).to_record())
}

/// Sets the count of a note at a revision.
pub(crate) fn set_at(number: i64, revision: u64, count: i64) -> Operation {
    let set = vec![(NoteColumn::count as usize, Value::from(count))];
    Operation::Update { key: key(number), condition: Condition::Revision(revision), set }
}

/// Sets the count of a note that is there.
pub(crate) fn set(number: i64, count: i64) -> Operation {
    let set = vec![(NoteColumn::count as usize, Value::from(count))];
    Operation::Update { key: key(number), condition: Condition::Exists, set }
}

pub(crate) fn check(number: i64, condition: Condition) -> Operation {
    Operation::Check { key: key(number), condition }
}

/// Commits one transaction and answers the revisions.
pub(crate) async fn commit(backend: &dyn Backend, operations: Vec<Operation>) -> Result<Vec<u64>> {
    answer(backend, Transaction::new(operations)).await
}

pub(crate) async fn answer(backend: &dyn Backend, transaction: Transaction) -> Result<Vec<u64>> {
    backend.commit(vec![transaction]).await.remove(0).map(|committed| committed.revisions)
}

pub(crate) async fn get(backend: &dyn Backend, number: i64) -> Option<Record> {
    backend.get(&[key(number)]).await.unwrap().remove(0)
}

/// The revision of a note; 0 if it is not there.
pub(crate) async fn revision(backend: &dyn Backend, number: i64) -> u64 {
    get(backend, number).await.map_or(0, |record| record.revision)
}
