//! Settings of users and of the tenant.

use super::query::{Listing, Paging, Query};
use super::tenancy::Tenancy;
use crate::entity::Stored;
use crate::error::Result;
use crate::kinds::Setting;
use crate::value::Json;

/// How often a setting is tried to be written while others write it too.
const ATTEMPTS: usize = 5;

impl Tenancy {
    /// Sets a setting, whether there is one or not; the last writer wins. The scope is a user's id, or `tenant`.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` for its names and value; `Conflict` if others keep writing it.
    pub async fn put_setting(&self, scope: &str, name: &str, value: Json) -> Result<Stored<Setting>> {
        let mut attempt = 1;
        loop {
            let answer = match self.get_setting(scope, name).await {
                Ok(mut setting) => {
                    setting.entity.value = value.clone();
                    self.update(setting).await
                }
                Err(error) if error.is_not_found() => {
                    let (scope, name) = (scope.to_owned(), name.to_owned());
                    let (tenant_id, now) = (self.id().clone(), self.store().now());
                    let value = value.clone();
                    self.create(Setting { tenant_id, scope, name, value, created_at: now, updated_at: now }).await
                }
                Err(error) => return Err(error),
            };
            match answer {
                Err(error)
                    if attempt < ATTEMPTS
                        && (error.is_conflict() || error.is_already_exists() || error.is_not_found()) =>
                {
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Reads a setting; `NotFound` if there is none.
    pub async fn get_setting(&self, scope: &str, name: &str) -> Result<Stored<Setting>> {
        self.get([scope.into(), name.into()]).await
    }

    /// Deletes a setting; `NotFound` if there is none.
    pub async fn delete_setting(&self, scope: &str, name: &str) -> Result<()> {
        self.delete::<Setting>([scope.into(), name.into()]).await
    }

    /// One page of the settings of a scope, by name.
    pub async fn list_settings(&self, scope: &str, paging: &Paging) -> Result<Listing<Setting>> {
        self.list(Query::key().equals(scope).page(paging)).await
    }
}
