use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reader;
use super::cursor::{At, list, nearest};
use super::names::Declared;
use super::task::Scope;
use super::text::{is_name, is_semver};
use crate::source::Node;
use crate::{Catalog, Document, Evaluate, EvaluateMode, Extension, Locations, Task, Use, Workflow};

const PROPERTIES: [&str; 8] = ["document", "input", "use", "do", "timeout", "output", "schedule", "evaluate"];

const EXTENDED: [&str; 12] =
    ["call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait", "all"];

impl Reader {
    pub(super) fn workflow(&mut self, root: &Arc<Node>) -> Option<Workflow> {
        let at = At::root(root);
        if !at.is_map() {
            let message = format!("a definition must be an object, not {}", at.node.describe());
            let hint = "start with `document:` and `do:`".to_owned();
            self.wrong("wrong-type", &at, message, Some(hint));
            return None;
        }
        self.top_level(&at);
        let document = self.required(&at, "document", "the definition", Self::document);
        let evaluate = self.optional(&at, "evaluate", Self::evaluate);
        // What decides how tasks are read, and what they refer to, comes first.
        let uses = self.optional(&at, "use", Self::uses);
        let input = self.optional(&at, "input", Self::input);
        let tasks = self.required(&at, "do", "the definition", Self::task_list);
        let timeout = self.optional(&at, "timeout", Self::timeout);
        let output = self.optional(&at, "output", Self::output);
        let schedule = self.optional(&at, "schedule", Self::schedule);
        Some(Workflow {
            document: document?,
            input: input?.unwrap_or_default(),
            uses: uses?.unwrap_or_default(),
            tasks: tasks?,
            timeout: timeout?,
            output: output?.unwrap_or_default(),
            schedule: schedule?,
            evaluate: evaluate?.unwrap_or_default(),
            definition: Arc::clone(&self.definition),
            locations: Locations::new(Arc::clone(root)),
        })
    }

    /// The schema leaves the top level open, but a misspelled `timeout` should not go unnoticed:
    /// what is not ours must be named `x-...`, or `$schema`, which editors use.
    fn top_level(&mut self, at: &At<'_>) {
        for member in at.members() {
            let name = member.name;
            if self.has_enough() {
                return;
            }
            if !PROPERTIES.contains(&name) && !name.starts_with("x-") && name != "$schema" {
                let hint = nearest(name, PROPERTIES)
                    .unwrap_or_else(|| format!("it can have {}; name your own x-{name}", list(&PROPERTIES)));
                let message = format!("unknown property `{name}` in the definition");
                self.wrong_key("unknown-property", &member, message, Some(hint));
            }
        }
    }

    fn document(&mut self, at: &At<'_>) -> Option<Document> {
        let what = "`document`";
        let properties = ["dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata"];
        let known = self.object(at, what, &properties);
        if !at.is_map() {
            return None;
        }
        let dsl = self.required(at, "dsl", what, Self::dsl);
        let namespace = self.required(at, "namespace", what, Self::identifier);
        let name = self.required(at, "name", what, Self::identifier);
        let version = self.required(at, "version", what, Self::version);
        let title = self.optional(at, "title", Self::string);
        let summary = self.optional(at, "summary", Self::string);
        let tags = self.optional(at, "tags", Self::map);
        let metadata = self.optional(at, "metadata", Self::map);
        known?;
        Some(Document {
            dsl: dsl?,
            namespace: namespace?,
            name: name?,
            version: version?,
            title: title?,
            summary: summary?,
            tags: tags?.unwrap_or_default(),
            metadata: metadata?.unwrap_or_default(),
        })
    }

    fn dsl(&mut self, at: &At<'_>) -> Option<String> {
        let version = self.version(at)?;
        if !version.starts_with("1.0.") {
            let message = format!("version {version} of the DSL is not supported");
            self.wrong("unsupported-dsl", at, message, Some("write a version 1.0.x, such as 1.0.3".to_owned()));
            return None;
        }
        Some(version)
    }

    fn version(&mut self, at: &At<'_>) -> Option<String> {
        let version = self.text(at)?;
        if !is_semver(&version) {
            let hint = "write major.minor.patch, such as 1.0.0".to_owned();
            self.wrong("bad-version", at, format!("`{version}` is not a semantic version"), Some(hint));
            return None;
        }
        Some(version)
    }

    fn identifier(&mut self, at: &At<'_>) -> Option<String> {
        let name = self.text(at)?;
        if !is_name(&name) {
            let hint = "use at most 63 letters, digits and inner hyphens".to_owned();
            self.wrong("bad-name", at, format!("`{name}` is not a valid {}", at.name), Some(hint));
            return None;
        }
        Some(name)
    }

    fn evaluate(&mut self, at: &At<'_>) -> Option<Evaluate> {
        self.object(at, "`evaluate`", &["language", "mode"])?;
        let language = self.optional(at, "language", Self::text);
        let mode = self.optional(at, "mode", |reader, at| {
            reader.choice(at, &[("strict", EvaluateMode::Strict), ("loose", EvaluateMode::Loose)])
        });
        self.loose = mode == Some(Some(EvaluateMode::Loose));
        Some(Evaluate { language: language?.unwrap_or_else(|| "jq".to_owned()), mode: mode?.unwrap_or_default() })
    }

    /// Reads `use` in the order in which its parts refer to each other.
    fn uses(&mut self, at: &At<'_>) -> Option<Use> {
        let properties =
            ["authentications", "errors", "extensions", "functions", "retries", "secrets", "timeouts", "catalogs"];
        let known = self.object(at, "`use`", &properties);
        if !at.is_map() {
            return None;
        }
        let secrets = self.optional(at, "secrets", Self::strings);
        if let Some(Some(secrets)) = &secrets {
            self.names.secrets = secrets.iter().map(|name| (name.clone(), Some(()))).collect();
        }
        self.names.authentications = self.declared(at, "authentications", Self::authentication_policy);
        self.names.catalogs = self.declared(at, "catalogs", |reader, at| {
            let known = reader.object(at, "the catalog", &["endpoint"]);
            let endpoint = reader.required(at, "endpoint", "the catalog", Self::endpoint);
            known?;
            Some(Catalog { endpoint: endpoint? })
        });
        self.names.errors = self.declared(at, "errors", Self::error);
        self.names.retries = self.declared(at, "retries", Self::retry_policy);
        self.names.timeouts = self.declared(at, "timeouts", Self::timeout_definition);
        // Functions may call each other in any order.
        self.names.functions = self.declared(at, "functions", |_, _| Some(()));
        let functions: Declared<Task> = self.declared(at, "functions", |reader, at| reader.task(at, Scope::Function));
        let extensions = self.optional(at, "extensions", Self::extensions);
        known?;
        Some(Use {
            authentications: complete(&self.names.authentications)?,
            catalogs: complete(&self.names.catalogs)?,
            errors: complete(&self.names.errors)?,
            extensions: extensions?.unwrap_or_default(),
            functions: complete(&functions)?,
            retries: complete(&self.names.retries)?,
            secrets: secrets?.unwrap_or_default(),
            timeouts: complete(&self.names.timeouts)?,
        })
    }

    fn declared<'a, T>(
        &mut self,
        uses: &At<'a>,
        key: &str,
        mut read: impl FnMut(&mut Self, &At<'a>) -> Option<T>,
    ) -> Declared<T> {
        let Some(at) = uses.get(key) else { return Declared::new() };
        if key != "functions" || self.names.functions.is_empty() {
            let _reported = self.is_object(&at);
        }
        at.members().map(|member| (member.name.to_owned(), read(self, &member))).collect()
    }

    fn extensions(&mut self, at: &At<'_>) -> Option<Vec<Extension>> {
        self.is_array(at)?;
        let all: Vec<Option<Extension>> = at
            .items()
            .map(|item| {
                let at = self.named(&item, "extension")?;
                self.extension(&at)
            })
            .collect();
        all.into_iter().collect()
    }

    fn extension(&mut self, at: &At<'_>) -> Option<Extension> {
        let what = format!("the extension `{}`", at.name);
        let known = self.object(at, &what, &["extend", "when", "before", "after"]);
        if !at.is_map() {
            return None;
        }
        let extend = self.required(at, "extend", &what, |reader, at| {
            reader.choice(at, &EXTENDED.map(|kind| (kind, kind))).map(str::to_owned)
        });
        let when = self.optional(at, "when", Self::expression);
        let before = self.optional(at, "before", Self::task_list);
        let after = self.optional(at, "after", Self::task_list);
        known?;
        Some(Extension {
            name: at.name.to_owned(),
            extend: extend?,
            when: when?,
            before: before?,
            after: after?,
            pointer: at.pointer.clone(),
        })
    }
}

fn complete<T: Clone>(declared: &Declared<T>) -> Option<BTreeMap<String, T>> {
    declared.iter().map(|(name, value)| Some((name.clone(), value.clone()?))).collect()
}
