//! Operations that have exactly one output, without a receiver: most expressions consist of them.

use std::borrow::Cow;

use super::{Env, Frame, Item, Machine};
use crate::format::Format;
use crate::library::calculate;
use crate::stop::Res;
use crate::syntax::{Id, Node, Part};
use crate::value::{List, Members, Val, index, slice};

impl<'a> Machine<'a> {
    /// The output of an operation for which the parser has found that there is exactly one.
    pub(super) fn one(&self, id: Id, env: &Env<'_, 'a>, input: Val<'a>) -> Res<'a> {
        match self.node(id) {
            Node::Identity => Ok(input),
            Node::Constant(value) => Ok(Val::from(value)),
            Node::Variable(frames) => Ok(env.variable(*frames)),
            Node::Global(global) => Ok(self.globals.get(*global as usize).cloned().unwrap_or(Val::Null)),
            node => {
                self.meter().work(1)?;
                self.meter().nested(|| self.compose(id, node, env, input))
            }
        }
    }

    fn compose(&self, id: Id, node: &'a Node, env: &Env<'_, 'a>, input: Val<'a>) -> Res<'a> {
        match node {
            Node::Index(base, key) => {
                let (base, key) = match self.node(*key) {
                    Node::Constant(key) => (self.one(*base, env, input)?, Val::from(key)),
                    _ => {
                        let key = self.one(*key, env, input.clone())?;
                        (self.one(*base, env, input)?, key)
                    }
                };
                index(self.meter(), &base, &key).map_err(|stop| stop.at(id))
            }
            Node::Slice(base, start, end) => {
                let bound =
                    |bound: &Option<Id>| bound.map_or(Ok(Val::Null), |bound| self.one(bound, env, input.clone()));
                let (end, start) = (bound(end)?, bound(start)?);
                slice(self.meter(), &self.one(*base, env, input)?, &start, &end).map_err(|stop| stop.at(id))
            }
            Node::Pipe(left, right) => self.one(*right, env, self.one(*left, env, input)?),
            Node::Negate(value) => self.negated(id, &self.one(*value, env, input)?),
            Node::Arithmetic(operator, left, right) => {
                // the left side gets the input for itself, so that it may change it in place
                let right = self.one(*right, env, input.clone())?;
                let left = self.one(*left, env, input)?;
                calculate(self.context, *operator, left, right).map_err(|stop| stop.at(id))
            }
            Node::Compare(comparison, left, right) => {
                let right = self.one(*right, env, input.clone())?;
                self.compared(*comparison, &self.one(*left, env, input)?, &right)
            }
            Node::Logic(and, left, right) => {
                if self.one(*left, env, input.clone())?.is_true() != *and {
                    return Ok(Val::Bool(!and));
                }
                Ok(Val::Bool(self.one(*right, env, input)?.is_true()))
            }
            Node::If(condition, then, otherwise) => {
                match (self.one(*condition, env, input.clone())?.is_true(), otherwise) {
                    (true, _) => self.one(*then, env, input),
                    (false, Some(otherwise)) => self.one(*otherwise, env, input),
                    (false, None) => Ok(input),
                }
            }
            Node::Array(inner) => {
                let mut list = List::new(self.meter())?;
                if let Some(inner) = inner {
                    self.eval(*inner, env, Item::plain(input), &mut |item| Ok(list.push(item.value)?))?;
                }
                Ok(Val::array(list))
            }
            Node::Object(members) => {
                let mut object = Members::new(self.meter())?;
                for (key, value) in members {
                    let key = self.key(id, &self.one(*key, env, input.clone())?)?;
                    object.put(key, self.one(*value, env, input.clone())?)?;
                }
                Ok(Val::object(object))
            }
            Node::Text(format, parts) => self.write(id, *format, parts, env, &input),
            Node::Native(native, arguments) => {
                let values = arguments.iter().map(|argument| self.one(*argument, env, input.clone()));
                let values = values.collect::<Res<'a, Vec<_>>>()?;
                native(self.context, input, &values).map_err(|stop| stop.at(id))
            }
            Node::CallLibrary(definition, arguments) => {
                let body = self.program.definitions[*definition as usize].body;
                let mut result = Val::Null;
                self.arguments(*definition, arguments, env, &Env::ROOT.with(Frame::Function), &input, &mut |env| {
                    result = self.one(body, env, input.clone())?;
                    Ok(())
                })?;
                Ok(result)
            }
            Node::Alternative(left, right) => {
                let left = self.one(*left, env, input.clone())?;
                if left.is_true() { Ok(left) } else { self.one(*right, env, input) }
            }
            Node::Assign(left, right) => {
                let new = self.one(*right, env, input.clone())?;
                self.update(id, *left, env, input, &mut |_| Ok(Some(new.clone())))
            }
            Node::Update(left, right) => self.update(id, *left, env, input, &mut |old| self.first_of(*right, env, old)),
            Node::UpdateArithmetic(operator, left, right) => {
                let right = self.one(*right, env, input.clone())?;
                self.update(id, *left, env, input, &mut |old| {
                    calculate(self.context, *operator, old, right.clone()).map(Some)
                })
            }
            // the parser calls nothing else single
            _ => Ok(Val::Null),
        }
    }

    /// As where there are many outputs, what stands last in the string is evaluated first.
    fn write(&self, id: Id, format: Format, parts: &'a [Part], env: &Env<'_, 'a>, input: &Val<'a>) -> Res<'a> {
        let (mut pieces, mut length) = (Vec::with_capacity(parts.len()), 0);
        for part in parts.iter().rev() {
            let piece = match part {
                Part::Literal(literal) => Cow::Borrowed(literal.as_str()),
                Part::Inner(inner) => {
                    let value = self.one(*inner, env, input.clone())?;
                    Cow::Owned(format.apply(self.context, &value).map_err(|stop| stop.at(id))?)
                }
            };
            length += piece.len();
            self.meter().fits(2 * length)?;
            pieces.push(piece);
        }
        pieces.reverse();
        self.context.text(pieces.concat())
    }
}
