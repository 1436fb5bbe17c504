//! Runs of workflows and all that belongs to them: one partition each.

use crate::entity::text_enum;
use crate::id::{ExecutionId, TenantId, UserId, WorkerId, WorkflowId};
use crate::timestamp::Timestamp;
use crate::value::Json;

text_enum! {
    /// The phase of an execution or a step, in the DSL's words (DSL, "Status Phases").
    Status {
        /// Accepted, not begun.
        Pending = "pending",
        /// At work.
        Running = "running",
        /// Waiting for a time or an event.
        Waiting = "waiting",
        /// Paused by a person.
        Suspended = "suspended",
        /// Ended before its end by a person, or by a rival branch.
        Cancelled = "cancelled",
        /// Ended by an error.
        Faulted = "faulted",
        /// Ended as intended.
        Completed = "completed",
    }
}

impl Status {
    /// Whether nothing happens any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Faulted | Self::Completed)
    }
}

text_enum! {
    /// What a person asked of an execution that somebody else is running.
    Control {
        /// Stop it for good.
        Cancel = "cancel",
        /// Pause it.
        Suspend = "suspend",
    }
}

text_enum! {
    /// How much a log line matters.
    LogLevel {
        /// Detail for whoever looks for a fault.
        Debug = "debug",
        /// What happened.
        Info = "info",
        /// Something odd.
        Warn = "warn",
        /// Something failed.
        Error = "error",
    }
}

crate::kind! {
    /// One run of one version of a workflow.
    Execution as "executions", columns ExecutionColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its id, ordered by creation.
        id: ExecutionId,
        /// The workflow it runs.
        workflow_id: WorkflowId,
        /// The namespace of the workflow's name.
        namespace: String,
        /// The workflow's name.
        name: String,
        /// The number of the version it runs.
        version: i64,
        /// Its phase.
        status: Status,
        /// The input as it was given, as JSON text.
        input: Option<String> [detail],
        /// The output, as JSON text.
        output: Option<String> [detail],
        /// The error that it faulted with: a problem document.
        error: Option<String> [detail],
        /// Where it stands: all that is needed to go on. Null once it has ended.
        continuation: Option<String> [detail],
        /// The worker that advances it; null if none does.
        owner: Option<WorkerId>,
        /// When a worker is to take it up; null while one has it, and when it has ended or is suspended.
        wake_at: Option<Timestamp>,
        /// What a person asked of it, until its worker has obeyed.
        control: Option<Control>,
        /// Given by whoever started it, so that starting it twice starts it once.
        idempotency_key: Option<String>,
        /// The execution that started it.
        parent_id: Option<ExecutionId>,
        /// The user who started it.
        user_id: Option<UserId>,
        /// Names with values, as a JSON object.
        tags: Option<Json>,
        /// How far it says it is, from 0 to 100.
        progress: Option<i64>,
        /// The number of its last event; 0 if there is none.
        last_event: i64,
        /// The hash of its event chain so far, in hexadecimal.
        event_hash: Option<String>,
        /// The number of its last step; 0 if there is none.
        last_step: i64,
        /// When it was accepted.
        created_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
        /// When it ended.
        ended_at: Option<Timestamp>,
    }
    key(tenant_id, id) partition 2;
    index by_workflow(tenant_id, workflow_id);
    index by_status(tenant_id, status);
    index by_workflow_status(tenant_id, workflow_id, status);
    index by_user(tenant_id, user_id);
    index by_parent(tenant_id, parent_id);
    index by_owner(owner);
    index by_control(owner, control);
    index by_due(wake_at);
    unique by_idempotency_key(tenant_id, idempotency_key);
    reference(tenant_id, workflow_id) -> "workflows";
}

crate::kind! {
    /// One attempt of a task that reaches outside, or of a code-first step, with its outcome.
    Step as "steps", columns StepColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// The execution it belongs to.
        execution_id: ExecutionId,
        /// Counts the execution's steps from 1.
        number: i64,
        /// The task's JSON pointer in the definition, or the key of a code-first step.
        task: String,
        /// The task's name.
        name: String,
        /// Counts how often the execution came to this task, from 1: loops and jumps come again.
        visit: i64,
        /// Counts the attempts of this visit, from 1.
        attempt: i64,
        /// How it ended.
        status: Status,
        /// What it gave, as JSON text.
        output: Option<String> [detail],
        /// Why it failed: a problem document.
        error: Option<String> [detail],
        /// When it began.
        started_at: Timestamp,
        /// When it ended.
        ended_at: Timestamp,
    }
    key(tenant_id, execution_id, number) partition 2;
    reference(tenant_id, execution_id) -> "executions";
}

crate::kind! {
    /// Consecutive events of one execution that were committed together: one record a commit, because each record costs.
    EventBatch as "events", columns EventBatchColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// The execution it belongs to.
        execution_id: ExecutionId,
        /// The number of the last event in it, so that what follows event n is what lies above n.
        last: i64,
        /// The number of the first event in it.
        first: i64,
        /// The events: a JSON array, byte for byte as it was hashed.
        entries: String,
        /// The SHA-256 of the hash before and the entries, in hexadecimal.
        hash: String,
        /// When it was committed.
        created_at: Timestamp,
    }
    key(tenant_id, execution_id, last) partition 2;
    reference(tenant_id, execution_id) -> "executions";
    stream "tenant:{tenant_id}:workflow:{execution_id}:events" of entries from first at created_at;
}

crate::kind! {
    /// A line a person reads about an execution.
    ExecutionLog as "execution_logs", columns ExecutionLogColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// The execution it belongs to.
        execution_id: ExecutionId,
        /// Orders the lines: the number of the last event when it was written, times 10,000, and a count.
        number: i64,
        /// How much it matters.
        level: LogLevel,
        /// What it says.
        message: String,
        /// The task it is about.
        task: Option<String>,
        /// When it was written.
        created_at: Timestamp,
    }
    key(tenant_id, execution_id, number) partition 2;
    reference(tenant_id, execution_id) -> "executions";
}

crate::kind! {
    /// One value that a code-first execution keeps under a name.
    ExecutionState as "execution_state", columns ExecutionStateColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// The execution it belongs to.
        execution_id: ExecutionId,
        /// The value's name.
        name: String,
        /// The value, as JSON text.
        value: String,
        /// When it was last set.
        updated_at: Timestamp,
    }
    key(tenant_id, execution_id, name) partition 2;
    reference(tenant_id, execution_id) -> "executions";
}

crate::kind! {
    /// A large value of an execution, stored once by its content and referred to from wherever it stands.
    Payload as "payloads", columns PayloadColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// The execution it belongs to.
        execution_id: ExecutionId,
        /// The SHA-256 of the value's JSON text, in hexadecimal.
        hash: String,
        /// The value, as JSON text.
        value: String,
        /// When it was stored.
        created_at: Timestamp,
    }
    key(tenant_id, execution_id, hash) partition 2;
    reference(tenant_id, execution_id) -> "executions";
}
