//! Workflows and versions.

use aquifer_core::kinds::{Workflow, WorkflowFormat, WorkflowVersion};
use aquifer_core::{Json, Timestamp, UserId, WorkflowId};
use aquifer_engine::Applied;
use serde::Serialize;
use utoipa::ToSchema;

use super::schemas;

/// A workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkflowDocument {
    /// Its id.
    #[schema(value_type = String)]
    pub id: WorkflowId,
    /// The namespace of its name.
    pub namespace: String,
    /// Its name, unique within the namespace.
    pub name: String,
    /// A line for people.
    pub title: Option<String>,
    /// How it is written.
    #[schema(schema_with = schemas::format)]
    pub format: WorkflowFormat,
    /// The number of its newest version.
    pub latest_version: i64,
    /// The user who owns it.
    #[schema(value_type = Option<String>)]
    pub owner_id: Option<UserId>,
    /// Whether everybody in the tenant may view it.
    pub is_public: bool,
    /// Names with values.
    #[schema(value_type = Option<Value>)]
    pub tags: Option<Json>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<&Workflow> for WorkflowDocument {
    fn from(workflow: &Workflow) -> Self {
        let workflow = workflow.clone();
        Self {
            id: workflow.id,
            namespace: workflow.namespace,
            name: workflow.name,
            title: workflow.title,
            format: workflow.format,
            latest_version: workflow.latest_version,
            owner_id: workflow.owner_id,
            is_public: workflow.is_public,
            tags: workflow.tags,
            created_at: workflow.created_at,
            updated_at: workflow.updated_at,
        }
    }
}

/// One immutable version of a workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VersionDocument {
    /// The workflow it is a version of.
    #[schema(value_type = String)]
    pub workflow_id: WorkflowId,
    /// Counts from 1.
    pub number: i64,
    /// The version that the definition gives itself.
    pub label: String,
    /// The definition as it was written. Not in listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The SHA-256 of the source, in hexadecimal.
    pub source_hash: String,
    /// What changed, in its author's words.
    pub change_notes: Option<String>,
    /// The user who added it.
    #[schema(value_type = Option<String>)]
    pub created_by: Option<UserId>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<&WorkflowVersion> for VersionDocument {
    fn from(version: &WorkflowVersion) -> Self {
        let version = version.clone();
        Self {
            workflow_id: version.workflow_id,
            number: version.number,
            label: version.label,
            source: version.source,
            source_hash: version.source_hash,
            change_notes: version.change_notes,
            created_by: version.created_by,
            created_at: version.created_at,
        }
    }
}

/// What became of a definition that was applied.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AppliedDocument {
    /// The workflow, as it is now.
    pub workflow: WorkflowDocument,
    /// The number of the version with this definition.
    pub version: i64,
    /// Whether the workflow is new.
    pub created: bool,
    /// Whether the version is new; if not, its newest version has this source already.
    pub changed: bool,
}

impl From<&Applied> for AppliedDocument {
    fn from(applied: &Applied) -> Self {
        Self {
            workflow: WorkflowDocument::from(&applied.workflow.entity),
            version: applied.version,
            created: applied.created,
            changed: applied.changed,
        }
    }
}
