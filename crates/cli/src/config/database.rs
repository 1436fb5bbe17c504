//! Where the data is.

use super::setting::{DATABASE_KEY, Setting};
use super::source::Source;
use super::values::{Values, text};
use crate::failure::Result;

pub(super) const SETTINGS: &[Setting] = &[Setting {
    key: DATABASE_KEY,
    default: Some("sqlite:aquifer.db"),
    doc: "the database: sqlite:PATH, json:PATH, memory: or a server's URL, such as postgres://USER@HOST/DATABASE",
}];

/// Where the data is.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseSettings {
    /// The database's URL, which may hold secrets.
    pub(crate) url: String,
    /// Who named it.
    pub(crate) source: Source,
}

impl DatabaseSettings {
    pub(super) fn read(values: &Values) -> Result<Self> {
        let source = values.get(DATABASE_KEY).map_or(Source::Default, |(_, source)| source.clone());
        Ok(Self { url: values.read(DATABASE_KEY, text)?, source })
    }
}
