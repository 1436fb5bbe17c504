//! Schedules.

use super::query::{Listing, Paging, Query};
use super::tenancy::Tenancy;
use crate::entity::Stored;
use crate::error::Result;
use crate::id::{ScheduleId, WorkflowId};
use crate::kinds::Schedule;

impl Tenancy {
    /// Stores a new schedule. Errors as for [`Tenancy::create`].
    pub async fn create_schedule(&self, schedule: Schedule) -> Result<Stored<Schedule>> {
        self.create(schedule).await
    }

    /// Reads a schedule; `NotFound` if there is none.
    pub async fn get_schedule(&self, id: &ScheduleId) -> Result<Stored<Schedule>> {
        self.get([id.into()]).await
    }

    /// Replaces a schedule. Errors as for [`Tenancy::update`].
    pub async fn update_schedule(&self, schedule: Stored<Schedule>) -> Result<Stored<Schedule>> {
        self.update(schedule).await
    }

    /// Deletes a schedule; `NotFound` if there is none.
    pub async fn delete_schedule(&self, id: &ScheduleId) -> Result<()> {
        self.delete::<Schedule>([id.into()]).await
    }

    /// One page of the schedules, of all workflows or of one, by creation.
    pub async fn list_schedules(&self, workflow: Option<&WorkflowId>, paging: &Paging) -> Result<Listing<Schedule>> {
        let query = match workflow {
            None => Query::key(),
            Some(workflow) => Query::index("by_workflow").equals(workflow),
        };
        self.list(query.page(paging)).await
    }
}
