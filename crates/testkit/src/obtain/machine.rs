//! Programs that this machine has.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// Where servers are that are not on everybody's path.
const USUAL: [&str; 6] =
    ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin", "/opt/homebrew/sbin"];

/// The folder of Debian's versions of PostgreSQL, each with a `bin`.
const POSTGRES: &str = "/usr/lib/postgresql";

/// The files of this name where programs are, the likeliest first.
pub(super) fn candidates(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.extend(USUAL.map(PathBuf::from));
    folders.extend(postgres_folders(Path::new(POSTGRES)));
    folders.into_iter().map(|folder| folder.join(name)).filter(|program| program.is_file()).collect()
}

/// The folders of the versions, the newest first.
fn postgres_folders(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let version =
        |path: &Path| path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
    let mut versions: Vec<_> = entries.filter_map(|path| version(&path).map(|version| (version, path))).collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, path)| path.join("bin")).collect()
}

/// What a program prints with this argument, if it runs.
pub(super) fn output(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    output.status.success().then(|| String::from_utf8_lossy(&text).into_owned())
}

/// Whether a program of this name runs.
pub(super) fn has(name: &str) -> bool {
    output(Path::new(name), "--version").is_some()
}

/// The first thing that looks like a version: digits, dots, and what hangs on them.
pub(super) fn version_in(text: &str) -> Option<&str> {
    let words = text.split(|c: char| c.is_whitespace() || "=(),".contains(c)).map(|word| word.trim_start_matches('v'));
    words
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(|word| word.trim_end_matches('.'))
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        let expected = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"),
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "7.0.15"),
            ("mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu", "10.11.19-MariaDB-0+deb12u1"),
            ("sqld sqld 0.24.32 (c6e4e09 2025-02-03)", "0.24.32"),
            ("db version v7.0.14\nBuild Info: {}", "7.0.14"),
        ];
        for (text, version) in expected {
            assert_eq!(version_in(text), Some(version));
        }
        assert_eq!(version_in("no version here."), None);
    }

    #[test]
    fn the_newest_postgres_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9", "15", "extras"] {
            fs::create_dir(root.path().join(version)).unwrap();
        }
        let folders = postgres_folders(root.path());
        assert_eq!(folders, ["15/bin", "9/bin"].map(|folder| root.path().join(folder)));
    }
}
