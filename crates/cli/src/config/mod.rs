//! Settings: a flag wins over the environment, that over `.env`, that over `aquifer.toml`, and that over the default.

mod database;
mod engine;
mod environment;
mod file;
mod http;
mod log;
mod server;
mod setting;
mod source;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub(crate) use database::DatabaseSettings;
pub(crate) use engine::EngineSettings;
pub(crate) use log::{LogFormat, LogSettings};
pub(crate) use server::ServerSettings;
pub(crate) use setting::Setting;
pub(crate) use source::Source;

use crate::failure::{Failure, Result};
use http::HttpSettings;
use setting::did_you_mean;
use values::Values;

/// Every setting, by area.
pub(crate) const SETTINGS: &[Setting] = &settings();

/// How many settings there are.
const COUNT: usize = database::SETTINGS.len()
    + server::SETTINGS.len()
    + engine::SETTINGS.len()
    + http::SETTINGS.len()
    + log::SETTINGS.len();

const fn settings() -> [Setting; COUNT] {
    let areas: [&[Setting]; 5] =
        [database::SETTINGS, server::SETTINGS, engine::SETTINGS, http::SETTINGS, log::SETTINGS];
    let mut all = [database::SETTINGS[0]; COUNT];
    let (mut area, mut next) = (0, 0);
    while area < areas.len() {
        let mut place = 0;
        while place < areas[area].len() {
            all[next] = areas[area][place];
            place += 1;
            next += 1;
        }
        area += 1;
    }
    all
}

/// The setting with this key.
fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// What the command line sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// The file of settings.
    pub(crate) config: Option<PathBuf>,
    /// Keys and values, with the flag that gave them; later ones win.
    pub(crate) values: Vec<(String, String, &'static str)>,
}

impl Flags {
    /// Adds the value of a flag, if it was given.
    pub(crate) fn add(&mut self, key: &str, value: Option<&str>, flag: &'static str) {
        if let Some(value) = value {
            self.values.push((key.to_owned(), value.to_owned(), flag));
        }
    }
}

/// All settings, each checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where the data is.
    pub(crate) database: DatabaseSettings,
    /// The server, and how to reach one.
    pub(crate) server: ServerSettings,
    /// How workflows run.
    pub(crate) engine: EngineSettings,
    /// HTTP calls of workflows.
    pub(crate) http: HttpSettings,
    /// What is logged.
    pub(crate) log: LogSettings,
    values: Values,
}

impl Settings {
    /// Reads all sources.
    ///
    /// # Errors
    /// For a setting that does not exist or a value that does not fit, with its source; for a file that cannot be read.
    pub(crate) fn load(flags: &Flags) -> Result<Self> {
        let (process, dot_env) = (environment::of_process()?, environment::of_dot_env()?);
        let named = [&process, &dot_env].into_iter().find_map(environment::config_file).map(PathBuf::from);
        let mut values = Values::defaults();
        file::load(flags.config.as_deref().or(named.as_deref()), &mut values)?;
        environment::load(dot_env, Source::DotEnv, &mut values)?;
        environment::load(process, Source::Environment, &mut values)?;
        for (key, value, flag) in &flags.values {
            let setting = find(key).ok_or_else(|| {
                let hint = did_you_mean(key, SETTINGS.iter().map(|setting| setting.key));
                Failure::unusable(format!("there is no setting {key:?} (from {flag}){hint}"))
                    .with_hint("`aquifer config` shows all settings")
            })?;
            values.set(setting, value.clone(), Source::Flag(flag));
        }
        Self::read(values)
    }

    fn read(values: Values) -> Result<Self> {
        Ok(Self {
            database: DatabaseSettings::read(&values)?,
            server: ServerSettings::read(&values)?,
            engine: EngineSettings::read(&values)?,
            http: HttpSettings::read(&values)?,
            log: LogSettings::read(&values)?,
            values,
        })
    }

    /// Each setting with its value, secrets masked, and the source of the value.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&'static Setting, Option<(String, &Source)>)> {
        SETTINGS.iter().map(|setting| {
            let value = self.values.get(setting.key).map(|(value, source)| (aquifer::mask(value), source));
            (setting, value)
        })
    }

    /// What the workflows' HTTP client and interpreter are made with, apart from secrets and observer.
    pub(crate) fn engine_options(&self) -> aquifer::engine::EngineOptions {
        self.engine.options(self.http.options())
    }

    /// The largest body of a request: an input fits, and so does any definition.
    pub(crate) fn max_body_bytes(&self) -> usize {
        let room = 1 << 20;
        aquifer_server::ServerOptions::default().max_body_bytes.max(self.engine.max_input_bytes.saturating_add(room))
    }
}
