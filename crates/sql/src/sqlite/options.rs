//! Where a SQLite database is and how it is used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aquifer_core::{Error, Result};
use percent_encoding::percent_decode_str;

/// What SQLite calls a database that lives in memory and ends with its handle.
const MEMORY: &str = ":memory:";
/// The longest time to wait for another process; SQLite counts it in 31 bits of milliseconds.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// The most threads that read.
const MOST_READERS: usize = 64;

/// Where a SQLite database is and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The database's file; `:memory:` for a database that ends with its handle.
    pub path: PathBuf,
    /// Whether a file that does not exist is created.
    pub create: bool,
    /// Whether all writes are refused, `migrate` included.
    pub read_only: bool,
    /// How long a write waits for another process to finish its own, at most an hour.
    pub busy_timeout: Duration,
    /// How many threads read, from 1 to 64. A database in memory has none: its writer reads.
    pub readers: usize,
    /// What an acknowledged commit survives.
    pub durability: Durability,
}

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of the process and the loss of power: each commit waits for the disk.
    #[default]
    Full,
    /// The end of the process; the loss of power may take the latest commits, never part of one.
    Process,
}

impl SqliteOptions {
    /// The database in the file at `path`, created if it does not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            create: true,
            read_only: false,
            busy_timeout: Duration::from_secs(30),
            readers: std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8)),
            durability: Durability::Full,
        }
    }

    /// A database in memory.
    pub fn memory() -> Self {
        Self::new(MEMORY)
    }

    /// Whether the database lives in memory.
    pub fn is_memory(&self) -> bool {
        self.path == Path::new(MEMORY)
    }

    /// Reads a URL: `sqlite:PATH`, `sqlite://PATH`, `file:PATH` or `sqlite::memory:`.
    ///
    /// `sqlite:///home/x.db` names an absolute path and `sqlite:///./x.db` a relative one. With a driver of SQLAlchemy,
    /// as in `sqlite+aiosqlite:///x.db`, three slashes begin a relative path and four an absolute one. A `?` or `%` in a
    /// path is written `%3F` or `%25`.
    ///
    /// Options follow a `?`: `mode` is `ro`, `rw` (the file must exist) or `rwc` (the default); `busy_timeout` is in milliseconds;
    /// `readers` is a number of threads.
    ///
    /// # Errors
    /// `Invalid` for another scheme, no path, or an option that is unknown or out of range.
    ///
    /// ```
    /// use aquifer_sql::SqliteOptions;
    /// let options = SqliteOptions::from_url("sqlite:///./workflows.db?mode=rw&readers=4")?;
    /// assert_eq!(options.path, std::path::Path::new("./workflows.db"));
    /// assert!(!options.create);
    /// # Ok::<(), aquifer_core::Error>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let place = match scheme {
            "sqlite" | "file" => plain_path(place),
            "sqlite+aiosqlite" | "sqlite+pysqlite" => place.strip_prefix("///").unwrap_or_default(),
            _ => return Err(Error::invalid(format!("{url:?} is not a SQLite URL: write sqlite:PATH"))),
        };
        let path = percent_decode_str(place).decode_utf8();
        let path = path.map_err(|_| Error::invalid(format!("the path in {url:?} is not UTF-8")))?;
        if path.is_empty() {
            return Err(Error::invalid(format!("{url:?} names no file: write sqlite:PATH, or sqlite::memory:")));
        }
        if path.contains('\0') {
            return Err(Error::invalid(format!("the path in {url:?} contains U+0000")));
        }
        let mut options = Self::new(path.into_owned());
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let refused = |takes: &str| Err(Error::invalid(format!("the option {name} takes {takes}, not {value:?}")));
        match name {
            "mode" => {
                (self.read_only, self.create) = match value {
                    "ro" => (true, false),
                    "rw" => (false, false),
                    "rwc" => (false, true),
                    _ => return refused("ro, rw or rwc"),
                };
            }
            "busy_timeout" => match value.parse().map(Duration::from_millis) {
                Ok(wait) if wait <= LONGEST_WAIT => self.busy_timeout = wait,
                _ => return refused("milliseconds, at most 3600000"),
            },
            "readers" => match value.parse() {
                Ok(readers) if (1..=MOST_READERS).contains(&readers) => self.readers = readers,
                _ => return refused("a number of threads from 1 to 64"),
            },
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// The same options with numbers that SQLite and the threads can take.
    pub(super) fn clamped(mut self) -> Self {
        self.busy_timeout = self.busy_timeout.min(LONGEST_WAIT);
        self.readers = self.readers.clamp(1, MOST_READERS);
        self
    }
}

/// The path of a URL without a driver. Two slashes stand for nothing, a third begins an absolute path unless `./` follows.
fn plain_path(place: &str) -> &str {
    match place.strip_prefix("///") {
        Some(path) if path.starts_with(['.', '/']) || path == MEMORY => path,
        _ => place.strip_prefix("//").unwrap_or(place),
    }
}

fn unknown(name: &str) -> Error {
    const NAMES: [&str; 3] = ["busy_timeout", "mode", "readers"];
    let nearest = NAMES.into_iter().max_by(|a, b| {
        let (a, b) = (strsim::jaro_winkler(a, name), strsim::jaro_winkler(b, name));
        a.total_cmp(&b)
    });
    let nearest = nearest.unwrap_or_default();
    Error::invalid(format!("sqlite has no option {name:?}, did you mean {nearest}? (there are {})", NAMES.join(", ")))
}
