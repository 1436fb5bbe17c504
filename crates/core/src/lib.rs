//! The store contract of Aquifer: what is stored, what a backend must do, and the domain on top of it.
//!
//! - [`kinds`] declares everything stored, once, with [`kind!`].
//! - [`Backend`] is the contract that every database implements; [`check`] is what all of them refuse alike.
//! - [`layers`] are backends around backends.
//! - [`Store`] is the domain, written once: a tenant on every call.

mod backend;
mod bare;
pub mod check;
mod claim;
mod clock;
mod entity;
mod error;
mod id;
pub mod kinds;
pub mod layers;
mod record;
mod scan;
mod schema;
mod store;
mod timestamp;
mod transaction;
mod url_options;
mod value;
mod watch;

pub use backend::{Backend, BackendExt, Capabilities, Migration, Pong, Stats};
pub use bare::{BARE_BATCH, BARE_ROW_BYTES, BareRates};
pub use claim::Claim;
pub use clock::{Clock, ManualClock, SystemClock};
#[doc(hidden)]
pub use entity::take as entity_take;
pub use entity::{Entity, Field, Stored};
pub use error::{Error, ErrorKind, Result, Retry};
pub use id::*;
pub use kinds::SCHEMA;
pub use record::{Key, Record};
pub use scan::{Cursor, MAX_PAGE, Page, Scan};
pub use schema::{Column, Index, Kind, Reference, SHORT_TEXT_BYTES, Schema, Stream};
pub use store::{
    AuditFilter, ExecutionFilter, Listing, MAX_DOCUMENT_BYTES, MAX_NAME_BYTES, Order, Paging, Query, Store, Tenancy,
    TenantEntity, WorkflowFilter,
};
pub use timestamp::Timestamp;
pub use transaction::{Committed, Condition, Operation, Trace, Transaction};
pub use url_options::UrlOptions;
pub use value::{ColumnType, Json, Value};
pub use watch::{Change, Notifier, Watch};
