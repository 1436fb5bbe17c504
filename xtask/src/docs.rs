//! `cargo xtask docs`: what the pages refer to exists.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Failure, Result, output, root};

/// The page that names tests; each name must be that of a function or a case.
const PROMISES: &str = "docs/promises.md";

/// Checks that relative links lead to files, and that the tests named in the page of promises exist.
pub(crate) fn check() -> Result {
    let files = tracked()?;
    let mut wrong = Vec::new();
    let pages: Vec<_> =
        files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")).collect();
    for page in &pages {
        let text = read(page)?;
        let folder = page.parent().unwrap_or(Path::new(""));
        for link in links(&text).filter(|link| !root().join(folder).join(link).exists()) {
            wrong.push(format!("{}: {link} does not exist", page.display()));
        }
    }
    let names = names(&files)?;
    for name in tests_named_in(&read(Path::new(PROMISES))?).filter(|name| !names.contains(*name)) {
        wrong.push(format!("{PROMISES}: there is no test {name}"));
    }
    if wrong.is_empty() {
        println!("docs ok: {} pages", pages.len());
        return Ok(());
    }
    Err(Failure(wrong.join("\n")))
}

/// The files of the project, relative to its root.
fn tracked() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    let list = output(git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(root()))?;
    Ok(list
        .split('\0')
        .filter(|file| !file.is_empty())
        .map(PathBuf::from)
        .filter(|file| root().join(file).exists())
        .collect())
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(root().join(file)).map_err(|error| Failure(format!("{}: {error}", file.display())))
}

/// The targets of Markdown links to files of the project, without their anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(char::is_whitespace))
}

/// What stands in code marks and can only be a test: several words in snake case, perhaps after a theme.
fn tests_named_in(text: &str) -> impl Iterator<Item = &str> {
    let marked = text.split('`').skip(1).step_by(2).map(|code| code.rsplit("::").next().unwrap_or(code));
    marked.filter(|code| {
        code.matches('_').count() > 1 && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

/// Every identifier at the beginning of a line of Rust, after `fn` where there is one: functions, and items of lists.
fn names(files: &[PathBuf]) -> Result<HashSet<String>> {
    let mut names = HashSet::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        for line in read(file)?.lines() {
            let line = line.trim_start();
            let visible = ["pub(crate) ", "pub(super) ", "pub "];
            let line = visible.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line);
            let line = line.strip_prefix("async ").unwrap_or(line);
            let line = line.strip_prefix("fn ").unwrap_or(line);
            let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(line.len());
            names.extend(line.get(..end).filter(|name| !name.is_empty()).map(str::to_owned));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found() {
        let text = "[a](a.md) [b](../b/c.rs#L3) [web](https://example.com) [here](#here) f[0](x y)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["a.md", "../b/c.rs"]);
    }

    #[test]
    fn tests_are_told_from_other_code() {
        let text = "`kill -9` of `a_process` and `theme::nothing_is_lost_ever`, `Retry::Unknown`";
        assert_eq!(tests_named_in(text).collect::<Vec<_>>(), ["nothing_is_lost_ever"]);
    }
}
