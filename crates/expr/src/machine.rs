//! Running a program.
//!
//! An operation hands each output to a receiver, which hands its own outputs on, so that a stream is never
//! built up and a receiver can end it at any time. Every operation counts against the [`Meter`], and
//! everything that can stop an evaluation comes back as a [`Stop`].

mod call;
mod item;
mod loops;
mod operate;
mod single;
mod update;

use std::cell::Cell;

use crate::library::Context;
use crate::meter::{Meter, on_enough_stack};
use crate::stop::{At, Res, Stop};
use crate::syntax::{Id, Node, Program};
use crate::value::{Val, brief};

use call::{Env, Frame};
use item::{Item, Path};

/// Receives outputs; an error ends the stream.
type Out<'o, 'a> = &'o mut dyn FnMut(Item<'a>) -> Res<'a, ()>;

/// The label by which the program itself is left, after its first output.
const FIRST: u64 = 0;

/// A program with its variables.
pub(crate) struct Machine<'a> {
    program: &'a Program,
    globals: Vec<Val<'a>>,
    context: Context<'a>,
    labels: Cell<u64>,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(program: &'a Program, globals: Vec<Val<'a>>, context: Context<'a>) -> Self {
        Self { program, globals, context, labels: Cell::new(FIRST) }
    }

    /// The first output of the program; null if it has none.
    pub(crate) fn first(&self, input: Val<'a>) -> Res<'a> {
        let root = self.program.root;
        let env = Env::ROOT;
        if self.is_single(root) {
            return self.one(root, &env, input);
        }
        let mut first = None;
        let result = self.eval(root, &env, Item::plain(input), &mut |item| {
            first = Some(item.value);
            Err(Box::new(Stop::Break(FIRST)))
        });
        match result {
            Err(stop) if !matches!(*stop, Stop::Break(FIRST)) => Err(stop),
            _ => Ok(first.unwrap_or(Val::Null)),
        }
    }

    fn meter(&self) -> &'a Meter {
        self.context.meter
    }

    fn node(&self, id: Id) -> &'a Node {
        &self.program.nodes[id as usize]
    }

    fn is_single(&self, id: Id) -> bool {
        self.program.single[id as usize]
    }

    fn fresh_label(&self) -> u64 {
        self.labels.set(self.labels.get() + 1);
        self.labels.get()
    }

    /// Hands the outputs of an operation to `out`.
    fn eval(&self, id: Id, env: &Env<'_, 'a>, input: Item<'a>, out: Out<'_, 'a>) -> Res<'a, ()> {
        self.meter().work(1)?;
        match self.node(id) {
            Node::Identity => out(input),
            _ if self.is_single(id) && matches!(input.path, Path::None) => {
                out(Item::plain(self.one(id, env, input.value)?))
            }
            // receivers nest, too: an output of the innermost operation goes through those of all around it
            node => self.meter().nested(|| self.run(id, node, env, input, &mut |item| on_enough_stack(|| out(item)))),
        }
    }

    /// As [`Self::eval`], for an operand: it sees the value only, and its outputs have no paths.
    fn operand(
        &self,
        id: Id,
        env: &Env<'_, 'a>,
        value: &Val<'a>,
        out: &mut dyn FnMut(Val<'a>) -> Res<'a, ()>,
    ) -> Res<'a, ()> {
        if self.is_single(id) {
            return out(self.one(id, env, value.clone())?);
        }
        self.eval(id, env, Item::plain(value.clone()), &mut |item| out(item.value))
    }

    fn run(&self, id: Id, node: &'a Node, env: &Env<'_, 'a>, input: Item<'a>, out: Out<'_, 'a>) -> Res<'a, ()> {
        match node {
            Node::Identity => out(input),
            Node::Descend => self.descend(input, out),
            Node::Index(..) | Node::Slice(..) | Node::Iterate(_) => self.step(id, node, false, env, input, out),
            Node::Optional(step) => self.step(*step, self.node(*step), true, env, input, out),
            Node::Pipe(left, right) => self.eval(*left, env, input, &mut |item| self.eval(*right, env, item, out)),
            Node::Comma(left, right) => {
                self.eval(*left, env, input.clone(), out)?;
                self.eval(*right, env, input, out)
            }
            Node::If(condition, then, otherwise) => {
                self.operand(*condition, env, &input.value, &mut |condition| match (condition.is_true(), otherwise) {
                    (true, _) => self.eval(*then, env, input.clone(), out),
                    (false, Some(otherwise)) => self.eval(*otherwise, env, input.clone(), out),
                    (false, None) => out(input.clone()),
                })
            }
            Node::Alternative(left, right) => self.alternative(*left, *right, env, input, out),
            Node::Try(body, handler) => {
                self.catch(&mut |out| self.eval(*body, env, input.clone(), out), out, &mut |error, out| match handler {
                    Some(handler) => self.eval(*handler, env, Item::plain(error), out),
                    None => Ok(()),
                })
            }
            Node::Reduce(source, pattern, init, update) => {
                self.reduce((*source, pattern, *init, *update), env, input, out)
            }
            Node::Foreach(source, pattern, init, update, extract) => {
                self.foreach((*source, pattern, *init, *update), *extract, env, input, out)
            }
            Node::Bind(source, patterns, body) => self.bind(*source, patterns, *body, env, input, out),
            Node::Label(body) => {
                let label = self.fresh_label();
                self.leave(label, self.eval(*body, &env.with(Frame::Label(label)), input, out))
            }
            Node::Break(frames) => match env.frame(*frames) {
                Frame::Label(label) => Err(Box::new(Stop::Break(*label))),
                _ => Ok(()),
            },
            Node::Define(rest) => self.eval(*rest, &env.with(Frame::Function), input, out),
            Node::Call(frames, definition, arguments) => {
                self.call(*definition, arguments, env, env.outer(*frames), input, out)
            }
            Node::CallLibrary(definition, arguments) => {
                self.call(*definition, arguments, env, &Env::ROOT.with(Frame::Function), input, out)
            }
            Node::Parameter(frames) => match env.frame(*frames) {
                Frame::Filter(filter, outer) => self.eval(*filter, outer, input, out),
                _ => Ok(()),
            },
            Node::Form(form, arguments) => self.form(id, *form, arguments, env, input, out),
            // everything else makes new values, which have no path
            node => self.values(id, node, env, &input.value, &mut |value| match input.path {
                Path::None => out(Item::plain(value)),
                _ => Err(self.no_path(id, &value)),
            }),
        }
    }

    /// The error that a value is not part of the input.
    fn no_path(&self, id: Id, value: &Val<'a>) -> Box<Stop<'a>> {
        match brief(self.meter(), value) {
            Ok(text) => self
                .context
                .error(format!("invalid path expression with result {text}: only parts of the input have paths")),
            Err(exhausted) => exhausted.into(),
        }
        .at(id)
    }

    /// The outputs of `left` that are true; those of `right` if there are none.
    fn alternative(&self, left: Id, right: Id, env: &Env<'_, 'a>, input: Item<'a>, out: Out<'_, 'a>) -> Res<'a, ()> {
        let mut any = false;
        self.eval(left, env, input.clone(), &mut |item| {
            if item.value.is_true() {
                any = true;
                out(item)?;
            }
            Ok(())
        })?;
        if any { Ok(()) } else { self.eval(right, env, input, out) }
    }

    /// Runs `body`, and `handler` with its error. Errors of `out` are not errors of the body.
    fn catch(
        &self,
        body: &mut dyn FnMut(Out<'_, 'a>) -> Res<'a, ()>,
        out: Out<'_, 'a>,
        handler: &mut dyn FnMut(Val<'a>, Out<'_, 'a>) -> Res<'a, ()>,
    ) -> Res<'a, ()> {
        let mut passed = None;
        let result = body(&mut |item| {
            out(item).map_err(|stop| {
                passed = Some(stop);
                Box::new(Stop::Passed)
            })
        });
        match (passed, result) {
            (Some(stop), _) => Err(stop),
            (None, Err(stop)) => match *stop {
                Stop::Error { value, .. } => handler(value, out),
                stop => Err(Box::new(stop)),
            },
            (None, Ok(())) => Ok(()),
        }
    }

    /// Ends the journey of a break at its label.
    fn leave(&self, label: u64, result: Res<'a, ()>) -> Res<'a, ()> {
        match result {
            Err(stop) if matches!(*stop, Stop::Break(to) if to == label) => Ok(()),
            result => result,
        }
    }
}

/// The message of an error that left the program, with the operation that raised it.
pub(crate) fn describe(program: &Program, source: &str, meter: &Meter, value: &Val<'_>, at: At) -> String {
    let mut message = match value {
        Val::Text(text) => text.as_str().to_owned(),
        other => match brief(meter, other) {
            Ok(text) => format!("{text} (not a string)"),
            Err(exhausted) => exhausted.to_string(),
        },
    };
    if let At::Operation(id) = at {
        let (start, end) = program.spans.get(id as usize).copied().unwrap_or_default();
        let code = source.get(start as usize..end as usize).unwrap_or_default();
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut = code.floor_char_boundary(80);
        let dots = if cut < code.len() { "..." } else { "" };
        message.push_str(&format!(" in `{}{dots}`", &code[..cut]));
    }
    message
}
