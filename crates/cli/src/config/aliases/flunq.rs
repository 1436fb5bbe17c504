//! Flunq.io: `DATABASE_TYPE` and what it brings into play. The same names in lower case under `[database]` in `aquifer.toml` are the
//! members of its `DatabaseConfig`.

use super::takes::{anything, boolean, count, host, number, port, ssl_mode};
use super::{Alias, Gate, Gives, Kind, Part, System};

const ANY: &[Kind] = &[];
const REDIS: &[Kind] = &[Kind::Redis];
const POSTGRES: &[Kind] = &[Kind::Postgres];

/// Flunq.io.
pub(super) const SYSTEM: System = System {
    name: "Flunq.io",
    prefix: None,
    gate: Gate::Set("DATABASE_TYPE"),
    kinds: &[Kind::Memory, Kind::Redis, Kind::Postgres, Kind::Mongodb, Kind::Mysql, Kind::Mariadb],
    defaults: |kind| match kind {
        Kind::Memory => &[],
        _ => &[(Part::Host, "localhost")],
    },
    aliases: &[
        Alias { name: "DATABASE_TYPE", gives: Gives::Kind, takes: anything },
        Alias { name: "DATABASE_HOST", gives: Gives::Part(ANY, Part::Host), takes: host },
        Alias { name: "DATABASE_PORT", gives: Gives::Part(ANY, Part::Port), takes: port },
        Alias { name: "DATABASE_DATABASE", gives: Gives::Part(ANY, Part::Database), takes: anything },
        Alias { name: "DATABASE_USERNAME", gives: Gives::Part(ANY, Part::User), takes: anything },
        Alias { name: "DATABASE_PASSWORD", gives: Gives::Part(ANY, Part::Password), takes: anything },
        Alias { name: "DATABASE_MAX_CONNS", gives: Gives::Part(ANY, Part::MaxConnections), takes: count },
        Alias { name: "DATABASE_MAX_IDLE_CONNS", gives: Gives::Part(ANY, Part::MinConnections), takes: count },
        Alias {
            name: "DATABASE_TENANT_MODE",
            gives: Gives::Nothing("every record belongs to a tenant always, see `server.tenant`"),
            takes: boolean,
        },
        Alias { name: "REDIS_PASSWORD", gives: Gives::Part(REDIS, Part::Password), takes: anything },
        Alias { name: "REDIS_DB", gives: Gives::Part(REDIS, Part::Database), takes: number },
        Alias { name: "POSTGRES_DATABASE", gives: Gives::Part(POSTGRES, Part::Database), takes: anything },
        Alias { name: "POSTGRES_USERNAME", gives: Gives::Part(POSTGRES, Part::User), takes: anything },
        Alias { name: "POSTGRES_PASSWORD", gives: Gives::Part(POSTGRES, Part::Password), takes: anything },
        Alias { name: "POSTGRES_SSL_MODE", gives: Gives::Part(POSTGRES, Part::Option("sslmode")), takes: ssl_mode },
    ],
};
