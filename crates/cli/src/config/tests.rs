//! What settings refuse, and who wins.

use super::aliases::{self, Collected};
use super::credentials::Credentials;
use super::setting::{DATABASE_VARIABLE, Setting};
use super::values::Values;
use super::{SETTINGS, Settings, Source, environment, find};

fn variables(pairs: &[(&str, &str)]) -> environment::Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect()
}

fn loaded(pairs: &[(&str, &str)]) -> Result<Values, String> {
    let (mut values, mut collected) = (Values::defaults(), Collected::default());
    environment::load(variables(pairs), Source::Environment, &mut values, &mut collected)
        .and_then(|()| aliases::resolve(&collected, &mut values))
        .map_err(|failure| failure.text())?;
    Ok(values)
}

fn read(values: Values) -> crate::failure::Result<Settings> {
    Settings::read(values, Vec::new(), Credentials::default())
}

#[test]
fn every_default_fits_its_setting() {
    read(Values::defaults()).unwrap();
}

#[test]
fn defaults_are_those_of_the_engine() {
    let ours = read(Values::defaults()).unwrap().engine_options();
    let engines = aquifer::engine::EngineOptions::default();
    assert_eq!(format!("{ours:?}"), format!("{engines:?}"));
}

#[test]
fn keys_and_variables_are_unique() {
    let mut names: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), SETTINGS.len());
}

#[test]
fn our_own_variable_of_the_database_wins() {
    for order in [[0, 1], [1, 0]] {
        let both = [(DATABASE_VARIABLE, "sqlite:a.db"), ("AQUIFER_DATABASE_URL", "sqlite:b.db")];
        let values = loaded(&order.map(|place| both[place])).unwrap();
        let own = Source::Environment("AQUIFER_DATABASE_URL".to_owned());
        assert_eq!(values.get("database.url"), Some(("sqlite:b.db", &own)));
    }
    let values = loaded(&[(DATABASE_VARIABLE, "sqlite:a.db")]).unwrap();
    assert_eq!(values.get("database.url").unwrap().0, "sqlite:a.db");
}

#[test]
fn unknown_variables_name_the_nearest() {
    let refused = loaded(&[("AQUIFER_SERVER_LISEN", "x")]).unwrap_err();
    assert!(refused.contains("AQUIFER_SERVER_LISEN, did you mean \"AQUIFER_SERVER_LISTEN\"?"), "{refused}");
    let refused = loaded(&[("AQUIFER_ZZZ", "x")]).unwrap_err();
    assert!(refused.contains("AQUIFER_ZZZ\n"), "{refused}");
}

#[test]
fn values_that_do_not_fit_name_setting_and_source() {
    for (variable, value, text) in [
        ("AQUIFER_ENGINE_LEASE", "soon", "the setting engine.lease takes a duration above zero"),
        ("AQUIFER_ENGINE_EVALUATION_MEMORY", "lots", "the setting engine.evaluation_memory takes a number of bytes"),
        ("AQUIFER_ENGINE_PROCESSES", "yes", "the setting engine.processes takes true or false, not \"yes\""),
        ("AQUIFER_SERVER_LISTEN", "7400", "the setting server.listen takes an address and a port"),
        ("AQUIFER_SERVER_TENANT", "a b", "the setting server.tenant takes letters, digits"),
        ("AQUIFER_SERVER_URL", "ftp://x", "the setting server.url takes an http or https URL"),
        ("AQUIFER_LOG_LEVEL", "loud", "the setting log.level takes off, error"),
        ("AQUIFER_LOG_FORMAT", "xml", "the setting log.format takes text or json"),
        ("AQUIFER_HTTP_USER_AGENT", "a\nb", "the setting http.user_agent takes printable ASCII"),
        ("AQUIFER_DATABASE_URL", "", "the setting database.url takes some text"),
    ] {
        let refused = read(loaded(&[(variable, value)]).unwrap()).unwrap_err().text();
        assert!(refused.contains(text) && refused.contains(&format!("(from {variable})")), "{refused}");
    }
}

#[test]
fn secrets_are_masked_wherever_settings_are_shown() {
    let values = loaded(&[(DATABASE_VARIABLE, "postgres://ann:s3cret@db/app")]).unwrap();
    let settings = read(values).unwrap();
    let shown: Vec<_> = settings.shown().filter_map(|(_, value)| value.map(|(value, _)| value)).collect();
    assert!(shown.contains(&"postgres://ann:***@db/app".to_owned()), "{shown:?}");
    assert!(find("database.url").is_some());
}

#[test]
fn the_documentation_lists_every_setting_as_it_is() {
    let page = include_str!("../../../../docs/configuration.md");
    let table = page.split("## Settings").nth(1).and_then(|rest| rest.split("\n\n").nth(1)).unwrap_or_default();
    let listed: Vec<&str> = table.lines().skip(2).collect();
    let row = |setting: &Setting| {
        let default = setting.default.map_or("(none)".to_owned(), |default| format!("`{default}`"));
        let default = default.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        format!("| `{}` | {default} | {} |", setting.key, setting.doc)
    };
    let expected: Vec<String> = SETTINGS.iter().map(row).collect();
    assert_eq!(listed, expected);
}
