//! Tokens, read one at a time. What is inside a string is read by the parser.

use crate::CompileError;

/// A piece of source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'s> {
    /// A name or a keyword, such as `map` or `if`.
    Name(&'s str),
    /// `.name`
    Field(&'s str),
    /// `$name`, without the `$`.
    Variable(&'s str),
    /// `@name`, with the `@`.
    Format(&'s str),
    Number(&'s str),
    /// The quote that begins a string.
    Quote,
    /// Everything else, the longest match first.
    Symbol(&'static str),
    End,
}

/// Longer symbols come before their beginnings.
const SYMBOLS: [&str; 39] = [
    "?//", "//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//", "..", "|", ",", "+", "-", "*", "/",
    "%", "=", "<", ">", "(", ")", "[", "]", "{", "}", ":", ";", ".", "?", "$", "!", "&", "^", "~",
];

/// Skips white space and comments from `at` on.
pub(super) fn skip_blank(source: &str, mut at: usize) -> usize {
    loop {
        let rest = &source[at..];
        at += rest.len() - rest.trim_start().len();
        if !source[at..].starts_with('#') {
            return at;
        }
        at = source[at..].find('\n').map_or(source.len(), |end| at + end);
    }
}

/// The token that begins at `at`, and where it ends.
pub(super) fn token(source: &str, at: usize) -> Result<(Token<'_>, usize), CompileError> {
    let rest = &source[at..];
    let bytes = rest.as_bytes();
    let next = bytes.get(1).copied().unwrap_or(0);
    let prefixed = |prefix: usize| {
        let length = prefix + name_length(&rest[prefix..]);
        (&rest[prefix..length], at + length)
    };
    Ok(match bytes.first() {
        None => (Token::End, at),
        Some(b'"') => (Token::Quote, at + 1),
        Some(b'.') if is_start(next) => {
            let (name, end) = prefixed(1);
            (Token::Field(name), end)
        }
        Some(b'$') if is_start(next) => {
            let (name, end) = prefixed(1);
            (Token::Variable(name), end)
        }
        Some(b'@') if is_start(next) => {
            let (name, end) = prefixed(1);
            (Token::Format(&rest[..=name.len()]), end)
        }
        Some(first) if is_start(*first) => {
            let (name, end) = prefixed(0);
            match name {
                "and" => (Token::Symbol("and"), end),
                "or" => (Token::Symbol("or"), end),
                _ => (Token::Name(name), end),
            }
        }
        Some(first) if first.is_ascii_digit() || (*first == b'.' && next.is_ascii_digit()) => {
            let length = number_length(bytes);
            (Token::Number(&rest[..length]), at + length)
        }
        Some(_) => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(&symbol) => (Token::Symbol(symbol), at + symbol.len()),
            None => {
                let char = rest.chars().next().unwrap_or(' ');
                let message = format!("{char:?} has no meaning here");
                return Err(CompileError { message, offset: at, length: char.len_utf8() });
            }
        },
    })
}

fn is_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// The length of a name, which may be qualified (`module::name`).
fn name_length(text: &str) -> usize {
    let simple = text.bytes().take_while(|byte| is_start(*byte) || byte.is_ascii_digit()).count();
    match text[simple..].strip_prefix("::") {
        Some(rest) if rest.bytes().next().is_some_and(is_start) => simple + 2 + name_length(rest),
        _ => simple,
    }
}

fn number_length(bytes: &[u8]) -> usize {
    let digits = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length = digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let end = digits(length + 1 + sign);
        if end > length + 1 + sign {
            length = end;
        }
    }
    length
}
