//! The likeliest meaning of a misspelled name.

/// `, did you mean "NAME"?` for the name that `given` resembles most, or nothing if it resembles none.
pub(crate) fn did_you_mean<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names.map(|name| (strsim::jaro_winkler(given, name), name)).max_by(|(a, _), (b, _)| a.total_cmp(b));
    match near {
        Some((likeness, name)) if likeness > 0.6 => format!(", did you mean {name:?}?"),
        _ => String::new(),
    }
}
