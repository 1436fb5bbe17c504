//! Settings: a flag wins over the environment, that over `.env`, that over `aquifer.toml`, and that over the default.
//!
//! The variables of other programs in [`aliases`] stand for settings, each in the place where it is set.

mod aliases;
mod canonical;
mod credentials;
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

pub(crate) use aliases::Use;
pub(crate) use database::DatabaseSettings;
pub(crate) use engine::EngineSettings;
pub(crate) use environment::is_set;
pub(crate) use log::{LogFormat, LogSettings};
pub(crate) use server::ServerSettings;
pub(crate) use setting::{DATABASE_KEY, LISTEN_KEY, Setting, WAIT_KEY};
pub(crate) use source::Source;

use crate::failure::{Failure, Result};
use aliases::Collected;
use canonical::canonical;
use credentials::Credentials;
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
    /// The port of `server.listen`, whatever its host.
    pub(crate) port: Option<u16>,
}

impl Flags {
    /// Adds the value of a flag, if it was given.
    pub(crate) fn add(&mut self, key: &str, value: Option<&str>, flag: &'static str) {
        if let Some(value) = value {
            self.values.push((key.to_owned(), value.to_owned(), flag));
        }
    }

    fn apply(&self, values: &mut Values) -> Result<()> {
        for (key, value, flag) in &self.values {
            let setting = find(key).ok_or_else(|| {
                let hint = did_you_mean(key, SETTINGS.iter().map(|setting| setting.key));
                Failure::unusable(format!("there is no setting {key:?} (from {flag}){hint}"))
                    .with_hint("`aquifer config` shows all settings")
            })?;
            values.set(setting, value.clone(), Source::Flag(flag));
        }
        if let Some(port) = self.port
            && let Some(setting) = find(LISTEN_KEY)
        {
            let mut address = values.read(LISTEN_KEY, server::address)?;
            address.set_port(port);
            let below = values.get(LISTEN_KEY).map_or(Source::Default, |(_, source)| source.clone());
            let own = Source::Flag("--port");
            // The default's host needs no naming.
            let source = if below == Source::Default { own } else { Source::several([below, own]) };
            values.set(setting, address.to_string(), source);
        }
        Ok(())
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
    uses: Vec<Use>,
    credentials: Credentials,
}

impl Settings {
    /// Reads all sources.
    ///
    /// # Errors
    /// For a setting that does not exist or a value that does not fit, with its source; for two sources of one strength that
    /// disagree; for a file that cannot be read.
    pub(crate) fn load(flags: &Flags) -> Result<Self> {
        let (process, dot_env) = (environment::of_process(), environment::of_dot_env()?);
        let named = match environment::config_file(&process)? {
            Some(named) => Some(named),
            None => environment::config_file(&dot_env)?,
        };
        let named = named.map(PathBuf::from);
        let credentials = Credentials::of(&dot_env);
        let (mut values, mut collected) = (Values::defaults(), Collected::default());
        file::load(flags.config.as_deref().or(named.as_deref()), &mut values, &mut collected)?;
        environment::load(dot_env, Source::DotEnv, &mut values, &mut collected)?;
        environment::load(process, Source::Environment, &mut values, &mut collected)?;
        let uses = aliases::resolve(&collected, &mut values)?;
        flags.apply(&mut values)?;
        Self::read(values, uses, credentials)
    }

    fn read(mut values: Values, mut uses: Vec<Use>, credentials: Credentials) -> Result<Self> {
        let translated = values.read(DATABASE_KEY, canonical)?;
        values.replace(DATABASE_KEY, translated.url);
        if let Some((_, source)) = values.get(DATABASE_KEY) {
            let of_option = |(name, why): (&str, &str)| Use {
                name: name.to_owned(),
                source: source.clone(),
                key: None,
                why: Some(why.to_owned()),
            };
            uses.extend(translated.dropped.into_iter().map(of_option));
        }
        credentials.apply(&mut values, &mut uses);
        Ok(Self {
            database: DatabaseSettings::read(&values)?,
            server: ServerSettings::read(&values)?,
            engine: EngineSettings::read(&values)?,
            http: HttpSettings::read(&values)?,
            log: LogSettings::read(&values)?,
            values,
            uses,
            credentials,
        })
    }

    /// The database at a URL that a flag names besides the setting.
    ///
    /// # Errors
    /// For an option of the URL that does not fit.
    pub(crate) fn database_at(&self, url: &str, flag: &'static str) -> Result<DatabaseSettings> {
        let translated = canonical(url)
            .map_err(|takes| Failure::unusable(format!("{flag} takes {takes}: {}", aquifer::mask(url))))?;
        let url = self.credentials.add_to(&translated.url).unwrap_or(translated.url);
        Ok(DatabaseSettings { url, source: Source::Flag(flag), wait: self.database.wait })
    }

    /// What came of the variables of other programs: each with the setting that it sets, or why it sets none.
    pub(crate) fn uses(&self) -> impl Iterator<Item = Use> {
        self.uses.iter().cloned().map(|mut known| {
            if let (None, Some(key)) = (&known.why, known.key)
                && let Some((_, source)) = self.values.get(key)
                && !source.parts().contains(&known.source)
            {
                known.why = Some(format!("{source} goes before it"));
            }
            known
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
