//! The files in `tests/guides`: blocks of configuration as guides of other systems show them, each followed by a block of what is expected.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Folder;

/// All guides.
pub(crate) const GUIDES: [&str; 5] = ["flowrunner.md", "flunq.md", "gorkflow.md", "sqlalchemy.md", "strom.md"];

/// A block and what is expected of it.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) title: String,
    /// The language that its fence names.
    pub(crate) language: String,
    /// Word for word as the guide has it.
    pub(crate) block: String,
    pub(crate) expected: Value,
}

/// Variables and arguments that a block gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) arguments: Vec<String>,
    /// The content of `aquifer.toml`.
    pub(crate) toml: String,
    /// Files in the user's own directory: path and content.
    pub(crate) files: Vec<(String, String)>,
}

/// Where variables are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    DotEnv,
    Environment,
}

/// A folder and an environment with what a block gives.
pub(crate) struct Prepared {
    folder: Folder,
    environment: Vec<(String, String)>,
}

impl Given {
    /// Sets the variables in this place, and `with` in the environment.
    pub(crate) fn prepare(&self, place: Place, with: &Value) -> Prepared {
        let mut folder = Folder::new();
        if !self.toml.is_empty() {
            folder = folder.with("aquifer.toml", &self.toml);
        }
        let home = folder.path("home");
        for (name, text) in &self.files {
            let path = home.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut environment: Vec<(String, String)> = pairs(with).collect();
        match place {
            Place::DotEnv => {
                let lines = self.variables.iter().map(|(name, value)| format!("{name}={value}\n"));
                folder = folder.with(".env", lines.collect::<String>());
            }
            Place::Environment => {
                // What a shell does with a reference.
                let referred = |value: &str| {
                    let known =
                        |value: String, (name, other): &(String, String)| value.replace(&format!("${{{name}}}"), other);
                    environment.iter().fold(value.to_owned(), known)
                };
                let own: Vec<_> = self.variables.iter().map(|(name, value)| (name.clone(), referred(value))).collect();
                environment.extend(own);
            }
        }
        environment.push(("HOME".to_owned(), home.display().to_string()));
        Prepared { folder, environment }
    }
}

impl Prepared {
    /// The command with these arguments, and what the block gives.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.command(arguments);
        command.envs(self.environment.iter().cloned());
        command
    }
}

/// The members of an object of texts.
pub(crate) fn pairs(object: &Value) -> impl Iterator<Item = (String, String)> {
    let members = object.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
}

/// Reads a guide.
pub(crate) fn read(name: &str) -> Vec<Section> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guides").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut sections = Vec::new();
    for section in text.split("\n## ").skip(1) {
        let (title, rest) = section.split_once('\n').unwrap();
        let (language, block, rest) = fenced(rest);
        let (kind, expected, _) = fenced(rest);
        assert_eq!(kind, "expected", "{name}: {title}");
        let expected = serde_json::from_str(&expected).unwrap();
        sections.push(Section { title: title.to_owned(), language, block, expected });
    }
    sections
}

/// The next fenced block: its language, its content and what follows.
fn fenced(text: &str) -> (String, String, &str) {
    let (_, rest) = text.split_once("```").unwrap();
    let (language, rest) = rest.split_once('\n').unwrap();
    let (block, rest) = rest.split_once("```").unwrap();
    (language.to_owned(), block.to_owned(), rest)
}

impl Section {
    /// What the block as a whole gives.
    pub(crate) fn whole(&self) -> Given {
        let mut all = Given::default();
        for given in self.each() {
            all.variables.extend(given.variables);
            all.toml.push_str(&given.toml);
            all.files.extend(given.files);
        }
        all
    }

    /// What the block gives after the one that it adds to, if there is such a one in `all`.
    pub(crate) fn in_context(&self, all: &[Self]) -> Given {
        let own = self.whole();
        let Some(title) = self.expected["adds_to"].as_str() else { return own };
        let mut given = all.iter().find(|known| known.title == title).unwrap().whole();
        given.variables.extend(own.variables);
        given.files.extend(own.files);
        given
    }

    /// What each of its command lines gives; where it has none, each of its assignments or constructors.
    pub(crate) fn each(&self) -> Vec<Given> {
        if let Some(path) = self.expected["file"].as_str() {
            return vec![Given { files: vec![(path.to_owned(), self.block.clone())], ..Given::default() }];
        }
        match self.language.as_str() {
            "go" if self.block.contains("DatabaseConfig{") => vec![Given { toml: self.members(), ..Given::default() }],
            "go" => self.constructors(),
            "python" => self.attributes(),
            _ => self.shell(),
        }
    }

    /// Lines of a shell or of `.env`. Each is a comment, an assignment, a command of ours or one that is known to be none.
    fn shell(&self) -> Vec<Given> {
        let (mut exported, mut assigned, mut commands) = (Vec::new(), Vec::new(), Vec::new());
        for line in self.block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let first = line.split_whitespace().next().unwrap_or_default();
            if self.expected["foreign"].as_array().is_some_and(|known| known.iter().any(|word| word == first)) {
                continue;
            }
            let mut words = words(line).into_iter().peekable();
            let is_export = words.next_if(|word| word == "export").is_some();
            let mut variables = Vec::new();
            while let Some(pair) = words.peek().and_then(|word| assignment(word)) {
                variables.push(pair);
                words.next();
            }
            let rest: Vec<String> = words.collect();
            match rest.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                [] if is_export => exported.extend(variables),
                [] => assigned.extend(variables),
                ["cargo", "run"] | ["cargo", "run", "--", ..] => {
                    let variables = exported.iter().cloned().chain(variables).collect();
                    let arguments = rest.iter().skip(3).cloned().collect();
                    commands.push(Given { variables, arguments, ..Given::default() });
                }
                _ => panic!("{}: what is {line:?}?", self.title),
            }
        }
        match commands.is_empty() {
            true => assigned.into_iter().map(|pair| Given { variables: vec![pair], ..Given::default() }).collect(),
            false => commands,
        }
    }

    /// The attributes of a class of settings, `name: str = "value"`: the variables are their names in capitals.
    fn attributes(&self) -> Vec<Given> {
        let code = self.block.lines().filter(|line| !line.starts_with('#'));
        let variable = |line: &str| {
            let (name, value) = line.split_once(": str = \"").unwrap();
            (name.to_ascii_uppercase(), value.split('"').next().unwrap().to_owned())
        };
        code.map(|line| Given { variables: vec![variable(line)], ..Given::default() }).collect()
    }

    /// The stores that Go code makes, each as the URL that stands for it.
    fn constructors(&self) -> Vec<Given> {
        let url = |call: &str| {
            let text = call.split('"').nth(1).unwrap_or_default();
            match call.split('(').next().unwrap() {
                "MemoryStore" => "memory:".to_owned(),
                "LibSQLStore" => text.to_owned(),
                "DynamoDBStore" => format!("dynamodb://us-east-1?table_prefix={text}"),
                other => panic!("{}: what is {other}?", self.title),
            }
        };
        let code = self.block.lines().filter(|line| !line.trim_start().starts_with("//"));
        let calls = code.filter_map(|line| line.split_once("store.New").map(|(_, call)| url(call)));
        calls.map(|url| Given { arguments: vec!["--database-url".to_owned(), url], ..Given::default() }).collect()
    }

    /// The members of a `DatabaseConfig` in Go code, as a table of `aquifer.toml`.
    fn members(&self) -> String {
        let (_, rest) = self.block.split_once("DatabaseConfig{").unwrap();
        let (members, _) = rest.split_once('}').unwrap();
        let pairs = members.lines().filter_map(|line| line.trim().trim_end_matches(',').split_once(':'));
        let lines = pairs.map(|(name, value)| format!("{} = {}\n", snake(name), value.trim()));
        format!("[database]\n{}", lines.collect::<String>())
    }

    /// The names of a struct's members as its tags have them.
    pub(crate) fn tags(&self) -> Vec<&str> {
        self.block.lines().filter_map(|line| line.split_once("`json:\"")?.1.split('"').next()).collect()
    }
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// The words of a line of a shell, without the quotes around parts of them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}
