//! What names mean at a place in the source.

/// A name that is bound around a place. Every binding is one frame when the program runs.
#[derive(Clone, Debug)]
pub(super) enum Binding<'s> {
    Variable(&'s str),
    Label(&'s str),
    /// A filter that is a parameter, called without arguments.
    Parameter(&'s str),
    Function {
        name: &'s str,
        arity: usize,
        definition: u32,
    },
}

/// The bindings around a place, outermost first.
#[derive(Default)]
pub(super) struct Scope<'s>(Vec<Binding<'s>>);

/// What a function's name means.
pub(super) enum Callee {
    Parameter(u32),
    Function(u32, u32),
}

impl<'s> Scope<'s> {
    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, binding: Binding<'s>) {
        self.0.push(binding);
    }

    pub(super) fn truncate(&mut self, depth: usize) {
        self.0.truncate(depth);
    }

    pub(super) fn split_off(&mut self, depth: usize) -> Vec<Binding<'s>> {
        self.0.split_off(depth)
    }

    pub(super) fn variable(&self, wanted: &str) -> Option<u32> {
        self.find(|binding| matches!(binding, Binding::Variable(name) if *name == wanted)).map(|(frames, _)| frames)
    }

    pub(super) fn label(&self, wanted: &str) -> Option<u32> {
        self.find(|binding| matches!(binding, Binding::Label(name) if *name == wanted)).map(|(frames, _)| frames)
    }

    pub(super) fn callee(&self, wanted: &str, count: usize) -> Option<Callee> {
        let (frames, binding) = self.find(|binding| match binding {
            Binding::Parameter(name) => count == 0 && *name == wanted,
            Binding::Function { name, arity, .. } => *arity == count && *name == wanted,
            _ => false,
        })?;
        Some(match binding {
            Binding::Function { definition, .. } => Callee::Function(frames, *definition),
            _ => Callee::Parameter(frames),
        })
    }

    /// The names of the variables in scope.
    pub(super) fn variables(&self) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter_map(|binding| match binding {
            Binding::Variable(name) => Some(*name),
            _ => None,
        })
    }

    /// The names of the functions in scope, of every arity.
    pub(super) fn functions(&self) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter_map(|binding| match binding {
            Binding::Parameter(name) | Binding::Function { name, .. } => Some(*name),
            _ => None,
        })
    }

    fn find(&self, accept: impl Fn(&Binding<'s>) -> bool) -> Option<(u32, &Binding<'s>)> {
        self.0.iter().rev().zip(0..).find(|(binding, _)| accept(binding)).map(|(binding, frames)| (frames, binding))
    }
}
