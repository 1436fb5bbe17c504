//! One transaction of the database.

use aquifer_core::{Error, Key, Kind, Result};
use futures_util::stream::TryStreamExt as _;
use mongodb::ClientSession;
use mongodb::bson::raw::cstr;
use mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, doc};

use crate::connection::Connection;
use crate::error::{
    DUPLICATE_KEY, Effect, WRITE_CONFLICT, from_code, from_driver, is_transient, is_unknown_commit, taken,
};
use crate::layout::ID;
use crate::values::{id, whole};

/// The most bytes of statements in one command; a command is a document, and has 16 MiB.
const COMMAND_BYTES: usize = 15 << 20;
/// The most keys that one request names.
const KEYS: usize = 1000;
/// How often the server is asked for the outcome of a commit.
const COMMITS: u32 = 6;

/// Why a transaction of the database was not applied, or is not known to have been.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Others were in the way: the same may succeed when it is tried again. Doubtful if it may have been applied after all.
    Conflict { error: Error, doubtful: bool },
    /// A record is not as a condition has it, or a unique value is taken.
    Refused,
    /// Anything else; nothing was applied unless the error says that this is unknown.
    Failed(Error),
}

impl Trouble {
    pub(super) fn is_doubtful(&self) -> bool {
        matches!(self, Self::Conflict { doubtful: true, .. })
    }

    fn conflict(error: Error) -> Self {
        Self::Conflict { error, doubtful: false }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Insert,
    Update,
    Delete,
}

/// Statements of one verb on one kind, in order; each must hit one document.
#[derive(Debug)]
pub(super) struct Statements {
    kind: &'static Kind,
    verb: Verb,
    all: Vec<Document>,
}

/// Collects statements: those of one kind and one verb become few commands.
#[derive(Debug, Default)]
pub(super) struct Batch(Vec<Statements>);

impl Batch {
    pub(super) fn add(&mut self, kind: &'static Kind, verb: Verb, statement: Document) {
        match self.0.iter_mut().find(|statements| statements.kind == kind && statements.verb == verb) {
            Some(statements) => statements.all.push(statement),
            None => self.0.push(Statements { kind, verb, all: vec![statement] }),
        }
    }
}

/// A transaction that is under way.
///
/// All attempts at a batch use one session: where a lost commit or abort has left a transaction open, the next one that begins in its
/// session ends it, and would else wait for its locks.
pub(super) struct Work<'a> {
    connection: &'a Connection,
    session: &'a mut ClientSession,
}

impl<'a> Work<'a> {
    pub(super) async fn begin(connection: &'a Connection, session: &'a mut ClientSession) -> Result<Self, Trouble> {
        let (reads, writes) = (connection.snapshot(), connection.durable());
        connection.call(Effect::None, session.start_transaction().read_concern(reads).write_concern(writes)).await?;
        Ok(Self { connection, session })
    }

    /// The documents that a filter finds.
    pub(super) async fn find(
        &mut self,
        kind: &'static Kind,
        filter: Document,
        projection: Option<Document>,
    ) -> Result<Vec<Document>, Trouble> {
        let collection = self.connection.collection(kind);
        let session = &mut *self.session;
        let found = self
            .connection
            .timed(Effect::None, async {
                let find = collection.find(filter);
                let find = if let Some(projection) = projection { find.projection(projection) } else { find };
                let mut cursor = find.session(&mut *session).await?;
                cursor.stream(session).try_collect::<Vec<Document>>().await
            })
            .await?;
        found.map_err(|error| self.trouble(&error))
    }

    /// The documents with these keys.
    pub(super) async fn find_keys(
        &mut self,
        kind: &'static Kind,
        keys: &[&Key],
        projection: Option<Document>,
    ) -> Result<Vec<Document>, Trouble> {
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS) {
            let ids: Vec<Document> = keys.iter().map(|key| id(key)).collect();
            found.extend(self.find(kind, doc! { ID: { "$in": ids } }, projection.clone()).await?);
        }
        Ok(found)
    }

    /// Does all statements of a batch with the given verb.
    pub(super) async fn run(&mut self, batch: &mut Batch, verb: Verb) -> Result<(), Trouble> {
        for statements in batch.0.extract_if(.., |statements| statements.verb == verb) {
            self.write(statements).await?;
        }
        Ok(())
    }

    async fn write(&mut self, statements: Statements) -> Result<(), Trouble> {
        let (mut array, mut count, mut bytes) = (RawArrayBuf::new(), 0, 0);
        for statement in &statements.all {
            let statement = RawDocumentBuf::try_from(statement).map_err(unwritten)?;
            let size = statement.as_bytes().len();
            if count > 0 && bytes + size > COMMAND_BYTES {
                self.command(&statements, std::mem::take(&mut array), count).await?;
                (count, bytes) = (0, 0);
            }
            array.push(statement);
            count += 1;
            bytes += size;
        }
        self.command(&statements, array, count).await
    }

    async fn command(&mut self, statements: &Statements, array: RawArrayBuf, count: usize) -> Result<(), Trouble> {
        let mut command = RawDocumentBuf::new();
        let name = statements.kind.name;
        match statements.verb {
            Verb::Insert => {
                command.append(cstr!("insert"), name);
                command.append(cstr!("documents"), array);
            }
            Verb::Update => {
                command.append(cstr!("update"), name);
                command.append(cstr!("updates"), array);
            }
            Verb::Delete => {
                command.append(cstr!("delete"), name);
                command.append(cstr!("deletes"), array);
            }
        }
        command.append(cstr!("ordered"), true);
        let sent = self.connection.database().run_raw_command(command).session(&mut *self.session);
        let answer = self.connection.timed(Effect::None, sent).await?.map_err(|error| self.trouble(&error))?;
        let first =
            answer.get_array("writeErrors").ok().and_then(|errors| errors.first()).and_then(|e| e.as_document());
        if let Some(error) = first {
            let code = error.get("code").and_then(whole).and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
            let message = error.get_str("errmsg").unwrap_or_default();
            return Err(match code {
                DUPLICATE_KEY => Trouble::Refused,
                WRITE_CONFLICT => Trouble::conflict(from_code(code, message, Effect::None)),
                _ => Trouble::Failed(from_code(code, message, Effect::None).with_record_kind(name)),
            });
        }
        let hit = answer.get("n").and_then(whole).and_then(|hit| usize::try_from(hit).ok());
        if hit == Some(count) { Ok(()) } else { Err(Trouble::Refused) }
    }

    /// Commits, and asks again for as long as the outcome is unknown.
    pub(super) async fn commit(self) -> Result<(), Trouble> {
        let mut doubtful = false;
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.connection.timed(Effect::Write, self.session.commit_transaction()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) if is_transient(&error) => {
                    let error = from_driver(&error, Effect::None, &self.connection.options.hosts);
                    return Err(Trouble::Conflict { error, doubtful });
                }
                Ok(Err(error)) => {
                    let known = from_driver(&error, Effect::Write, &self.connection.options.hosts);
                    if !is_unknown_commit(&error) {
                        return Err(Trouble::Failed(known));
                    }
                    known
                }
                Err(slow) => slow,
            };
            doubtful = true;
            if tries >= COMMITS {
                let error =
                    Error::unavailable(format!("it is unknown whether the commit was applied: {}", error.message()));
                return Err(Trouble::Failed(error.with_retry(aquifer_core::Retry::Unknown)));
            }
            let pause = 20_u64 << tries;
            tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(1..=pause))).await;
        }
    }

    /// Gives up what was done so far.
    pub(super) async fn abort(self) {
        // Where the server cannot be told, it finds out by itself.
        let _ = self.connection.timed(Effect::None, self.session.abort_transaction()).await;
    }

    fn trouble(&self, error: &mongodb::error::Error) -> Trouble {
        let known = from_driver(error, Effect::None, &self.connection.options.hosts);
        match crate::error::code(error) {
            Some(DUPLICATE_KEY) => Trouble::Refused,
            _ if is_transient(error) => Trouble::conflict(known),
            _ => Trouble::Failed(known),
        }
    }
}

fn unwritten(error: mongodb::bson::error::Error) -> Trouble {
    Trouble::Failed(Error::invalid("the record cannot be written as BSON").with_source(error))
}

/// The error of a single write whose unique value, or key, is taken.
pub(super) fn is_taken(kind: &'static Kind, error: &mongodb::error::Error) -> Option<Error> {
    use mongodb::error::{ErrorKind, WriteFailure};
    match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(write)) if write.code == DUPLICATE_KEY => {
            Some(taken(kind, &write.message))
        }
        ErrorKind::Command(command) if command.code == DUPLICATE_KEY => Some(taken(kind, &command.message)),
        _ => None,
    }
}
