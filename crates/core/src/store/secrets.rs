//! Records of secrets. They are sealed before they come here, and stay sealed.

use super::query::{Listing, Paging, Query};
use super::tenancy::Tenancy;
use crate::entity::Stored;
use crate::error::Result;
use crate::kinds::{Secret, StructuredSecret};

impl Tenancy {
    /// Stores a new secret, which is sealed already. Errors as for [`Tenancy::create`].
    pub async fn create_secret(&self, secret: Secret) -> Result<Stored<Secret>> {
        self.create(secret).await
    }

    /// Reads a secret, sealed; `NotFound` if there is none.
    pub async fn get_secret(&self, name: &str) -> Result<Stored<Secret>> {
        self.get([name.into()]).await
    }

    /// Replaces a secret. Errors as for [`Tenancy::update`].
    pub async fn update_secret(&self, secret: Stored<Secret>) -> Result<Stored<Secret>> {
        self.update(secret).await
    }

    /// Deletes a secret; `NotFound` if there is none.
    pub async fn delete_secret(&self, name: &str) -> Result<()> {
        self.delete::<Secret>([name.into()]).await
    }

    /// One page of the secrets, by name, sealed.
    pub async fn list_secrets(&self, paging: &Paging) -> Result<Listing<Secret>> {
        self.list(Query::key().page(paging)).await
    }

    /// Stores a new structured secret, which is sealed already. Errors as for [`Tenancy::create`].
    pub async fn create_structured_secret(&self, secret: StructuredSecret) -> Result<Stored<StructuredSecret>> {
        self.create(secret).await
    }

    /// Reads a structured secret, sealed; `NotFound` if there is none.
    pub async fn get_structured_secret(&self, name: &str) -> Result<Stored<StructuredSecret>> {
        self.get([name.into()]).await
    }

    /// Replaces a structured secret. Errors as for [`Tenancy::update`].
    pub async fn update_structured_secret(&self, secret: Stored<StructuredSecret>) -> Result<Stored<StructuredSecret>> {
        self.update(secret).await
    }

    /// Deletes a structured secret; `NotFound` if there is none.
    pub async fn delete_structured_secret(&self, name: &str) -> Result<()> {
        self.delete::<StructuredSecret>([name.into()]).await
    }

    /// One page of the structured secrets, by name, sealed.
    pub async fn list_structured_secrets(&self, paging: &Paging) -> Result<Listing<StructuredSecret>> {
        self.list(Query::key().page(paging)).await
    }
}
