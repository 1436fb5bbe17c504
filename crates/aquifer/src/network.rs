//! The databases behind a network, each in a build that has its feature.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::{Backend, BareRates, Result};

use crate::scheme::Scheme;

/// Declares the databases: for each the feature that brings it, its scheme, its options and its backend.
macro_rules! databases {
    ($($feature:literal: $scheme:ident => $crate_name:ident::$options:ident, $backend:ident;)*) => {
        /// Connects to the database that `url` names; `None` if it is not one behind a network.
        pub(crate) async fn open(scheme: Scheme, url: &str) -> Option<Result<Arc<dyn Backend>>> {
            match scheme {
                $(
                    #[cfg(feature = $feature)]
                    Scheme::$scheme => Some(match $crate_name::$options::from_url(url) {
                        Ok(options) => {
                            // Each driver's futures are large; only one of them is ever under way.
                            let opened = Box::pin($crate_name::$backend::open(options, &aquifer_core::SCHEMA)).await;
                            opened.map(|backend| Arc::new(backend) as Arc<dyn Backend>)
                        }
                        Err(error) => Err(error),
                    }),
                    #[cfg(not(feature = $feature))]
                    Scheme::$scheme => Some(Err(absent(scheme, url, $feature))),
                )*
                Scheme::Memory | Scheme::Json | Scheme::Sqlite => None,
            }
        }

        #[cfg_attr(not(any($(feature = $feature),*)), expect(unused_variables, reason = "nothing is there to measure"))]
        /// Measures the bare driver; `None` if the database is not one behind a network.
        pub(crate) async fn bare_rates(
            scheme: Scheme,
            url: &str,
            duration: Duration,
        ) -> Option<Result<BareRates>> {
            match scheme {
                $(
                    #[cfg(feature = $feature)]
                    Scheme::$scheme => Some(match $crate_name::$options::from_url(url) {
                        Ok(options) => Box::pin($crate_name::bare_rates(&options, duration)).await,
                        Err(error) => Err(error),
                    }),
                    #[cfg(not(feature = $feature))]
                    Scheme::$scheme => Some(Err(absent(scheme, url, $feature))),
                )*
                Scheme::Memory | Scheme::Json | Scheme::Sqlite => None,
            }
        }
    };
}

databases! {
    "libsql": Libsql => aquifer_libsql::LibsqlOptions, LibsqlBackend;
    "postgres": Postgres => aquifer_postgres::PostgresOptions, PostgresBackend;
    "mysql": Mysql => aquifer_mysql::MysqlOptions, MysqlBackend;
    "redis": Redis => aquifer_redis::RedisOptions, RedisBackend;
    "mongodb": Mongodb => aquifer_mongodb::MongodbOptions, MongodbBackend;
    "dynamodb": Dynamodb => aquifer_dynamodb::DynamoOptions, DynamoBackend;
}

#[cfg(not(all(
    feature = "libsql",
    feature = "postgres",
    feature = "mysql",
    feature = "redis",
    feature = "mongodb",
    feature = "dynamodb"
)))]
fn absent(scheme: Scheme, url: &str, feature: &str) -> aquifer_core::Error {
    let (database, url) = (scheme.database(), crate::mask(url));
    aquifer_core::Error::invalid(format!("{database} is not in this build ({url:?}): build with --features {feature}"))
}
