//! Showing what is wrong with a definition, with the line it is on.

use std::fmt::{self, Display};
use std::sync::Arc;

use aquifer::dsl::{Diagnostic, Diagnostics};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// The most mistakes of one file that are shown.
const MOST: usize = 20;

/// The longest line, in bytes, that is shown around a mistake.
const LONGEST_LINE: usize = 400;

/// Lays out what is wrong with a definition for a person.
pub(crate) fn render(diagnostics: &Diagnostics, colored: bool) -> String {
    let source = Arc::new(NamedSource::new(printable(&diagnostics.name), Arc::clone(&diagnostics.source)));
    let mut text = String::new();
    for item in diagnostics.items.iter().take(MOST) {
        let shown = Shown { item, source: Arc::clone(&source) };
        match is_shown_with_source(&diagnostics.source, item).then(|| graphical(&shown, colored)) {
            Some(Ok(rendered)) => text.push_str(&rendered),
            _ => text.push_str(&plain(&diagnostics.name, item)),
        }
        text.push('\n');
    }
    if let Some(more) = diagnostics.items.len().checked_sub(MOST).filter(|more| *more > 0) {
        text.push_str(&format!("{}: and {more} more\n\n", printable(&diagnostics.name)));
    }
    text
}

fn graphical(shown: &Shown<'_>, colored: bool) -> Result<String, fmt::Error> {
    let theme = if colored { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(1).with_width(120).with_links(false);
    let mut text = String::new();
    handler.render_report(&mut text, shown)?;
    Ok(text)
}

/// The mistake in the form that compilers use.
fn plain(name: &str, item: &Diagnostic) -> String {
    let place = format!("{}:{}:{}", printable(name), item.line, item.column);
    let hint = item.hint.as_deref().map(|hint| format!("  hint: {}\n", printable(hint))).unwrap_or_default();
    format!("{place}: {} [{}]\n{hint}", printable(&item.message), item.code)
}

/// Whether there is a source, and the lines around the mistake are for people.
fn is_shown_with_source(source: &str, item: &Diagnostic) -> bool {
    let Some((before, after)) = source.split_at_checked(item.offset) else { return false };
    let lines = before.rsplit('\n').take(2).chain(after.split('\n').take(2));
    let inside = source.get(item.offset..item.offset.saturating_add(item.length));
    inside.is_some_and(|inside| inside.len() <= LONGEST_LINE)
        && !source.is_empty()
        && lines.into_iter().all(|line| {
            line.len() <= LONGEST_LINE && !line.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r'))
        })
}

/// The text without what moves the cursor of a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A mistake as miette takes it.
#[derive(Debug)]
struct Shown<'a> {
    item: &'a Diagnostic,
    source: Arc<NamedSource<Arc<str>>>,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.item.message))
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.item.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.item.hint.as_ref().map(|hint| Box::new(printable(hint)) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new(Some("here".to_owned()), self.item.offset, self.item.length);
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "document:\n  dsl: '1.0.3'\n  namespace: test\n  name: hello\n  verzion: 1.0.0\ndo: []\n";

    fn wrong(source: &str) -> Diagnostics {
        aquifer::engine::Engine::validate(source.as_bytes(), "hello.yaml").unwrap_err()
    }

    #[test]
    fn a_mistake_is_shown_on_its_line() {
        let text = render(&wrong(SOURCE), false);
        assert!(text.contains("hello.yaml:5:3") && text.contains("verzion: 1.0.0"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(render(&wrong(SOURCE), true).contains('\u{1b}'));
    }

    #[test]
    fn long_lines_and_control_characters_stay_out() {
        let long = SOURCE.replace("1.0.0", &"a".repeat(1000));
        let text = render(&wrong(&long), false);
        assert!(text.contains("hello.yaml:5:3: ") && !text.contains(&"a".repeat(500)), "{text}");
        let mut items = wrong(SOURCE);
        items.items.truncate(1);
        items.items[0].message = "\u{1b}[2J".to_owned();
        assert!(!render(&items, false).contains('\u{1b}'));
    }

    #[test]
    fn only_the_first_mistakes_are_shown() {
        let mut many = wrong(SOURCE);
        let item = many.items[0].clone();
        many.items = vec![item; MOST + 3];
        let text = render(&many, false);
        assert!(text.contains("hello.yaml: and 3 more"), "{text}");
    }
}
