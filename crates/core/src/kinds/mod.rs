//! Every kind that Aquifer stores, declared once.

mod coordination;
mod executions;
mod secrets;
mod tenancy;
mod workflows;

pub use coordination::*;
pub use executions::*;
pub use secrets::*;
pub use tenancy::*;
pub use workflows::*;

use crate::entity::Entity;
use crate::schema::Schema;

/// The schema of Aquifer's data.
pub static SCHEMA: Schema = Schema {
    version: 1,
    kinds: &[
        Tenant::KIND,
        User::KIND,
        ApiToken::KIND,
        Setting::KIND,
        AuditEntry::KIND,
        Secret::KIND,
        StructuredSecret::KIND,
        Workflow::KIND,
        WorkflowVersion::KIND,
        WorkflowShare::KIND,
        Schedule::KIND,
        Execution::KIND,
        Step::KIND,
        EventBatch::KIND,
        ExecutionLog::KIND,
        ExecutionState::KIND,
        Payload::KIND,
        Timer::KIND,
        Message::KIND,
        Correlation::KIND,
        Worker::KIND,
        Part::KIND,
    ],
};
