//! Hiding the secrets of a database's URL.

/// What stands for a secret.
const MASK: &str = "***";

/// Parts of the names of options whose values are secret, in lower case and without `_` and `-`.
const SECRET_NAMES: [&str; 6] = ["password", "passwd", "pwd", "token", "secret", "key"];

/// Options that name the file of a secret, in the same spelling.
const FILES: [&str; 1] = ["sslkey"];

/// Returns the text with the secrets of every URL in it replaced by `***`: the password in `user:password@`, and the values of
/// options whose name speaks of a password, token, secret or key. What has no secret stays as it is.
///
/// ```
/// assert_eq!(aquifer::mask("postgres://ann:s3cret@db/app"), "postgres://ann:***@db/app");
/// assert_eq!(aquifer::mask("libsql://db.example?authToken=abc&tls=1"), "libsql://db.example?authToken=***&tls=1");
/// assert_eq!(aquifer::mask("sqlite:aquifer.db"), "sqlite:aquifer.db");
/// ```
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        masked.push_str(before);
        let after = password(after, &mut masked);
        rest = after;
    }
    masked.push_str(rest);
    options(&masked)
}

/// Copies the user and a masked password, if the authority has one; returns what follows.
fn password<'a>(authority: &'a str, masked: &mut String) -> &'a str {
    // A password may hold any character that its author forgot to escape, so it ends at the last @ before white space
    // or a quote; an @ in an option is no end of it.
    let end = authority.find(|c: char| c.is_whitespace() || c == '"' || c == '`').unwrap_or(authority.len());
    let whole = authority.get(..end).unwrap_or(authority);
    let place = whole.split_once('?').map_or(whole, |(place, _)| place);
    let at = place.rfind('@').or_else(|| whole.rfind('@').filter(|_| !looks_like_options(whole)));
    let Some(at) = at else { return authority };
    let (credentials, rest) = authority.split_at(at);
    match credentials.split_once(':') {
        Some((user, _)) => {
            masked.push_str(user);
            masked.push(':');
            masked.push_str(MASK);
        }
        None => masked.push_str(credentials),
    }
    rest
}

/// Whether what follows the first `?` is a list of options rather than the rest of a password.
fn looks_like_options(place: &str) -> bool {
    place.split_once('?').is_some_and(|(_, query)| query.split('&').all(|option| option.contains('=')))
}

/// Masks the values of secret options: `name=value` after `?` or `&`, up to the next `&`, `#`, white space or quote.
fn options(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['?', '&', ';']) {
        let (before, after) = rest.split_at(start + 1);
        masked.push_str(before);
        rest = after;
        let ends = |c: char| c.is_whitespace() || matches!(c, '&' | '#' | ';' | '"' | '`' | '?');
        let end = rest.find(ends).unwrap_or(rest.len());
        let (option, following) = rest.split_at(end);
        if let Some((name, value)) = option.split_once('=')
            && is_secret(name)
            && !value.is_empty()
        {
            masked.push_str(name);
            masked.push('=');
            masked.push_str(MASK);
            // A secret that holds a ? goes on until something surely ends it.
            let end = following.find(|c: char| c.is_whitespace() || matches!(c, '&' | '#' | '"' | '`'));
            rest = following.get(end.unwrap_or(following.len())..).unwrap_or_default();
        }
    }
    masked.push_str(rest);
    masked
}

fn is_secret(name: &str) -> bool {
    let name: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>().to_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part)) && !FILES.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_and_users_are_not() {
        for (url, masked) in [
            ("postgres://ann:secret@db:5432/app", "postgres://ann:***@db:5432/app"),
            ("postgresql+asyncpg://ann:secret@db/app", "postgresql+asyncpg://ann:***@db/app"),
            ("redis://:secret@db/0", "redis://:***@db/0"),
            ("mongodb://ann:se/cr@et@a:1,b:2/app?x=1", "mongodb://ann:***@a:1,b:2/app?x=1"),
            ("mysql://ann:se?cret@db/app", "mysql://ann:***@db/app"),
            ("postgres://ann@db/app?mail=a@b", "postgres://ann@db/app?mail=a@b"),
            ("postgres://db:5432/app?mail=a@b", "postgres://db:5432/app?mail=a@b"),
        ] {
            assert_eq!(mask(url), masked);
        }
    }

    #[test]
    fn secret_options_are_masked_and_others_are_not() {
        for (url, masked) in [
            ("libsql://db?authToken=ey.J.z", "libsql://db?authToken=***"),
            ("libsql://db?a=1&auth_token=e&b=2#x", "libsql://db?a=1&auth_token=***&b=2#x"),
            (
                "postgres://db/app?user=ann&password=a?b=c&sslmode=require",
                "postgres://db/app?user=ann&password=***&sslmode=require",
            ),
            ("dynamodb://eu?secret_access_key=abc;x=1", "dynamodb://eu?secret_access_key=***"),
            ("sqlite:a.db?mode=ro", "sqlite:a.db?mode=ro"),
            ("postgres://db/app?sslkey=/a.pem&sslpassword=x", "postgres://db/app?sslkey=/a.pem&sslpassword=***"),
            ("mysql://db/app?ssl-key=/a.pem", "mysql://db/app?ssl-key=/a.pem"),
            ("libsql://db?authToken=", "libsql://db?authToken="),
        ] {
            assert_eq!(mask(url), masked);
        }
    }

    #[test]
    fn urls_within_a_sentence_are_masked_too() {
        let text = "cannot reach \"redis://x:y@z/0\" (then `libsql://db?token=abc`), is it up?";
        assert_eq!(mask(text), "cannot reach \"redis://x:***@z/0\" (then `libsql://db?token=***`), is it up?");
        assert_eq!(mask("no URL here, a@b: c?"), "no URL here, a@b: c?");
    }
}
