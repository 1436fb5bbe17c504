//! Where the tables are, who asks for them, and how patiently.

use std::fmt;
use std::time::Duration;

use aquifer_core::{Error, Result, UrlOptions};

/// What a URL of this backend begins with.
const SCHEME: &str = "dynamodb://";

/// The longest prefix of table names: with the longest name of a kind it stays below DynamoDB's 255 characters.
const MAX_PREFIX: usize = 128;

/// The greatest provisioned capacity that is taken; DynamoDB's own quota is below it.
const MAX_CAPACITY: i64 = 1_000_000;

const KNOWN: &[&str] = &[
    "access_key_id",
    "acquire_timeout",
    "connect_timeout",
    "endpoint",
    "idle_timeout",
    "max_connections",
    "profile",
    "read_capacity",
    "request_timeout",
    "secret_access_key",
    "session_token",
    "table_prefix",
    "write_capacity",
];

/// How to reach DynamoDB; see the crate's documentation for the form of its URLs.
#[derive(Clone)]
pub struct DynamoOptions {
    /// The region; `None` takes the one of the environment or of the profile.
    pub region: Option<String>,
    /// The address of the service, where it is not that of the region: `http://localhost:8000`.
    pub endpoint: Option<String>,
    /// What the names of the tables begin with, as it is.
    pub table_prefix: String,
    /// Read and write capacity units of each table and each of its indexes; `None` creates them on demand.
    pub capacity: Option<(i64, i64)>,
    /// Whose rights are used.
    pub credentials: DynamoCredentials,
    /// The most requests under way at once, each on a connection of its own.
    pub max_connections: usize,
    /// How long a request waits for one of the connections.
    pub acquire_timeout: Duration,
    /// How long a connection is kept that nobody uses.
    pub idle_timeout: Duration,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
}

/// Whose rights are used.
#[derive(Clone)]
pub enum DynamoCredentials {
    /// What the AWS SDK finds: the environment, the profile files, a web identity, the container's or the machine's role.
    Chain {
        /// The profile, where it is not that of `AWS_PROFILE` or `default`.
        profile: Option<String>,
    },
    /// A key that was given.
    Given {
        /// The access key's id.
        access_key_id: String,
        /// The secret access key.
        secret_access_key: String,
        /// The session's token, for temporary keys.
        session_token: Option<String>,
    },
}

impl Default for DynamoOptions {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            table_prefix: "aquifer_".to_owned(),
            capacity: None,
            credentials: DynamoCredentials::Chain { profile: None },
            max_connections: 50,
            acquire_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(15),
        }
    }
}

impl DynamoOptions {
    /// Reads `dynamodb://REGION?option=value&…`. Without a region that of the environment or the profile is taken.
    ///
    /// # Errors
    /// `Invalid` for what it does not understand, with the fix.
    pub fn from_url(url: &str) -> Result<Self> {
        let Some(rest) = url.strip_prefix(SCHEME) else {
            return Err(Error::invalid("a DynamoDB URL has the form dynamodb://REGION?option=value"));
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (region, query) = rest.split_once('?').unwrap_or((rest, ""));
        let region = region.trim_end_matches('/');
        if !region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            let message = "a DynamoDB URL names a region such as eu-central-1 and nothing else before the ?: the address \
                           of a server is the option endpoint, keys are access_key_id and secret_access_key";
            return Err(Error::invalid(message));
        }
        let mut given = UrlOptions::parse("dynamodb", query, KNOWN)?;
        let mut options =
            Self { region: Some(region.to_owned()).filter(|region| !region.is_empty()), ..Self::default() };
        options.endpoint = given.text("endpoint").map(|endpoint| checked_endpoint(&endpoint)).transpose()?;
        if let Some(prefix) = given.text("table_prefix") {
            options.table_prefix = checked_prefix(prefix)?;
        }
        let read = given.number("read_capacity", 1, MAX_CAPACITY)?;
        let write = given.number("write_capacity", 1, MAX_CAPACITY)?;
        options.capacity = match (read, write) {
            (None, None) => None,
            (Some(read), Some(write)) => Some((read, write)),
            _ => return Err(Error::invalid("read_capacity and write_capacity are given together, or neither")),
        };
        options.credentials = credentials(&mut given)?;
        if let Some(most) = given.number("max_connections", 1, 10_000)? {
            options.max_connections = most;
        }
        for (name, place) in [
            ("acquire_timeout", &mut options.acquire_timeout),
            ("idle_timeout", &mut options.idle_timeout),
            ("connect_timeout", &mut options.connect_timeout),
            ("request_timeout", &mut options.request_timeout),
        ] {
            if let Some(duration) = given.duration(name)? {
                *place = duration;
            }
        }
        Ok(options)
    }

    /// Whether the service is on this machine, which then is no AWS.
    pub(crate) fn is_local(&self) -> bool {
        let Some(endpoint) = &self.endpoint else { return false };
        let authority = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
        ["localhost", "127.", "[::1]", "0.0.0.0"].iter().any(|local| authority.starts_with(local))
    }

    /// Where the service is, for errors.
    pub(crate) fn place(&self) -> String {
        match (&self.endpoint, &self.region) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(region)) => format!("https://dynamodb.{region}.amazonaws.com:443"),
            (None, None) => "https://dynamodb (the region of the environment)".to_owned(),
        }
    }
}

impl fmt::Debug for DynamoOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoOptions")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("table_prefix", &self.table_prefix)
            .field("capacity", &self.capacity)
            .field("credentials", &self.credentials)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DynamoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain { profile } => f.debug_struct("Chain").field("profile", profile).finish(),
            Self::Given { .. } => f.write_str("Given(<secret>)"),
        }
    }
}

fn credentials(given: &mut UrlOptions) -> Result<DynamoCredentials> {
    let profile = given.text("profile").filter(|profile| !profile.is_empty());
    let keys = (given.text("access_key_id"), given.text("secret_access_key"), given.text("session_token"));
    match keys {
        (None, None, None) => Ok(DynamoCredentials::Chain { profile }),
        (Some(access_key_id), Some(secret_access_key), session_token) if profile.is_none() => {
            if access_key_id.is_empty() || secret_access_key.is_empty() {
                return Err(Error::invalid("access_key_id and secret_access_key cannot be empty"));
            }
            Ok(DynamoCredentials::Given { access_key_id, secret_access_key, session_token })
        }
        (Some(_), Some(_), _) => Err(Error::invalid("give either a profile or an access_key_id, not both")),
        _ => Err(Error::invalid("access_key_id and secret_access_key are given together")),
    }
}

fn checked_endpoint(endpoint: &str) -> Result<String> {
    let authority = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    match authority.map(|authority| authority.trim_end_matches('/')) {
        Some(authority)
            if !authority.is_empty()
                && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte)) =>
        {
            Ok(endpoint.trim_end_matches('/').to_owned())
        }
        _ => Err(Error::invalid(
            "the option endpoint of dynamodb takes a scheme, a host and a port, such as http://localhost:8000",
        )),
    }
}

fn checked_prefix(prefix: String) -> Result<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if prefix.len() > MAX_PREFIX || !prefix.bytes().all(allowed) {
        return Err(Error::invalid(format!(
            "the option table_prefix of dynamodb takes at most {MAX_PREFIX} letters, digits, '_', '-' and '.'"
        )));
    }
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_all_options() {
        let url = "dynamodb://us-west-2?endpoint=http%3A%2F%2Flocalhost%3A8000&table_prefix=flowrunner_&read_capacity=5\
                   &write_capacity=7&max_connections=3&request_timeout=2s&access_key_id=AKIA&secret_access_key=s3cr3t";
        let options = DynamoOptions::from_url(url).unwrap();
        assert_eq!(options.region.as_deref(), Some("us-west-2"));
        assert_eq!(options.endpoint.as_deref(), Some("http://localhost:8000"));
        assert_eq!((options.table_prefix.as_str(), options.capacity), ("flowrunner_", Some((5, 7))));
        assert_eq!((options.max_connections, options.request_timeout), (3, Duration::from_secs(2)));
        assert!(options.is_local());
        let debug = format!("{options:?}");
        assert!(!debug.contains("s3cr3t") && !debug.contains("AKIA"), "{debug}");
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_fix() {
        for (url, fix) in [
            ("dynamodb://localhost:8000", "option endpoint"),
            ("dynamodb://key:secret@eu-central-1", "access_key_id"),
            ("dynamodb://eu-central-1/table", "nothing else"),
            ("dynamodb://eu-central-1?read_capacity=5", "together"),
            ("dynamodb://eu-central-1?read_capacity=0&write_capacity=5", "a number from 1"),
            ("dynamodb://eu-central-1?secret_access_key=x", "together"),
            ("dynamodb://eu-central-1?secret_access_key=x&access_key_id=y&profile=z", "either"),
            ("dynamodb://eu-central-1?table_prefix=a%2Fb", "letters"),
            ("dynamodb://eu-central-1?endpoint=localhost:8000", "http://localhost:8000"),
            ("dynamodb://eu-central-1?tableprefix=a&table_prefx=b", "did you mean table_prefix?"),
            ("https://eu-central-1", "dynamodb://REGION"),
        ] {
            let message = DynamoOptions::from_url(url).unwrap_err().to_string();
            assert!(message.contains(fix), "{url}: {message}");
            assert!(!message.contains("secret@"), "{message}");
        }
    }

    #[test]
    fn what_is_not_given_is_left_to_the_sdk() {
        let options = DynamoOptions::from_url("dynamodb://").unwrap();
        assert_eq!((options.region.as_deref(), options.capacity), (None, None));
        assert!(!options.is_local() && matches!(options.credentials, DynamoCredentials::Chain { profile: None }));
    }
}
