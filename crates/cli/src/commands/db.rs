//! `aquifer db`.

use aquifer::core::kinds::Tenant;
use aquifer::core::{
    BackendExt, Condition, Entity, Error, Key, Operation, Stats, Store, SystemClock, TenantId, Transaction,
};
use aquifer::{OpenOptions, SchemaState, mask};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::arguments::DatabaseArgs;
use crate::config::DatabaseSettings;
use crate::database;
use crate::failure::{Exit, Result};
use crate::output::{Format, note, print, print_json, table};
use crate::progress::spinner;

/// Looks after the database
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    Check(CheckArgs),
    Migrate(MigrateArgs),
    Stats(StatsArgs),
}

/// Finds out whether the database can be used, without changing it
#[derive(Debug, Args)]
#[command(after_help = "\
Asks for a sign of life, compares the schema with this program's, and looks for damage (SQLite: PRAGMA
quick_check, which reads the whole file). Exits with 0 if all is well, 1 if the database is damaged or
waits for `aquifer db migrate`, and 2 if it cannot be used.

Examples:
  aquifer db check --database-url sqlite:aquifer.db
  aquifer db check --write")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Also writes a record, reads it and removes it
    #[arg(long)]
    write: bool,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    output: Format,
}

/// Creates the tables, or adds what this version of the program needs
#[derive(Debug, Args)]
#[command(after_help = "\
Never drops or rewrites what is stored, and is safe while other processes start. `run`, `resume`,
`serve` and the commands on a database do it by themselves.

Examples:
  aquifer db migrate --database-url sqlite:aquifer.db")]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    output: Format,
}

/// Counts what is stored
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer db stats --database-url sqlite:aquifer.db")]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    output: Format,
}

impl DbCommand {
    /// Which database it is about.
    pub(crate) fn database(&self) -> &DatabaseArgs {
        match self {
            Self::Check(arguments) => &arguments.database,
            Self::Migrate(arguments) => &arguments.database,
            Self::Stats(arguments) => &arguments.database,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// If the database cannot be used.
pub(crate) async fn run(command: DbCommand, context: &Context) -> Result<Exit> {
    let place = &context.settings.database;
    match command {
        DbCommand::Check(arguments) => check(&arguments, place).await,
        DbCommand::Migrate(arguments) => migrate(&arguments, place).await,
        DbCommand::Stats(arguments) => stats(&arguments, place).await,
    }
}

/// What `db check` prints.
#[derive(Debug, Serialize)]
struct Checked {
    database: String,
    backend: &'static str,
    /// `current`, or `pending` if it waits for its migration.
    schema: &'static str,
    damage: Vec<String>,
    /// Whether writing worked; null if it was not tried.
    write: Option<bool>,
}

async fn check(arguments: &CheckArgs, place: &DatabaseSettings) -> Result<Exit> {
    let spinner = spinner("looking for damage");
    let health = aquifer::check(&place.url, place.wait).await;
    spinner.finish_and_clear();
    let health = health.map_err(|error| database::named(error, place))?;
    let is_current = health.schema == SchemaState::Current;
    let write = match arguments.write && is_current {
        true => {
            let store =
                database::open(place, OpenOptions { create: false, migrate: false, ..OpenOptions::default() }).await?;
            let tried = write_and_remove(&store).await;
            database::close_store(&store).await;
            tried.map_err(|error| database::named(error, place))?;
            Some(true)
        }
        false => None,
    };
    let checked = Checked {
        database: mask(&place.url),
        backend: health.backend,
        schema: if is_current { "current" } else { "pending" },
        damage: health.damage,
        write,
    };
    let is_well = is_current && checked.damage.is_empty();
    match arguments.output {
        Format::Json => print_json(&checked)?,
        Format::Pretty => show(&checked)?,
    }
    if !is_current {
        note("the database waits for its tables: run `aquifer db migrate`");
    }
    if !checked.damage.is_empty() {
        note("the database is damaged: restore it from a backup, or salvage it with its own tools");
    }
    Ok(if is_well { Exit::Done } else { Exit::Failed })
}

fn show(checked: &Checked) -> Result<()> {
    let mut lines = format!("{}: answers ({})\nschema: {}\n", checked.database, checked.backend, checked.schema);
    match checked.damage.is_empty() {
        true => lines.push_str("damage: none found\n"),
        false => checked.damage.iter().for_each(|line| lines.push_str(&format!("damage: {line}\n"))),
    }
    if checked.write == Some(true) {
        lines.push_str("write: works\n");
    }
    print(&lines)
}

/// Writes a tenant that nobody knows, reads it and removes it.
async fn write_and_remove(store: &Store) -> Result<(), Error> {
    let now = aquifer::core::Clock::now(&SystemClock);
    let id = TenantId::generate(now);
    let tenant =
        Tenant { id: id.clone(), name: "db check".to_owned(), metadata: None, created_at: now, updated_at: now };
    let key = Key::new(Tenant::KIND, [id.as_str()]);
    let backend = store.backend();
    backend.commit_one(Transaction::new(vec![Operation::Insert(tenant.to_record())])).await?;
    let read = backend.get_one(key.clone()).await;
    let delete = Operation::Delete { key, condition: Condition::Exists };
    backend.commit_one(Transaction::new(vec![delete])).await?;
    match read?.map(Tenant::from_record).transpose()? {
        Some(found) if found == tenant => Ok(()),
        _ => Err(Error::corrupt("what was written was not read back")),
    }
}

async fn migrate(arguments: &MigrateArgs, place: &DatabaseSettings) -> Result<Exit> {
    let store = database::open(place, OpenOptions { migrate: false, ..OpenOptions::default() }).await?;
    let migrated = store.backend().migrate().await;
    database::close_store(&store).await;
    let migration = migrated.map_err(|error| database::named(error, place))?;
    let database = mask(&place.url);
    match arguments.output {
        Format::Json => print_json(&json!({"database": database, "from": migration.from, "to": migration.to}))?,
        Format::Pretty if migration.from == migration.to => {
            print(&format!("{database}: has schema version {} already\n", migration.to))?;
        }
        Format::Pretty if migration.from == 0 => {
            print(&format!("{database}: created with schema version {}\n", migration.to))?;
        }
        Format::Pretty => {
            print(&format!("{database}: brought from schema version {} to {}\n", migration.from, migration.to))?;
        }
    }
    Ok(Exit::Done)
}

async fn stats(arguments: &StatsArgs, place: &DatabaseSettings) -> Result<Exit> {
    let store = database::open(place, OpenOptions { create: false, migrate: false, ..OpenOptions::default() }).await?;
    let counted = store.backend().stats().await;
    let backend = store.backend().name();
    database::close_store(&store).await;
    let Stats { records, bytes, facts } = counted.map_err(|error| database::named(error, place))?;
    match arguments.output {
        Format::Json => {
            let records: Map<String, Value> =
                records.iter().map(|(kind, count)| ((*kind).to_owned(), json!(count))).collect();
            let facts: Map<String, Value> =
                facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            let database = mask(&place.url);
            print_json(
                &json!({"database": database, "backend": backend, "bytes": bytes, "records": records, "facts": facts}),
            )?;
        }
        Format::Pretty => {
            let rows = records.iter().map(|(kind, count)| vec![(*kind).to_owned(), count.to_string()]);
            let bytes = bytes.map(|bytes| vec!["bytes".to_owned(), bytes.to_string()]);
            let facts = facts.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
            print(&table(&["KIND", "RECORDS"], &rows.collect::<Vec<_>>()))?;
            print(&format!("\n{}", table(&["FACT", "VALUE"], &bytes.into_iter().chain(facts).collect::<Vec<_>>())))?;
        }
    }
    Ok(Exit::Done)
}
