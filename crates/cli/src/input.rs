//! Reading what a command is given: files, standard input and JSON, each with a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Result};

/// How many bytes may be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// The most bytes.
    pub(crate) bytes: usize,
    /// What to do about more.
    pub(crate) fix: &'static str,
}

impl Limit {
    /// For files that people write by hand.
    pub(crate) const SMALL: Self = Self { bytes: 1 << 20, fix: "is it the right file?" };

    /// For the input of an execution.
    pub(crate) fn of_input(bytes: usize) -> Self {
        Self { bytes, fix: "raise the setting engine.max_input_bytes" }
    }
}

/// Reads a file within a limit; `-` is standard input.
///
/// # Errors
/// If it is missing, a directory, unreadable or larger.
pub(crate) fn read_bytes(path: &Path, limit: Limit) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        return read_limited(io::stdin().lock(), "standard input", limit);
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    // Opening a directory works, and reading it gives a puzzling error.
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Failure::unusable(format!("{name} is a directory: name a file in it")));
    }
    read_limited(file, &name, limit)
}

/// Reads a file of UTF-8 text, as [`read_bytes`] does.
///
/// # Errors
/// As for [`read_bytes`]; if it is not UTF-8, with the place.
pub(crate) fn read_text(path: &Path, limit: Limit) -> Result<String> {
    let text = String::from_utf8(read_bytes(path, limit)?).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        let column =
            1 + valid.iter().rev().take_while(|byte| **byte != b'\n').filter(|byte| **byte & 0xc0 != 0x80).count();
        Failure::unusable(format!("{}:{line}:{column}: this is not UTF-8: save the file as UTF-8", name_of(path)))
    })?;
    Ok(text)
}

/// Reads a JSON file, as [`read_text`] does.
///
/// # Errors
/// As for [`read_text`]; if it is no JSON, with the place.
pub(crate) fn read_json(path: &Path, limit: Limit) -> Result<Value> {
    parse_json(&read_text(path, limit)?, &name_of(path))
}

/// Reads the value of `--input`: JSON, `@file`, or `-` for standard input.
///
/// # Errors
/// As for [`read_json`].
pub(crate) fn read_input(argument: &str, limit: Limit) -> Result<Value> {
    match argument {
        "-" => read_json(Path::new("-"), limit),
        _ if argument.len() > limit.bytes => Err(too_large("--input", limit)),
        _ => match argument.strip_prefix('@') {
            Some(path) => read_json(Path::new(path), limit),
            None => parse_json(argument, "--input").map_err(|failure| {
                failure.with_hint(
                    "quote it for the shell: --input '{\"name\": \"Ada\"}', or name a file: --input @input.json",
                )
            }),
        },
    }
}

/// How a file is called in messages.
pub(crate) fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn parse_json(text: &str, name: &str) -> Result<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        Failure::unusable(format!("{name}:{}:{}: this is not JSON: {what}", error.line(), error.column()))
    })
}

fn read_limited(source: impl Read, name: &str, limit: Limit) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit.bytes).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
    if bytes.len() > limit.bytes { Err(too_large(name, limit)) } else { Ok(bytes) }
}

fn too_large(name: &str, limit: Limit) -> Failure {
    let Limit { bytes, fix } = limit;
    Failure::unusable(format!("{name} is larger than the limit of {bytes} bytes: {fix}"))
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    let fix = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file",
        io::ErrorKind::PermissionDenied => "this user may not read it",
        io::ErrorKind::IsADirectory => "it is a directory, name a file in it",
        _ => return Failure::unusable(format!("cannot read {name}")).with_source(error),
    };
    Failure::unusable(format!("cannot read {name}: {fix}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(argument: &str, limit: usize) -> String {
        read_input(argument, Limit::of_input(limit)).unwrap_err().text()
    }

    #[test]
    fn input_is_json_or_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("input.json");
        std::fs::write(&path, "\u{feff}{\"a\": [1.50, \"é\"]}\n").unwrap();
        assert_eq!(
            read_input(&format!("@{}", path.display()), Limit::of_input(100)).unwrap(),
            json!({"a": [1.5, "é"]})
        );
        assert_eq!(read_input("[1]", Limit::of_input(100)).unwrap(), json!([1]));
    }

    #[test]
    fn bad_input_names_the_place_and_the_fix() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("bad.json"), "{\n  \"a\": x\n}").unwrap();
        std::fs::write(path("latin.json"), b"\"ok\"\n\"\xc3\xa9 \xe9\"").unwrap();
        assert!(
            refused(&format!("@{}", path("bad.json").display()), 100)
                .contains("bad.json:2:8: this is not JSON: expected value")
        );
        assert!(
            refused(&format!("@{}", path("latin.json").display()), 100).contains("latin.json:2:4: this is not UTF-8")
        );
        assert!(refused(&format!("@{}", path("none").display()), 100).contains("there is no such file"));
        assert!(refused(&format!("@{}", directory.path().display()), 100).contains("is a directory"));
        assert!(refused("{a: 1}", 100).contains("--input:1:2: this is not JSON: key must be a string"));
        assert!(refused("", 100).contains("--input:1:0: this is not JSON: EOF"));
        assert!(
            refused("[1, 2]", 5)
                .contains("--input is larger than the limit of 5 bytes: raise the setting engine.max_input_bytes")
        );
        assert!(refused("@/dev/zero", 1000).contains("/dev/zero is larger than the limit of 1000 bytes"));
        assert!(refused(&"[".repeat(100_000), 1 << 20).contains("recursion limit"));
    }
}
