//! A small schema that has what Aquifer's own has and more: every type in every place, in two versions. With the kind that
//! layers keep parts of large values in.

use aquifer_core::kinds::Part;
use aquifer_core::{Entity, Json, Schema, Timestamp};

aquifer_core::kind! {
    /// Things belong to one.
    Group as "groups", columns GroupColumn {
        /// The tenant it belongs to.
        tenant: String,
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Counts what was done.
        count: i64,
    }
    key(tenant, id) partition 2;
    unique by_name(tenant, name);
}

aquifer_core::kind! {
    /// One thing of a group.
    Thing as "things", columns ThingColumn {
        /// The tenant it belongs to.
        tenant: String,
        /// Its group.
        group_id: String,
        /// Its number in the group.
        number: i64,
        /// A name.
        name: Option<String>,
        /// A rank.
        rank: Option<i64>,
        /// A flag.
        flag: Option<bool>,
        /// When something is due.
        due_at: Option<Timestamp>,
        /// Who has it.
        owner: Option<String>,
        /// Unique in the tenant.
        email: Option<String>,
        /// Unique everywhere.
        code: Option<i64>,
        /// Text in no index.
        title: Option<String>,
        /// A document.
        document: Option<Json>,
        /// Text that listings leave out.
        body: Option<String> [detail],
        /// A document that listings leave out.
        extra: Option<Json> [detail],
        /// Bytes.
        data: Option<Vec<u8>>,
        /// When it is void.
        expires_at: Option<Timestamp>,
    }
    key(tenant, group_id, number) partition 2;
    index by_name(tenant, name);
    index by_rank(rank);
    index by_flag(tenant, flag, rank);
    index by_due(due_at);
    index by_owner(owner, due_at);
    index by_expiry(expires_at);
    unique by_email(tenant, email);
    unique by_code(code);
    reference(tenant, group_id) -> "groups";
    expiry expires_at;
}

/// The first version.
pub(crate) static THINGS: Schema = Schema { version: 1, kinds: &[Group::KIND, Thing::KIND, Part::KIND] };

/// The second version: the kinds of the first with more, and a kind more.
pub(crate) mod second {
    use super::{Entity, Schema};

    aquifer_core::kind! {
        /// Things belong to one.
        Group as "groups", columns GroupColumn {
            /// The tenant it belongs to.
            tenant: String,
            /// Its id.
            id: String,
            /// A column that came later, not at the end.
            colour: Option<String> [since = 2],
            /// Its name.
            name: String,
            /// Counts what was done.
            count: i64,
        }
        key(tenant, id) partition 2;
        index by_colour(colour) since 2;
        index by_count(tenant, count) since 2;
        unique by_name(tenant, name);
    }

    aquifer_core::kind! {
        /// A kind that came later.
        Label as "labels", columns LabelColumn {
            /// The tenant it belongs to.
            tenant: String,
            /// The group it is on.
            group_id: String,
            /// What it says.
            name: String,
        }
        key(tenant, group_id, name) partition 2 since 2;
        index by_name(tenant, name) since 2;
        reference(tenant, group_id) -> "groups";
    }

    /// The second version.
    pub(crate) static THINGS: Schema =
        Schema { version: 2, kinds: &[Group::KIND, super::Thing::KIND, Label::KIND, super::Part::KIND] };
}
