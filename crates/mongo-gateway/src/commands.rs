//! Commands, as the engine's functions.

use bson::{Bson, RawDocument, RawDocumentBuf, doc};
use sqlx::PgConnection;
use sqlx::query::Query;
use sqlx::{Postgres, Row as _};

use crate::failure::{Failure, unpacked_code};

/// What a command carries for the way and not for the engine.
const ENVELOPE: &[&str] = &[
    "lsid",
    "$db",
    "$clusterTime",
    "$readPreference",
    "apiDeprecationErrors",
    "apiStrict",
    "apiVersion",
    "autocommit",
    "comment",
    "maxTimeMS",
    "readConcern",
    "startTransaction",
    "txnNumber",
    "writeConcern",
];

const INSERT: &str = "SELECT p_result::bytea FROM documentdb_api.insert($1, $2::bytea::documentdb_core.bson, \
                      $3::bytea::documentdb_core.bsonsequence)";
const UPDATE: &str = "SELECT p_result::bytea FROM documentdb_api.update($1, $2::bytea::documentdb_core.bson, \
                      $3::bytea::documentdb_core.bsonsequence)";
const DELETE: &str = "SELECT p_result::bytea FROM documentdb_api.delete($1, $2::bytea::documentdb_core.bson, \
                      $3::bytea::documentdb_core.bsonsequence)";
const FIND_AND_MODIFY: &str =
    "SELECT p_result::bytea FROM documentdb_api.find_and_modify($1, $2::bytea::documentdb_core.bson)";
const FIND: &str = "SELECT cursorpage::bytea, continuation::bytea, persistconnection \
                    FROM documentdb_api.find_cursor_first_page($1, $2::bytea::documentdb_core.bson)";
const AGGREGATE: &str = "SELECT cursorpage::bytea, continuation::bytea, persistconnection \
                         FROM documentdb_api.aggregate_cursor_first_page($1, $2::bytea::documentdb_core.bson)";
const LIST_INDEXES: &str = "SELECT cursorpage::bytea, continuation::bytea, persistconnection \
                            FROM documentdb_api.list_indexes_cursor_first_page($1, $2::bytea::documentdb_core.bson)";
const LIST_COLLECTIONS: &str = "SELECT cursorpage::bytea, continuation::bytea, persistconnection \
     FROM documentdb_api.list_collections_cursor_first_page($1, $2::bytea::documentdb_core.bson)";
const GET_MORE: &str = "SELECT cursorpage::bytea, continuation::bytea FROM documentdb_api.cursor_get_more($1, \
                        $2::bytea::documentdb_core.bson, $3::bytea::documentdb_core.bson)";
const COUNT: &str = "SELECT document::bytea FROM documentdb_api.count_query($1, $2::bytea::documentdb_core.bson)";
const DISTINCT: &str = "SELECT document::bytea FROM documentdb_api.distinct_query($1, $2::bytea::documentdb_core.bson)";
const CREATE_INDEXES: &str = "SELECT documentdb_api_internal.create_indexes_non_concurrently($1, \
                              $2::bytea::documentdb_core.bson, true)::bytea";
const DROP_INDEXES: &str = "CALL documentdb_api.drop_indexes($1, $2::bytea::documentdb_core.bson, NULL)";
const LIST_DATABASES: &str = "SELECT documentdb_api.list_databases($1::bytea::documentdb_core.bson)::bytea";
const STATISTICS: &str = "SELECT documentdb_api.db_stats($1)::bytea";

/// A command to the engine.
#[derive(Debug)]
pub(crate) struct Command<'a> {
    /// What to do: the first field's name.
    pub(crate) name: &'a str,
    /// On which database.
    pub(crate) database: &'a str,
    /// The whole command.
    pub(crate) body: &'a RawDocument,
    /// The documents that came beside it.
    pub(crate) sequence: Option<&'a [u8]>,
}

/// An answer of the engine.
#[derive(Debug)]
pub(crate) struct Reply {
    /// What the client is told.
    pub(crate) body: RawDocumentBuf,
    /// Where the engine stands in what is left to read.
    pub(crate) continuation: Option<Vec<u8>>,
    /// Whether only this connection can read on.
    pub(crate) is_pinned: bool,
}

impl From<RawDocumentBuf> for Reply {
    fn from(body: RawDocumentBuf) -> Self {
        Self { body, continuation: None, is_pinned: false }
    }
}

impl Command<'_> {
    /// Whether it writes, and so may be tried again by its number.
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.name, "insert" | "update" | "delete" | "findAndModify")
    }

    /// The name of the collection that the command is about.
    fn collection(&self) -> Result<&str, Failure> {
        self.body.get_str(self.name).map_err(|_| Failure::new(9, "the command names no collection"))
    }

    /// The command without what is not for the engine.
    fn bare(&self) -> Result<Vec<u8>, Failure> {
        let mut bare = RawDocumentBuf::new();
        let mut is_ordered = false;
        for field in self.body {
            let (name, value) = field?;
            if !ENVELOPE.contains(&name.as_str()) {
                is_ordered |= name.as_str() == "ordered";
                bare.append(name, value);
            }
        }
        if !is_ordered && matches!(self.name, "insert" | "update" | "delete") {
            bare.append(bson::raw::cstr!("ordered"), true);
        }
        Ok(bare.into_bytes())
    }

    /// Has the engine do it. `continuation` says where a `getMore` goes on.
    ///
    /// # Errors
    /// What the engine says, in MongoDB's codes; 59 for a command that the gateway does not know.
    pub(crate) async fn run(
        &self,
        connection: &mut PgConnection,
        continuation: Option<Vec<u8>>,
    ) -> Result<Reply, Failure> {
        let ok = || RawDocumentBuf::try_from(&doc! { "ok": 1.0 }).map(Reply::from).map_err(Failure::from);
        let asked = |sql: &'static str| Ok::<_, Failure>(sqlx::query(sql).bind(self.database).bind(self.bare()?));
        let written = |sql: &'static str| Ok::<_, Failure>(asked(sql)?.bind(self.sequence));
        match self.name {
            "insert" => one(written(INSERT)?, connection).await,
            "update" => one(written(UPDATE)?, connection).await,
            "delete" => one(written(DELETE)?, connection).await,
            "findAndModify" => one(asked(FIND_AND_MODIFY)?, connection).await,
            "find" => page(asked(FIND)?, connection).await,
            "aggregate" => page(asked(AGGREGATE)?, connection).await,
            "listIndexes" => page(asked(LIST_INDEXES)?, connection).await,
            "listCollections" => page(asked(LIST_COLLECTIONS)?, connection).await,
            "getMore" => page(asked(GET_MORE)?.bind(continuation), connection).await,
            "count" => one(asked(COUNT)?, connection).await,
            "distinct" => one(asked(DISTINCT)?, connection).await,
            "listDatabases" => one(sqlx::query(LIST_DATABASES).bind(self.bare()?), connection).await,
            "dbStats" => one(sqlx::query(STATISTICS).bind(self.database), connection).await,
            "createIndexes" => created(one(asked(CREATE_INDEXES)?, connection).await?),
            "dropIndexes" => {
                asked(DROP_INDEXES)?.execute(connection).await?;
                ok()
            }
            "create" => {
                let query = sqlx::query("SELECT documentdb_api.create_collection($1, $2)");
                let made = query.bind(self.database).bind(self.collection()?).fetch_one(connection).await?;
                if made.try_get::<bool, _>(0)? { ok() } else { Err(Failure::new(48, "the collection exists already")) }
            }
            "drop" => {
                let query = sqlx::query("SELECT documentdb_api.drop_collection($1, $2)");
                query.bind(self.database).bind(self.collection()?).execute(connection).await?;
                ok()
            }
            "dropDatabase" => {
                let query = sqlx::query("SELECT documentdb_api.drop_database($1)");
                query.bind(self.database).execute(connection).await?;
                ok()
            }
            other => Err(Failure::new(59, format!("no such command: '{other}'"))),
        }
    }
}

/// The answer in the only column of the only row.
async fn one(query: Query<'_, Postgres, sqlx::postgres::PgArguments>, on: &mut PgConnection) -> Result<Reply, Failure> {
    let row = query.fetch_one(on).await?;
    Ok(RawDocumentBuf::from_bytes(row.try_get(0)?)?.into())
}

/// A page, with what is needed for the next.
async fn page(
    query: Query<'_, Postgres, sqlx::postgres::PgArguments>,
    on: &mut PgConnection,
) -> Result<Reply, Failure> {
    let row = query.fetch_one(on).await?;
    let body = RawDocumentBuf::from_bytes(row.try_get(0)?)?;
    let is_pinned = row.len() > 2 && row.try_get::<Option<bool>, _>(2)?.unwrap_or(false);
    Ok(Reply { body, continuation: row.try_get(1)?, is_pinned })
}

/// The engine answers for each of its shards, of which there is one.
fn created(reply: Reply) -> Result<Reply, Failure> {
    let answer = bson::Document::try_from(reply.body.as_ref())?;
    let shard = answer.get_document("raw").and_then(|raw| raw.get_document("defaultShard"));
    let mut answer = shard.unwrap_or(&answer).clone();
    if let Some(code) = answer.get("code").and_then(Bson::as_i32) {
        answer.insert("code", unpacked_code(code));
    }
    answer.entry("ok".to_owned()).or_insert(Bson::Double(1.0));
    Ok(RawDocumentBuf::try_from(&answer)?.into())
}
