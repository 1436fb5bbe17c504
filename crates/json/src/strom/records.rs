//! Strom's flows as records of the domain.

use std::fmt::Write as _;

use aquifer_core::kinds::{Workflow, WorkflowFormat, WorkflowVersion};
use aquifer_core::{Error, Json, Result, TenantId, Timestamp, WorkflowId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::StromFlow;

impl StromFlow {
    /// The namespace of the workflows that flows become.
    pub const NAMESPACE: &'static str = "strom";

    /// The flow as a new workflow of `tenant` with one version, whose source is the flow itself.
    ///
    /// The workflow is named after the flow's id, because names of flows are not unique: a flow that is imported twice is
    /// refused the second time. The flow's name is its title; the tags hold `strom_id` and, where there is one,
    /// `strom_state`. Its format is `code`: a flow is a media pipeline, which the DSL's interpreter does not run.
    ///
    /// # Errors
    /// None that a flow from [`super::import_strom`] could cause.
    pub fn to_records(&self, tenant: &TenantId, now: Timestamp) -> Result<(Workflow, WorkflowVersion)> {
        let id = WorkflowId::generate(now);
        let source = self.data.as_str().to_owned();
        let mut tags = serde_json::Map::new();
        tags.insert("strom_id".to_owned(), self.id.to_string().into());
        tags.extend(self.state.as_ref().map(|state| ("strom_state".to_owned(), state.as_str().into())));
        let mut source_hash = String::with_capacity(64);
        for byte in Sha256::digest(&source) {
            // Writing to a string cannot fail.
            let _ = write!(source_hash, "{byte:02x}");
        }
        let workflow = Workflow {
            tenant_id: tenant.clone(),
            id: id.clone(),
            namespace: Self::NAMESPACE.to_owned(),
            name: self.id.to_string(),
            title: Some(self.name.clone()),
            format: WorkflowFormat::Code,
            latest_version: 1,
            owner_id: None,
            is_public: false,
            auto_restart: self.auto_restart,
            tags: Some(Json::encode(&tags)?),
            created_at: now,
            updated_at: now,
        };
        let version = WorkflowVersion {
            tenant_id: tenant.clone(),
            workflow_id: id,
            number: 1,
            label: "1".to_owned(),
            definition: Some(self.data.clone()),
            source: Some(source),
            source_hash,
            change_notes: None,
            created_by: None,
            created_at: now,
        };
        Ok((workflow, version))
    }

    /// Whether a workflow came from Strom: whether its namespace, name and format are those that [`StromFlow::to_records`] gives.
    pub fn is_workflow(workflow: &Workflow) -> bool {
        workflow.format == WorkflowFormat::Code
            && workflow.namespace == Self::NAMESPACE
            && Uuid::try_parse(&workflow.name).is_ok()
    }

    /// The flow that a version of an imported workflow holds, to be exported again.
    ///
    /// # Errors
    /// `Invalid` if the version holds no flow, or was read without its source.
    pub fn from_version(version: &WorkflowVersion) -> Result<Self> {
        let no_flow = |reason: String| {
            Error::invalid(format!(
                "version {} of {} is no flow of strom: {reason}",
                version.number, version.workflow_id
            ))
        };
        let source = version.source.as_deref().ok_or_else(|| no_flow("it has no source".to_owned()))?;
        let text = serde_json::from_str(source).map_err(|error| no_flow(error.to_string()))?;
        super::flow(text).map_err(no_flow)
    }
}
