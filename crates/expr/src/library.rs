//! The functions of jq that expressions can call, and why some are missing.

mod calculate;
mod collection;
mod convert;
mod number;
mod pattern;
mod text;
mod time;

use std::cmp::Reverse;

use crate::meter::Meter;
use crate::stop::{Res, Stop};
use crate::value::{Val, brief};

pub(crate) use calculate::calculate;
pub(crate) use collection::get_path_of;
pub(crate) use pattern::{Patterns, captures as named_groups, matches};

/// What functions need beside their input and arguments.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) meter: &'a Meter,
    pub(crate) patterns: &'a Patterns,
}

/// A function from an input and values to one output.
pub(crate) type Native = for<'a> fn(Context<'a>, Val<'a>, &[Val<'a>]) -> Res<'a>;

/// A function whose arguments are filters, or that has none or many outputs, or that has paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Empty,
    First,
    GetPath,
    GroupBy,
    Last,
    Limit,
    MaxBy,
    MinBy,
    Path,
    Range,
    Recurse,
    Repeat,
    Skip,
    SortBy,
    Substitute,
    UniqueBy,
    Until,
    While,
}

const FORMS: &[(&str, usize, Form)] = &[
    ("empty", 0, Form::Empty),
    ("first", 1, Form::First),
    ("getpath", 1, Form::GetPath),
    ("group_by", 1, Form::GroupBy),
    ("last", 1, Form::Last),
    ("limit", 2, Form::Limit),
    ("max_by", 1, Form::MaxBy),
    ("min_by", 1, Form::MinBy),
    ("path", 1, Form::Path),
    ("range", 3, Form::Range),
    ("recurse", 1, Form::Recurse),
    ("repeat", 1, Form::Repeat),
    ("skip", 2, Form::Skip),
    ("sort_by", 1, Form::SortBy),
    ("sub", 3, Form::Substitute),
    ("unique_by", 1, Form::UniqueBy),
    ("until", 2, Form::Until),
    ("while", 2, Form::While),
];

/// What is written in jq, one function to a line. A definition is read where it is first used.
const DEFINITIONS: &str = include_str!("library/definitions.jq");

/// Functions of jq that would reach outside of the expression, and why they are missing.
const REFUSED: &[(&str, &str)] = &[
    ("$ENV", "`$ENV` is not available: expressions cannot read the environment"),
    ("env", "`env` is not available: expressions cannot read the environment"),
    ("$__loc__", "`$__loc__` is not available in expressions"),
    ("__loc__", "`$__loc__` is not available in expressions"),
    ("$__prog_args", "`$__prog_args` is not available in expressions"),
    ("input", "`input` is not available: an expression has one input, `.`"),
    ("inputs", "`inputs` is not available: an expression has one input, `.`"),
    ("input_filename", "`input_filename` is not available: the input is not a file"),
    ("input_line_number", "`input_line_number` is not available: the input is not a file"),
    ("debug", "`debug` is not available: expressions cannot write output"),
    ("stderr", "`stderr` is not available: expressions cannot write output"),
    ("halt", "`halt` is not available: use `error` to make the task fail"),
    ("halt_error", "`halt_error` is not available: use `error` to make the task fail"),
    ("get_search_list", "`get_search_list` is not available: expressions cannot load modules"),
    ("modulemeta", "`modulemeta` is not available: expressions cannot load modules"),
    ("import", "`import` is not available: expressions cannot load modules"),
    ("include", "`include` is not available: expressions cannot load modules"),
];

pub(crate) fn form(name: &str, arity: usize) -> Option<Form> {
    FORMS.iter().find(|(known, count, _)| *known == name && *count == arity).map(|(.., form)| *form)
}

pub(crate) fn native(name: &str, arity: usize) -> Option<Native> {
    natives().find(|(known, count, _)| *known == name && *count == arity).map(|(.., native)| *native)
}

fn natives() -> impl Iterator<Item = &'static (&'static str, usize, Native)> {
    [collection::NATIVES, convert::NATIVES, number::NATIVES, pattern::NATIVES, text::NATIVES, time::NATIVES]
        .into_iter()
        .flatten()
}

/// The source of a definition of the library.
pub(crate) fn definition(name: &str, arity: usize) -> Option<(&'static str, &'static str)> {
    definitions().find(|(known, count, _)| *known == name && *count == arity).map(|(name, _, line)| (name, line))
}

/// Names, arities and sources of the library's definitions.
fn definitions() -> impl Iterator<Item = (&'static str, usize, &'static str)> {
    DEFINITIONS.lines().filter_map(|line| {
        let head = line.strip_prefix("def ")?;
        let end = head.find(['(', ':'])?;
        let arity = match head[end..].strip_prefix('(') {
            Some(parameters) => parameters.split(')').next()?.split(';').count(),
            None => 0,
        };
        Some((&head[..end], arity, line))
    })
}

/// Why a function or variable of jq is not available here.
pub(crate) fn refusal(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(known, _)| *known == name).map(|(_, reason)| *reason)
}

/// What to say about a function that does not exist, given those in scope beside the library's.
pub(crate) fn unknown_function<'s>(name: &str, arity: usize, scope: impl Iterator<Item = &'s str>) -> String {
    let all = || {
        let forms = FORMS.iter().map(|(name, arity, _)| (*name, *arity));
        let natives = natives().map(|(name, arity, _)| (*name, *arity));
        forms.chain(natives).chain(definitions().map(|(name, arity, _)| (name, arity)))
    };
    let mut counts: Vec<usize> = all().filter(|(known, _)| *known == name).map(|(_, count)| count).collect();
    counts.sort_unstable();
    if !counts.is_empty() {
        let counts = counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
        let plural = if counts == "1" { "" } else { "s" };
        return format!("`{name}` takes {counts} argument{plural}, not {arity}; arguments are separated by `;`");
    }
    let public = all().map(|(name, _)| name).filter(|name| !name.starts_with('_'));
    unknown(name, public.chain(scope).map(str::to_owned), "")
}

/// What to say about an unknown name, given the known ones.
pub(crate) fn unknown(name: &str, known: impl Iterator<Item = String>, none: &str) -> String {
    let nearest = known
        .map(|known| (strsim::osa_distance(name, &known), known))
        .min_by_key(|(distance, known)| (*distance, Reverse(known.len())));
    match nearest {
        Some((_, nearest)) => format!("`{name}` is not known here; the nearest name is `{nearest}`"),
        None => format!("`{name}` is not known here: {none}"),
    }
}

impl<'a> Context<'a> {
    pub(crate) fn error(&self, message: impl Into<String>) -> Box<Stop<'a>> {
        Stop::error(self.meter, message)
    }

    /// An error about a value: `string ("abc") cannot be …`.
    pub(crate) fn wrong(&self, value: &Val<'a>, problem: &str) -> Box<Stop<'a>> {
        match brief(self.meter, value) {
            Ok(text) => self.error(format!("{} ({text}) {problem}", value.type_name())),
            Err(exhausted) => exhausted.into(),
        }
    }

    pub(crate) fn text(&self, text: impl Into<String>) -> Res<'a> {
        Ok(Val::text(self.meter, text.into())?)
    }

    /// The text of a string, or an error that names what needs it.
    pub(crate) fn string<'v>(&self, value: &'v Val<'a>, problem: &str) -> Res<'a, &'v str> {
        match value {
            Val::Text(text) => Ok(text.as_str()),
            other => Err(self.wrong(other, problem)),
        }
    }
}
