//! A recursive descent through jq's grammar that resolves names on the way.

use std::collections::HashMap;

use super::lexer::{Token, skip_blank, token};
use super::scope::{Binding, Scope};
use super::{Comparison, Definition, Id, Node, Part, Program};
use crate::CompileError;
use crate::library;

/// Longest source, in bytes.
const MAX_SOURCE: usize = 64 << 10;
/// How deep brackets, strings and bodies may nest in a source.
const MAX_NESTING: u32 = 200;

pub(super) type Parsed<T> = Result<T, CompileError>;

/// Compiles a source that may mention the given variables.
pub(crate) fn compile(source: &str, variables: &[&str]) -> Parsed<Program> {
    if source.len() > MAX_SOURCE {
        let message = format!("the expression is longer than {MAX_SOURCE} bytes");
        return Err(CompileError { message, offset: MAX_SOURCE, length: source.len() - MAX_SOURCE });
    }
    let mut parser = Parser {
        text: source,
        at: 0,
        call: None,
        nesting: 0,
        scope: Scope::default(),
        variables,
        library: HashMap::new(),
        program: Program {
            nodes: Vec::new(),
            spans: Vec::new(),
            single: Vec::new(),
            definitions: Vec::new(),
            globals: Vec::new(),
            root: 0,
        },
    };
    if parser.peek()?.0 == Token::End {
        return Err(parser.error("the expression is empty; `.` is the whole input"));
    }
    parser.program.root = parser.pipe()?;
    match parser.peek()?.0 {
        Token::End => Ok(parser.program),
        _ => Err(parser.unexpected("the end of the expression")),
    }
}

pub(super) struct Parser<'s> {
    pub(super) text: &'s str,
    pub(super) at: usize,
    /// While a definition of the library is read: the span of the call that needs it.
    pub(super) call: Option<(u32, u32)>,
    nesting: u32,
    pub(super) scope: Scope<'s>,
    pub(super) variables: &'s [&'s str],
    /// The definitions of the library that are in use, by name and arity.
    pub(super) library: HashMap<(&'static str, usize), u32>,
    pub(super) program: Program,
}

impl<'s> Parser<'s> {
    /// The next token, and where it begins and ends.
    pub(super) fn peek(&self) -> Parsed<(Token<'s>, usize, usize)> {
        let start = skip_blank(self.text, self.at);
        let (token, end) = token(self.text, start)?;
        Ok((token, start, end))
    }

    pub(super) fn next(&mut self) -> Parsed<Token<'s>> {
        let (token, _, end) = self.peek()?;
        self.at = end;
        Ok(token)
    }

    pub(super) fn take(&mut self, wanted: Token<'_>) -> Parsed<bool> {
        let (token, _, end) = self.peek()?;
        if token == wanted {
            self.at = end;
        }
        Ok(token == wanted)
    }

    pub(super) fn symbol(&mut self, symbol: &'static str) -> Parsed<bool> {
        self.take(Token::Symbol(symbol))
    }

    pub(super) fn expect(&mut self, symbol: &'static str) -> Parsed<()> {
        if self.symbol(symbol)? { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    pub(super) fn expect_name(&mut self, name: &'static str) -> Parsed<()> {
        if self.take(Token::Name(name))? { Ok(()) } else { Err(self.unexpected(&format!("`{name}`"))) }
    }

    /// An error at the next token.
    pub(super) fn error(&self, message: impl Into<String>) -> CompileError {
        match self.peek() {
            Ok((_, start, end)) => self.error_at(start, end, message),
            Err(error) => error,
        }
    }

    pub(super) fn error_at(&self, start: usize, end: usize, message: impl Into<String>) -> CompileError {
        CompileError { message: message.into(), offset: start, length: end - start }
    }

    pub(super) fn unexpected(&self, wanted: &str) -> CompileError {
        match self.peek() {
            Ok((Token::End, ..)) => self.error(format!("the expression ends where {wanted} is expected")),
            Ok((_, start, end)) => {
                self.error(format!("`{}` stands where {wanted} is expected", &self.text[start..end]))
            }
            Err(error) => error,
        }
    }

    /// Adds a node that began at `start` and ends here.
    pub(super) fn add(&mut self, start: usize, node: Node) -> Id {
        let single = self.is_single(&node);
        let span = self.call.unwrap_or((start as u32, self.at as u32));
        self.program.nodes.push(node);
        self.program.spans.push(span);
        self.program.single.push(single);
        (self.program.nodes.len() - 1) as Id
    }

    /// Whether a node yields exactly one output, as far as can be told without running it.
    fn is_single(&self, node: &Node) -> bool {
        let single = |id: &Id| self.program.single[*id as usize];
        match node {
            Node::Identity | Node::Constant(_) | Node::Variable(_) | Node::Global(_) | Node::Array(_) => true,
            Node::Index(l, r)
            | Node::Pipe(l, r)
            | Node::Arithmetic(_, l, r)
            | Node::Compare(_, l, r)
            | Node::Logic(_, l, r)
            | Node::Alternative(l, r) => single(l) && single(r),
            Node::Slice(value, start, end) => [start, end].into_iter().flatten().chain([value]).all(single),
            Node::Negate(value) | Node::Assign(_, value) | Node::UpdateArithmetic(_, _, value) => single(value),
            Node::Update(..) => true,
            Node::If(condition, then, otherwise) => {
                single(condition) && single(then) && otherwise.as_ref().is_none_or(single)
            }
            Node::Object(members) => members.iter().all(|(key, value)| single(key) && single(value)),
            Node::Text(_, parts) => parts.iter().all(|part| match part {
                Part::Literal(_) => true,
                Part::Inner(id) => single(id),
            }),
            Node::Native(_, arguments) => arguments.iter().all(single),
            Node::CallLibrary(definition, arguments) => {
                let Definition { values, body } = &self.program.definitions[*definition as usize];
                // while a definition is read, its body is not known
                self.program.single.get(*body as usize).is_some_and(|single| *single)
                    && values.iter().zip(arguments).all(|(value, argument)| !value || single(argument))
            }
            _ => false,
        }
    }

    /// Runs `step` one level deeper.
    pub(super) fn nested<T>(&mut self, step: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == MAX_NESTING {
            return Err(self.error(format!("the expression nests deeper than {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let result = stacker::maybe_grow(256 << 10, 2 << 20, || step(self));
        self.nesting -= 1;
        result
    }

    /// Stages between `|`, which binds loosest and to the right.
    pub(super) fn pipe(&mut self) -> Parsed<Id> {
        self.nested(|parser| {
            let mut stages = Vec::new();
            loop {
                let start = parser.peek()?.1;
                stages.push((
                    start,
                    if parser.take(Token::Name("def"))? { parser.define(start)? } else { parser.comma()? },
                ));
                if !parser.symbol("|")? {
                    break;
                }
            }
            Ok(parser.fold_right(stages, Node::Pipe))
        })
    }

    pub(super) fn fold_right(&mut self, items: Vec<(usize, Id)>, node: fn(Id, Id) -> Node) -> Id {
        let mut items = items.into_iter().rev();
        let mut folded = items.next().map_or(0, |(_, id)| id);
        for (start, id) in items {
            folded = self.add(start, node(id, folded));
        }
        folded
    }

    fn comma(&mut self) -> Parsed<Id> {
        let start = self.peek()?.1;
        let mut left = self.alternative()?;
        while self.symbol(",")? {
            let right = self.alternative()?;
            left = self.add(start, Node::Comma(left, right));
        }
        Ok(left)
    }

    /// `//` binds to the right, and looser than assignment.
    pub(super) fn alternative(&mut self) -> Parsed<Id> {
        let mut items = Vec::new();
        loop {
            let start = self.peek()?.1;
            items.push((start, self.assignment()?));
            if !self.symbol("//")? {
                return Ok(self.fold_right(items, Node::Alternative));
            }
        }
    }

    fn assignment(&mut self) -> Parsed<Id> {
        let start = self.peek()?.1;
        let left = self.binary(0)?;
        let (Token::Symbol(symbol), ..) = self.peek()? else { return Ok(left) };
        if !ASSIGNMENTS.contains(&symbol) {
            return Ok(left);
        }
        self.next()?;
        // as in jq, `.a = .b // 1` is `(.a = .b) // 1`
        let right = self.binary(0)?;
        if let (Token::Symbol(symbol), ..) = self.peek()?
            && ASSIGNMENTS.contains(&symbol)
        {
            return Err(self.error("assignments cannot be chained; use brackets"));
        }
        let operator = symbol.chars().next().unwrap_or('=');
        Ok(self.add(
            start,
            match symbol {
                "=" => Node::Assign(left, right),
                "|=" => Node::Update(left, right),
                "//=" => Node::UpdateAlternative(left, right),
                _ => Node::UpdateArithmetic(operator, left, right),
            },
        ))
    }

    /// Binary operators from the given level on, by precedence climbing.
    fn binary(&mut self, level: u8) -> Parsed<Id> {
        let start = self.peek()?.1;
        let mut left = self.operand()?;
        while let (Token::Symbol(symbol), ..) = self.peek()? {
            let Some(precedence) = precedence(symbol).filter(|precedence| *precedence >= level) else { break };
            self.next()?;
            let right = self.binary(precedence + 1)?;
            left = self.add(start, operation(symbol, left, right));
            if precedence == COMPARISON
                && matches!(self.peek()?.0, Token::Symbol(next) if self::precedence(next) == Some(COMPARISON))
            {
                return Err(self.error("comparisons cannot be chained; use brackets, or `and`"));
            }
        }
        Ok(left)
    }

    /// `def name(parameters): body; rest`, after `def`.
    fn define(&mut self, start: usize) -> Parsed<Id> {
        let depth = self.scope.depth();
        self.definition()?;
        let rest = self.pipe()?;
        self.scope.truncate(depth);
        Ok(self.add(start, Node::Define(rest)))
    }

    /// Reads a definition after `def`, and leaves its name in scope.
    pub(super) fn definition(&mut self) -> Parsed<u32> {
        let name = match self.next()? {
            Token::Name(name) => name,
            _ => return Err(self.unexpected("the name of a function")),
        };
        let mut parameters = Vec::new();
        if self.symbol("(")? {
            loop {
                parameters.push(match self.next()? {
                    Token::Name(name) => (name, false),
                    Token::Variable(name) => (name, true),
                    _ => return Err(self.unexpected("a parameter")),
                });
                if !self.symbol(";")? {
                    break;
                }
            }
            self.expect(")")?;
        }
        self.expect(":")?;
        let definition = self.program.definitions.len() as u32;
        let values = parameters.iter().map(|(_, value)| *value).collect();
        self.program.definitions.push(Definition { values, body: Id::MAX });
        self.scope.push(Binding::Function { name, arity: parameters.len(), definition });
        let depth = self.scope.depth();
        for (name, _) in &parameters {
            self.scope.push(Binding::Parameter(name));
        }
        for (name, _) in parameters.iter().filter(|(_, value)| *value) {
            self.scope.push(Binding::Variable(name));
        }
        let body = self.pipe()?;
        self.expect(";")?;
        self.scope.truncate(depth);
        self.program.definitions[definition as usize].body = body;
        Ok(definition)
    }

    /// The definition of the library with that name and arity, read when it is first used.
    pub(super) fn library(&mut self, name: &str, arity: usize, span: (usize, usize)) -> Parsed<Option<u32>> {
        let Some((name, source)) = library::definition(name, arity) else { return Ok(None) };
        if let Some(definition) = self.library.get(&(name, arity)) {
            return Ok(Some(*definition));
        }
        let call = self.call.unwrap_or((span.0 as u32, span.1 as u32));
        let outer = (self.text, self.at, self.call, std::mem::take(&mut self.scope));
        (self.text, self.at, self.call) = (source, 0, Some(call));
        let definition = self.expect_name("def").and_then(|()| self.nested(Self::definition));
        (self.text, self.at, self.call, self.scope) = outer;
        let definition = definition?;
        self.library.insert((name, arity), definition);
        Ok(Some(definition))
    }
}

const ASSIGNMENTS: [&str; 8] = ["=", "|=", "+=", "-=", "*=", "/=", "%=", "//="];

const COMPARISON: u8 = 2;

fn precedence(symbol: &str) -> Option<u8> {
    Some(match symbol {
        "or" => 0,
        "and" => 1,
        "==" | "!=" | "<" | "<=" | ">" | ">=" => COMPARISON,
        "+" | "-" => 3,
        "*" | "/" | "%" => 4,
        _ => return None,
    })
}

fn operation(symbol: &str, left: Id, right: Id) -> Node {
    let comparison = match symbol {
        "or" => return Node::Logic(false, left, right),
        "and" => return Node::Logic(true, left, right),
        "==" => Comparison::Equal,
        "!=" => Comparison::Unequal,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return Node::Arithmetic(symbol.chars().next().unwrap_or('+'), left, right),
    };
    Node::Compare(comparison, left, right)
}
