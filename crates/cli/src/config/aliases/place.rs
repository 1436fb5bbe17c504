//! From the parts of a database's address to its URL, and back.

use percent_encoding::{percent_decode_str, utf8_percent_encode};
use url::Url;

use super::takes::{UNRESERVED, option_value};
use super::{Kind, Part};
use crate::config::canonical::canonical;

/// The parts of an address that are given, each once.
#[derive(Default)]
pub(super) struct Address {
    parts: Vec<(Part, String)>,
    /// Options whose names are the author's own.
    options: Vec<(String, String)>,
}

impl Address {
    /// Takes a part, in place of one that is there.
    pub(super) fn set(&mut self, part: Part, value: String) {
        self.parts.retain(|(known, _)| *known != part);
        self.parts.push((part, value));
    }

    /// Adds an option whose name is the author's own.
    pub(super) fn add_option(&mut self, name: &str, value: &str) {
        self.options.push((name.to_owned(), value.to_owned()));
    }

    /// The value of a part.
    pub(super) fn get(&self, part: Part) -> Option<&str> {
        self.parts.iter().find(|(known, _)| *known == part).map(|(_, value)| value.as_str())
    }

    /// The URL of a database of this kind at this address.
    pub(super) fn url(&self, kind: Kind) -> String {
        let scheme = kind.names().first().copied().unwrap_or_default();
        if kind == Kind::Memory {
            return format!("{scheme}:");
        }
        let mut url = format!("{scheme}://");
        let (user, password) = (self.get(Part::User), self.get(Part::Password));
        if user.is_some() || password.is_some() {
            url.push_str(&encoded(user.unwrap_or_default()));
            if let Some(password) = password {
                url.push(':');
                url.push_str(&encoded(password));
            }
            url.push('@');
        }
        let host = self.get(Part::Host).unwrap_or_default();
        // Only an address of IPv6 has a colon.
        match host.contains(':') {
            true => url.push_str(&format!("[{host}]")),
            false => url.push_str(&encoded(host)),
        }
        if let Some(port) = self.get(Part::Port) {
            url.push_str(&format!(":{port}"));
        }
        let options = self.options(kind);
        match self.get(Part::Database) {
            Some(database) => url.push_str(&format!("/{}", encoded(database))),
            // The driver of MongoDB takes options only after a path.
            None if kind == Kind::Mongodb && !options.is_empty() => url.push('/'),
            None => {}
        }
        for (index, (name, value)) in options.iter().enumerate() {
            let before = if index == 0 { '?' } else { '&' };
            url.push_str(&format!("{before}{}={}", option_value(name), option_value(value)));
        }
        url
    }

    /// The options of the URL, in the order in which they were given.
    fn options(&self, kind: Kind) -> Vec<(&str, &str)> {
        let named = self.parts.iter().filter_map(|(part, value)| Some((option_of(kind, *part)?, value.as_str())));
        named.chain(self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect()
    }

    /// Whether everything that is given here is the same in `url`.
    pub(super) fn is_within(&self, kind: Kind, url: &str) -> bool {
        let Some(place) = Place::of(url) else { return false };
        let same = |(part, value): &(Part, String)| match part {
            Part::Host => place.host == value.to_ascii_lowercase(),
            Part::Port => place.port.is_some_and(|port| port.to_string() == *value),
            Part::User => place.user == *value,
            Part::Password => place.password == *value,
            Part::Database => place.database == *value,
            Part::MaxConnections | Part::MinConnections | Part::Option(_) => true,
        };
        let has = |(name, value): &(&str, &str)| place.options.iter().any(|(known, set)| known == name && set == value);
        kind.names().contains(&place.scheme.as_str())
            && self.parts.iter().all(same)
            && self.options(kind).iter().all(has)
    }
}

/// The name of the option that says this; `None` if databases of this kind have none.
pub(super) fn option_of(kind: Kind, part: Part) -> Option<&'static str> {
    match (part, kind) {
        (Part::Option(name), _) => Some(name),
        (Part::MaxConnections, Kind::Postgres | Kind::Mysql | Kind::Mariadb | Kind::Mongodb | Kind::Redis) => {
            Some("max_connections")
        }
        (Part::MinConnections, Kind::Postgres | Kind::Mysql | Kind::Mariadb | Kind::Mongodb) => Some("min_connections"),
        _ => None,
    }
}

/// Whether two URLs name the same database in the same way, however they are spelled.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    a == b || Place::of(a).is_some_and(|place| Some(place) == Place::of(b))
}

/// What a URL names, in one spelling.
#[derive(PartialEq, Eq)]
struct Place {
    scheme: String,
    user: String,
    password: String,
    host: String,
    port: Option<u16>,
    database: String,
    options: Vec<(String, String)>,
}

impl Place {
    fn of(url: &str) -> Option<Self> {
        let url = Url::parse(&canonical(url).ok()?.url).ok()?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let scheme = match url.scheme() {
            "postgresql" => "postgres",
            other => other,
        };
        let default = match scheme {
            "postgres" => Some(5432),
            "mysql" | "mariadb" => Some(3306),
            "redis" | "rediss" => Some(6379),
            "mongodb" => Some(27017),
            _ => None,
        };
        let mut options: Vec<(String, String)> =
            url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        options.sort();
        Some(Self {
            scheme: scheme.to_owned(),
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
            host: decoded(url.host_str().unwrap_or_default()).to_ascii_lowercase(),
            port: url.port().or(default),
            database: decoded(url.path()).trim_start_matches('/').to_owned(),
            options,
        })
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
