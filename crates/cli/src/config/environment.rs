//! Settings from the environment and from `.env`.

use std::ffi::OsString;
use std::path::Path;

use super::setting::{CONFIG_VARIABLE, DATABASE_VARIABLE, FOREIGN, PREFIX, Setting, did_you_mean};
use super::source::Source;
use super::values::Values;
use super::{SETTINGS, find};
use crate::failure::{Failure, Result};
use crate::input::{Limit, read_text};

/// The file of variables in the working directory.
const DOT_ENV: &str = ".env";

/// The variables of Aquifer that are set somewhere.
pub(super) type Variables = Vec<(String, String)>;

/// Aquifer's variables in the environment of this process.
///
/// # Errors
/// If the value of one is not UTF-8.
pub(super) fn of_process() -> Result<Variables> {
    let ours =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok().filter(|name| is_ours(name))?, value));
    let read = |(name, value): (String, OsString)| match value.into_string() {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(Failure::unusable(format!("the value of {name} is not UTF-8"))),
    };
    std::env::vars_os().filter_map(ours).map(read).collect()
}

/// Aquifer's variables in `.env`; other programs' are left alone.
///
/// # Errors
/// If there is such a file and it cannot be read.
pub(super) fn of_dot_env() -> Result<Variables> {
    let path = Path::new(DOT_ENV);
    if !path.exists() {
        return Ok(Variables::new());
    }
    let text = read_text(path, Limit::SMALL)?;
    let mut variables = Variables::new();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        // The error holds the line, and with it perhaps a secret.
        let (name, value) = item.map_err(|error| match error {
            dotenvy::Error::LineParse(line, _) => {
                let number = text.lines().position(|known| known.trim() == line.trim()).map_or(0, |index| index + 1);
                Failure::unusable(format!("{DOT_ENV}:{number}: the line is not NAME=value, with quotes around spaces"))
            }
            _ => Failure::unusable(format!("{DOT_ENV} cannot be read")),
        })?;
        if is_ours(&name) {
            variables.push((name, value));
        }
    }
    Ok(variables)
}

/// The file of settings that the variables name.
pub(super) fn config_file(variables: &Variables) -> Option<&str> {
    variables.iter().find(|(name, _)| name == CONFIG_VARIABLE).map(|(_, value)| value.as_str())
}

/// Takes the settings out of `variables`.
///
/// # Errors
/// For a variable that begins like ours and is no setting's.
pub(super) fn load(variables: Variables, source: fn(String) -> Source, values: &mut Values) -> Result<()> {
    let mut database = None;
    for (name, value) in variables {
        if name == DATABASE_VARIABLE {
            database = Some(value);
        } else if name != CONFIG_VARIABLE {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) else {
                let names = SETTINGS.iter().map(Setting::variable).chain([CONFIG_VARIABLE.to_owned()]);
                let (hint, place) = (did_you_mean(&name, names), source(name));
                return Err(Failure::unusable(format!("there is no setting for the variable {place}{hint}"))
                    .with_hint("`aquifer config` shows all settings; unset the variable, or spell it as there"));
            };
            values.set(setting, value, source(name));
        }
    }
    let own = |values: &Values| values.get("database.url").is_some_and(|(_, from)| *from == source(own_database()));
    if let (Some(value), Some(setting)) = (database, find("database.url"))
        && !own(values)
    {
        values.set(setting, value, source(DATABASE_VARIABLE.to_owned()));
    }
    Ok(())
}

fn own_database() -> String {
    find("database.url").map(Setting::variable).unwrap_or_default()
}

fn is_ours(name: &str) -> bool {
    name == DATABASE_VARIABLE || (name.starts_with(PREFIX) && !FOREIGN.iter().any(|foreign| name.starts_with(foreign)))
}
