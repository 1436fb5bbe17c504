//! Strings, with escapes, formats and expressions in them.

use serde_json::Value;

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::{Id, Node, Part};
use crate::format::Format;

impl Parser<'_> {
    /// `@name`, which converts its input, or `@name "…"`, which converts what is in the string's brackets.
    pub(super) fn format(&mut self, start: usize, name: &str) -> Parsed<Id> {
        let format = self.find_format(start, name)?;
        if self.peek()?.0 == Token::Quote {
            return self.string(name);
        }
        let identity = self.add(start, Node::Identity);
        Ok(self.add(start, Node::Text(format, vec![Part::Inner(identity)])))
    }

    fn find_format(&self, start: usize, name: &str) -> Parsed<Format> {
        Format::find(name).ok_or_else(|| {
            let message = crate::library::unknown(name, Format::names().map(str::to_owned), "");
            self.error_at(start, self.at, message)
        })
    }

    /// A string, from its opening quote on; `format` applies to the expressions in it.
    pub(super) fn string(&mut self, format: &str) -> Parsed<Id> {
        let start = self.peek()?.1;
        let format = self.find_format(start, format)?;
        self.next()?;
        let (mut parts, mut literal) = (Vec::new(), String::new());
        loop {
            let rest = &self.text[self.at..];
            let mut chars = rest.chars();
            match chars.next() {
                None => return Err(self.error_at(start, self.text.len(), "the string has no closing quote")),
                Some('"') => {
                    self.at += 1;
                    break;
                }
                Some('\\') if chars.next() == Some('(') => {
                    self.at += 2;
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Inner(self.pipe()?));
                    self.expect(")")?;
                }
                Some('\\') => literal.push(self.escape()?),
                Some(char) => {
                    self.at += char.len_utf8();
                    literal.push(char);
                }
            }
        }
        if parts.is_empty() {
            return Ok(self.add(start, Node::Constant(Value::String(literal))));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(self.add(start, Node::Text(format, parts)))
    }

    /// `\n`, `\u00e9` and so on; surrogates come in pairs.
    fn escape(&mut self) -> Parsed<char> {
        let start = self.at;
        let kind = self.text[start + 1..].chars().next().unwrap_or(' ');
        self.at += 1 + kind.len_utf8();
        Ok(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.hex(start)?;
                let code = if (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let low = self.hex(start)?;
                    if (0xdc00..0xe000).contains(&low) {
                        0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                    } else {
                        high
                    }
                } else {
                    high
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                let end = self.at.min(self.text.len());
                return Err(self.error_at(start, end, "no such escape; a backslash itself is written `\\\\`"));
            }
        })
    }

    fn hex(&mut self, start: usize) -> Parsed<u32> {
        let code =
            self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match code.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => Err(self.error_at(start, self.at, "`\\u` takes four hexadecimal digits")),
        }
    }
}
