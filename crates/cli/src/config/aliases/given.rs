//! What is set of the variables of other programs, strongest place first.

use super::{Alias, DATABASE, Gate, Gives, SYSTEMS, System};
use crate::config::setting::{DATABASE_VARIABLE, did_you_mean_of};
use crate::config::source::Source;
use crate::failure::{Failure, Result};

/// What Flunq.io's variables begin with, and those of many other programs.
const SHARED_PREFIX: &str = "DATABASE_";

/// A variable, or a key of `aquifer.toml`, that is set. Its value may be a secret.
pub(super) struct Given {
    /// As it was written.
    pub(super) name: String,
    pub(super) system: &'static System,
    pub(super) alias: &'static Alias,
    /// `None` if it is not UTF-8.
    value: Option<String>,
    pub(super) source: Source,
}

impl Given {
    /// The value in Aquifer's form.
    ///
    /// # Errors
    /// If it does not fit. The text shows the value unless it is a secret.
    pub(super) fn read(&self) -> Result<String> {
        let raw = self.raw()?;
        (self.alias.takes)(raw).map_err(|takes| {
            let place = self.source.place();
            Failure::unusable(format!("{} takes {takes}, not {:?} (in {place})", self.name, aquifer::mask(raw)))
        })
    }

    /// The value as it was written.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub(super) fn raw(&self) -> Result<&str> {
        self.value.as_deref().ok_or_else(|| Failure::unusable(format!("the value of {} is not UTF-8", self.name)))
    }
}

/// Everything that is set and may be a system's.
#[derive(Default)]
pub(in crate::config) struct Collected {
    given: Vec<Given>,
    /// What has the shared prefix and is nobody's variable, with its source.
    strangers: Vec<(String, Source)>,
    /// Options of the database's URL: name, value and source.
    options: Vec<(String, String, Source)>,
}

/// Whether a variable may be one of the systems'.
pub(in crate::config) fn concerns(name: &str) -> bool {
    find(name).is_some() || owner(name).is_some() || name.starts_with(SHARED_PREFIX)
}

/// The keys of `aquifer.toml` that stand for variables.
pub(in crate::config) fn keys() -> impl Iterator<Item = String> {
    let aliases = SYSTEMS.into_iter().flat_map(|system| system.aliases);
    let shared = aliases.filter_map(|alias| alias.name.strip_prefix(SHARED_PREFIX));
    shared.map(|name| format!("database.{}", name.to_ascii_lowercase())).filter(|key| key != DATABASE)
}

/// The variable of this name, and its system.
fn find(name: &str) -> Option<(&'static System, &'static Alias)> {
    let pairs = SYSTEMS.into_iter().flat_map(|system| system.aliases.iter().map(move |alias| (system, alias)));
    pairs.into_iter().find(|(_, alias)| alias.name == name)
}

/// The system whose prefix a name has.
fn owner(name: &str) -> Option<&'static System> {
    SYSTEMS.into_iter().find(|system| system.prefix.is_some_and(|prefix| name.starts_with(prefix)))
}

impl Collected {
    /// Takes a variable. Later calls are from places that are as strong or stronger; an empty value unsets, except that of a URL.
    ///
    /// # Errors
    /// If it has the prefix of a system that has no such variable.
    pub(in crate::config) fn add(&mut self, name: String, value: Option<String>, source: Source) -> Result<()> {
        let Some((system, alias)) = find(&name) else {
            let Some(system) = owner(&name) else {
                self.strangers.push((name, source));
                return Ok(());
            };
            let prefix = system.prefix.unwrap_or_default();
            let hint = did_you_mean_of(prefix, &name, system.aliases.iter().map(|alias| alias.name));
            let text = format!("there is no variable {name} of {}, which is in {}{hint}", system.name, source.place());
            return Err(Failure::unusable(text)
                .with_hint("docs/configuration.md lists them; unset it if it is meant for another program"));
        };
        self.given.retain(|given| given.alias.name != alias.name);
        if value.as_deref() != Some("") || alias.gives == Gives::Url {
            self.given.push(Given { name, system, alias, value, source });
        }
        Ok(())
    }

    /// Takes a key of `aquifer.toml` such as `database.host`; says whether there is such a one.
    pub(in crate::config) fn add_key(&mut self, key: &str, value: &str, source: Source) -> bool {
        let named = key.starts_with("database.") && key != DATABASE;
        let Some((system, alias)) = find(&key.replace('.', "_").to_ascii_uppercase()).filter(|_| named) else {
            return false;
        };
        self.given.push(Given { name: key.to_owned(), system, alias, value: Some(value.to_owned()), source });
        true
    }

    /// Takes an option of the URL that `database.type` and its companions make.
    pub(in crate::config) fn add_option(&mut self, name: &str, value: String, source: Source) {
        self.options.push((name.to_owned(), value, source));
    }

    /// Options of the URL that a system's variables make.
    pub(super) fn options(&self, system: &'static System) -> &[(String, String, Source)] {
        if matches!(system.gate, Gate::Set(_)) { &self.options } else { &[] }
    }

    /// What is set of a system's variables, in the order of its table.
    pub(super) fn of(&self, system: &'static System) -> Vec<&Given> {
        let by_alias = |alias: &Alias| self.given.iter().find(|given| given.alias.name == alias.name);
        system.aliases.iter().filter_map(by_alias).collect()
    }

    /// The variable that names the database for many programs.
    pub(super) fn database_url(&self) -> Option<&Given> {
        self.given.iter().find(|given| given.alias.name == DATABASE_VARIABLE)
    }

    /// Whether the variables of a system count.
    ///
    /// # Errors
    /// If a key of `aquifer.toml`, which is nobody else's, does not count; if a name is a slip of one that would.
    pub(super) fn is_meant(&self, system: &'static System) -> Result<bool> {
        let is_open = match system.gate {
            Gate::Open => true,
            Gate::Set(name) => self.given.iter().any(|given| given.alias.name == name),
            Gate::Driver => {
                let url = self.database_url().and_then(|given| given.value.as_deref()).unwrap_or_default();
                url.split_once("://").is_some_and(|(scheme, _)| scheme.contains('+'))
            }
        };
        if let Gate::Set(gate) = system.gate {
            self.refuse_slips(system, gate, is_open)?;
        }
        Ok(is_open)
    }

    fn refuse_slips(&self, system: &'static System, gate: &'static str, is_open: bool) -> Result<()> {
        if !is_open {
            let in_file = |given: &&Given| matches!(given.source, Source::File(_)) && given.system.name == system.name;
            let lost = self.given.iter().find(in_file).map(|given| (given.name.as_str(), &given.source));
            let lost = lost.or_else(|| self.options.first().map(|(_, _, source)| ("database.options", source)));
            return match lost {
                Some((name, source)) => Err(Failure::unusable(format!(
                    "{source}: {name} says nothing without database.type: set that, or database.url instead"
                ))),
                None => Ok(()),
            };
        }
        for (name, source) in &self.strangers {
            let near = |alias: &&Alias| name.len() <= 64 && strsim::osa_distance(name, alias.name) == 1;
            if let Some(alias) = system.aliases.iter().find(near) {
                let text = format!("there is no variable {name} of {}, which is in {}", system.name, source.place());
                return Err(Failure::unusable(format!("{text}, did you mean {:?}?", alias.name))
                    .with_hint(format!("{gate} is set, so that what follows it counts; unset the one or the other")));
            }
        }
        Ok(())
    }
}
