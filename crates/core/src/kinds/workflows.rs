//! What can be run: workflows, their versions, shares and schedules.

use crate::entity::text_enum;
use crate::id::{ScheduleId, TenantId, UserId, WorkflowId};
use crate::timestamp::Timestamp;
use crate::value::Json;

text_enum! {
    /// How a workflow is written.
    WorkflowFormat {
        /// In the Serverless Workflow DSL.
        Dsl = "dsl",
        /// In Rust, registered by the program that embeds the engine.
        Code = "code",
    }
}

text_enum! {
    /// What a share allows; each includes those before it.
    Permission {
        /// Reading the workflow and its executions.
        View = "view",
        /// Starting and controlling executions.
        Run = "run",
        /// Adding versions.
        Edit = "edit",
    }
}

crate::kind! {
    /// A named definition.
    Workflow as "workflows", columns WorkflowColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its id; never its name.
        id: WorkflowId,
        /// The namespace of its name.
        namespace: String,
        /// Its name, unique within the namespace.
        name: String,
        /// A line for people.
        title: Option<String>,
        /// How it is written.
        format: WorkflowFormat,
        /// The number of its newest version.
        latest_version: i64,
        /// The user who owns it.
        owner_id: Option<UserId>,
        /// Whether everybody in the tenant may view it.
        is_public: bool,
        /// Whether a run that ended starts again by itself.
        auto_restart: bool,
        /// Names with values, as a JSON object.
        tags: Option<Json>,
        /// When it was created.
        created_at: Timestamp,
        /// When it was last changed.
        updated_at: Timestamp,
    }
    key(tenant_id, id) partition 2;
    index by_namespace(tenant_id, namespace);
    index by_owner(tenant_id, owner_id);
    unique by_name(tenant_id, namespace, name);
    reference(tenant_id) -> "tenants";
}

crate::kind! {
    /// One immutable revision of a workflow's definition.
    WorkflowVersion as "workflow_versions", columns WorkflowVersionColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// The workflow it is a version of.
        workflow_id: WorkflowId,
        /// Counts from 1.
        number: i64,
        /// The version that the definition gives itself, such as `1.2.0`.
        label: String,
        /// The definition as people query it.
        definition: Option<Json> [detail],
        /// The definition as it was written, byte for byte.
        source: Option<String> [detail],
        /// The SHA-256 of the source, in hexadecimal.
        source_hash: String,
        /// What changed, in its author's words.
        change_notes: Option<String>,
        /// The user who added it.
        created_by: Option<UserId>,
        /// When it was added.
        created_at: Timestamp,
    }
    key(tenant_id, workflow_id, number) partition 2;
    index by_label(tenant_id, workflow_id, label);
    reference(tenant_id, workflow_id) -> "workflows";
}

crate::kind! {
    /// A grant on a workflow to another user.
    WorkflowShare as "workflow_shares", columns WorkflowShareColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// The workflow that is shared.
        workflow_id: WorkflowId,
        /// The user it is shared with.
        user_id: UserId,
        /// What the user may do.
        permission: Permission,
        /// When it was granted.
        created_at: Timestamp,
    }
    key(tenant_id, workflow_id, user_id) partition 2;
    index by_user(tenant_id, user_id);
    reference(tenant_id, workflow_id) -> "workflows";
    reference(tenant_id, user_id) -> "users";
}

crate::kind! {
    /// When a workflow starts by itself.
    Schedule as "schedules", columns ScheduleColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its id.
        id: ScheduleId,
        /// The workflow it starts.
        workflow_id: WorkflowId,
        /// The interval, cron expression or event filter, as the DSL writes it.
        spec: Json,
        /// Whether it is on.
        enabled: bool,
        /// When it starts the workflow next; null if an event does, or if it is off.
        next_at: Option<Timestamp>,
        /// When it last started the workflow.
        last_at: Option<Timestamp>,
        /// When it was created.
        created_at: Timestamp,
        /// When it was last changed.
        updated_at: Timestamp,
    }
    key(tenant_id, id) partition 2;
    index by_workflow(tenant_id, workflow_id);
    index by_due(next_at);
    reference(tenant_id, workflow_id) -> "workflows";
}
