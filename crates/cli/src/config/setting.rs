//! What a setting is.

/// One thing that can be set: in `aquifer.toml` under its key, in the environment under [`Setting::variable`], on the command line with
/// `--set` or a flag of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Area and name, such as `server.listen`.
    pub(crate) key: &'static str,
    /// What it holds unless it is set; `None` if it may be absent.
    pub(crate) default: Option<&'static str>,
    /// What it means, in one line.
    pub(crate) doc: &'static str,
}

impl Setting {
    /// Its variable in the environment: `server.listen` is `AQUIFER_SERVER_LISTEN`.
    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}

/// What the variables of settings begin with.
pub(crate) const PREFIX: &str = "AQUIFER_";

/// The variable that names the file of settings; it is no setting itself.
pub(crate) const CONFIG_VARIABLE: &str = "AQUIFER_CONFIG";

/// Variables that begin like settings' and are none: what the engine gives to programs that a workflow runs, and what tests take.
pub(crate) const FOREIGN: [&str; 2] = ["AQUIFER_IDEMPOTENCY_KEY", "AQUIFER_TEST_"];

/// The setting that names the database.
pub(crate) const DATABASE_KEY: &str = "database.url";

/// The setting that says how long the database is waited for.
pub(crate) const WAIT_KEY: &str = "database.wait";

/// The setting that says where the server listens.
pub(crate) const LISTEN_KEY: &str = "server.listen";

/// The variable that names the database for many programs; Aquifer's own goes before it where both are set in one place.
pub(crate) const DATABASE_VARIABLE: &str = "DATABASE_URL";

/// `, did you mean "x"?` for the known name that is nearest to `name`, or nothing if none is near.
pub(crate) fn did_you_mean<S: AsRef<str>>(name: &str, known: impl Iterator<Item = S>) -> String {
    did_you_mean_of(PREFIX, name, known)
}

/// As [`did_you_mean`], for names that begin with `prefix`, which says nothing of how alike they are.
pub(crate) fn did_you_mean_of<S: AsRef<str>>(prefix: &str, name: &str, known: impl Iterator<Item = S>) -> String {
    // Comparing very long names would take long, and they are no misspelled short ones.
    if name.len() > 256 {
        return String::new();
    }
    let bare = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_owned();
    let likeness = |known: S| (strsim::jaro_winkler(&bare(name), &bare(known.as_ref())), known);
    match known.map(likeness).max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((likeness, known)) if likeness > 0.8 => format!(", did you mean {:?}?", known.as_ref()),
        _ => String::new(),
    }
}
