//! On whose behalf a request acts.

use std::convert::Infallible;

use aquifer_core::{Tenancy, TenantId};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;

/// Who sent a request. Every route takes its tenant from here alone: this is the place where signing in belongs.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The tenant that the request is about.
    pub(crate) tenant: TenantId,
    /// The tenant's records.
    pub(crate) records: Tenancy,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let tenant = app.options().tenant.clone();
        let records = app.engine().store().tenant(&tenant);
        Ok(Self { tenant, records })
    }
}
