//! Tenants: the only records that people see and that belong to no tenant.

use super::query::{Listing, Order, Paging};
use super::{Store, removal, validity};
use crate::backend::BackendExt;
use crate::entity::{Entity, Field, Stored};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TenantId;
use crate::kinds::{Tenant, TenantColumn};
use crate::record::Key;
use crate::scan::Scan;
use crate::transaction::{Condition, Operation, Transaction};
use crate::value::Value;

impl Store {
    /// Stores a new tenant. Its `created_at` and `updated_at` become the store's time.
    ///
    /// # Errors
    /// `AlreadyExists` if its id or name is taken; `Invalid` or `TooLarge` for its name and metadata.
    pub async fn create_tenant(&self, mut tenant: Tenant) -> Result<Stored<Tenant>> {
        tenant.created_at = self.now();
        tenant.updated_at = tenant.created_at;
        let record = tenant.to_record();
        validity::check(&record)?;
        self.commit_tenant(Operation::Insert(record)).await?;
        Ok(Stored { entity: tenant, revision: 1 })
    }

    /// Reads a tenant.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub async fn get_tenant(&self, id: &TenantId) -> Result<Stored<Tenant>> {
        match self.backend().get_one(key(id)).await? {
            Some(record) => Stored::from_record(record),
            None => Err(Error::not_found(format!("there is no tenant {id}")).with_record_kind(Tenant::KIND.name)),
        }
    }

    /// Replaces the name and metadata of a tenant that nobody else has changed since it was read.
    ///
    /// # Errors
    /// `NotFound` if it is gone; `Conflict` if it was changed meanwhile; and those of [`Store::create_tenant`].
    pub async fn update_tenant(&self, mut tenant: Stored<Tenant>) -> Result<Stored<Tenant>> {
        tenant.entity.updated_at = self.now();
        validity::check(&tenant.entity.to_record())?;
        let set = vec![
            (TenantColumn::name as usize, Value::from(tenant.name.clone())),
            (TenantColumn::metadata as usize, tenant.metadata.to_value()),
            (TenantColumn::updated_at as usize, Value::from(tenant.updated_at)),
        ];
        let condition = Condition::Revision(tenant.revision);
        tenant.revision = self.commit_tenant(Operation::Update { key: key(&tenant.id), condition, set }).await?;
        Ok(tenant)
    }

    /// Deletes a tenant and what belongs to it, in chunks, the tenant itself last.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Conflict` while it has users, workflows or executions.
    pub async fn delete_tenant(&self, id: &TenantId) -> Result<()> {
        self.get_tenant(id).await?;
        removal::remove(self, key(id), "tenant").await
    }

    /// Reads one page of the tenants, in the order of their creation.
    ///
    /// # Errors
    /// `Invalid` for a limit out of range or a cursor of another listing.
    pub async fn list_tenants(&self, paging: &Paging) -> Result<Listing<Tenant>> {
        let scan = Scan::key(Tenant::KIND)
            .descending(paging.order == Order::NewestFirst)
            .limit(paging.limit)
            .after(paging.cursor.clone());
        let page = self.backend().scan(&scan).await?;
        let items = page.records.into_iter().map(Stored::from_record).collect::<Result<_>>()?;
        Ok(Listing { items, next: page.next })
    }

    async fn commit_tenant(&self, operation: Operation) -> Result<u64> {
        let committed = self.backend().commit_one(Transaction::new(vec![operation])).await.map_err(|error| {
            let message = match error.kind() {
                ErrorKind::AlreadyExists => "there is such a tenant already: its id or name is taken",
                ErrorKind::Conflict => "the tenant was changed by somebody else meanwhile: read it again",
                ErrorKind::NotFound => "the tenant does not exist any more",
                _ => return error,
            };
            Error::new(error.kind(), message).with_record_kind(Tenant::KIND.name).with_source(error)
        })?;
        Ok(committed.revisions.first().copied().unwrap_or_default())
    }
}

fn key(id: &TenantId) -> Key {
    Key::new(Tenant::KIND, [id])
}
