//! Statements that fail where something does not hold, because a condition of the protocol can only ask whether a step failed.

/// Raises an error: there is no such integer as the positive of the least one.
const FAIL: &str = "abs(-9223372036854775808)";

/// Fails unless the statement before it changed this many rows; takes the number.
pub(crate) const CHANGED: &str = "SELECT CASE changes() WHEN ? THEN 1 ELSE abs(-9223372036854775808) END";

/// Fails unless `count`, a statement that gives one number, gives this one; takes what `count` takes, and the number.
pub(crate) fn counts(count: &str) -> String {
    format!("SELECT CASE ({count}) WHEN ? THEN 1 ELSE {FAIL} END")
}

/// Fails if `query` finds something; takes what `query` takes.
pub(crate) fn finds_nothing(query: &str) -> String {
    format!("SELECT CASE WHEN EXISTS ({query}) THEN {FAIL} ELSE 0 END")
}

/// Fails if `query` finds nothing; takes what `query` takes.
pub(crate) fn finds(query: &str) -> String {
    format!("SELECT CASE WHEN EXISTS ({query}) THEN 1 ELSE {FAIL} END")
}

/// Gives the revision of the record that `trace` finds, and fails if there is none; takes what `trace` takes.
pub(crate) fn revision(trace: &str) -> String {
    format!("SELECT CASE WHEN EXISTS ({trace}) THEN (SELECT \"revision\" FROM ({trace})) ELSE {FAIL} END")
}

/// Fails unless the record that `trace` finds is at a revision; takes what `trace` takes, and the revision.
pub(crate) fn at_revision(trace: &str) -> String {
    finds(&format!("SELECT 1 FROM ({trace}) WHERE \"revision\" = ?"))
}

/// Fails if the record that `trace` finds bears a transaction; takes what `trace` takes, and the transaction.
pub(crate) fn does_not_bear(trace: &str) -> String {
    finds_nothing(&format!("SELECT 1 FROM ({trace}) WHERE \"transaction_id\" = ?"))
}
