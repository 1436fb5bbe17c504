use std::collections::HashMap;

use super::Reader;
use super::cursor::{At, alternatives, list, nearest};
use crate::{Case, Definition, Do, FlowDirective, For, ForItems, Fork, Set, Switch, Task, TaskKind, TaskList, Wait};

/// Properties that every task can have.
const COMMON: [&str; 7] = ["if", "input", "output", "export", "timeout", "then", "metadata"];

/// The keyword of each kind of task, and what belongs to that kind besides.
const KINDS: [(&str, &[&str]); 12] = [
    ("call", &["with"]),
    ("do", &[]),
    ("emit", &[]),
    ("for", &["while", "do"]),
    ("fork", &[]),
    ("listen", &["foreach"]),
    ("raise", &[]),
    ("run", &[]),
    ("set", &[]),
    ("switch", &[]),
    ("try", &["catch"]),
    ("wait", &[]),
];

/// Which tasks a `then` can go to.
#[derive(Clone, Copy)]
pub(super) enum Scope<'s> {
    /// The tasks of a list, by name.
    List(&'s HashMap<&'s str, usize>),
    /// Branches of a fork: none, as they run concurrently.
    Branches,
    /// A function: none, as it is a single task.
    Function,
}

impl Reader {
    /// Reads a list of tasks that run one after the other.
    pub(super) fn task_list(&mut self, at: &At<'_>) -> Option<TaskList> {
        self.tasks_of(at, false)
    }

    fn tasks_of(&mut self, at: &At<'_>, branches: bool) -> Option<TaskList> {
        if at.is_map() {
            let hint = "put `- ` before each task's name".to_owned();
            self.wrong("wrong-type", at, format!("`{}` must be an array of tasks, not an object", at.name), Some(hint));
            return None;
        }
        self.is_array(at)?;
        let mut fine = true;
        let mut named: Vec<At<'_>> = Vec::new();
        let mut positions: HashMap<&str, usize> = HashMap::new();
        for item in at.items() {
            let Some(task) = self.named(&item, "task") else {
                fine = false;
                continue;
            };
            if let Some(first) = positions.get(task.name).and_then(|first| named.get(*first)) {
                let message = format!(
                    "the task name `{}` is there twice in this list, first on line {}",
                    task.name,
                    first.key_place().line
                );
                self.wrong_key("duplicate-task", &task, message, Some("give each task a name of its own".to_owned()));
                fine = false;
            } else {
                positions.insert(task.name, named.len());
            }
            self.tasks.insert(task.name.to_owned());
            named.push(task);
        }
        let scope = if branches { Scope::Branches } else { Scope::List(&positions) };
        let tasks: Vec<Option<Task>> = named.iter().map(|task| self.task(task, scope)).collect();
        let tasks: Vec<Task> = tasks.into_iter().collect::<Option<_>>()?;
        fine.then(|| TaskList { tasks, pointer: at.pointer.clone() })
    }

    /// Takes the single member of an array's item, such as a task or a case.
    pub(super) fn named<'a>(&mut self, item: &At<'a>, what: &str) -> Option<At<'a>> {
        if !item.is_map() {
            let hint = format!("write `- name:` and the {what} below it, indented");
            let message = format!("a {what} must be an object with its name, not {}", item.node.describe());
            self.wrong("wrong-type", item, message, Some(hint));
            return None;
        }
        let mut members = item.members();
        match (members.next(), members.next()) {
            (Some(only), None) => Some(only),
            (Some(_), Some(second)) => {
                let hint = format!("indent it more, or put `- ` before it to start another {what}");
                let message = format!("`{}` stands beside a {what}'s name, not within the {what}", second.name);
                self.wrong_key("not-a-task", &second, message, Some(hint));
                None
            }
            _ => {
                self.wrong("not-a-task", item, format!("the {what} has no name"), None);
                None
            }
        }
    }

    pub(super) fn task(&mut self, at: &At<'_>, scope: Scope<'_>) -> Option<Task> {
        if self.has_enough() {
            return None;
        }
        let keyword = self.keyword(at)?;
        let condition = self.optional(at, "if", Self::expression);
        let input = self.optional(at, "input", Self::input);
        let output = self.optional(at, "output", Self::output);
        let export = self.optional(at, "export", Self::export);
        let timeout = self.optional(at, "timeout", Self::timeout);
        let then = self.optional(at, "then", |reader, at| reader.flow_directive(at, scope));
        let metadata = self.optional(at, "metadata", Self::map);
        let kind = self.kind(at, keyword, scope);
        Some(Task {
            name: at.name.to_owned(),
            pointer: at.pointer.clone(),
            condition: condition?,
            input: input?.unwrap_or_default(),
            output: output?.unwrap_or_default(),
            export: export?.unwrap_or_default(),
            timeout: timeout?,
            then: then?,
            metadata: metadata?.unwrap_or_default(),
            kind: kind?,
            definition: Definition::new(&self.definition, &at.pointer),
        })
    }

    /// Finds the keyword that makes the task, and checks that no other property is out of place.
    fn keyword(&mut self, at: &At<'_>) -> Option<&'static str> {
        let what = format!("the task `{}`", at.name);
        if !at.is_map() {
            let message = format!("{what} must be an object, not {}", at.node.describe());
            let hint = "indent the task's properties below its name".to_owned();
            self.wrong("wrong-type", at, message, Some(hint));
            return None;
        }
        // In the order of the source; the `do` of a `for` is its body.
        let is_loop = at.get("for").is_some();
        let present: Vec<_> = at
            .members()
            .filter(|member| !(is_loop && member.name == "do"))
            .filter_map(|member| KINDS.iter().find(|(keyword, _)| *keyword == member.name).map(|kind| (kind, member)))
            .collect();
        if let [((first, _), _), .., ((second, _), member)] = present.as_slice() {
            let message = format!("{what} has both `{first}` and `{second}`, but a task does one thing");
            let hint = "make two tasks of it, within a `do` if they belong together".to_owned();
            self.wrong_key("several-keywords", member, message, Some(hint));
            return None;
        }
        let kind = present.first().map(|(kind, _)| *kind);
        let keywords = KINDS.map(|(keyword, _)| keyword);
        let own: &[&str] = kind.map_or(&keywords, |(_, own)| own);
        let mut fine = true;
        for member in at.members() {
            let name = member.name;
            if COMMON.contains(&name) || own.contains(&name) || kind.is_some_and(|(keyword, _)| *keyword == name) {
                continue;
            }
            fine = false;
            if self.has_enough() {
                break;
            }
            let owner = KINDS.iter().find(|(_, own)| own.contains(&name)).map(|(keyword, _)| *keyword);
            let hint = match owner {
                Some(owner) => format!("`{name}` belongs to `{owner}`"),
                None => nearest(name, COMMON.iter().chain(own).copied().chain(kind.map(|(keyword, _)| *keyword)))
                    .unwrap_or_else(|| format!("it can have {}", list(&[own, &COMMON].concat()))),
            };
            self.wrong_key("unknown-property", &member, format!("unknown property `{name}` in {what}"), Some(hint));
        }
        match kind {
            Some((keyword, _)) => fine.then_some(*keyword),
            None => {
                if fine {
                    let message = format!("{what} does nothing");
                    let hint = format!("give it one of {}", alternatives(&keywords));
                    self.wrong_key("no-keyword", at, message, Some(hint));
                }
                None
            }
        }
    }

    fn kind(&mut self, at: &At<'_>, keyword: &str, scope: Scope<'_>) -> Option<TaskKind> {
        let main = at.get(keyword)?;
        match keyword {
            "call" => self.call(at, &main).map(TaskKind::Call),
            "do" => self.task_list(&main).map(|tasks| TaskKind::Do(Do { tasks })),
            "emit" => self.emit(&main).map(TaskKind::Emit),
            "for" => self.for_(at, &main).map(TaskKind::For),
            "fork" => self.fork(&main).map(TaskKind::Fork),
            "listen" => self.listen(at, &main).map(|listen| TaskKind::Listen(Box::new(listen))),
            "raise" => self.raise(&main).map(TaskKind::Raise),
            "run" => self.run(&main).map(|run| TaskKind::Run(Box::new(run))),
            "set" => self.set(&main).map(TaskKind::Set),
            "switch" => self.switch(&main, scope).map(TaskKind::Switch),
            "try" => self.try_(at, &main, scope).map(|attempt| TaskKind::Try(Box::new(attempt))),
            _ => self.duration(&main).map(|duration| TaskKind::Wait(Wait { duration })),
        }
    }

    /// Reads where to go next; a task must be one of the same list.
    pub(super) fn flow_directive(&mut self, at: &At<'_>, scope: Scope<'_>) -> Option<FlowDirective> {
        let target = self.text(at)?;
        match target.as_str() {
            "continue" => return Some(FlowDirective::Continue),
            "exit" => return Some(FlowDirective::Exit),
            "end" => return Some(FlowDirective::End),
            _ => {}
        }
        let hint = match scope {
            Scope::List(positions) => {
                if self.has_enough() {
                    return None;
                }
                if let Some(position) = positions.get(target.as_str()) {
                    return Some(FlowDirective::Task(*position));
                }
                let names = positions.keys().copied().chain(["continue", "exit", "end"]);
                nearest(&target, sorted(names))
                    .unwrap_or_else(|| "name a task of the same list, or write continue, exit or end".to_owned())
            }
            Scope::Branches => "branches run concurrently; write continue, exit or end".to_owned(),
            Scope::Function => "a function is a single task; write continue, exit or end".to_owned(),
        };
        if matches!(scope, Scope::List(_)) {
            self.lost.push((self.items.len(), target.clone()));
        }
        self.wrong(
            "unknown-target",
            at,
            format!("`then` goes to `{target}`, which is not a task of this list"),
            Some(hint),
        );
        None
    }

    fn for_(&mut self, at: &At<'_>, main: &At<'_>) -> Option<For> {
        let known = self.object(main, "`for`", &["each", "in", "at"]);
        let each = self.optional(main, "each", Self::variable);
        let index = self.optional(main, "at", Self::variable);
        let items = self.required(main, "in", "`for`", Self::for_items);
        let condition = self.optional(at, "while", Self::expression);
        let tasks = self.required(at, "do", "`for`", Self::task_list);
        known?;
        Some(For {
            each: each?.unwrap_or_else(|| "item".to_owned()),
            at: index?.unwrap_or_else(|| "index".to_owned()),
            items: items?,
            condition: condition?,
            tasks: tasks?,
        })
    }

    fn for_items(&mut self, at: &At<'_>) -> Option<ForItems> {
        if at.is_list() {
            return Some(ForItems::Values(at.items().map(|item| item.value()).collect()));
        }
        if at.as_str().is_none() {
            let message = format!("`in` must be an expression or an array, not {}", at.node.describe());
            self.wrong("wrong-type", at, message, None);
            return None;
        }
        self.expression(at).map(ForItems::Expression)
    }

    fn fork(&mut self, main: &At<'_>) -> Option<Fork> {
        let known = self.object(main, "`fork`", &["branches", "compete"]);
        let branches = self.required(main, "branches", "`fork`", |reader, at| reader.tasks_of(at, true));
        let compete = self.optional(main, "compete", Self::boolean);
        known?;
        Some(Fork { branches: branches?, compete: compete?.unwrap_or(false) })
    }

    fn set(&mut self, main: &At<'_>) -> Option<Set> {
        if main.is_map() && main.len() == 0 {
            self.wrong(
                "invalid-value",
                main,
                "`set` has no members",
                Some("write ${ {} } for an empty object".to_owned()),
            );
            return None;
        }
        self.object_or_expression(main).map(|value| Set { value })
    }

    fn switch(&mut self, main: &At<'_>, scope: Scope<'_>) -> Option<Switch> {
        self.is_array(main)?;
        if main.len() == 0 {
            self.wrong("invalid-value", main, "`switch` has no cases", None);
            return None;
        }
        let mut fine = true;
        let mut default: Option<At<'_>> = None;
        let mut cases: Vec<Case> = Vec::new();
        for item in main.items() {
            let Some(at) = self.named(&item, "case") else {
                fine = false;
                continue;
            };
            if at.is_map() && at.get("when").is_none() {
                if let Some(first) = &default {
                    let message = format!(
                        "the case `{}` has no `when`, but `{}` is the default case already",
                        at.name, first.name
                    );
                    self.wrong_key("several-defaults", &at, message, Some("give it a `when`, or remove it".to_owned()));
                    fine = false;
                } else {
                    default = Some(at.clone());
                }
            }
            match self.case(&at, scope) {
                Some(case) => cases.push(case),
                None => fine = false,
            }
        }
        fine.then_some(Switch { cases })
    }

    fn case(&mut self, at: &At<'_>, scope: Scope<'_>) -> Option<Case> {
        let what = format!("the case `{}`", at.name);
        let known = self.object(at, &what, &["when", "then"]);
        if !at.is_map() {
            return None;
        }
        let when = self.optional(at, "when", Self::expression);
        let then = self.required(at, "then", &what, |reader, at| reader.flow_directive(at, scope));
        known?;
        Some(Case { name: at.name.to_owned(), when: when?, then: then?, pointer: at.pointer.clone() })
    }
}

fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}
