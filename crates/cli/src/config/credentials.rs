//! AWS's variables in `.env`. The SDK reads those of the environment by itself and knows nothing of `.env`, so that these become
//! options of a DynamoDB URL.

use std::fmt;

use super::aliases::{Use, takes};
use super::environment::Variables;
use super::find;
use super::setting::DATABASE_KEY;
use super::source::Source;
use super::values::Values;

/// The variable whose presence in the environment says that the credentials come from there.
const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";

/// Variables of keys, and the options of the URL that say the same.
const KEYS: [(&str, &str); 3] = [
    (ACCESS_KEY, "access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
    ("AWS_SESSION_TOKEN", "session_token"),
];

/// The variable and the option of a profile.
const PROFILE: (&str, &str) = ("AWS_PROFILE", "profile");

/// Those of AWS's variables in `.env` that count: variable, option and value.
#[derive(Clone, Default)]
pub(super) struct Credentials(Vec<(&'static str, &'static str, String)>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, ..)| name)).finish()
    }
}

impl Credentials {
    /// Takes them out of `.env`. None count where the environment says the same, and a profile only where there are no keys.
    pub(super) fn of(dot_env: &Variables) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self::chosen(dot_env, is_set)
    }

    fn chosen(dot_env: &Variables, is_set: impl Fn(&str) -> bool) -> Self {
        let value = |name: &str| dot_env.iter().rev().find(|(known, _)| known == name)?.1.clone();
        let option = |(name, option): &(&'static str, &'static str)| {
            value(name).filter(|value| !value.is_empty()).map(|value| (*name, *option, value))
        };
        if is_set(ACCESS_KEY) {
            return Self::default();
        }
        let keys: Vec<_> = KEYS.iter().filter_map(option).collect();
        match keys.is_empty() && !is_set(PROFILE.0) {
            true => Self(option(&PROFILE).into_iter().collect()),
            false => Self(keys),
        }
    }

    /// Adds them to a DynamoDB URL that names no credentials of its own.
    pub(super) fn add_to(&self, url: &str) -> Option<String> {
        let (scheme, rest) = url.split_once("://")?;
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let has_own = query.split('&').any(|option| {
            let name = option.split_once('=').map_or(option, |(name, _)| name);
            KEYS.iter().chain([&PROFILE]).any(|(_, known)| *known == name)
        });
        if !scheme.eq_ignore_ascii_case("dynamodb") || has_own || self.0.is_empty() {
            return None;
        }
        let options: Vec<String> =
            self.0.iter().map(|(_, name, value)| format!("{name}={}", takes::option_value(value))).collect();
        let joint = match (rest.contains('?'), query.is_empty()) {
            (false, _) => "?",
            (true, true) => "",
            (true, false) => "&",
        };
        Some(format!("{url}{joint}{}", options.join("&")))
    }

    /// Adds them to the setting of the database.
    pub(super) fn apply(&self, values: &mut Values, uses: &mut Vec<Use>) {
        let Some(setting) = find(DATABASE_KEY) else { return };
        let Some((url, source)) = values.get(DATABASE_KEY) else { return };
        let Some(url) = self.add_to(url) else { return };
        let own = self.0.iter().map(|(name, ..)| Source::DotEnv((*name).to_owned()));
        let source = Source::several([source.clone()].into_iter().chain(own.clone()));
        for source in own {
            let Source::DotEnv(name) = &source else { continue };
            uses.push(Use { name: name.clone(), source: source.clone(), key: Some(DATABASE_KEY), why: None });
        }
        values.set(setting, url, source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_before_a_profile_and_the_environment_before_the_file() {
        let dot_env: Variables =
            [(ACCESS_KEY, "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_PROFILE", "c"), (ACCESS_KEY, "d")]
                .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
                .into();
        let chosen = |dot_env: &Variables, set: &str| {
            let Credentials(options) = Credentials::chosen(dot_env, |name| name == set);
            options.into_iter().map(|(_, name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(chosen(&dot_env, ""), "access_key_id=d secret_access_key=b");
        assert_eq!(chosen(&dot_env, "AWS_PROFILE"), "access_key_id=d secret_access_key=b");
        assert_eq!(chosen(&dot_env, ACCESS_KEY), "");
        let profile = dot_env[2..3].to_vec();
        assert_eq!((chosen(&profile, "").as_str(), chosen(&profile, "AWS_PROFILE").as_str()), ("profile=c", ""));
    }

    #[test]
    fn only_a_url_of_dynamodb_without_credentials_takes_them() {
        let credentials = Credentials(vec![(ACCESS_KEY, "access_key_id", "a&b".to_owned())]);
        let with = |url: &str| credentials.add_to(url);
        assert_eq!(with("dynamodb://eu").as_deref(), Some("dynamodb://eu?access_key_id=a%26b"));
        assert_eq!(with("dynamodb://eu?").as_deref(), Some("dynamodb://eu?access_key_id=a%26b"));
        assert_eq!(with("dynamodb://eu?a=b").as_deref(), Some("dynamodb://eu?a=b&access_key_id=a%26b"));
        for url in ["dynamodb://eu?profile=x", "dynamodb://eu?a=b&secret_access_key=x", "postgres://h/d", "memory:"] {
            assert_eq!(with(url), None, "{url}");
        }
        assert_eq!(Credentials::default().add_to("dynamodb://eu"), None);
    }
}
