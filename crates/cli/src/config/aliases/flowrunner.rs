//! FlowRunner: `FLOWRUNNER_*`.

use super::takes::{anything, count, duration, host, listen_port, port, ssl_mode};
use super::{Alias, Gate, Gives, Kind, Part, System};

const POSTGRES: &[Kind] = &[Kind::Postgres];
const DYNAMODB: &[Kind] = &[Kind::Dynamodb];

/// Why what is about signing in does nothing.
const NO_SIGN_IN: &str = "there is no sign-in yet";

/// FlowRunner.
pub(super) const SYSTEM: System = System {
    name: "FlowRunner",
    prefix: Some("FLOWRUNNER_"),
    gate: Gate::Open,
    kinds: &[Kind::Memory, Kind::Postgres, Kind::Dynamodb],
    defaults: |kind| match kind {
        Kind::Postgres => &[(Part::Host, "localhost"), (Part::Database, "flowrunner"), (Part::User, "flowrunner")],
        Kind::Dynamodb => &[(Part::Host, "us-west-2")],
        _ => &[],
    },
    aliases: &[
        Alias { name: "FLOWRUNNER_STORAGE_TYPE", gives: Gives::Kind, takes: anything },
        Alias { name: "FLOWRUNNER_POSTGRES_HOST", gives: Gives::Part(POSTGRES, Part::Host), takes: host },
        Alias { name: "FLOWRUNNER_POSTGRES_PORT", gives: Gives::Part(POSTGRES, Part::Port), takes: port },
        Alias { name: "FLOWRUNNER_POSTGRES_DATABASE", gives: Gives::Part(POSTGRES, Part::Database), takes: anything },
        Alias { name: "FLOWRUNNER_POSTGRES_USER", gives: Gives::Part(POSTGRES, Part::User), takes: anything },
        Alias { name: "FLOWRUNNER_POSTGRES_PASSWORD", gives: Gives::Part(POSTGRES, Part::Password), takes: anything },
        Alias {
            name: "FLOWRUNNER_POSTGRES_SSL_MODE",
            gives: Gives::Part(POSTGRES, Part::Option("sslmode")),
            takes: ssl_mode,
        },
        Alias {
            name: "FLOWRUNNER_POSTGRES_SSL_CERT",
            gives: Gives::Part(POSTGRES, Part::Option("sslcert")),
            takes: anything,
        },
        Alias {
            name: "FLOWRUNNER_POSTGRES_SSL_KEY",
            gives: Gives::Part(POSTGRES, Part::Option("sslkey")),
            takes: anything,
        },
        Alias {
            name: "FLOWRUNNER_POSTGRES_SSL_ROOT_CERT",
            gives: Gives::Part(POSTGRES, Part::Option("sslrootcert")),
            takes: anything,
        },
        Alias {
            name: "FLOWRUNNER_POSTGRES_MAX_CONNECTIONS",
            gives: Gives::Part(POSTGRES, Part::MaxConnections),
            takes: count,
        },
        Alias {
            name: "FLOWRUNNER_POSTGRES_IDLE_CONNECTIONS",
            gives: Gives::Part(POSTGRES, Part::MinConnections),
            takes: count,
        },
        Alias {
            name: "FLOWRUNNER_POSTGRES_CONNECTION_LIFETIME",
            gives: Gives::Part(POSTGRES, Part::Option("max_lifetime")),
            takes: duration,
        },
        Alias { name: "FLOWRUNNER_DYNAMODB_REGION", gives: Gives::Part(DYNAMODB, Part::Host), takes: host },
        Alias {
            name: "FLOWRUNNER_DYNAMODB_ENDPOINT",
            gives: Gives::Part(DYNAMODB, Part::Option("endpoint")),
            takes: anything,
        },
        Alias {
            name: "FLOWRUNNER_DYNAMODB_TABLE_PREFIX",
            gives: Gives::Part(DYNAMODB, Part::Option("table_prefix")),
            takes: anything,
        },
        Alias {
            name: "FLOWRUNNER_DYNAMODB_READ_CAPACITY",
            gives: Gives::Part(DYNAMODB, Part::Option("read_capacity")),
            takes: count,
        },
        Alias {
            name: "FLOWRUNNER_DYNAMODB_WRITE_CAPACITY",
            gives: Gives::Part(DYNAMODB, Part::Option("write_capacity")),
            takes: count,
        },
        Alias { name: "FLOWRUNNER_SERVER_HOST", gives: Gives::ListenHost, takes: host },
        Alias { name: "FLOWRUNNER_SERVER_PORT", gives: Gives::ListenPort, takes: listen_port },
        Alias {
            name: "FLOWRUNNER_ENCRYPTION_KEY",
            gives: Gives::Nothing("secrets are not stored yet, `--secrets FILE` gives them to workflows"),
            takes: anything,
        },
        Alias { name: "FLOWRUNNER_JWT_SECRET", gives: Gives::Nothing(NO_SIGN_IN), takes: anything },
        Alias { name: "FLOWRUNNER_TOKEN_EXPIRATION", gives: Gives::Nothing(NO_SIGN_IN), takes: anything },
    ],
};
