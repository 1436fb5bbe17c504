//! Which kinds belong to a tenant.

use crate::entity::Entity;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::kinds::{
    ApiToken, AuditEntry, EventBatch, Execution, ExecutionLog, ExecutionState, Payload, Schedule, Secret, Setting,
    Step, StructuredSecret, User, Workflow, WorkflowShare, WorkflowVersion,
};

/// A kind whose records belong to a tenant, which is the first column of their key.
pub trait TenantEntity: Entity {
    /// What one record is called, for messages.
    const NOUN: &'static str;

    /// The tenant that the record belongs to.
    fn tenant_id(&self) -> &TenantId;

    /// Says why the record cannot be deleted in the state it is in.
    ///
    /// # Errors
    /// `Conflict`, naming what has to happen before.
    fn may_be_deleted(&self) -> Result<()> {
        Ok(())
    }
}

macro_rules! owned {
    ($($type:ty = $noun:literal),* $(,)?) => {$(
        impl TenantEntity for $type {
            const NOUN: &'static str = $noun;

            fn tenant_id(&self) -> &TenantId {
                &self.tenant_id
            }
        }
    )*};
}

owned! {
    User = "user",
    ApiToken = "token",
    Setting = "setting",
    AuditEntry = "audit entry",
    Secret = "secret",
    StructuredSecret = "structured secret",
    Workflow = "workflow",
    WorkflowVersion = "version",
    WorkflowShare = "share",
    Schedule = "schedule",
    Step = "step",
    EventBatch = "event",
    ExecutionLog = "log",
    ExecutionState = "state value",
    Payload = "payload",
}

impl TenantEntity for Execution {
    const NOUN: &'static str = "execution";

    fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    fn may_be_deleted(&self) -> Result<()> {
        if self.status.is_final() {
            return Ok(());
        }
        Err(Error::conflict(format!("execution {} is {}: cancel it before it is deleted", self.id, self.status)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{Correlation, Message, SCHEMA, Timer};

    #[test]
    fn every_kind_of_a_tenant_can_be_reached_through_it_but_for_the_engines_own() {
        fn kind<E: TenantEntity>() -> &'static str {
            assert_eq!(E::KIND.columns[E::KIND.key[0]].name, "tenant_id");
            E::KIND.name
        }
        let reachable = [
            kind::<User>(),
            kind::<ApiToken>(),
            kind::<Setting>(),
            kind::<AuditEntry>(),
            kind::<Secret>(),
            kind::<StructuredSecret>(),
            kind::<Workflow>(),
            kind::<WorkflowVersion>(),
            kind::<WorkflowShare>(),
            kind::<Schedule>(),
            kind::<Execution>(),
            kind::<Step>(),
            kind::<EventBatch>(),
            kind::<ExecutionLog>(),
            kind::<ExecutionState>(),
            kind::<Payload>(),
        ];
        let own = [Timer::KIND.name, Message::KIND.name, Correlation::KIND.name];
        for kind in SCHEMA.kinds.iter().filter(|kind| kind.column("tenant_id").is_some()) {
            assert!(reachable.contains(&kind.name) || own.contains(&kind.name), "{kind} cannot be reached");
        }
    }
}
