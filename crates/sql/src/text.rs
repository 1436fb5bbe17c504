//! Writing SQL text with its parameters.

use aquifer_core::{Kind, Value};

use crate::dialect::{Dialect, IndexHint, Placeholder};

/// SQL text that grows.
#[derive(Debug)]
pub(crate) struct Sql {
    dialect: &'static Dialect,
    text: String,
    parameters: usize,
}

/// A statement together with the values of its parameters, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The statement.
    pub text: String,
    /// The values of its parameters.
    pub values: Vec<Value>,
}

impl Sql {
    /// Text of `dialect` that begins with `start`.
    pub(crate) fn new(dialect: &'static Dialect, start: &str) -> Self {
        let mut text = String::with_capacity(512);
        text.push_str(start);
        Self { dialect, text, parameters: 0 }
    }

    /// The same for text that goes on after a statement with `parameters`.
    pub(crate) fn after(dialect: &'static Dialect, parameters: usize, start: &str) -> Self {
        Self { parameters, ..Self::new(dialect, start) }
    }

    /// Adds text as it is.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a quoted identifier.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.text.push(self.dialect.quote);
        self.text.push_str(name);
        self.text.push(self.dialect.quote);
        self
    }

    /// Adds the placeholder of the next parameter.
    pub(crate) fn parameter(&mut self) -> &mut Self {
        self.parameters += 1;
        match self.dialect.placeholder {
            Placeholder::Question => self.text.push('?'),
            Placeholder::Numbered => {
                self.text.push('$');
                self.text.push_str(&self.parameters.to_string());
            }
        }
        self
    }

    /// Adds the name that a column of values has in a statement over many rows.
    pub(crate) fn value(&mut self, column: usize) -> &mut Self {
        self.push("v").push(&column.to_string())
    }

    /// Adds the name of a column of `kind`.
    pub(crate) fn column(&mut self, kind: &Kind, column: usize) -> &mut Self {
        self.name(kind.columns.get(column).map_or("", |column| column.name))
    }

    /// Adds `each` of `items`, with `separator` between them.
    pub(crate) fn list<T>(
        &mut self,
        separator: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (position, item) in items.into_iter().enumerate() {
            if position > 0 {
                self.push(separator);
            }
            each(self, item);
        }
        self
    }

    /// Adds the names of columns, with commas between them.
    pub(crate) fn columns(&mut self, kind: &Kind, columns: &[usize]) -> &mut Self {
        self.list(", ", columns, |sql, column| {
            sql.column(kind, *column);
        })
    }

    /// Adds `a = ? AND b = ?` for columns.
    pub(crate) fn equal(&mut self, kind: &Kind, columns: &[usize]) -> &mut Self {
        self.list(" AND ", columns, |sql, column| {
            sql.column(kind, *column).push(" = ").parameter();
        })
    }

    /// Adds the name of the index that the statement must take, where the dialect can say so.
    pub(crate) fn hint(&mut self, index: &str) -> &mut Self {
        match self.dialect.index_hint {
            IndexHint::None => self,
            IndexHint::IndexedBy => self.push(" INDEXED BY ").name(index),
            IndexHint::ForceIndex => self.push(" FORCE INDEX (").name(index).push(")"),
        }
    }

    /// Adds how the rows of the table `t` are locked.
    pub(crate) fn lock(&mut self, how: &str) -> &mut Self {
        let of = if self.dialect.locks_by_name && !how.is_empty() { " OF t" } else { "" };
        self.push(how).push(of)
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}
