//! Terms, and what follows them: `.name`, `[…]`, `?` and `as`.

use serde_json::{Map, Number, Value};

use super::lexer::Token;
use super::parser::{Parsed, Parser};
use super::scope::{Binding, Callee};
use super::{Id, Node};
use crate::library;
use crate::value::{json_number, parse_number};

impl<'s> Parser<'s> {
    /// A term with its suffixes, which may bind variables for all that follows it.
    pub(super) fn operand(&mut self) -> Parsed<Id> {
        let start = self.peek()?.1;
        if self.symbol("-")? {
            let value = self.nested(Self::operand)?;
            let negated = match &self.program.nodes[value as usize] {
                Node::Constant(Value::Number(number)) => negated(number),
                _ => None,
            };
            return Ok(self.add(start, negated.map_or(Node::Negate(value), |n| Node::Constant(Value::Number(n)))));
        }
        let term = self.term()?;
        if !self.take(Token::Name("as"))? {
            return Ok(term);
        }
        let depth = self.scope.depth();
        let patterns = self.patterns()?;
        self.expect("|")?;
        let body = self.pipe()?;
        self.scope.truncate(depth);
        Ok(self.add(start, Node::Bind(term, patterns, body)))
    }

    fn term(&mut self) -> Parsed<Id> {
        let (token, start, _) = self.peek()?;
        let bracket = token == Token::Symbol("(");
        let first = self.primary()?;
        let mut term = first;
        loop {
            let (token, _, end) = self.peek()?;
            match token {
                Token::Field(name) => {
                    self.at = end;
                    term = self.field(start, term, name);
                }
                Token::Symbol(".") => {
                    self.at = end;
                    match self.peek()?.0 {
                        Token::Quote => {
                            let key = self.string("@text")?;
                            term = self.add(start, Node::Index(term, key));
                        }
                        Token::Symbol("[") => {
                            self.next()?;
                            term = self.brackets(start, term)?;
                        }
                        _ => return Err(self.unexpected("the name of a member")),
                    }
                }
                Token::Symbol("[") => {
                    self.at = end;
                    term = self.brackets(start, term)?;
                }
                Token::Symbol("?") => {
                    self.at = end;
                    // brackets are a term of their own, and are tried as a whole
                    let step = matches!(
                        self.program.nodes[term as usize],
                        Node::Index(..) | Node::Slice(..) | Node::Iterate(_)
                    );
                    let bracketed = term == first && bracket;
                    let node = if step && !bracketed { Node::Optional(term) } else { Node::Try(term, None) };
                    term = self.add(start, node);
                }
                _ => return Ok(term),
            }
        }
    }

    fn field(&mut self, start: usize, term: Id, name: &str) -> Id {
        let key = self.add(start, Node::Constant(Value::from(name)));
        self.add(start, Node::Index(term, key))
    }

    /// `]`, `key]`, `start:end]`, `start:]` or `:end]`
    fn brackets(&mut self, start: usize, term: Id) -> Parsed<Id> {
        let node = if self.symbol("]")? {
            return Ok(self.add(start, Node::Iterate(term)));
        } else if self.symbol(":")? {
            Node::Slice(term, None, Some(self.pipe()?))
        } else {
            let key = self.pipe()?;
            if !self.symbol(":")? {
                Node::Index(term, key)
            } else if matches!(self.peek()?.0, Token::Symbol("]")) {
                Node::Slice(term, Some(key), None)
            } else {
                Node::Slice(term, Some(key), Some(self.pipe()?))
            }
        };
        self.expect("]")?;
        Ok(self.add(start, node))
    }

    fn primary(&mut self) -> Parsed<Id> {
        let (token, start, end) = self.peek()?;
        if token == Token::Quote {
            return self.string("@text");
        }
        self.at = end;
        match token {
            Token::Number(text) => self.number(start, text),
            Token::Field(name) => {
                let identity = self.add(start, Node::Identity);
                Ok(self.field(start, identity, name))
            }
            Token::Variable(name) => self.variable(start, name),
            Token::Format(name) => self.format(start, name),
            Token::Name(name) => self.name(start, name),
            Token::Symbol("(") => {
                let inner = self.pipe()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("[") => {
                if self.symbol("]")? {
                    return Ok(self.add(start, Node::Constant(Value::Array(Vec::new()))));
                }
                let inner = self.pipe()?;
                self.expect("]")?;
                Ok(self.add(start, Node::Array(Some(inner))))
            }
            Token::Symbol("{") => self.object(start),
            Token::Symbol("..") => Ok(self.add(start, Node::Descend)),
            Token::Symbol(".") => {
                let identity = self.add(start, Node::Identity);
                if self.peek()?.0 == Token::Quote {
                    let key = self.string("@text")?;
                    return Ok(self.add(start, Node::Index(identity, key)));
                }
                Ok(identity)
            }
            _ => {
                self.at = start;
                Err(self.unexpected("a value"))
            }
        }
    }

    fn number(&mut self, start: usize, text: &str) -> Parsed<Id> {
        let number = parse_number(text).and_then(|number| json_number(&number));
        let number = number.ok_or_else(|| self.error_at(start, self.at, "not a number"))?;
        Ok(self.add(start, Node::Constant(Value::Number(number))))
    }

    fn variable(&mut self, start: usize, name: &'s str) -> Parsed<Id> {
        if let Some(frames) = self.scope.variable(name) {
            return Ok(self.add(start, Node::Variable(frames)));
        }
        if self.call.is_none() && self.variables.contains(&name) {
            let globals = &mut self.program.globals;
            let index = globals.iter().position(|known| known == name).unwrap_or_else(|| {
                globals.push(name.to_owned());
                globals.len() - 1
            });
            return Ok(self.add(start, Node::Global(index as u32)));
        }
        let message = match library::refusal(&format!("${name}")) {
            Some(reason) => reason.to_owned(),
            None => {
                let known = self.variables.iter().copied().chain(self.scope.variables());
                library::unknown(
                    &format!("${name}"),
                    known.map(|known| format!("${known}")),
                    "no variables are defined here",
                )
            }
        };
        Err(self.error_at(start, self.at, message))
    }

    fn name(&mut self, start: usize, name: &'s str) -> Parsed<Id> {
        match name {
            "if" => self.condition(start),
            "try" => {
                let body = self.nested(Self::term)?;
                let handler = if self.take(Token::Name("catch"))? { Some(self.nested(Self::term)?) } else { None };
                Ok(self.add(start, Node::Try(body, handler)))
            }
            "reduce" => self.reduce(start),
            "foreach" => self.foreach(start),
            "label" => {
                let Token::Variable(label) = self.next()? else {
                    return Err(self.unexpected("a label such as `$out`"));
                };
                self.expect("|")?;
                let depth = self.scope.depth();
                self.scope.push(Binding::Label(label));
                let body = self.pipe()?;
                self.scope.truncate(depth);
                Ok(self.add(start, Node::Label(body)))
            }
            "break" => {
                let Token::Variable(label) = self.next()? else {
                    return Err(self.unexpected("a label such as `$out`"));
                };
                match self.scope.label(label) {
                    Some(frames) => Ok(self.add(start, Node::Break(frames))),
                    None => Err(self.error_at(start, self.at, format!("there is no `label ${label}` around this"))),
                }
            }
            "def" | "then" | "elif" | "else" | "end" | "as" | "catch" | "import" | "include" | "__loc__" => {
                self.at = start;
                match library::refusal(name) {
                    Some(reason) => Err(self.error(reason)),
                    None => Err(self.unexpected("a value")),
                }
            }
            _ => self.call(start, name),
        }
    }

    /// After `if` or `elif`.
    fn condition(&mut self, start: usize) -> Parsed<Id> {
        let condition = self.pipe()?;
        self.expect_name("then")?;
        let then = self.pipe()?;
        let next = self.peek()?.1;
        let otherwise = if self.take(Token::Name("elif"))? {
            Some(self.nested(|parser| parser.condition(next))?)
        } else if self.take(Token::Name("else"))? {
            let otherwise = self.pipe()?;
            self.expect_name("end")?;
            Some(otherwise)
        } else {
            self.expect_name("end")?;
            None
        };
        Ok(self.add(start, Node::If(condition, then, otherwise)))
    }

    fn reduce(&mut self, start: usize) -> Parsed<Id> {
        let source = self.nested(Self::term)?;
        self.expect_name("as")?;
        let depth = self.scope.depth();
        let pattern = self.pattern()?;
        let bound = self.hide(depth);
        self.expect("(")?;
        let init = self.pipe()?;
        self.show(bound);
        self.expect(";")?;
        let update = self.pipe()?;
        self.expect(")")?;
        self.scope.truncate(depth);
        Ok(self.add(start, Node::Reduce(source, pattern, init, update)))
    }

    fn foreach(&mut self, start: usize) -> Parsed<Id> {
        let source = self.nested(Self::term)?;
        self.expect_name("as")?;
        let depth = self.scope.depth();
        let pattern = self.pattern()?;
        let bound = self.hide(depth);
        self.expect("(")?;
        let init = self.pipe()?;
        self.show(bound);
        self.expect(";")?;
        let update = self.pipe()?;
        let extract = if self.symbol(";")? { Some(self.pipe()?) } else { None };
        self.expect(")")?;
        self.scope.truncate(depth);
        Ok(self.add(start, Node::Foreach(source, pattern, init, update, extract)))
    }

    /// Takes the bindings from `depth` on out of scope: the start of a loop does not see the loop's variables.
    fn hide(&mut self, depth: usize) -> Vec<Binding<'s>> {
        self.scope.split_off(depth)
    }

    fn show(&mut self, bindings: Vec<Binding<'s>>) {
        for binding in bindings {
            self.scope.push(binding);
        }
    }

    fn object(&mut self, start: usize) -> Parsed<Id> {
        let mut members = Vec::new();
        if self.symbol("}")? {
            return Ok(self.add(start, Node::Constant(Value::Object(Map::new()))));
        }
        loop {
            members.push(self.member_of_object()?);
            if !self.symbol(",")? {
                break;
            }
        }
        self.expect("}")?;
        Ok(self.add(start, Node::Object(members)))
    }

    /// `key: value`, `(key): value`, or `key`, `"key"`, `$variable` as shorthands.
    fn member_of_object(&mut self) -> Parsed<(Id, Id)> {
        let (token, start, end) = self.peek()?;
        let key = match token {
            Token::Variable(name) => {
                self.at = end;
                let key = self.add(start, Node::Constant(Value::from(name)));
                return Ok((key, self.variable(start, name)?));
            }
            Token::Symbol("(") => {
                self.at = end;
                let key = self.pipe()?;
                self.expect(")")?;
                self.expect(":")?;
                return Ok((key, self.member_value()?));
            }
            Token::Name(name) | Token::Symbol(name @ ("and" | "or")) => {
                self.at = end;
                self.add(start, Node::Constant(Value::from(name)))
            }
            Token::Quote => self.string("@text")?,
            Token::Format(name) => {
                self.at = end;
                self.format(start, name)?
            }
            _ => return Err(self.unexpected("a key of an object")),
        };
        if self.symbol(":")? {
            return Ok((key, self.member_value()?));
        }
        let identity = self.add(start, Node::Identity);
        Ok((key, self.add(start, Node::Index(identity, key))))
    }

    /// A value goes up to the next comma, which separates members here.
    fn member_value(&mut self) -> Parsed<Id> {
        self.nested(|parser| {
            let mut stages = Vec::new();
            loop {
                let start = parser.peek()?.1;
                stages.push((start, parser.alternative()?));
                if !parser.symbol("|")? {
                    return Ok(parser.fold_right(stages, Node::Pipe));
                }
            }
        })
    }

    /// A call of a function: of one in scope, of jq's own, or of one written in jq.
    fn call(&mut self, start: usize, name: &'s str) -> Parsed<Id> {
        let end = self.at;
        let mut arguments = Vec::new();
        if self.symbol("(")? {
            loop {
                arguments.push(self.pipe()?);
                if !self.symbol(";")? {
                    break;
                }
            }
            self.expect(")")?;
        }
        let arity = arguments.len();
        if let Some(callee) = self.scope.callee(name, arity) {
            return Ok(self.add(
                start,
                match callee {
                    Callee::Parameter(frames) => Node::Parameter(frames),
                    Callee::Function(frames, definition) => Node::Call(frames, definition, arguments),
                },
            ));
        }
        if arity == 0
            && let Some(constant) = constant(name)
        {
            return Ok(self.add(start, Node::Constant(constant)));
        }
        if let Some(form) = library::form(name, arity) {
            return Ok(self.add(start, Node::Form(form, arguments)));
        }
        if let Some(native) = library::native(name, arity) {
            return Ok(self.add(start, Node::Native(native, arguments)));
        }
        if let Some(definition) = self.library(name, arity, (start, self.at))? {
            return Ok(self.add(start, Node::CallLibrary(definition, arguments)));
        }
        let message = match library::refusal(name) {
            Some(reason) => reason.to_owned(),
            None => library::unknown_function(name, arity, self.scope.functions()),
        };
        Err(self.error_at(start, end, message))
    }
}

fn constant(name: &str) -> Option<Value> {
    match name {
        "null" => Some(Value::Null),
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// The negative of a number, unless there is none without loss.
fn negated(number: &Number) -> Option<Number> {
    if let Some(int) = number.as_i64() {
        return int.checked_neg().map(Number::from);
    }
    match number.as_u64() {
        Some(int) if int == i64::MIN.unsigned_abs() => Some(Number::from(i64::MIN)),
        Some(_) => None,
        None => number.as_f64().and_then(|float| Number::from_f64(-float)),
    }
}
