//! Destructuring: `. as [$a, {b: $c}] ?// $d | …`

use serde_json::Value;

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::scope::Binding;
use super::{Binder, Id, Node, Pattern};

/// A pattern while its variables are collected.
struct Draft<'s> {
    binders: Vec<(&'s str, Vec<Id>)>,
}

impl<'s> Parser<'s> {
    /// Patterns after `as`; their variables are in scope afterwards.
    pub(super) fn patterns(&mut self) -> Parsed<Vec<Pattern>> {
        let mut drafts = vec![self.draft()?];
        while self.symbol("?//")? {
            drafts.push(self.draft()?);
        }
        let mut names: Vec<&'s str> = Vec::new();
        for (name, _) in drafts.iter().flat_map(|draft| &draft.binders) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        for name in &names {
            self.scope.push(Binding::Variable(name));
        }
        let slot = |name: &str| names.iter().position(|other| *other == name).unwrap_or(0) as u32;
        let finish = |draft: Draft<'s>| Pattern {
            slots: names.len() as u32,
            binders: draft.binders.into_iter().map(|(name, path)| Binder { slot: slot(name), path }).collect(),
        };
        Ok(drafts.into_iter().map(finish).collect())
    }

    /// The single pattern of a `reduce` or `foreach`.
    pub(super) fn pattern(&mut self) -> Parsed<Pattern> {
        let start = self.peek()?.1;
        let mut patterns = self.patterns()?;
        match (patterns.pop(), patterns.is_empty()) {
            (Some(pattern), true) => Ok(pattern),
            _ => Err(self.error_at(start, self.at, "a loop takes one pattern, without `?//`")),
        }
    }

    fn draft(&mut self) -> Parsed<Draft<'s>> {
        let mut draft = Draft { binders: Vec::new() };
        self.destructure(&mut draft, &mut Vec::new())?;
        Ok(draft)
    }

    fn destructure(&mut self, draft: &mut Draft<'s>, path: &mut Vec<Id>) -> Parsed<()> {
        self.nested(|parser| {
            let start = parser.peek()?.1;
            match parser.next()? {
                Token::Variable(name) => draft.binders.push((name, path.clone())),
                Token::Symbol("[") => {
                    let mut index = 0;
                    loop {
                        let key = parser.add(start, Node::Constant(Value::from(index)));
                        path.push(key);
                        parser.destructure(draft, path)?;
                        path.pop();
                        index += 1;
                        if !parser.symbol(",")? {
                            break;
                        }
                    }
                    parser.expect("]")?;
                }
                Token::Symbol("{") => {
                    loop {
                        parser.member(draft, path)?;
                        if !parser.symbol(",")? {
                            break;
                        }
                    }
                    parser.expect("}")?;
                }
                _ => {
                    parser.at = start;
                    return Err(parser.unexpected("a variable, or a pattern in brackets,"));
                }
            }
            Ok(())
        })
    }

    /// `$name`, `$name: pattern`, `key: pattern`, `"key": pattern` or `(expression): pattern`
    fn member(&mut self, draft: &mut Draft<'s>, path: &mut Vec<Id>) -> Parsed<()> {
        let (token, start, _) = self.peek()?;
        let mut optional = false;
        let key = match token {
            Token::Variable(name) => {
                self.next()?;
                let key = self.add(start, Node::Constant(Value::from(name)));
                let mut whole = path.clone();
                whole.push(key);
                draft.binders.push((name, whole));
                optional = true;
                key
            }
            Token::Name(name) => {
                self.next()?;
                self.add(start, Node::Constant(Value::from(name)))
            }
            Token::Symbol(name @ ("and" | "or")) => {
                self.next()?;
                self.add(start, Node::Constant(Value::from(name)))
            }
            Token::Quote => self.string("@text")?,
            Token::Symbol("(") => {
                self.next()?;
                let key = self.pipe()?;
                self.expect(")")?;
                key
            }
            _ => return Err(self.unexpected("a key of an object")),
        };
        if optional && !matches!(self.peek()?.0, Token::Symbol(":")) {
            return Ok(());
        }
        self.expect(":")?;
        path.push(key);
        self.destructure(draft, path)?;
        path.pop();
        Ok(())
    }
}
