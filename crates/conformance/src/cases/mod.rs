//! The cases, by theme. Each is a plain function that asserts one property on an empty database.

pub(crate) mod atomicity;
pub(crate) mod claims;
pub(crate) mod conditions;
pub(crate) mod contention;
pub(crate) mod fidelity;
pub(crate) mod limits;
pub(crate) mod migration;
pub(crate) mod model;
pub(crate) mod paging;
pub(crate) mod records;
pub(crate) mod retries;
pub(crate) mod scans;
pub(crate) mod tenants;
pub(crate) mod uniques;
pub(crate) mod watch;
