//! Settings from the environment and from `.env`.

use std::ffi::OsString;
use std::path::Path;

use super::SETTINGS;
use super::aliases::{self, Collected};
use super::setting::{CONFIG_VARIABLE, FOREIGN, PREFIX, Setting, did_you_mean};
use super::source::Source;
use super::values::Values;
use crate::failure::{Failure, Result};
use crate::input::{Limit, read_text};

/// The file of variables in the working directory.
const DOT_ENV: &str = ".env";

/// Variables that are Aquifer's or may be those of a program whose variables it understands; no value if it is not UTF-8.
pub(super) type Variables = Vec<(String, Option<String>)>;

/// Such variables in the environment of this process.
pub(super) fn of_process() -> Variables {
    let ours = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok().filter(|name| is_ours(name) || aliases::concerns(name))?;
        Some((name, value.into_string().ok()))
    };
    std::env::vars_os().filter_map(ours).collect()
}

/// All variables in `.env`.
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
        variables.push((name, Some(value)));
    }
    Ok(variables)
}

/// Whether a variable is set in the environment or in `.env`, to more than nothing. A file that cannot be read sets none.
pub(crate) fn is_set(name: &str) -> bool {
    let in_file = || of_dot_env().unwrap_or_default().into_iter().rev().find(|(known, _)| known == name);
    match std::env::var_os(name) {
        Some(value) => !value.is_empty(),
        None => in_file().is_some_and(|(_, value)| value.is_some_and(|value| !value.is_empty())),
    }
}

/// The file of settings that the variables name.
///
/// # Errors
/// If its name is not UTF-8.
pub(super) fn config_file(variables: &Variables) -> Result<Option<&str>> {
    match variables.iter().find(|(name, _)| name == CONFIG_VARIABLE) {
        Some((name, value)) => value.as_deref().map(Some).ok_or_else(|| not_utf8(name)),
        None => Ok(None),
    }
}

/// Takes the settings out of `variables`, and collects what may be other programs'.
///
/// # Errors
/// For a variable that begins like ours and is no setting's, or whose value is not UTF-8; for what [`Collected::add`] refuses.
pub(super) fn load(
    variables: Variables,
    source: fn(String) -> Source,
    values: &mut Values,
    collected: &mut Collected,
) -> Result<()> {
    for (name, value) in variables {
        if !is_ours(&name) {
            if aliases::concerns(&name) {
                let place = source(name.clone());
                collected.add(name, value, place)?;
            }
        } else if name != CONFIG_VARIABLE {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) else {
                let names = SETTINGS.iter().map(Setting::variable).chain([CONFIG_VARIABLE.to_owned()]);
                let (hint, place) = (did_you_mean(&name, names), source(name));
                return Err(Failure::unusable(format!("there is no setting for the variable {place}{hint}"))
                    .with_hint("`aquifer config` shows all settings; unset the variable, or spell it as there"));
            };
            let value = value.ok_or_else(|| not_utf8(&name))?;
            values.set(setting, value, source(name));
        }
    }
    Ok(())
}

fn not_utf8(name: &str) -> Failure {
    Failure::unusable(format!("the value of {name} is not UTF-8"))
}

fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) && !FOREIGN.iter().any(|foreign| name.starts_with(foreign))
}
