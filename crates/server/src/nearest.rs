//! What somebody meant who wrote something else.

/// The candidate that is most like `given`, if any is like it at all.
pub(crate) fn nearest<'a>(given: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&given.to_lowercase(), candidate), *candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// A sentence that tells what was given, what was meant, and what there is.
pub(crate) fn unknown(what: &str, given: &str, candidates: &[&str]) -> String {
    // Whoever sends a megabyte does not need it back.
    let given: String = given.chars().take(100).collect();
    let known = if candidates.is_empty() { "none".to_owned() } else { candidates.join(", ") };
    match nearest(&given, candidates) {
        Some(meant) => format!("unknown {what} {given:?}: did you mean {meant:?}? (known: {known})"),
        None => format!("unknown {what} {given:?} (known: {known})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_nothing_has_no_nearest() {
        let known = ["status", "workflow_id", "cursor"];
        assert_eq!(nearest("stauts", &known), Some("status"));
        assert_eq!(nearest("Workflow", &known), Some("workflow_id"));
        assert_eq!(nearest("xyz", &known), None);
        assert_eq!(unknown("value", "xyz", &[]), "unknown value \"xyz\" (known: none)");
    }
}
