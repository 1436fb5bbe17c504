//! The domain store, on the memory backend held to the limits of the most limited database.

#![expect(clippy::unwrap_used, reason = "fixtures are tests too")]

mod deletion;
mod fixture;
mod isolation;
mod listing;
mod records;
