//! From a call to a command line: the only place where data meets a program.

use std::{
    fs::{File, Permissions},
    io::{Seek, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::process::Command;

use super::{Arguments, ProcessCall, Program};
use crate::Failure;

/// The variables of the server's environment that a program sees, besides `LC_*`.
const INHERITED: &[&str] = &["HOME", "LANG", "PATH", "TMPDIR", "TZ"];

/// Makes the named arguments of a Python script its globals, then runs it as `__main__`.
const PYTHON_LAUNCHER: &str = "\
import json, os, runpy, sys
home = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(home, 'arguments.json'), encoding='utf-8') as file:
    arguments = json.load(file)
runpy.run_path(os.path.join(home, 'script.py'), init_globals=arguments, run_name='__main__')
";

/// A command that is ready to be spawned.
pub(super) struct Prepared {
    pub(super) command: Command,
    /// The name for error messages.
    pub(super) name: &'static str,
    /// What to install if the program is missing.
    pub(super) needs: &'static str,
    /// The private directory of the program, removed on drop.
    pub(super) directory: TempDir,
}

/// Builds the command, without its standard streams.
pub(super) fn prepare(call: &ProcessCall) -> Result<Prepared, Failure> {
    let directory = tempfile::Builder::new()
        .prefix("aquifer-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|e| Failure::runtime(format!("no temporary directory for the program: {e}")))?;
    let mut prepared = match &call.program {
        Program::Shell { command } => shell(command, &call.arguments, directory)?,
        Program::Script { language, code } => script(language, code, &call.arguments, directory)?,
    };
    if let Arguments::Positional(arguments) = &call.arguments {
        for (index, argument) in arguments.iter().enumerate() {
            prepared.command.arg(clean(&format!("argument {}", index + 1), text(argument))?);
        }
    }
    set_environment(&mut prepared.command, call)?;
    prepared.command.current_dir(working_directory(call, prepared.directory.path())?);
    // A group of its own, so that all that the program starts can be ended with it.
    prepared.command.process_group(0);
    Ok(prepared)
}

/// The file that a program reads its standard input from; a file needs no one to feed it.
pub(super) fn stdin_file(directory: &Path, input: &[u8]) -> Result<Stdio, Failure> {
    let write = || {
        let mut file = File::options().read(true).write(true).create_new(true).open(directory.join("stdin"))?;
        file.write_all(input)?;
        file.rewind()?;
        Ok::<_, std::io::Error>(file)
    };
    write().map(Stdio::from).map_err(|e| Failure::runtime(format!("the program's input cannot be stored: {e}")))
}

/// A value as a program sees it: a string as it is, anything else as JSON text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn shell(command: &str, arguments: &Arguments, directory: TempDir) -> Result<Prepared, Failure> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(clean("the command", command.to_owned())?).arg("sh");
    shell.env_clear();
    if let Arguments::Named(arguments) = arguments {
        set_variables(&mut shell, "argument", arguments)?;
    }
    Ok(Prepared { command: shell, name: "/bin/sh", needs: "a posix shell", directory })
}

fn script(language: &str, code: &str, arguments: &Arguments, directory: TempDir) -> Result<Prepared, Failure> {
    let path = directory.path();
    let named = match arguments {
        Arguments::Named(arguments) => Some(arguments),
        Arguments::Positional(_) => None,
    };
    let (mut command, name, needs) = match language.to_ascii_lowercase().as_str() {
        "js" | "javascript" => {
            let mut node = Command::new("node");
            if let Some(arguments) = named {
                let globals = format!("Object.assign(globalThis, {});", json(arguments));
                node.arg("--import").arg(store(path, "arguments.mjs", &globals)?);
            }
            node.arg(store(path, "script.mjs", code)?);
            (node, "node", "node.js 20 or later")
        }
        "python" => {
            let mut python = Command::new("python3");
            let script = store(path, "script.py", code)?;
            if let Some(arguments) = named {
                store(path, "arguments.json", &json(arguments))?;
                python.arg(store(path, "launcher.py", PYTHON_LAUNCHER)?);
            } else {
                python.arg(script);
            }
            (python, "python3", "python 3")
        }
        _ => {
            return Err(Failure::configuration(format!(
                "scripts in {language:?} cannot be run: use js or python, or run the interpreter by a shell command"
            )));
        }
    };
    command.env_clear();
    Ok(Prepared { command, name, needs, directory })
}

fn store(directory: &Path, name: &str, content: &str) -> Result<PathBuf, Failure> {
    let path = directory.join(name);
    std::fs::write(&path, content).map_err(|e| Failure::runtime(format!("the script cannot be stored: {e}")))?;
    Ok(path)
}

fn json(members: &Map<String, Value>) -> String {
    Value::Object(members.clone()).to_string()
}

/// Gives the program what it may inherit, its key, and then what its task sets, which wins.
fn set_environment(command: &mut Command, call: &ProcessCall) -> Result<(), Failure> {
    for (name, value) in std::env::vars_os() {
        let inherited = name.to_str().is_some_and(|name| INHERITED.contains(&name) || name.starts_with("LC_"));
        if inherited {
            command.env(name, value);
        }
    }
    let key = clean("the idempotency key", call.idempotency_key.clone())?;
    command.env("AQUIFER_IDEMPOTENCY_KEY", key);
    set_variables(command, "environment variable", &call.environment)
}

fn set_variables(command: &mut Command, what: &str, variables: &Map<String, Value>) -> Result<(), Failure> {
    for (name, value) in variables.iter().filter(|(_, value)| !value.is_null()) {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Failure::configuration(format!(
                "{what} {name:?} cannot be passed: a name has at least one character and neither '=' nor nul"
            )));
        }
        command.env(name, clean(&format!("{what} {name:?}"), text(value))?);
    }
    Ok(())
}

fn working_directory<'a>(call: &'a ProcessCall, private: &'a Path) -> Result<&'a Path, Failure> {
    let Some(path) = &call.working_directory else {
        return Ok(private);
    };
    if path.is_dir() {
        Ok(path)
    } else {
        Err(Failure::configuration(format!("the working directory {} does not exist", path.display())))
    }
}

/// Refuses what the operating system cannot pass on.
fn clean(what: &str, text: String) -> Result<String, Failure> {
    if text.contains('\0') {
        return Err(Failure::configuration(format!(
            "{what} has a nul character, which cannot be passed to a program: use standard input"
        )));
    }
    Ok(text)
}
