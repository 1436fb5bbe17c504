//! Variables of other programs that set what Aquifer's own settings set.
//!
//! Each [`System`] is a table: a variable, what it gives, and what it takes. The variables of one system make one database URL
//! together ([`place`]); [`resolve`] finds out which system speaks, and refuses two that disagree.
//!
//! A variable counts by these rules:
//! - one whose prefix is the system's own, such as `FLOWRUNNER_`, always counts, and is refused if the system has none of that name;
//! - one whose name many programs use, such as `REDIS_PASSWORD`, counts only when the [`Gate`] of its system is open, and is never
//!   refused for being unknown;
//! - Aquifer's own variable or key goes before those of others in the same place, and a stronger place before a weaker one.

mod flowrunner;
mod flunq;
mod given;
mod place;
mod resolve;
mod sqlalchemy;
mod strom;
pub(super) mod takes;
#[cfg(test)]
mod tests;

pub(super) use given::{Collected, concerns, keys};
pub(crate) use resolve::Use;
pub(super) use resolve::resolve;

/// Every system, in the order in which the documentation lists them.
pub(super) const SYSTEMS: [&System; 5] =
    [&flowrunner::SYSTEM, &sqlalchemy::DATABASE_URL, &sqlalchemy::APPLICATION, &flunq::SYSTEM, &strom::SYSTEM];

/// The setting that most aliases are about.
const DATABASE: &str = super::setting::DATABASE_KEY;
/// The setting that hosts and ports of servers are about.
const LISTEN: &str = super::setting::LISTEN_KEY;

/// A program whose variables are understood.
#[derive(Debug)]
pub(super) struct System {
    /// Its name, for people.
    pub(super) name: &'static str,
    /// What only its variables begin with, if there is such a thing.
    pub(super) prefix: Option<&'static str>,
    /// When its variables count.
    pub(super) gate: Gate,
    /// The databases that it knows.
    pub(super) kinds: &'static [Kind],
    /// What it takes where a part of the database's address is missing.
    pub(super) defaults: fn(Kind) -> &'static [(Part, &'static str)],
    /// Its variables.
    pub(super) aliases: &'static [Alias],
}

/// When the variables of a system count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Always.
    Open,
    /// When this variable is set.
    Set(&'static str),
    /// When `DATABASE_URL` names a driver, as SQLAlchemy writes it: `postgresql+asyncpg://`.
    Driver,
}

/// A variable of a system.
#[derive(Debug)]
pub(super) struct Alias {
    /// Its name.
    pub(super) name: &'static str,
    /// What it gives.
    pub(super) gives: Gives,
    /// Brings a value into Aquifer's form, or says what it takes.
    pub(super) takes: fn(&str) -> Result<String, String>,
}

/// What a variable gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// The whole URL of the database.
    Url,
    /// The URL of the database where the system's [`Gives::Url`] is not set; the first in the table goes before the others.
    Fallback,
    /// Which database it is, of the system's `kinds`.
    Kind,
    /// A part of the database's address, for these kinds of database; for any if there are none.
    Part(&'static [Kind], Part),
    /// The host of `server.listen`.
    ListenHost,
    /// The port of `server.listen`.
    ListenPort,
    /// The setting with this key.
    Setting(&'static str),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// A part of the address of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The host; the region of DynamoDB.
    Host,
    /// The port.
    Port,
    /// Who signs in.
    User,
    /// With which password.
    Password,
    /// The database's name or number.
    Database,
    /// The most connections.
    MaxConnections,
    /// How many connections are kept.
    MinConnections,
    /// An option of the URL.
    Option(&'static str),
}

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Postgres,
    Mysql,
    Mariadb,
    Redis,
    Mongodb,
    Dynamodb,
}

impl Kind {
    /// The names that systems have for it; the first is the scheme of its URLs.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Memory => &["memory", "in-memory", "inmemory"],
            Self::Postgres => &["postgres", "postgresql"],
            Self::Mysql => &["mysql"],
            Self::Mariadb => &["mariadb"],
            Self::Redis => &["redis", "valkey"],
            Self::Mongodb => &["mongodb", "mongo"],
            Self::Dynamodb => &["dynamodb"],
        }
    }
}

impl Alias {
    /// What it becomes, for the documentation.
    #[cfg(test)]
    fn meaning(&self) -> String {
        let part = |part: Part| match part {
            Part::Host => "the host".to_owned(),
            Part::Port => "the port".to_owned(),
            Part::User => "the user".to_owned(),
            Part::Password => "the password".to_owned(),
            Part::Database => "the database".to_owned(),
            Part::MaxConnections => "the most connections".to_owned(),
            Part::MinConnections => "how many connections are kept".to_owned(),
            Part::Option(name) => format!("the option `{name}`"),
        };
        match self.gives {
            Gives::Url => format!("`{DATABASE}`"),
            Gives::Fallback => format!("`{DATABASE}`, a JSON file, where no URL is set"),
            Gives::Kind => format!("`{DATABASE}`: which database"),
            Gives::Part([Kind::Dynamodb], Part::Host) => format!("`{DATABASE}`: the region"),
            Gives::Part(_, given) => format!("`{DATABASE}`: {}", part(given)),
            Gives::ListenHost => format!("`{LISTEN}`: the host"),
            Gives::ListenPort => format!("`{LISTEN}`: the port"),
            Gives::Setting(key) => format!("`{key}`"),
            Gives::Nothing(why) => format!("nothing: {why}"),
        }
    }
}
