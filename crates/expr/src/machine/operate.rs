//! Operations that take values apart and make new ones, with any number of outputs.

use super::{Env, Item, Machine, Out, Path};
use crate::library::calculate;
use crate::meter::Exhausted;
use crate::stop::{Res, Stop};
use crate::syntax::{Comparison, Id, Node, Part};
use crate::value::{Members, Text, Val, compare, equal, index, slice};

/// Receives the values that an operation makes.
type Values<'o, 'a> = &'o mut dyn FnMut(Val<'a>) -> Res<'a, ()>;

impl<'a> Machine<'a> {
    /// `.[key]`, `.[start:end]` and `.[]`; an optional step has no output where it would fail.
    pub(super) fn step(
        &self,
        id: Id,
        node: &'a Node,
        optional: bool,
        env: &Env<'_, 'a>,
        input: Item<'a>,
        out: Out<'_, 'a>,
    ) -> Res<'a, ()> {
        let pass = |result: Res<'a, Item<'a>>, out: Out<'_, 'a>| match result {
            Ok(item) => out(item),
            Err(stop) if optional && matches!(*stop, Stop::Error { .. }) => Ok(()),
            Err(stop) => Err(stop.at(id)),
        };
        match node {
            Node::Index(base, key) => self.operand(*key, env, &input.value, &mut |key| {
                self.eval(*base, env, input.clone(), &mut |item| pass(self.child(&item, &key), out))
            }),
            Node::Slice(base, start, end) => self.bound(*end, env, &input.value, &mut |end| {
                self.bound(*start, env, &input.value, &mut |start| {
                    self.eval(*base, env, input.clone(), &mut |item| pass(self.part(&item, &start, &end), out))
                })
            }),
            Node::Iterate(base) => self.eval(*base, env, input, &mut |item| match &item.value {
                Val::Array(_) | Val::Object(_) => self.children(&item, out),
                _ if optional => Ok(()),
                other => Err(self.context.wrong(other, "cannot be iterated over").at(id)),
            }),
            _ => Ok(()),
        }
    }

    fn child(&self, item: &Item<'a>, key: &Val<'a>) -> Res<'a, Item<'a>> {
        let value = index(self.meter(), &item.value, key)?;
        Ok(Item { value, path: item.path.child(|| key.clone())? })
    }

    fn part(&self, item: &Item<'a>, start: &Val<'a>, end: &Val<'a>) -> Res<'a, Item<'a>> {
        let value = slice(self.meter(), &item.value, start, end)?;
        let path = match &item.path {
            Path::None => Path::None,
            path => {
                let mut key = Members::new(self.meter())?;
                key.put(Text::Borrowed("start"), start.clone())?;
                key.put(Text::Borrowed("end"), end.clone())?;
                path.child(|| Val::object(key))?
            }
        };
        Ok(Item { value, path })
    }

    fn bound(&self, id: Option<Id>, env: &Env<'_, 'a>, value: &Val<'a>, out: Values<'_, 'a>) -> Res<'a, ()> {
        match id {
            Some(id) => self.operand(id, env, value, out),
            None => out(Val::Null),
        }
    }

    /// The parts of an item; none if it has none.
    pub(super) fn children(&self, item: &Item<'a>, out: Out<'_, 'a>) -> Res<'a, ()> {
        match &item.value {
            Val::Array(items) => {
                for position in 0..items.len() {
                    self.meter().work(1)?;
                    let value = items.get(position).unwrap_or(Val::Null);
                    out(Item { value, path: item.path.child(|| Val::Int(position as i128))? })?;
                }
            }
            Val::Object(members) => {
                for (key, value) in members.iter() {
                    self.meter().work(1)?;
                    out(Item { value, path: item.path.child(|| Val::Text(key))? })?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Operations that make new values.
    pub(super) fn values(
        &self,
        id: Id,
        node: &'a Node,
        env: &Env<'_, 'a>,
        input: &Val<'a>,
        out: Values<'_, 'a>,
    ) -> Res<'a, ()> {
        match node {
            Node::Negate(value) => self.operand(*value, env, input, &mut |value| out(self.negated(id, &value)?)),
            Node::Arithmetic(operator, left, right) => self.operand(*right, env, input, &mut |right| {
                self.operand(*left, env, input, &mut |left| {
                    let result = calculate(self.context, *operator, left, right.clone());
                    out(result.map_err(|stop| stop.at(id))?)
                })
            }),
            Node::Compare(comparison, left, right) => self.operand(*right, env, input, &mut |right| {
                self.operand(*left, env, input, &mut |left| out(self.compared(*comparison, &left, &right)?))
            }),
            Node::Logic(and, left, right) => self.operand(*left, env, input, &mut |left| {
                if left.is_true() != *and {
                    return out(Val::Bool(!and));
                }
                self.operand(*right, env, input, &mut |right| out(Val::Bool(right.is_true())))
            }),
            Node::Object(members) => {
                let start = Val::object(Members::new(self.meter())?);
                self.members(id, members, env, input, start, out)
            }
            Node::Text(_, parts) => self.pieces(id, parts, env, input, String::new(), out),
            Node::Native(..) => self.native(id, &mut Vec::new(), env, input, out),
            Node::Assign(left, right) => self.operand(*right, env, input, &mut |new| {
                out(self.update(id, *left, env, input.clone(), &mut |_| Ok(Some(new.clone())))?)
            }),
            Node::Update(left, right) => {
                out(self.update(id, *left, env, input.clone(), &mut |old| self.first_of(*right, env, old))?)
            }
            Node::UpdateArithmetic(operator, left, right) => self.operand(*right, env, input, &mut |right| {
                let mut change = |old| calculate(self.context, *operator, old, right.clone()).map(Some);
                out(self.update(id, *left, env, input.clone(), &mut change)?)
            }),
            Node::UpdateAlternative(left, right) => self.operand(*right, env, input, &mut |new| {
                let mut change = |old: Val<'a>| Ok(Some(if old.is_true() { old } else { new.clone() }));
                out(self.update(id, *left, env, input.clone(), &mut change)?)
            }),
            _ => out(self.one(id, env, input.clone())?),
        }
    }

    pub(super) fn negated(&self, id: Id, value: &Val<'a>) -> Res<'a> {
        crate::value::negate(value).ok_or_else(|| self.context.wrong(value, "cannot be negated").at(id))
    }

    pub(super) fn compared(&self, comparison: Comparison, left: &Val<'a>, right: &Val<'a>) -> Res<'a> {
        let meter = self.meter();
        // jq takes nan for less than every number, itself included
        if let (Val::Float(l), Val::Float(r)) = (left, right)
            && l.is_nan()
            && r.is_nan()
        {
            let less = matches!(comparison, Comparison::Unequal | Comparison::Less | Comparison::LessOrEqual);
            return Ok(Val::Bool(less));
        }
        Ok(Val::Bool(match comparison {
            Comparison::Equal => equal(meter, left, right)?,
            Comparison::Unequal => !equal(meter, left, right)?,
            Comparison::Less => compare(meter, left, right)?.is_lt(),
            Comparison::LessOrEqual => compare(meter, left, right)?.is_le(),
            Comparison::Greater => compare(meter, left, right)?.is_gt(),
            Comparison::GreaterOrEqual => compare(meter, left, right)?.is_ge(),
        }))
    }

    /// Adds members to an object; each key and value with many outputs multiplies the objects.
    fn members(
        &self,
        id: Id,
        members: &'a [(Id, Id)],
        env: &Env<'_, 'a>,
        input: &Val<'a>,
        object: Val<'a>,
        out: Values<'_, 'a>,
    ) -> Res<'a, ()> {
        let Some(((key, value), rest)) = members.split_first() else { return out(object) };
        self.operand(*key, env, input, &mut |name| {
            self.operand(*value, env, input, &mut |value| {
                let Val::Object(object) = object.clone() else { return Ok(()) };
                let mut object = object.into_members(self.meter())?;
                object.put(self.key(id, &name)?, value)?;
                self.meter().nested(|| self.members(id, rest, env, input, Val::object(object), out))
            })
        })
    }

    pub(super) fn key(&self, id: Id, value: &Val<'a>) -> Res<'a, Text<'a>> {
        match value {
            Val::Text(text) => Ok(text.clone()),
            other => Err(self.context.wrong(other, "cannot be a key of an object").at(id)),
        }
    }

    /// Writes a string from its end to its beginning: as in jq, the last piece varies slowest.
    fn pieces(
        &self,
        id: Id,
        parts: &'a [Part],
        env: &Env<'_, 'a>,
        input: &Val<'a>,
        tail: String,
        out: Values<'_, 'a>,
    ) -> Res<'a, ()> {
        match (self.node(id), parts.split_last()) {
            (Node::Text(format, _), Some((Part::Inner(inner), rest))) => {
                self.operand(*inner, env, input, &mut |value| {
                    let text = format.apply(self.context, &value).map_err(|stop| stop.at(id))?;
                    self.meter().check(text.len() + tail.len())?;
                    self.meter().nested(|| self.pieces(id, rest, env, input, format!("{text}{tail}"), out))
                })
            }
            (_, Some((Part::Literal(text), rest))) => {
                self.meter().nested(|| self.pieces(id, rest, env, input, format!("{text}{tail}"), out))
            }
            _ => out(self.context.text(tail)?),
        }
    }

    /// Calls a function with every combination of its arguments; `values` are those that are known.
    fn native(
        &self,
        id: Id,
        values: &mut Vec<Val<'a>>,
        env: &Env<'_, 'a>,
        input: &Val<'a>,
        out: Values<'_, 'a>,
    ) -> Res<'a, ()> {
        let Node::Native(native, arguments) = self.node(id) else { return Ok(()) };
        match arguments.get(values.len()) {
            None => out(native(self.context, input.clone(), values).map_err(|stop| stop.at(id))?),
            Some(argument) => self.operand(*argument, env, input, &mut |value| {
                values.push(value);
                let result = self.native(id, values, env, input, out);
                values.pop();
                result
            }),
        }
    }

    /// The first output of a filter.
    pub(super) fn first_of(&self, id: Id, env: &Env<'_, 'a>, input: Val<'a>) -> Res<'a, Option<Val<'a>>> {
        if self.is_single(id) {
            return self.one(id, env, input).map(Some);
        }
        let (label, mut first) = (self.fresh_label(), None);
        let result = self.eval(id, env, Item::plain(input), &mut |item| {
            first = Some(item.value);
            Err(Box::new(Stop::Break(label)))
        });
        self.leave(label, result)?;
        Ok(first)
    }

    /// All outputs of a filter.
    pub(super) fn all_of(&self, id: Id, env: &Env<'_, 'a>, input: &Val<'a>) -> Res<'a, Vec<Val<'a>>> {
        let mut all = Vec::new();
        self.operand(id, env, input, &mut |value| {
            all.push(value);
            Ok(self.fits(all.len())?)
        })?;
        Ok(all)
    }

    /// Fails if that many values are too many to keep.
    pub(super) fn fits(&self, values: usize) -> Result<(), Exhausted> {
        self.meter().fits(values * 2 * crate::value::ITEM)
    }
}
