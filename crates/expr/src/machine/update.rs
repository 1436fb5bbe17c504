//! Assignments.

use super::{Env, Item, Machine};
use crate::stop::Res;
use crate::syntax::Id;
use crate::value::{Val, delete_paths, set_path};

impl<'a> Machine<'a> {
    /// The value with `change` applied to the parts that `paths` points to; those without a result are removed.
    ///
    /// All paths are found first, and parts are removed last, so that the changes do not disturb each other.
    pub(super) fn update(
        &self,
        id: Id,
        paths: Id,
        env: &Env<'_, 'a>,
        mut value: Val<'a>,
        change: &mut dyn FnMut(Val<'a>) -> Res<'a, Option<Val<'a>>>,
    ) -> Res<'a> {
        let mut found = Vec::new();
        self.eval(paths, env, Item::root(value.clone()), &mut |item| {
            found.push(item.path);
            Ok(self.fits(found.len())?)
        })?;
        let mut removed = Vec::new();
        for path in found {
            let mut keep = true;
            value = set_path(self.meter(), value, &path.keys(), &mut |part| {
                let changed = change(part)?;
                keep = changed.is_some();
                Ok(changed.unwrap_or(Val::Null))
            })
            .map_err(|stop| stop.at(id))?;
            if !keep {
                removed.push(path.to_value(self.meter())?);
            }
        }
        if removed.is_empty() { Ok(value) } else { delete_paths(self.meter(), value, removed) }
    }
}
