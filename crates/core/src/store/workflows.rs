//! Workflows, their versions and shares.

use super::query::{Listing, Paging, Query};
use super::tenancy::{Tenancy, explain};
use crate::backend::BackendExt;
use crate::entity::Stored;
use crate::error::{Error, Result};
use crate::id::{UserId, WorkflowId};
use crate::kinds::{Workflow, WorkflowShare, WorkflowVersion};
use crate::transaction::Transaction;

/// Which workflows to list: one field, or the namespace with the name. Nothing else has an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowFilter {
    /// Those in this namespace.
    pub namespace: Option<String>,
    /// The one with this name; needs the namespace.
    pub name: Option<String>,
    /// Those that this user owns.
    pub owner: Option<UserId>,
    /// In the order of namespace and name instead of their creation; not with the owner.
    pub by_name: bool,
}

impl WorkflowFilter {
    fn query(&self) -> Result<Query> {
        Ok(match (&self.namespace, &self.name, &self.owner) {
            (None, None, None) if self.by_name => Query::index("by_name"),
            (None, None, None) => Query::key(),
            (Some(namespace), None, None) if self.by_name => Query::index("by_name").equals(namespace.as_str()),
            (Some(namespace), None, None) => Query::index("by_namespace").equals(namespace.as_str()),
            (Some(namespace), Some(name), None) => {
                Query::index("by_name").equals(namespace.as_str()).equals(name.as_str())
            }
            (None, None, Some(owner)) if !self.by_name => Query::index("by_owner").equals(owner),
            _ => {
                return Err(Error::invalid(
                    "workflows are listed by namespace, by namespace and name, or by owner (then in the order of creation)",
                ));
            }
        })
    }
}

impl Tenancy {
    /// Stores a new workflow together with its first version.
    ///
    /// # Errors
    /// `Invalid` if the version is not the workflow's newest; and those of [`Tenancy::create`].
    pub async fn create_workflow(
        &self,
        workflow: Workflow,
        version: WorkflowVersion,
    ) -> Result<(Stored<Workflow>, Stored<WorkflowVersion>)> {
        is_newest(&workflow, &version)?;
        let (workflow, mut operations) = self.insert(&workflow).await?;
        let (version, insert) = self.insert(&version).await?;
        // The version's check of its workflow would meet the workflow's own insert: a record stands once in a transaction.
        operations.extend(insert.into_iter().filter(|operation| operation.key() != workflow.key()));
        let transaction = Transaction::new(operations);
        self.store().backend().commit_one(transaction).await.map_err(explain::<Workflow>)?;
        let (mut workflow, mut version) = (Stored::from_record(workflow)?, Stored::from_record(version)?);
        (workflow.revision, version.revision) = (1, 1);
        Ok((workflow, version))
    }

    /// Adds a version to a workflow that nobody else has changed since it was read. The workflow's `latest_version` must
    /// name it already.
    ///
    /// # Errors
    /// `Invalid` if the version is not the workflow's newest; and those of [`Tenancy::update`].
    pub async fn add_version(
        &self,
        workflow: Stored<Workflow>,
        version: WorkflowVersion,
    ) -> Result<(Stored<Workflow>, Stored<WorkflowVersion>)> {
        is_newest(&workflow, &version)?;
        let (record, mut operations) = self.replace(&workflow).await?;
        let (version, insert) = self.insert(&version).await?;
        operations.extend(insert.into_iter().filter(|operation| operation.key() != record.key()));
        let transaction = Transaction::new(operations);
        self.store().backend().commit_one(transaction).await.map_err(explain::<Workflow>)?;
        let (mut changed, mut version) = (Stored::from_record(record)?, Stored::from_record(version)?);
        (changed.revision, version.revision) = (workflow.revision.saturating_add(1), 1);
        Ok((changed, version))
    }

    /// Reads a workflow; `NotFound` if there is none.
    pub async fn get_workflow(&self, id: &WorkflowId) -> Result<Stored<Workflow>> {
        self.get([id.into()]).await
    }

    /// The workflow of this name.
    pub async fn find_workflow(&self, namespace: &str, name: &str) -> Result<Option<Stored<Workflow>>> {
        self.find(Query::index("by_name").equals(namespace).equals(name)).await
    }

    /// Replaces a workflow. Errors as for [`Tenancy::update`].
    pub async fn update_workflow(&self, workflow: Stored<Workflow>) -> Result<Stored<Workflow>> {
        self.update(workflow).await
    }

    /// Deletes a workflow with its versions, shares and schedules.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Conflict` while it has executions.
    pub async fn delete_workflow(&self, id: &WorkflowId) -> Result<()> {
        self.delete::<Workflow>([id.into()]).await
    }

    /// One page of the workflows, by creation or by name. `Invalid` for a filter that no index serves.
    pub async fn list_workflows(&self, filter: &WorkflowFilter, paging: &Paging) -> Result<Listing<Workflow>> {
        self.list(filter.query()?.page(paging)).await
    }

    /// Reads a version with its source; `NotFound` if there is none.
    pub async fn get_version(&self, workflow: &WorkflowId, number: i64) -> Result<Stored<WorkflowVersion>> {
        self.get([workflow.into(), number.into()]).await
    }

    /// The newest version that gives itself this label, with its source.
    pub async fn find_version(&self, workflow: &WorkflowId, label: &str) -> Result<Option<Stored<WorkflowVersion>>> {
        self.find(Query::index("by_label").equals(workflow).equals(label)).await
    }

    /// One page of a workflow's versions, by number, without their sources.
    pub async fn list_versions(&self, workflow: &WorkflowId, paging: &Paging) -> Result<Listing<WorkflowVersion>> {
        self.list(Query::key().equals(workflow).page(paging)).await
    }

    /// Shares a workflow with a user. Errors as for [`Tenancy::create`].
    pub async fn create_share(&self, share: WorkflowShare) -> Result<Stored<WorkflowShare>> {
        self.create(share).await
    }

    /// Reads a share; `NotFound` if there is none.
    pub async fn get_share(&self, workflow: &WorkflowId, user: &UserId) -> Result<Stored<WorkflowShare>> {
        self.get([workflow.into(), user.into()]).await
    }

    /// Replaces a share. Errors as for [`Tenancy::update`].
    pub async fn update_share(&self, share: Stored<WorkflowShare>) -> Result<Stored<WorkflowShare>> {
        self.update(share).await
    }

    /// Takes a share back; `NotFound` if there is none.
    pub async fn delete_share(&self, workflow: &WorkflowId, user: &UserId) -> Result<()> {
        self.delete::<WorkflowShare>([workflow.into(), user.into()]).await
    }

    /// One page of a workflow's shares, by user.
    pub async fn list_shares(&self, workflow: &WorkflowId, paging: &Paging) -> Result<Listing<WorkflowShare>> {
        self.list(Query::key().equals(workflow).page(paging)).await
    }

    /// One page of what is shared with a user, by workflow.
    pub async fn list_shares_with(&self, user: &UserId, paging: &Paging) -> Result<Listing<WorkflowShare>> {
        self.list(Query::index("by_user").equals(user).page(paging)).await
    }
}

fn is_newest(workflow: &Workflow, version: &WorkflowVersion) -> Result<()> {
    if version.workflow_id != workflow.id || version.number != workflow.latest_version {
        return Err(Error::invalid(format!(
            "version {} of {} is not the newest of workflow {}, which is {}",
            version.number, version.workflow_id, workflow.id, workflow.latest_version
        )));
    }
    Ok(())
}
