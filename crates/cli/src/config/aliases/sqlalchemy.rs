//! `DATABASE_URL`, which many programs share, and what applications on SQLAlchemy add to it. Options that SQLAlchemy takes in the URL
//! itself are translated in [`super::super::canonical`].

use super::takes::{anything, python_level};
use super::{Alias, Gate, Gives, System};

/// Everybody's variable of the database.
pub(super) const DATABASE_URL: System = System {
    name: "many programs",
    prefix: None,
    gate: Gate::Open,
    kinds: &[],
    defaults: |_| &[],
    aliases: &[Alias { name: super::super::setting::DATABASE_VARIABLE, gives: Gives::Url, takes: anything }],
};

/// An application on SQLAlchemy.
pub(super) const APPLICATION: System = System {
    name: "SQLAlchemy applications",
    prefix: None,
    gate: Gate::Driver,
    kinds: &[],
    defaults: |_| &[],
    aliases: &[Alias { name: "LOG_LEVEL", gives: Gives::Setting("log.level"), takes: python_level }],
};
