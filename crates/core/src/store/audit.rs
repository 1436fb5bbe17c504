//! The audit trail. Entries are added and read, never changed.

use super::query::{Listing, Paging, Query};
use super::tenancy::Tenancy;
use crate::entity::Stored;
use crate::error::{Error, Result};
use crate::id::AuditId;
use crate::kinds::AuditEntry;

/// Which audit entries to list: all, those about one record, or those by one actor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those about the record of this kind with this id.
    pub target: Option<(String, String)>,
    /// Those of this user or token.
    pub actor: Option<String>,
}

impl Tenancy {
    /// Adds an entry. Errors as for [`Tenancy::create`].
    pub async fn create_audit_entry(&self, entry: AuditEntry) -> Result<Stored<AuditEntry>> {
        self.create(entry).await
    }

    /// Reads an entry; `NotFound` if there is none.
    pub async fn get_audit_entry(&self, id: &AuditId) -> Result<Stored<AuditEntry>> {
        self.get([id.into()]).await
    }

    /// One page of the entries, by time. `Invalid` for a filter that no index serves.
    pub async fn list_audit_entries(&self, filter: &AuditFilter, paging: &Paging) -> Result<Listing<AuditEntry>> {
        let query = match (&filter.target, &filter.actor) {
            (None, None) => Query::key(),
            (Some((kind, id)), None) => Query::index("by_target").equals(kind.as_str()).equals(id.as_str()),
            (None, Some(actor)) => Query::index("by_actor").equals(actor.as_str()),
            (Some(_), Some(_)) => {
                return Err(Error::invalid("audit entries are listed by target or by actor, not by both"));
            }
        };
        self.list(query.page(paging)).await
    }
}
