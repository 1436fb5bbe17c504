//! Settings from `aquifer.toml`.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::aliases::{self, Collected};
use super::setting::did_you_mean;
use super::source::Source;
use super::values::Values;
use super::{SETTINGS, find};
use crate::failure::{Failure, Result};
use crate::input::{Limit, read_text};

/// The file that is read from the working directory where no other is named.
pub(crate) const FILE_NAME: &str = "aquifer.toml";

/// Reads the file at `path`, or [`FILE_NAME`] if there is one.
///
/// # Errors
/// If a file that was named cannot be read; if it is no TOML, or has a key that is no setting.
pub(super) fn load(path: Option<&Path>, values: &mut Values, collected: &mut Collected) -> Result<()> {
    let path = match path {
        Some(path) => path.to_owned(),
        None if Path::new(FILE_NAME).exists() => PathBuf::from(FILE_NAME),
        None => return Ok(()),
    };
    let text = read_text(&path, Limit::SMALL)?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let place = error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or(&text).matches('\n').count());
        Failure::unusable(format!("{}:{place}: {}", path.display(), error.message()))
    })?;
    add("", &table, &path, values, collected)
}

/// The table of options of the URL that `database.type` and its companions make.
const OPTIONS: &str = "database.options";

fn add(area: &str, table: &Table, path: &Path, values: &mut Values, collected: &mut Collected) -> Result<()> {
    for (name, value) in table {
        let key = if area.is_empty() { name.clone() } else { format!("{area}.{name}") };
        if let Value::Table(inner) = value
            && SETTINGS.iter().any(|setting| setting.key.starts_with(&format!("{key}.")))
        {
            add(&key, inner, path, values, collected)?;
            continue;
        }
        if let (OPTIONS, Value::Table(options)) = (key.as_str(), value) {
            for (name, value) in options {
                let text = text_of(value).ok_or_else(|| takes_text(&format!("{key}.{name}"), path))?;
                collected.add_option(name, text, Source::File(path.to_owned()));
            }
            continue;
        }
        let text = text_of(value);
        let source = || Source::File(path.to_owned());
        let Some(setting) = find(&key) else {
            if text.as_deref().is_some_and(|text| collected.add_key(&key, text, source())) {
                continue;
            }
            return Err(unknown(&key, value, path));
        };
        values.set(setting, text.ok_or_else(|| takes_text(&key, path))?, source());
    }
    Ok(())
}

/// A value as text; `None` for one that no setting takes.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn takes_text(key: &str, path: &Path) -> Failure {
    Failure::unusable(format!("{}: the setting {key} takes text, a number, true or false", path.display()))
}

fn unknown(key: &str, value: &Value, path: &Path) -> Failure {
    let areas = SETTINGS.iter().filter_map(|setting| setting.key.split_once('.')).map(|(area, _)| area);
    let known: Vec<&str> = match value {
        Value::Table(_) => areas.collect(),
        _ => SETTINGS.iter().map(|setting| setting.key).collect(),
    };
    let known = known.into_iter().map(str::to_owned).chain(aliases::keys());
    let hint = did_you_mean(key, known);
    Failure::unusable(format!("{}: there is no setting {key:?}{hint}", path.display()))
        .with_hint("`aquifer config` shows all settings")
}
