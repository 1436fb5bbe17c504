//! What keeps executions and processes in step: timers, messages, workers, and parts of large records.

use crate::entity::text_enum;
use crate::id::{ExecutionId, MessageId, PartsId, TenantId, TimerId, WorkerId};
use crate::timestamp::Timestamp;
use crate::value::Json;

text_enum! {
    /// What a timer is for.
    TimerPurpose {
        /// Delivering a message later.
        Deliver = "deliver",
        /// Removing what has been kept long enough.
        Expire = "expire",
    }
}

crate::kind! {
    /// Something to be done at a time, outside of any one run. What a running execution waits for stands in its own record.
    Timer as "timers", columns TimerColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its id.
        id: TimerId,
        /// What it is for.
        purpose: TimerPurpose,
        /// The execution it concerns, if one.
        execution_id: Option<ExecutionId>,
        /// When it is due.
        due_at: Option<Timestamp>,
        /// What to do, as JSON.
        payload: Option<Json>,
        /// When it was set.
        created_at: Timestamp,
    }
    key(tenant_id, id) partition 2;
    index by_due(due_at);
    index by_execution(tenant_id, execution_id);
}

crate::kind! {
    /// An event from outside or from another execution, kept until those who wait for it have it.
    Message as "messages", columns MessageColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// Its id, ordered by arrival.
        id: MessageId,
        /// The event's type.
        event_type: String,
        /// The event's source, as text for people.
        source: Option<String>,
        /// The CloudEvent.
        event: Json,
        /// When it arrived.
        created_at: Timestamp,
        /// Until when it is kept.
        expires_at: Option<Timestamp>,
    }
    key(tenant_id, id) partition 2;
    index by_type(tenant_id, event_type);
    index by_expiry(expires_at);
    expiry expires_at;
}

crate::kind! {
    /// What a waiting execution listens for.
    Correlation as "correlations", columns CorrelationColumn {
        /// The tenant it belongs to.
        tenant_id: TenantId,
        /// The execution that listens.
        execution_id: ExecutionId,
        /// Counts the execution's correlations from 1.
        number: i64,
        /// The type of events it listens for; empty for any.
        event_type: String,
        /// The filter and correlation keys, as the DSL writes them.
        filter: Json,
        /// When it began to listen.
        created_at: Timestamp,
    }
    key(tenant_id, execution_id, number) partition 2;
    index by_type(tenant_id, event_type);
    reference(tenant_id, execution_id) -> "executions";
}

crate::kind! {
    /// One run of one process that advances executions. Its heartbeat stands for all that it owns.
    Worker as "workers", columns WorkerColumn {
        /// Its id, new for every start.
        id: WorkerId,
        /// The machine it runs on.
        host: String,
        /// What tells the process from every other on its machine, so that one started after it sees that it is gone.
        process: Option<String>,
        /// When it started.
        started_at: Timestamp,
        /// Its last heartbeat.
        seen_at: Timestamp,
        /// When others may take over what it owns.
        expires_at: Option<Timestamp>,
    }
    key(id) partition 1;
    index by_expiry(expires_at);
}

crate::kind! {
    /// A part of a value that is too large for one record of the backend.
    Part as "parts", columns PartColumn {
        /// The parts of one value share it.
        id: PartsId,
        /// Counts the parts from 0.
        number: i64,
        /// The bytes.
        data: Vec<u8>,
        /// When it was written.
        created_at: Timestamp,
        /// The time after which it may be removed if nothing refers to it; null once something does.
        unclaimed_at: Option<Timestamp>,
    }
    key(id, number) partition 1;
    index by_unclaimed(unclaimed_at);
}
