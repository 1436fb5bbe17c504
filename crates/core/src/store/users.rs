//! Users and their tokens.

use super::query::{Listing, Paging, Query};
use super::tenancy::Tenancy;
use crate::entity::Stored;
use crate::error::Result;
use crate::id::{TokenId, UserId};
use crate::kinds::{ApiToken, User};

impl Tenancy {
    /// Stores a new user. Errors as for [`Tenancy::create`].
    pub async fn create_user(&self, user: User) -> Result<Stored<User>> {
        self.create(user).await
    }

    /// Reads a user; `NotFound` if there is none.
    pub async fn get_user(&self, id: &UserId) -> Result<Stored<User>> {
        self.get([id.into()]).await
    }

    /// The user who signs in with this name.
    pub async fn find_user(&self, username: &str) -> Result<Option<Stored<User>>> {
        self.find(Query::index("by_username").equals(username)).await
    }

    /// The user with this address.
    pub async fn find_user_by_email(&self, email: &str) -> Result<Option<Stored<User>>> {
        self.find(Query::index("by_email").equals(email)).await
    }

    /// Replaces a user. Errors as for [`Tenancy::update`].
    pub async fn update_user(&self, user: Stored<User>) -> Result<Stored<User>> {
        self.update(user).await
    }

    /// Deletes a user with the tokens and shares; what the user owns or started stays. Errors as for [`Tenancy::delete`].
    pub async fn delete_user(&self, id: &UserId) -> Result<()> {
        self.delete::<User>([id.into()]).await
    }

    /// One page of the users, by creation.
    pub async fn list_users(&self, paging: &Paging) -> Result<Listing<User>> {
        self.list(Query::key().page(paging)).await
    }

    /// Stores a new token. Errors as for [`Tenancy::create`].
    pub async fn create_token(&self, token: ApiToken) -> Result<Stored<ApiToken>> {
        self.create(token).await
    }

    /// Reads a token; `NotFound` if there is none, or if it has expired.
    pub async fn get_token(&self, id: &TokenId) -> Result<Stored<ApiToken>> {
        self.get([id.into()]).await
    }

    /// The token whose SHA-256 is `hash`, in hexadecimal, unless it has expired.
    pub async fn find_token(&self, hash: &str) -> Result<Option<Stored<ApiToken>>> {
        self.find(Query::index("by_token_hash").equals(hash)).await
    }

    /// Replaces a token. Errors as for [`Tenancy::update`].
    pub async fn update_token(&self, token: Stored<ApiToken>) -> Result<Stored<ApiToken>> {
        self.update(token).await
    }

    /// Deletes a token; `NotFound` if there is none.
    pub async fn delete_token(&self, id: &TokenId) -> Result<()> {
        self.delete::<ApiToken>([id.into()]).await
    }

    /// One page of the tokens, of all users or of one, by creation.
    pub async fn list_tokens(&self, user: Option<&UserId>, paging: &Paging) -> Result<Listing<ApiToken>> {
        let query = match user {
            None => Query::key(),
            Some(user) => Query::index("by_user").equals(user),
        };
        self.list(query.page(paging)).await
    }
}
