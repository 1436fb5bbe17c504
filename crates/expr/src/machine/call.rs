//! Variables, patterns and calls.

use super::{Item, Machine, Out};
use crate::stop::Res;
use crate::syntax::{Id, Pattern};
use crate::value::{Val, index};

/// The bindings around an operation: the innermost, and a reference to the others.
pub(super) struct Env<'e, 'a> {
    frame: Frame<'e, 'a>,
    outer: Option<&'e Env<'e, 'a>>,
}

/// One binding; which one it is, the parser has found out.
pub(super) enum Frame<'e, 'a> {
    Root,
    Variable(Val<'a>),
    Label(u64),
    Function,
    /// An argument that is a filter, with the bindings around it.
    Filter(Id, &'e Env<'e, 'a>),
}

/// Goes on with more bindings.
type Within<'w, 'a> = &'w mut dyn FnMut(&Env<'_, 'a>) -> Res<'a, ()>;

impl<'e, 'a> Env<'e, 'a> {
    pub(super) const ROOT: Self = Env { frame: Frame::Root, outer: None };

    pub(super) fn with<'n>(&'n self, frame: Frame<'n, 'a>) -> Env<'n, 'a> {
        Env { frame, outer: Some(self) }
    }

    /// The bindings from the given number of frames outwards.
    pub(super) fn outer(&self, frames: u32) -> &Env<'e, 'a> {
        let mut env: &Env<'e, 'a> = self;
        for _ in 0..frames {
            env = env.outer.unwrap_or(env);
        }
        env
    }

    pub(super) fn frame(&self, frames: u32) -> &Frame<'e, 'a> {
        &self.outer(frames).frame
    }

    pub(super) fn variable(&self, frames: u32) -> Val<'a> {
        match self.frame(frames) {
            Frame::Variable(value) => value.clone(),
            _ => Val::Null,
        }
    }
}

impl<'a> Machine<'a> {
    pub(super) fn call(
        &self,
        definition: u32,
        arguments: &'a [Id],
        env: &Env<'_, 'a>,
        home: &Env<'_, 'a>,
        input: Item<'a>,
        out: Out<'_, 'a>,
    ) -> Res<'a, ()> {
        let body = self.program.definitions[definition as usize].body;
        let value = input.value.clone();
        self.arguments(definition, arguments, env, home, &value, &mut |env| self.eval(body, env, input.clone(), out))
    }

    /// Binds the parameters of a definition to arguments: all as filters, then those marked with `$` as values.
    pub(super) fn arguments(
        &self,
        definition: u32,
        arguments: &'a [Id],
        env: &Env<'_, 'a>,
        home: &Env<'_, 'a>,
        input: &Val<'a>,
        within: Within<'_, 'a>,
    ) -> Res<'a, ()> {
        self.filters(arguments, env, home, &mut |inner| {
            self.argument_values(
                &self.program.definitions[definition as usize].values,
                arguments,
                env,
                inner,
                input,
                within,
            )
        })
    }

    fn filters(&self, filters: &'a [Id], env: &Env<'_, 'a>, home: &Env<'_, 'a>, within: Within<'_, 'a>) -> Res<'a, ()> {
        match filters.split_first() {
            None => within(home),
            Some((filter, rest)) => {
                let bound = Env { frame: Frame::Filter(*filter, env), outer: Some(home) };
                self.meter().nested(|| self.filters(rest, env, &bound, within))
            }
        }
    }

    fn argument_values(
        &self,
        marks: &'a [bool],
        arguments: &'a [Id],
        env: &Env<'_, 'a>,
        inner: &Env<'_, 'a>,
        input: &Val<'a>,
        within: Within<'_, 'a>,
    ) -> Res<'a, ()> {
        match (marks.split_first(), arguments.split_first()) {
            (Some((true, marks)), Some((argument, arguments))) => self.operand(*argument, env, input, &mut |value| {
                let bound = inner.with(Frame::Variable(value));
                self.meter().nested(|| self.argument_values(marks, arguments, env, &bound, input, within))
            }),
            (Some((false, marks)), Some((_, arguments))) => {
                self.meter().nested(|| self.argument_values(marks, arguments, env, inner, input, within))
            }
            _ => within(inner),
        }
    }

    /// `source as pattern ?// pattern | body`: the next pattern gets its turn when one, or the body, fails.
    pub(super) fn bind(
        &self,
        source: Id,
        patterns: &'a [Pattern],
        body: Id,
        env: &Env<'_, 'a>,
        input: Item<'a>,
        out: Out<'_, 'a>,
    ) -> Res<'a, ()> {
        self.operand(source, env, &input.value, &mut |value| self.bind_first(patterns, body, env, &value, &input, out))
    }

    fn bind_first(
        &self,
        patterns: &'a [Pattern],
        body: Id,
        env: &Env<'_, 'a>,
        value: &Val<'a>,
        input: &Item<'a>,
        out: Out<'_, 'a>,
    ) -> Res<'a, ()> {
        match patterns {
            [] => Ok(()),
            [last] => self.destructure(last, env, value, &mut |env| self.eval(body, env, input.clone(), out)),
            [pattern, rest @ ..] => self.catch(
                &mut |out| self.destructure(pattern, env, value, &mut |env| self.eval(body, env, input.clone(), out)),
                out,
                &mut |_, out| self.bind_first(rest, body, env, value, input, out),
            ),
        }
    }

    /// Binds the variables of a pattern to parts of a value.
    pub(super) fn destructure(
        &self,
        pattern: &'a Pattern,
        env: &Env<'_, 'a>,
        value: &Val<'a>,
        within: Within<'_, 'a>,
    ) -> Res<'a, ()> {
        if let ([binder], 1) = (pattern.binders.as_slice(), pattern.slots)
            && binder.path.is_empty()
        {
            return within(&env.with(Frame::Variable(value.clone())));
        }
        let mut slots = vec![Val::Null; pattern.slots as usize];
        self.fill(pattern, 0, env, value, &mut slots, within)
    }

    fn fill(
        &self,
        pattern: &'a Pattern,
        at: usize,
        env: &Env<'_, 'a>,
        value: &Val<'a>,
        slots: &mut Vec<Val<'a>>,
        within: Within<'_, 'a>,
    ) -> Res<'a, ()> {
        match pattern.binders.get(at) {
            None => self.bind_slots(slots, env, within),
            Some(binder) => self.follow(&binder.path, env, value, &mut |part| {
                if let Some(slot) = slots.get_mut(binder.slot as usize) {
                    *slot = part;
                }
                self.meter().nested(|| self.fill(pattern, at + 1, env, value, slots, within))
            }),
        }
    }

    fn follow(
        &self,
        path: &'a [Id],
        env: &Env<'_, 'a>,
        value: &Val<'a>,
        found: &mut dyn FnMut(Val<'a>) -> Res<'a, ()>,
    ) -> Res<'a, ()> {
        match path.split_first() {
            None => found(value.clone()),
            Some((key, rest)) => self.operand(*key, env, value, &mut |name| {
                let part = index(self.meter(), value, &name).map_err(|stop| stop.at(*key))?;
                self.follow(rest, env, &part, found)
            }),
        }
    }

    fn bind_slots(&self, slots: &[Val<'a>], env: &Env<'_, 'a>, within: Within<'_, 'a>) -> Res<'a, ()> {
        match slots.split_first() {
            None => within(env),
            Some((value, rest)) => {
                let bound = env.with(Frame::Variable(value.clone()));
                self.meter().nested(|| self.bind_slots(rest, &bound, within))
            }
        }
    }
}
