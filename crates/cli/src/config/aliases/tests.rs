//! Who counts, who wins, what is refused.

use super::{Collected, SYSTEMS, Use, resolve};
use crate::config::environment;
use crate::config::source::Source;
use crate::config::values::Values;

/// The settings and what came of each variable, with some in `.env` and some in the environment.
fn both(dot_env: &[(&str, &str)], process: &[(&str, &str)]) -> Result<(Values, Vec<Use>), String> {
    let variables = |pairs: &[(&str, &str)]| -> environment::Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect()
    };
    let (mut values, mut collected) = (Values::defaults(), Collected::default());
    environment::load(variables(dot_env), Source::DotEnv, &mut values, &mut collected)
        .and_then(|()| environment::load(variables(process), Source::Environment, &mut values, &mut collected))
        .and_then(|()| resolve(&collected, &mut values))
        .map(|uses| (values, uses))
        .map_err(|failure| failure.text())
}

#[track_caller]
fn url(process: &[(&str, &str)]) -> String {
    both(&[], process).unwrap().0.get("database.url").unwrap().0.to_owned()
}

#[track_caller]
fn refused(process: &[(&str, &str)]) -> String {
    both(&[], process).unwrap_err()
}

#[test]
fn parts_become_one_url_whatever_characters_they_hold() {
    let parts = [
        ("FLOWRUNNER_STORAGE_TYPE", "postgres"),
        ("FLOWRUNNER_POSTGRES_HOST", "2001:db8::1"),
        ("FLOWRUNNER_POSTGRES_DATABASE", "a/b?c"),
        ("FLOWRUNNER_POSTGRES_USER", "ann:x@y"),
        ("FLOWRUNNER_POSTGRES_PASSWORD", "p@ss:w/o?r#d%&=+ \u{e9}\u{1f511}"),
        ("FLOWRUNNER_POSTGRES_SSL_ROOT_CERT", "/a b/c&d.pem"),
    ];
    let encoded = "postgres://ann%3Ax%40y:p%40ss%3Aw%2Fo%3Fr%23d%25%26%3D%2B%20%C3%A9%F0%9F%94%91@[2001:db8::1]/a%2Fb%3Fc\
                   ?sslrootcert=/a%20b/c%26d.pem";
    assert_eq!(url(&parts), encoded);
    let parsed = url::Url::parse(encoded).unwrap();
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    assert_eq!(decoded(parsed.username()), "ann:x@y");
    assert_eq!(decoded(parsed.password().unwrap()), "p@ss:w/o?r#d%&=+ \u{e9}\u{1f511}");
    let socket = [("FLOWRUNNER_POSTGRES_HOST", "/var/run/postgresql"), ("FLOWRUNNER_POSTGRES_USER", "a")];
    assert_eq!(url(&socket), "postgres://a@%2Fvar%2Frun%2Fpostgresql/flowrunner");
}

#[test]
fn each_kind_of_database_gets_its_own_options() {
    let with =
        |kind: &str| url(&[("DATABASE_TYPE", kind), ("DATABASE_MAX_CONNS", "4"), ("DATABASE_MAX_IDLE_CONNS", "9")]);
    assert_eq!(with("PostgreSQL"), "postgres://localhost?max_connections=4&min_connections=4");
    assert_eq!(with("mariadb"), "mariadb://localhost?max_connections=4&min_connections=4");
    assert_eq!(with("mongodb"), "mongodb://localhost/?max_connections=4&min_connections=4");
    assert_eq!(with("redis"), "redis://localhost?max_connections=4");
    assert_eq!(with("memory"), "memory:");
}

#[test]
fn the_region_is_in_the_address_of_aws() {
    let with = |endpoint: &str| url(&[("FLOWRUNNER_DYNAMODB_ENDPOINT", endpoint)]);
    assert!(with("https://dynamodb.eu-central-1.amazonaws.com").starts_with("dynamodb://eu-central-1?"));
    assert!(with("https://dynamodb.cn-north-1.amazonaws.com.cn/").starts_with("dynamodb://cn-north-1?"));
    assert!(with("http://localhost:8000").starts_with("dynamodb://us-west-2?"));
}

#[test]
fn a_password_may_be_in_another_place_than_the_rest() {
    let dot_env = [("FLOWRUNNER_STORAGE_TYPE", "postgres"), ("FLOWRUNNER_POSTGRES_PASSWORD", "weak")];
    let process = [("FLOWRUNNER_POSTGRES_PASSWORD", "strong")];
    let (values, _) = both(&dot_env, &process).unwrap();
    let (url, source) = values.get("database.url").unwrap();
    assert_eq!(url, "postgres://flowrunner:strong@localhost/flowrunner");
    assert_eq!(source.to_string(), "FLOWRUNNER_POSTGRES_PASSWORD; FLOWRUNNER_STORAGE_TYPE in .env");
    assert_eq!(source.kind(), "environment");
}

#[test]
fn the_type_picks_and_the_rest_is_told_apart() {
    let all = [
        ("FLOWRUNNER_STORAGE_TYPE", "memory"),
        ("FLOWRUNNER_POSTGRES_HOST", "db"),
        ("FLOWRUNNER_DYNAMODB_REGION", "eu-west-1"),
    ];
    let (values, uses) = both(&[], &all).unwrap();
    assert_eq!(values.get("database.url").unwrap().0, "memory:");
    let unused: Vec<_> = uses.iter().filter(|known| known.why.is_some()).map(|known| known.name.as_str()).collect();
    assert_eq!(unused, ["FLOWRUNNER_POSTGRES_HOST", "FLOWRUNNER_DYNAMODB_REGION"]);
    let refused = refused(&all[1..]);
    assert!(
        refused.contains("are about different databases") && refused.contains("FLOWRUNNER_STORAGE_TYPE"),
        "{refused}"
    );
}

#[test]
fn names_that_others_use_count_only_with_the_type() {
    let others = [
        ("REDIS_PASSWORD", "x"),
        ("REDIS_URL", "x"),
        ("POSTGRES_PASSWORD", "x"),
        ("POSTGRES_SSL_MODE", "what?"),
        ("DATABASE_HOST", "not a host"),
        ("DATABASE_HSOT", "x"),
        ("DATABASE_PORT", "none"),
        ("LOG_LEVEL", "verbose"),
    ];
    let (values, uses) = both(&[], &others).unwrap();
    assert_eq!(values.get("database.url").unwrap().1, &Source::Default);
    assert!(uses.is_empty());
    let named = [&others[..4], &[("DATABASE_TYPE", "redis"), ("DATABASE_POOL", "x")]].concat();
    assert_eq!(url(&named), "redis://:x@localhost");
    let slip = refused(&[("DATABASE_TYPE", "redis"), ("DATABASE_HSOT", "x")]);
    assert!(
        slip.contains("there is no variable DATABASE_HSOT of Flunq.io") && slip.contains("\"DATABASE_HOST\""),
        "{slip}"
    );
}

#[test]
fn the_log_of_an_application_on_sqlalchemy_counts_with_its_driver() {
    let level = |url: &str, level: &str| {
        both(&[], &[("DATABASE_URL", url), ("LOG_LEVEL", level)])
            .map(|(values, _)| values.get("log.level").unwrap().0.to_owned())
    };
    assert_eq!(level("postgresql+asyncpg://h/d", "WARNING").as_deref(), Ok("warn"));
    assert_eq!(level("postgresql://h/d", "DEBUG").as_deref(), Ok("warn"));
    assert!(level("sqlite+aiosqlite:///a.db", "loud").unwrap_err().contains("LOG_LEVEL takes DEBUG, INFO"));
}

#[test]
fn two_that_disagree_are_refused_and_two_that_agree_are_not() {
    let strom = ("STROM_DATABASE_URL", "postgresql://ann:s3cret@db/app");
    let text = refused(&[strom, ("DATABASE_URL", "mysql://db/app")]);
    for part in ["database.url is set twice", "from STROM_DATABASE_URL", "from DATABASE_URL", "AQUIFER_DATABASE_URL"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    let text = refused(&[("FLOWRUNNER_STORAGE_TYPE", "postgres"), ("DATABASE_TYPE", "redis")]);
    assert!(text.contains("from FLOWRUNNER_STORAGE_TYPE") && text.contains("from DATABASE_TYPE"), "{text}");
    let text = refused(&[("FLOWRUNNER_SERVER_PORT", "1"), ("STROM_PORT", "2")]);
    assert!(text.contains("server.listen is set twice"), "{text}");
    let text = refused(&[("DATABASE_TYPE", "redis"), ("DATABASE_PASSWORD", "s3cret"), ("REDIS_PASSWORD", "s4cret")]);
    assert!(text.contains("DATABASE_PASSWORD and REDIS_PASSWORD") && !text.contains("cret\""), "{text}");

    assert_eq!(
        url(&[strom, ("DATABASE_URL", "postgresql+asyncpg://ann:s3cret@DB:5432/app")]),
        "postgresql+asyncpg://ann:s3cret@DB:5432/app"
    );
    let full = "postgresql://ann:p%40@db:5433/app?sslmode=require&schema=a";
    let agreeing = [
        ("DATABASE_URL", full),
        ("DATABASE_TYPE", "postgresql"),
        ("POSTGRES_PASSWORD", "p@"),
        ("DATABASE_PORT", "5433"),
    ];
    assert_eq!(url(&agreeing), full);
    let text = refused(&[("DATABASE_URL", full), ("DATABASE_TYPE", "postgresql"), ("DATABASE_PORT", "5432")]);
    assert!(text.contains("set twice"), "{text}");
}

#[test]
fn our_own_variable_goes_before_all_of_its_place_and_those_below() {
    let broken =
        [("AQUIFER_DATABASE_URL", "memory:"), ("DATABASE_TYPE", "no such"), ("STROM_DATABASE_URL", "mysql://h/d")];
    assert_eq!(url(&broken), "memory:");
    let (values, _) = both(&broken, &[]).unwrap();
    assert_eq!(values.get("database.url").unwrap().0, "memory:");
    let (values, _) = both(&broken[..1], &[("STROM_DATABASE_URL", "mysql://h/d")]).unwrap();
    assert_eq!(values.get("database.url").unwrap().0, "mysql://h/d");
    let (values, _) = both(&[("STROM_DATABASE_URL", "mysql://h/d")], &[("DATABASE_URL", "memory:")]).unwrap();
    assert_eq!(values.get("database.url").unwrap().0, "memory:");
}

#[test]
fn unknown_names_of_a_system_are_refused_with_the_nearest() {
    for (name, nearest) in [
        ("FLOWRUNNER_POSTGRES_HOTS", "FLOWRUNNER_POSTGRES_HOST"),
        ("FLOWRUNNER_STORAGE", "FLOWRUNNER_STORAGE_TYPE"),
        ("STROM_DATABSE_URL", "STROM_DATABASE_URL"),
    ] {
        let text = refused(&[(name, "s3cret"), ("AQUIFER_DATABASE_URL", "memory:")]);
        assert!(text.contains(name) && text.contains(&format!("did you mean {nearest:?}?")), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert!(refused(&[("STROM_ZZZ", "")]).contains("no variable STROM_ZZZ of Strom, which is in the environment"));
}

#[test]
fn values_that_do_not_fit_name_variable_and_place() {
    for (name, value, takes) in [
        ("FLOWRUNNER_STORAGE_TYPE", "postgre", "takes memory, postgres, dynamodb, not \"postgre\""),
        ("FLOWRUNNER_STORAGE_TYPE", "redis", "takes memory, postgres, dynamodb"),
        ("FLOWRUNNER_POSTGRES_PORT", "0", "takes a port from 1 to 65535, not \"0\""),
        ("FLOWRUNNER_POSTGRES_HOST", "http://x", "takes the name or the address of a host"),
        ("FLOWRUNNER_POSTGRES_SSL_MODE", "on", "takes disable, prefer, require"),
        ("FLOWRUNNER_POSTGRES_CONNECTION_LIFETIME", "long", "takes a duration above zero"),
        ("FLOWRUNNER_POSTGRES_MAX_CONNECTIONS", "0", "takes a number above zero"),
        ("FLOWRUNNER_SERVER_PORT", "65536", "takes a port from 0 to 65535"),
    ] {
        let text = both(&[(name, value)], &[]).unwrap_err();
        assert!(text.contains(&format!("{name} {takes}")) && text.contains("(in .env)"), "{text}");
    }
    let text = refused(&[("DATABASE_TYPE", "redis"), ("DATABASE_TENANT_MODE", "maybe")]);
    assert!(text.contains("DATABASE_TENANT_MODE takes true or false"), "{text}");
}

#[test]
fn servers_listen_where_they_did() {
    let listen = |pairs: &[(&str, &str)]| both(&[], pairs).unwrap().0.get("server.listen").unwrap().0.to_owned();
    assert_eq!(listen(&[("STROM_PORT", "8080")]), "127.0.0.1:8080");
    assert_eq!(listen(&[("FLOWRUNNER_SERVER_HOST", "::1")]), "[::1]:7400");
    assert_eq!(listen(&[("FLOWRUNNER_SERVER_HOST", "localhost"), ("FLOWRUNNER_SERVER_PORT", "1")]), "localhost:1");
    assert_eq!(listen(&[("AQUIFER_SERVER_LISTEN", "0.0.0.0:1"), ("STROM_PORT", "8080")]), "0.0.0.0:1");
}

#[test]
fn flows_of_strom_are_a_file_unless_there_is_a_database() {
    assert_eq!(url(&[("STROM_FLOWS_PATH", "/a b/flows.json"), ("STROM_DATA_DIR", "/data")]), "json:/a%20b/flows.json");
    assert_eq!(url(&[("STROM_DATA_DIR", "/data/")]), "json:/data/flows.json");
    assert_eq!(url(&[("STROM_FLOWS_PATH", "/a.json"), ("STROM_DATABASE_URL", "postgres://h/d")]), "postgres://h/d");
    assert_eq!(url(&[("STROM_FLOWS_PATH", "/a.json"), ("DATABASE_URL", "postgres://h/d")]), "postgres://h/d");
}

#[test]
fn an_empty_value_unsets_but_never_a_database() {
    assert_eq!(url(&[("DATABASE_TYPE", "redis"), ("REDIS_PASSWORD", "")]), "redis://localhost");
    assert_eq!(url(&[("FLOWRUNNER_STORAGE_TYPE", "")]), "sqlite:aquifer.db");
    assert_eq!(url(&[("DATABASE_URL", "")]), "");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = SYSTEMS.iter().flat_map(|system| system.aliases).map(|alias| alias.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_documentation_lists_every_variable_as_it_is() {
    let page = include_str!("../../../../../docs/configuration.md");
    let section = page.split("## Variables of other programs").nth(1).unwrap_or_default();
    let listed: Vec<&str> =
        section.lines().filter(|line| line.starts_with("| `")).take_while(|line| !line.is_empty()).collect();
    let row = |system: &'static super::System| {
        system.aliases.iter().map(|alias| format!("| `{}` | {} | {} |", alias.name, system.name, alias.meaning()))
    };
    let expected: Vec<String> = SYSTEMS.into_iter().flat_map(row).collect();
    assert!(listed.starts_with(&expected.iter().map(String::as_str).collect::<Vec<_>>()), "{}", expected.join("\n"));
}
