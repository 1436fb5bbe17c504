//! Encrypted values.

use crate::id::TenantId;
use crate::timestamp::Timestamp;
use crate::value::Json;

crate::kind! {
    /// An encrypted value.
    Secret as "secrets", columns SecretColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its name, as workflows use it.
        name: String,
        /// The nonce and the sealed value.
        ciphertext: Vec<u8> [secret],
        /// Which encryption key sealed it.
        key_id: String,
        /// When it was created.
        created_at: Timestamp,
        /// When it was last changed.
        updated_at: Timestamp,
    }
    key(tenant_id, name) partition 1;
    index by_key(key_id);
}

crate::kind! {
    /// An encrypted value with several named fields.
    StructuredSecret as "structured_secrets", columns StructuredSecretColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its name, as workflows use it.
        name: String,
        /// The names of its fields, as a JSON array.
        fields: Json,
        /// The nonce and the sealed JSON object.
        ciphertext: Vec<u8> [secret],
        /// Which encryption key sealed it.
        key_id: String,
        /// When it was created.
        created_at: Timestamp,
        /// When it was last changed.
        updated_at: Timestamp,
    }
    key(tenant_id, name) partition 1;
    index by_key(key_id);
}
