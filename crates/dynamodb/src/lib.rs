#![doc = include_str!("../docs.md")]

mod backend;
mod bare;
mod cache;
mod calls;
mod claim;
mod client;
mod commit;
mod encoding;
mod error;
mod expression;
mod guards;
mod layout;
mod merge;
mod meta;
mod migrate;
mod options;
mod outcome;
mod plan;
mod range;
mod read;
mod scan;
mod statement;
mod stats;
mod tables;
mod values;

pub use backend::DynamoBackend;
pub use bare::bare_rates;
pub use options::{DynamoCredentials, DynamoOptions};
