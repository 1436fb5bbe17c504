//! Operations that repeat others.

use super::{Env, Item, Machine, Out, Path};
use crate::library::{Form, get_path_of, matches, named_groups};
use crate::stop::{Res, Stop};
use crate::syntax::{Id, Pattern};
use crate::value::{Val, compare, index, integer, sort};

/// What is left to do of a walk. The last comes first.
enum Task<'a> {
    Visit(Item<'a>),
    Emit(Item<'a>),
    Raise(Box<Stop<'a>>),
}

/// Notes what follows a visit.
type Step<'s, 'a> = &'s mut dyn FnMut(Item<'a>, Out<'_, 'a>, &mut Vec<Task<'a>>) -> Res<'a, ()>;

impl<'a> Machine<'a> {
    pub(super) fn reduce(
        &self,
        (source, pattern, init, update): (Id, &'a Pattern, Id, Id),
        env: &Env<'_, 'a>,
        input: Item<'a>,
        out: Out<'_, 'a>,
    ) -> Res<'a, ()> {
        let value = input.value.clone();
        self.eval(init, env, input, &mut |start| {
            let path = if matches!(start.path, Path::None) { Path::None } else { Path::Root };
            let mut state = Some(start);
            self.operand(source, env, &value, &mut |part| {
                self.destructure(pattern, env, &part, &mut |env| {
                    let before = state.take().unwrap_or_else(|| Item { value: Val::Null, path: path.clone() });
                    self.eval(update, env, before, &mut |item| {
                        state = Some(item);
                        Ok(())
                    })
                })
            })?;
            out(state.unwrap_or_else(|| Item { value: Val::Null, path: path.clone() }))
        })
    }

    pub(super) fn foreach(
        &self,
        (source, pattern, init, update): (Id, &'a Pattern, Id, Id),
        extract: Option<Id>,
        env: &Env<'_, 'a>,
        input: Item<'a>,
        out: Out<'_, 'a>,
    ) -> Res<'a, ()> {
        let value = input.value.clone();
        self.eval(init, env, input, &mut |start| {
            let mut state = start;
            self.operand(source, env, &value, &mut |part| {
                self.destructure(pattern, env, &part, &mut |env| {
                    let before = state.clone();
                    self.eval(update, env, before, &mut |item| {
                        state = item.clone();
                        match extract {
                            Some(extract) => self.eval(extract, env, item, out),
                            None => out(item),
                        }
                    })
                })
            })
        })
    }

    /// `..`
    pub(super) fn descend(&self, input: Item<'a>, out: Out<'_, 'a>) -> Res<'a, ()> {
        self.walk(input, out, &mut |item, out, tasks| {
            out(item.clone())?;
            self.children(&item, &mut |child| {
                tasks.push(Task::Visit(child));
                Ok(self.fits(tasks.len())?)
            })
        })
    }

    /// Goes through what `step` finds, depth first and in order, without recursion.
    fn walk(&self, start: Item<'a>, out: Out<'_, 'a>, step: Step<'_, 'a>) -> Res<'a, ()> {
        let mut tasks = vec![Task::Visit(start)];
        while let Some(task) = tasks.pop() {
            self.meter().work(1)?;
            match task {
                Task::Visit(item) => {
                    let known = tasks.len();
                    step(item, out, &mut tasks)?;
                    tasks[known..].reverse();
                }
                Task::Emit(item) => out(item)?,
                Task::Raise(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// Visits the outputs of a filter, and then raises the error that ended them.
    fn follow_up(&self, filter: Id, env: &Env<'_, 'a>, item: Item<'a>, tasks: &mut Vec<Task<'a>>) -> Res<'a, ()> {
        let result = self.eval(filter, env, item, &mut |next| {
            tasks.push(Task::Visit(next));
            Ok(self.fits(tasks.len())?)
        });
        match result {
            Err(stop) if matches!(*stop, Stop::Exhausted(_)) => Err(stop),
            Err(stop) => {
                tasks.push(Task::Raise(stop));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Functions with filters as arguments.
    pub(super) fn form(
        &self,
        id: Id,
        form: Form,
        arguments: &'a [Id],
        env: &Env<'_, 'a>,
        input: Item<'a>,
        out: Out<'_, 'a>,
    ) -> Res<'a, ()> {
        match (form, arguments) {
            (Form::Empty, _) => Ok(()),
            (Form::Path, [paths]) => self.eval(*paths, env, Item::root(input.value.clone()), &mut |item| {
                self.made(id, &input, item.path.to_value(self.meter())?, out)
            }),
            (Form::GetPath, [path]) => self.operand(*path, env, &input.value, &mut |path| {
                let value = get_path_of(self.context, &input.value, &path).map_err(|stop| stop.at(id))?;
                let mut whole = input.path.clone();
                if let Val::Array(keys) = &path {
                    for key in keys.iter() {
                        whole = whole.child(|| key)?;
                    }
                }
                out(Item { value, path: whole })
            }),
            (Form::Repeat, [filter]) => loop {
                self.meter().work(1)?;
                self.eval(*filter, env, input.clone(), out)?;
            },
            (Form::Recurse, [next]) => self.walk(input, out, &mut |item, out, tasks| {
                out(item.clone())?;
                self.follow_up(*next, env, item, tasks)
            }),
            (Form::While, [condition, next]) => self.walk(input, out, &mut |item, out, tasks| {
                self.operand(*condition, env, &item.value, &mut |holds| {
                    if !holds.is_true() {
                        return Ok(());
                    }
                    out(item.clone())?;
                    self.follow_up(*next, env, item.clone(), tasks)
                })
            }),
            (Form::Until, [condition, next]) => self.walk(input, out, &mut |item, _, tasks| {
                self.operand(*condition, env, &item.value, &mut |holds| {
                    if holds.is_true() {
                        tasks.push(Task::Emit(item.clone()));
                        return Ok(());
                    }
                    self.follow_up(*next, env, item.clone(), tasks)
                })
            }),
            (Form::First, [filter]) => {
                let label = self.fresh_label();
                let mut first = None;
                let result = self.eval(*filter, env, input, &mut |item| {
                    first = Some(item);
                    Err(Box::new(Stop::Break(label)))
                });
                self.leave(label, result)?;
                first.map_or(Ok(()), out)
            }
            (Form::Last, [filter]) => {
                let mut last = None;
                self.eval(*filter, env, input, &mut |item| {
                    last = Some(item);
                    Ok(())
                })?;
                last.map_or(Ok(()), out)
            }
            (Form::Limit, [count, filter]) => self.operand(*count, env, &input.value, &mut |count| {
                self.limit(self.count(id, &count)?, *filter, env, input.clone(), out)
            }),
            (Form::Skip, [count, filter]) => self.operand(*count, env, &input.value, &mut |count| {
                let mut left = self.count(id, &count)?;
                self.eval(*filter, env, input.clone(), &mut |item| {
                    if left > 0.0 {
                        left -= 1.0;
                        return Ok(());
                    }
                    out(item)
                })
            }),
            (Form::Range, [from, upto, by]) => self.operand(*from, env, &input.value, &mut |from| {
                self.operand(*upto, env, &input.value, &mut |upto| {
                    self.operand(*by, env, &input.value, &mut |by| {
                        self.range(id, &from, &upto, &by, &mut |number| self.made(id, &input, number, out))
                    })
                })
            }),
            (Form::SortBy | Form::GroupBy | Form::UniqueBy | Form::MinBy | Form::MaxBy, [key]) => {
                let result = self.by(id, form, *key, env, &input.value)?;
                self.made(id, &input, result, out)
            }
            (Form::Substitute, [pattern, text, flags]) => self.operand(*flags, env, &input.value, &mut |flags| {
                self.operand(*pattern, env, &input.value, &mut |pattern| {
                    self.substitute(id, (&pattern, *text, &flags), env, &input.value, &mut |result| {
                        self.made(id, &input, result, out)
                    })
                })
            }),
            // the parser has counted the arguments
            _ => Ok(()),
        }
    }

    /// Hands out a value that is not a part of the input.
    fn made(&self, id: Id, input: &Item<'a>, value: Val<'a>, out: Out<'_, 'a>) -> Res<'a, ()> {
        match input.path {
            Path::None => out(Item::plain(value)),
            _ => Err(self.no_path(id, &value)),
        }
    }

    fn count(&self, id: Id, value: &Val<'a>) -> Res<'a, f64> {
        match value.as_f64() {
            Some(count) if count >= 0.0 => Ok(count),
            _ => Err(self.context.wrong(value, "is not a count: it must be a number that is not negative").at(id)),
        }
    }

    fn limit(&self, count: f64, filter: Id, env: &Env<'_, 'a>, input: Item<'a>, out: Out<'_, 'a>) -> Res<'a, ()> {
        if count <= 0.0 {
            return Ok(());
        }
        let (label, mut left) = (self.fresh_label(), count);
        let result = self.eval(filter, env, input, &mut |item| {
            left -= 1.0;
            out(item)?;
            if left > 0.0 { Ok(()) } else { Err(Box::new(Stop::Break(label))) }
        });
        self.leave(label, result)
    }

    fn range(
        &self,
        id: Id,
        from: &Val<'a>,
        upto: &Val<'a>,
        by: &Val<'a>,
        out: &mut dyn FnMut(Val<'a>) -> Res<'a, ()>,
    ) -> Res<'a, ()> {
        let number = |value: &Val<'a>| {
            value.as_f64().ok_or_else(|| self.context.wrong(value, "cannot bound a range: it is not a number").at(id))
        };
        let (start, end, step) = (number(from)?, number(upto)?, number(by)?);
        if step == 0.0 {
            return Ok(());
        }
        if let (Val::Int(from), Val::Int(by)) = (from, by) {
            let mut at = *from;
            while if step > 0.0 { (at as f64) < end } else { at as f64 > end } {
                self.meter().work(1)?;
                out(integer(at))?;
                at += by;
            }
            return Ok(());
        }
        let mut at = start;
        while if step > 0.0 { at < end } else { at > end } {
            self.meter().work(1)?;
            out(crate::value::float(at))?;
            at += step;
        }
        Ok(())
    }

    /// The functions that compare items by what a filter makes of them.
    fn by(&self, id: Id, form: Form, key: Id, env: &Env<'_, 'a>, value: &Val<'a>) -> Res<'a> {
        let Val::Array(items) = value else {
            return Err(self.context.wrong(value, "cannot be sorted, grouped or compared: it is not an array").at(id));
        };
        let mut keyed = Vec::new();
        for item in items.iter() {
            let key = Val::list(self.meter(), self.all_of(key, env, &item)?)?;
            keyed.push((key, item));
            self.fits(2 * keyed.len())?;
        }
        if matches!(form, Form::MinBy | Form::MaxBy) {
            let mut best: Option<(Val<'a>, Val<'a>)> = None;
            for (key, item) in keyed {
                let better = match &best {
                    None => true,
                    Some((known, _)) => (compare(self.meter(), &key, known)?.is_lt()) == (form == Form::MinBy),
                };
                if better {
                    best = Some((key, item));
                }
            }
            return Ok(best.map_or(Val::Null, |(_, item)| item));
        }
        let sorted = sort(self.meter(), keyed, |(key, _)| key)?;
        if form == Form::SortBy {
            return Ok(Val::list(self.meter(), sorted.into_iter().map(|(_, item)| item))?);
        }
        let mut groups: Vec<(Val<'a>, Vec<Val<'a>>)> = Vec::new();
        for (key, item) in sorted {
            match groups.last_mut() {
                Some((known, group)) if compare(self.meter(), known, &key)?.is_eq() => group.push(item),
                _ => groups.push((key, vec![item])),
            }
        }
        let mut result = Vec::with_capacity(groups.len());
        for (_, group) in groups {
            result.push(match form {
                Form::UniqueBy => group.into_iter().next().unwrap_or(Val::Null),
                _ => Val::list(self.meter(), group)?,
            });
        }
        Ok(Val::list(self.meter(), result)?)
    }

    /// Replaces matches by what a filter makes of their named groups; each of its outputs makes a text of its own.
    fn substitute(
        &self,
        id: Id,
        (pattern, text, flags): (&Val<'a>, Id, &Val<'a>),
        env: &Env<'_, 'a>,
        input: &Val<'a>,
        out: &mut dyn FnMut(Val<'a>) -> Res<'a, ()>,
    ) -> Res<'a, ()> {
        let found = matches(self.context, input, pattern, flags, false).map_err(|stop| stop.at(id))?;
        let Val::Text(whole) = input else { return Ok(()) };
        let (mut drafts, mut rest, mut position) = (vec![String::new()], whole.as_str(), 0);
        for one in found {
            let field = |name: &'static str| index(self.meter(), &one, &Val::Text(crate::value::Text::Borrowed(name)));
            let (Val::Int(offset), Val::Int(length)) = (field("offset")?, field("length")?) else { continue };
            let gap = self.cut(&mut rest, (offset - position).max(0));
            self.cut(&mut rest, length);
            position = offset + length;
            let groups = named_groups(self.context, &one)?;
            let mut next = Vec::new();
            self.operand(text, env, &groups, &mut |insert| {
                let Val::Text(insert) = &insert else {
                    return Err(self.context.wrong(&insert, "cannot replace a match: it is not a string").at(id));
                };
                for draft in &drafts {
                    let total: usize = next.iter().map(String::len).sum();
                    self.meter().check(total + draft.len() + gap.len() + insert.as_str().len())?;
                    next.push(format!("{draft}{gap}{}", insert.as_str()));
                }
                Ok(())
            })?;
            drafts = next;
        }
        for draft in drafts {
            out(self.context.text(draft + rest)?)?;
        }
        Ok(())
    }

    /// Takes that many characters from the beginning of a text.
    fn cut<'t>(&self, text: &mut &'t str, chars: i128) -> &'t str {
        let end = usize::try_from(chars).ok().and_then(|chars| text.char_indices().nth(chars));
        let (head, tail) = text.split_at(end.map_or(text.len(), |(offset, _)| offset));
        *text = tail;
        head
    }
}
