//! `aquifer config`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::arguments::{DatabaseArgs, ListenArgs};
use crate::config::{Flags, Setting, Source, Use};
use crate::failure::{Exit, Result};
use crate::output::{Format, note, print, print_json, table};

/// Shows every setting, its value and where that came from, secrets masked
#[derive(Debug, Args)]
#[command(after_help = "\
A flag wins over the environment, that over .env in the working directory, that over aquifer.toml,
and that over the default. The variable of server.listen is AQUIFER_SERVER_LISTEN, and so on.
DATABASE_URL and the variables of FlowRunner, Flunq.io and Strom are understood too: those that are
set are listed below the settings, with what they set. With flags of `serve` it shows what `serve`
would use.

Examples:
  aquifer config
  aquifer config --database-url 'postgresql+asyncpg://ann@db/app?pool_size=20'
  AQUIFER_ENGINE_LEASE=30s aquifer config --output json")]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// How the settings are printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    output: Format,
}

impl ConfigArgs {
    /// Adds the settings that these flags set.
    pub(crate) fn add_to(&self, flags: &mut Flags) {
        self.listen.add_to(flags);
        self.database.add_to(flags);
    }
}

/// A setting as it is printed.
#[derive(Debug, Serialize)]
struct Shown {
    key: &'static str,
    value: Option<String>,
    /// The kind of place that the value came from.
    from: Option<&'static str>,
    /// The place itself.
    source: Option<String>,
    variable: String,
    meaning: &'static str,
}

/// Prints the settings.
///
/// # Errors
/// If they cannot be printed.
pub(crate) fn run(arguments: &ConfigArgs, context: &Context) -> Result<Exit> {
    let settings = &context.settings;
    match arguments.output {
        Format::Json => {
            let shown = settings.shown().map(|(setting, value)| Shown {
                key: setting.key,
                from: value.as_ref().map(|(_, source)| source.kind()),
                source: value.as_ref().map(|(_, source)| source.to_string()),
                value: value.map(|(value, _)| value),
                variable: setting.variable(),
                meaning: setting.doc,
            });
            print_json(&shown.collect::<Vec<_>>())?;
            settings.uses().filter_map(|known| unused(&known)).for_each(|text| note(&text));
        }
        Format::Pretty => {
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let row = |(setting, value): (&Setting, Option<(String, &Source)>)| {
                let source = value.as_ref().map(|(_, source)| brief(source));
                vec![setting.key.to_owned(), or_dash(value.map(|(value, _)| value)), or_dash(source)]
            };
            let mut text = table(&["SETTING", "VALUE", "FROM"], &settings.shown().map(row).collect::<Vec<_>>());
            let rows: Vec<Vec<String>> = settings.uses().map(used).collect();
            if !rows.is_empty() {
                text.push_str(&format!("\n{}", table(&["VARIABLE", "SETS", "IN"], &rows)));
            }
            print(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// How many sources of one value fit into a line.
const FEW: usize = 2;

/// The sources of a value, or how many there are where the table below names them.
fn brief(source: &Source) -> String {
    match source.parts().len() {
        count if count > FEW => format!("{count} variables, see below"),
        _ => source.to_string(),
    }
}

/// A row about a variable of another program.
fn used(known: Use) -> Vec<String> {
    let sets = match (known.key, known.why) {
        (Some(key), None) => key.to_owned(),
        (_, why) => format!("nothing: {}", why.unwrap_or_default()),
    };
    vec![known.name, sets, known.source.place()]
}

/// That a variable of another program sets nothing, and why; `None` if it sets something.
pub(super) fn unused(known: &Use) -> Option<String> {
    let why = known.why.as_ref()?;
    Some(format!("{} is not used: {why}", known.name))
}
