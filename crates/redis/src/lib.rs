#![doc = include_str!("../docs.md")]

mod backend;
mod bare;
mod claim;
mod commit;
mod connect;
mod durability;
mod error;
mod layout;
mod link;
mod merge;
mod migrate;
mod options;
mod order;
mod pool;
mod read;
mod registry;
mod script;
mod shared;
mod stats;
mod values;
mod watch;

pub use backend::RedisBackend;
pub use bare::bare_rates;
pub use options::RedisOptions;
