//! Who uses Aquifer: tenants, users, tokens, settings and the audit trail.

use crate::entity::text_enum;
use crate::id::{AuditId, TenantId, TokenId, UserId};
use crate::timestamp::Timestamp;
use crate::value::Json;

text_enum! {
    /// What a user may do within the tenant.
    Role {
        /// Everything, users and settings included.
        Admin = "admin",
        /// Workflows, executions and secrets.
        Member = "member",
        /// Reading only.
        Viewer = "viewer",
    }
}

crate::kind! {
    /// The isolation boundary: every record but the global ones belongs to one.
    Tenant as "tenants", columns TenantColumn {
        /// Its id.
        id: TenantId,
        /// Its name for people.
        name: String,
        /// Further facts, as a JSON object.
        metadata: Option<Json>,
        /// When it was created.
        created_at: Timestamp,
        /// When it was last changed.
        updated_at: Timestamp,
    }
    key(id) partition 1;
    unique by_name(name);
}

crate::kind! {
    /// A person or program that signs in, a member of one tenant.
    User as "users", columns UserColumn {
        /// The tenant the user is a member of.
        tenant_id: TenantId,
        /// The user's id.
        id: UserId,
        /// The name to sign in with.
        username: String,
        /// The user's address.
        email: Option<String>,
        /// The hash of the password, in PHC string format.
        password_hash: Option<String> [secret],
        /// What the user may do.
        role: Role,
        /// Whether signing in is refused.
        disabled: bool,
        /// When the user was created.
        created_at: Timestamp,
        /// When the user was last changed.
        updated_at: Timestamp,
    }
    key(tenant_id, id) partition 1;
    unique by_username(tenant_id, username);
    unique by_email(tenant_id, email);
    reference(tenant_id) -> "tenants";
}

crate::kind! {
    /// An opaque token that a program signs in with; only its hash is stored.
    ApiToken as "api_tokens", columns ApiTokenColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its id.
        id: TokenId,
        /// The user it acts for.
        user_id: UserId,
        /// Its name for people.
        name: String,
        /// The SHA-256 of the token, in hexadecimal.
        token_hash: String [secret],
        /// What it may do, as a JSON array of scopes; null for all that the user may.
        scopes: Option<Json>,
        /// When it was created.
        created_at: Timestamp,
        /// When it was last used, to the minute.
        last_used_at: Option<Timestamp>,
        /// When it stops working.
        expires_at: Option<Timestamp>,
    }
    key(tenant_id, id) partition 1;
    index by_user(tenant_id, user_id);
    index by_expiry(expires_at);
    unique by_token_hash(tenant_id, token_hash);
    reference(tenant_id, user_id) -> "users";
    expiry expires_at;
}

crate::kind! {
    /// A JSON document of a user or, with the scope `tenant`, of the whole tenant.
    Setting as "settings", columns SettingColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// A user's id, or `tenant`.
        scope: String,
        /// Its name.
        name: String,
        /// Its content.
        value: Json,
        /// When it was created.
        created_at: Timestamp,
        /// When it was last changed.
        updated_at: Timestamp,
    }
    key(tenant_id, scope, name) partition 1;
}

crate::kind! {
    /// Who did what, when.
    AuditEntry as "audit_entries", columns AuditEntryColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its id, ordered by time.
        id: AuditId,
        /// The id of the user or token that acted.
        actor: String,
        /// What was done, such as `workflow.delete`.
        action: String,
        /// The kind of record it was done to.
        target_kind: String,
        /// The id of that record.
        target_id: String,
        /// Further facts, without secrets.
        details: Option<Json>,
        /// When it was done.
        created_at: Timestamp,
    }
    key(tenant_id, id) partition 1;
    index by_target(tenant_id, target_kind, target_id);
    index by_actor(tenant_id, actor);
}
