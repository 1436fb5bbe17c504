//! `aquifer config`.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::failure::{Exit, Result};
use crate::output::{Format, print, print_json, table};

/// Shows every setting, its value and where that came from, secrets masked
#[derive(Debug, Args)]
#[command(after_help = "\
A flag wins over the environment, that over .env in the working directory, that over aquifer.toml, and
that over the default. The variable of server.listen is AQUIFER_SERVER_LISTEN, and so on; DATABASE_URL
sets database.url too.

Examples:
  aquifer config
  AQUIFER_ENGINE_LEASE=30s aquifer config --output json")]
pub(crate) struct ConfigArgs {
    /// How the settings are printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    output: Format,
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
    let shown = context.settings.shown().map(|(setting, value)| Shown {
        key: setting.key,
        from: value.as_ref().map(|(_, source)| source.kind()),
        source: value.as_ref().map(|(_, source)| source.to_string()),
        value: value.map(|(value, _)| value),
        variable: setting.variable(),
        meaning: setting.doc,
    });
    match arguments.output {
        Format::Json => print_json(&shown.collect::<Vec<_>>())?,
        Format::Pretty => {
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let row = |shown: Shown| vec![shown.key.to_owned(), or_dash(shown.value), or_dash(shown.source)];
            print(&table(&["SETTING", "VALUE", "FROM"], &shown.map(row).collect::<Vec<_>>()))?;
        }
    }
    Ok(Exit::Done)
}
