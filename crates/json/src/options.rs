//! Where the database is and how it behaves.

use std::path::PathBuf;

use aquifer_core::{Error, Result};
use percent_encoding::percent_decode_str;

/// Where the database is and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonOptions {
    /// The snapshot's path; the journal and the lock lie beside it.
    pub path: PathBuf,
    /// How many bytes the journal may have before a new snapshot is written; more where the snapshot itself is larger.
    pub journal_limit: u64,
}

impl JsonOptions {
    /// The journal's limit unless something else is asked for: 4 MiB.
    pub const JOURNAL_LIMIT: u64 = 4 << 20;

    /// The database at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), journal_limit: Self::JOURNAL_LIMIT }
    }

    /// Reads `json:PATH`, `json://PATH`, or a bare path that ends in `.json`.
    ///
    /// After `json:` the path is percent-decoded and options may follow: `json:data.json?journal_limit=1048576`.
    ///
    /// # Errors
    /// `Invalid` for another scheme, an unknown option, or a value that does not fit.
    ///
    /// ```
    /// use aquifer_json::JsonOptions;
    /// assert_eq!(JsonOptions::from_url("json:///var/lib/aquifer/data.json")?, JsonOptions::new("/var/lib/aquifer/data.json"));
    /// assert_eq!(JsonOptions::from_url("data.json")?, JsonOptions::new("data.json"));
    /// assert_eq!(JsonOptions::from_url("json:data.json?journal_limit=1000")?.journal_limit, 1000);
    /// # Ok::<(), aquifer_core::Error>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self> {
        let Some(rest) = strip_scheme(url) else {
            if url.ends_with(".json") && !url.contains("://") {
                return Ok(Self::new(url));
            }
            return Err(Error::invalid(format!(
                "{url:?} names no JSON file: write json:PATH, or a path that ends in .json"
            )));
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = percent_decode_str(path)
            .decode_utf8()
            .map_err(|error| Error::invalid(format!("the path in {url:?} is not UTF-8")).with_source(error))?;
        if path.is_empty() {
            return Err(Error::invalid(format!("{url:?} names no file: write json:PATH")));
        }
        let mut options = Self::new(path.as_ref());
        for option in query.split('&').filter(|option| !option.is_empty()) {
            options.set(option)?;
        }
        Ok(options)
    }

    fn set(&mut self, option: &str) -> Result<()> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "journal_limit" => {
                self.journal_limit = value
                    .parse()
                    .map_err(|_| Error::invalid(format!("journal_limit takes a number of bytes, not {value:?}")))?;
                Ok(())
            }
            _ => Err(unknown(name)),
        }
    }
}

const NAMES: [&str; 1] = ["journal_limit"];

fn unknown(name: &str) -> Error {
    let near = |known: &&&str| strsim::jaro_winkler(name, known) > 0.75;
    // Comparing very long names would take long, and they are no misspelled short ones.
    let hint = match NAMES.iter().filter(|_| name.len() <= 256).find(near) {
        Some(known) => format!("did you mean {known:?}?"),
        None => format!("there is {}", NAMES.join(", ")),
    };
    Error::invalid(format!("a JSON file has no option {name:?}: {hint}"))
}

fn strip_scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_at_checked(5)?;
    let rest = scheme.eq_ignore_ascii_case("json:").then_some(rest)?;
    Some(rest.strip_prefix("//").unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_paths() {
        let path = |url: &str| JsonOptions::from_url(url).map(|options| options.path.display().to_string());
        assert_eq!(path("json:a/b.txt").unwrap(), "a/b.txt");
        assert_eq!(path("JSON://a.json").unwrap(), "a.json");
        assert_eq!(path("json:///a%3Fb%25.json?").unwrap(), "/a?b%.json");
        assert_eq!(path("./50% off?.json").unwrap(), "./50% off?.json");
        for wrong in ["", "json:", "json://", "json://?x=1", "sqlite://a.json", "a.db", "json:%ff"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_options_name_the_nearest() {
        let refused = |url: &str| JsonOptions::from_url(url).unwrap_err().to_string();
        assert!(refused("json:a.json?jurnal_limit=1").contains("did you mean \"journal_limit\"?"));
        assert!(refused("json:a.json?sync=off").contains("there is journal_limit"));
        assert!(refused("json:a.json?journal_limit=4MiB").contains("takes a number of bytes"));
        assert!(refused("json:a.json?journal_limit").contains("takes a number of bytes"));
    }
}
