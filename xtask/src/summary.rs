//! How many tests passed, from what test runners print.

use std::fmt;
use std::ops::AddAssign;

/// How many tests there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Summary {
    /// Adds up the closing lines of Rust's test binaries (`test result: ok. 3 passed; 0 failed; ...`) and of cargo nextest
    /// (`Summary [ 1.2s] 3 tests run: 2 passed, 1 failed, 0 skipped`) among `lines`. What nextest repeats of a binary's output, a
    /// failed first try's for one, is indented and counts for nothing.
    pub(crate) fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut summary = Self::default();
        for line in lines {
            if line.starts_with("test result: ") || line.trim_start().starts_with("Summary [") {
                summary.passed += number_before(line, "passed");
                summary.failed += number_before(line, "failed") + number_before(line, "timed");
            }
        }
        summary
    }
}

/// The number that stands before `word`; 0 if there is none.
fn number_before(line: &str, word: &str) -> u64 {
    let mut words = line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    while let Some(number) = words.next() {
        if words.peek() == Some(&word)
            && let Ok(number) = number.parse()
        {
            return number;
        }
    }
    0
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_both_runners_are_understood() {
        let lines = [
            "running 3 tests",
            "test a ... ok",
            "test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 80 filtered out; finished in 193.34s",
            "     Summary [   1.5s] 10 tests run: 7 passed (1 slow), 2 failed, 1 timed out, 3 skipped",
            "the tests passed; 9 failed",
        ];
        assert_eq!(Summary::of(lines), Summary { passed: 9, failed: 4 });
    }
}
