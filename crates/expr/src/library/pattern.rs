//! Regular expressions.
//!
//! Matching takes linear time, and has no look-around and no back-references: patterns from outside cannot make
//! it explode. A single search cannot be interrupted, so its worst case (states of the pattern times length of
//! the text) is limited before it begins.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use regex_automata::meta::Regex;
use regex_automata::nfa::thompson;
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::text::member;
use super::{Context, Native};
use crate::meter::Exhausted;
use crate::stop::{Res, Stop};
use crate::value::{List, Members, Text, Val};

/// Bytes that a compiled pattern may take up.
const MAX_PATTERN: usize = 1 << 20;
/// Bytes that a pattern may keep for searches to come, beside itself.
const MAX_CACHE: usize = 512 << 10;
/// The product of a pattern's states and a text's bytes that one search may have to go through: half a second or so.
const MAX_SEARCH: usize = 200_000_000;
/// Patterns that an expression keeps compiled.
const KEPT: usize = 8;

pub(super) const NATIVES: &[(&str, usize, Native)] = &[
    ("_match", 3, |context, input, arguments| {
        let [pattern, flags, test] = arguments else { return Ok(Val::Null) };
        let found = matches(context, &input, pattern, flags, test.is_true())?;
        if test.is_true() {
            return Ok(Val::Bool(!found.is_empty()));
        }
        Ok(Val::list(context.meter, found)?)
    }),
    ("_captures", 0, |context, input, _| captures(context, &input)),
    ("split", 2, |context, input, arguments| {
        let [pattern, flags] = arguments else { return Ok(Val::Null) };
        let text = context.string(&input, "cannot be split: only strings can")?;
        let search = Search::new(context, text, pattern, flags)?;
        let (mut list, mut from) = (List::new(context.meter)?, 0);
        search.each(context, text, true, |found| {
            let Some(whole) = found.get_match() else { return Ok(()) };
            list.push(context.text(&text[from..whole.start()])?)?;
            from = whole.end();
            Ok(())
        })?;
        list.push(context.text(&text[from..])?)?;
        Ok(Val::array(list))
    }),
];

/// The patterns that an expression has compiled, by pattern and options.
#[derive(Default)]
pub(crate) struct Patterns(Mutex<HashMap<(String, Options), Arc<Pattern>>>);

struct Pattern {
    regex: Regex,
    states: usize,
}

/// How a pattern is read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Options {
    ignore_case: bool,
    extended: bool,
    dot_all: bool,
}

struct Search {
    pattern: Arc<Pattern>,
    global: bool,
    skip_empty: bool,
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patterns")
    }
}

impl Patterns {
    fn get(&self, pattern: &str, options: Options) -> Result<Arc<Pattern>, String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (pattern.to_owned(), options);
        if let Some(compiled) = kept.get(&key) {
            return Ok(compiled.clone());
        }
        let compiled = Arc::new(compile(pattern, options)?);
        if kept.len() == KEPT {
            kept.clear();
        }
        kept.insert(key, compiled.clone());
        Ok(compiled)
    }
}

fn compile(pattern: &str, options: Options) -> Result<Pattern, String> {
    let syntax = syntax::Config::new()
        .case_insensitive(options.ignore_case)
        .ignore_whitespace(options.extended)
        .dot_matches_new_line(options.dot_all)
        .nest_limit(100);
    let nfa = thompson::Compiler::new()
        .syntax(syntax)
        .configure(thompson::Config::new().nfa_size_limit(Some(MAX_PATTERN)))
        .build(pattern)
        .map_err(|error| error.source_message())?;
    let regex = Regex::builder()
        .syntax(syntax)
        .configure(
            Regex::config()
                .nfa_size_limit(Some(MAX_PATTERN))
                .onepass_size_limit(Some(MAX_CACHE))
                .hybrid_cache_capacity(MAX_CACHE),
        )
        .build(pattern)
        .map_err(|error| error.to_string())?;
    Ok(Pattern { regex, states: nfa.states().len() })
}

/// The innermost message of an error, which says what is wrong.
trait SourceMessage {
    fn source_message(&self) -> String;
}

impl<E: std::error::Error> SourceMessage for E {
    fn source_message(&self) -> String {
        let mut message = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            message = error.to_string();
            source = error.source();
        }
        message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    }
}

impl Search {
    fn new<'a>(context: Context<'a>, text: &str, pattern: &Val<'a>, flags: &Val<'a>) -> Res<'a, Self> {
        // `match(["pattern", "flags"])` is the older form
        let (pattern, flags) = match pattern {
            Val::Array(both) => (both.get(0).unwrap_or(Val::Null), both.get(1).unwrap_or(Val::Null)),
            one => (one.clone(), flags.clone()),
        };
        let source = context.string(&pattern, "is not a regular expression: it is not a string")?;
        let (mut options, mut global, mut skip_empty) = (Options::default(), false, false);
        let flags = match &flags {
            Val::Null => "",
            other => context.string(other, "are not flags: they are not a string")?,
        };
        for flag in flags.chars() {
            match flag {
                'g' => global = true,
                'i' => options.ignore_case = true,
                'x' => options.extended = true,
                'p' => options.dot_all = true,
                'n' => skip_empty = true,
                // `^` and `$` are the text's ends anyway, and the leftmost match is taken as it is
                's' | 'l' => {}
                other => return Err(context.error(format!("{other:?} is not a flag of regular expressions"))),
            }
        }
        context.meter.work(source.len())?;
        let pattern = match context.patterns.get(source, options) {
            Ok(pattern) => pattern,
            Err(problem) => {
                return Err(context.wrong(&pattern, &format!("is not a valid regular expression: {problem}")));
            }
        };
        if pattern.states.saturating_mul(text.len()) > MAX_SEARCH {
            let message = format!("a text of {} bytes is too long for so large a regular expression", text.len());
            return Err(Exhausted::Size(message).into());
        }
        Ok(Search { pattern, global, skip_empty })
    }

    /// Calls `step` with every match, or with the first one only.
    fn each<'a>(
        &self,
        context: Context<'a>,
        text: &str,
        global: bool,
        mut step: impl FnMut(&Captures) -> Res<'a, ()>,
    ) -> Res<'a, ()> {
        let mut captures = self.pattern.regex.create_captures();
        let mut from = 0;
        while from <= text.len() {
            // a search that fails has gone through all the rest
            context.meter.work(1 + (text.len() - from) / 256)?;
            let input = Input::new(text).range(from..).anchored(Anchored::No);
            self.pattern.regex.search_captures(&input, &mut captures);
            let Some(found) = captures.get_match() else { return Ok(()) };
            context.meter.work(found.len() / 64)?;
            from = found.end();
            if found.is_empty() {
                from += text[from..].chars().next().map_or(1, char::len_utf8);
                if self.skip_empty {
                    continue;
                }
            }
            step(&captures)?;
            if !(global || self.global) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The objects that `match` yields; only the first one, and empty, to find out whether there are any.
pub(crate) fn matches<'a>(
    context: Context<'a>,
    input: &Val<'a>,
    pattern: &Val<'a>,
    flags: &Val<'a>,
    test: bool,
) -> Res<'a, Vec<Val<'a>>> {
    let text = context.string(input, "cannot be matched: only strings can")?;
    let search = Search::new(context, text, pattern, flags)?;
    let names: Vec<Option<String>> = search
        .pattern
        .regex
        .group_info()
        .pattern_names(regex_automata::PatternID::ZERO)
        .map(|n| n.map(str::to_owned))
        .collect();
    let mut found = Vec::new();
    // bytes and characters up to the last match
    let mut known = (0, 0);
    search
        .each(context, text, false, |captures| {
            let Some(whole) = captures.get_match() else { return Ok(()) };
            if test {
                found.push(Val::Null);
                return if search.global { Err(Box::new(Stop::Passed)) } else { Ok(()) };
            }
            known = (whole.start(), known.1 + text[known.0..whole.start()].chars().count());
            let mut groups = List::new(context.meter)?;
            for (group, name) in names.iter().enumerate().skip(1) {
                let span = captures.get_group(group).map(|span| span.range());
                let offset = span.as_ref().map(|span| known.1 + text[known.0..span.start.max(known.0)].chars().count());
                groups.push(piece(context, span.map(|span| &text[span]), offset, Some(name.as_deref()), None)?)?;
            }
            found.push(piece(context, Some(&text[whole.range()]), Some(known.1), None, Some(Val::array(groups)))?);
            Ok(context.meter.fits(found.len() * 64)?)
        })
        .or_else(|stop| if matches!(*stop, Stop::Passed) { Ok(()) } else { Err(stop) })?;
    Ok(found)
}

/// A match, or a group in it: `{offset, length, string, captures}` or `{offset, length, string, name}`.
fn piece<'a>(
    context: Context<'a>,
    text: Option<&str>,
    offset: Option<usize>,
    name: Option<Option<&str>>,
    groups: Option<Val<'a>>,
) -> Res<'a> {
    let mut members = Members::new(context.meter)?;
    let length = text.map_or(0, |text| text.chars().count());
    members.put(Text::Borrowed("offset"), offset.map_or(Val::Int(-1), |offset| Val::Int(offset as i128)))?;
    members.put(Text::Borrowed("length"), Val::Int(length as i128))?;
    members.put(Text::Borrowed("string"), text.map_or(Ok(Val::Null), |text| context.text(text))?)?;
    if let Some(name) = name {
        members.put(Text::Borrowed("name"), name.map_or(Ok(Val::Null), |name| context.text(name))?)?;
    }
    if let Some(groups) = groups {
        members.put(Text::Borrowed("captures"), groups)?;
    }
    Ok(Val::object(members))
}

/// The named groups of a match, as an object.
pub(crate) fn captures<'a>(context: Context<'a>, found: &Val<'a>) -> Res<'a> {
    let mut members = Members::new(context.meter)?;
    if let Val::Array(groups) = member(context, found, "captures")? {
        for group in groups.iter() {
            if let Val::Text(name) = member(context, &group, "name")? {
                members.put(name, member(context, &group, "string")?)?;
            }
        }
    }
    Ok(Val::object(members))
}
