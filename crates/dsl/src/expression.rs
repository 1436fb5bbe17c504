//! Runtime expressions as they stand in a definition: source text, never evaluated here.

/// The text of a runtime expression in an expression-typed property (`if`, `while`, `when` ...).
///
/// Such a property may be written with or without `${ }` (DSL, "Runtime expressions").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// The expression without its `${ }` and without surrounding white space.
    pub source: String,
    /// JSON pointer of the property in the definition.
    pub pointer: String,
}

impl Expression {
    /// Takes the text of an expression-typed property, with or without `${ }`.
    #[must_use]
    pub fn new(text: &str, pointer: impl Into<String>) -> Self {
        let source = expression_in(text).unwrap_or_else(|| text.trim());
        Self { source: source.to_owned(), pointer: pointer.into() }
    }
}

/// Returns the expression of a value that is `${ ... }` as a whole, or `None` for literal text.
///
/// White space around it is ignored, it may span several lines, and it ends at the text's last `}`,
/// so that braces may occur inside: the rule of strict mode (DSL, "Runtime expressions").
///
/// ```
/// use aquifer_dsl::expression_in;
/// assert_eq!(expression_in("${ .name }"), Some(".name"));
/// assert_eq!(expression_in(r#"${ "a}b" }"#), Some(r#""a}b""#));
/// assert_eq!(expression_in("Hello ${ .name }!"), None);
/// assert_eq!(expression_in("${ }"), None);
/// ```
#[must_use]
pub fn expression_in(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("${")?.strip_suffix('}')?.trim();
    (!inner.is_empty()).then_some(inner)
}
