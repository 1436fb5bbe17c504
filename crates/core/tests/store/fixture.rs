//! A store with tenants, and records to fill it with.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::*;
use aquifer_core::{
    Backend, Capabilities, Entity, Json, ManualClock, Operation, Record, Store, Stored, Tenancy, TenantId, Timestamp,
    TokenId, Transaction, UserId, WorkflowId,
};
use aquifer_memory::MemoryBackend;

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
    pub(crate) acme: Tenancy,
    pub(crate) other: Tenancy,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let memory = MemoryBackend::new(&SCHEMA);
        let limits = Capabilities {
            max_record_bytes: 400_000,
            max_operations: 100,
            max_transaction_bytes: 4_000_000,
            ..memory.capabilities()
        };
        let memory = memory.with_capabilities(limits);
        memory.migrate().await.unwrap();
        let clock = ManualClock::new("2026-11-20T12:00:00Z".parse().unwrap());
        let store = Store::new(Arc::new(memory), Arc::new(clock.clone()));
        for name in ["acme", "other"] {
            store.create_tenant(tenant(name)).await.unwrap();
        }
        let (acme, other) = (store.tenant(&"tn_acme".into()), store.tenant(&"tn_other".into()));
        Self { store, clock, acme, other }
    }

    pub(crate) fn tick(&self) -> Timestamp {
        self.clock.advance(Duration::from_secs(1));
        self.store.now()
    }

    pub(crate) async fn insert(&self, records: impl IntoIterator<Item = Record>) {
        let transactions =
            records.into_iter().map(|record| Transaction::new(vec![Operation::Insert(record)])).collect();
        for answer in self.store.backend().commit(transactions).await {
            answer.unwrap();
        }
    }

    pub(crate) async fn workflow(&self, tenancy: &Tenancy, namespace: &str, name: &str) -> Stored<Workflow> {
        let workflow = workflow(tenancy.id(), WorkflowId::generate(self.tick()), namespace, name);
        let version = version(&workflow, 1);
        tenancy.create_workflow(workflow, version).await.unwrap().0
    }

    pub(crate) async fn count(&self, kind: &str) -> u64 {
        let stats = self.store.backend().stats().await.unwrap();
        stats.records.iter().find(|(name, _)| *name == kind).unwrap().1
    }
}

const T: Timestamp = Timestamp::EPOCH;

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant {
        id: TenantId::from(format!("tn_{name}")),
        name: name.to_owned(),
        metadata: None,
        created_at: T,
        updated_at: T,
    }
}

pub(crate) fn user(tenant: &TenantId, id: &str, username: &str) -> User {
    User {
        tenant_id: tenant.clone(),
        id: UserId::from(id),
        username: username.to_owned(),
        email: None,
        password_hash: Some("$argon2id$hash".to_owned()),
        role: Role::Member,
        disabled: false,
        created_at: T,
        updated_at: T,
    }
}

pub(crate) fn token(tenant: &TenantId, id: &str, user: &str, expires_at: Option<Timestamp>) -> ApiToken {
    ApiToken {
        tenant_id: tenant.clone(),
        id: TokenId::from(id),
        user_id: UserId::from(user),
        name: "ci".to_owned(),
        token_hash: format!("hash-of-{id}"),
        scopes: None,
        created_at: T,
        last_used_at: None,
        expires_at,
    }
}

pub(crate) fn workflow(tenant: &TenantId, id: WorkflowId, namespace: &str, name: &str) -> Workflow {
    Workflow {
        tenant_id: tenant.clone(),
        id,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        title: None,
        format: WorkflowFormat::Dsl,
        latest_version: 1,
        owner_id: None,
        is_public: false,
        auto_restart: false,
        tags: None,
        created_at: T,
        updated_at: T,
    }
}

pub(crate) fn version(workflow: &Workflow, number: i64) -> WorkflowVersion {
    WorkflowVersion {
        tenant_id: workflow.tenant_id.clone(),
        workflow_id: workflow.id.clone(),
        number,
        label: format!("{number}.0.0"),
        definition: None,
        source: Some("do: []".to_owned()),
        source_hash: "00".to_owned(),
        change_notes: None,
        created_by: None,
        created_at: T,
    }
}

pub(crate) fn execution(workflow: &Workflow, id: &str, status: Status) -> Execution {
    Execution {
        tenant_id: workflow.tenant_id.clone(),
        id: id.into(),
        workflow_id: workflow.id.clone(),
        namespace: workflow.namespace.clone(),
        name: workflow.name.clone(),
        version: 1,
        status,
        input: Some("{}".to_owned()),
        output: None,
        error: None,
        continuation: None,
        owner: None,
        wake_at: None,
        control: None,
        idempotency_key: None,
        parent_id: None,
        user_id: None,
        tags: None,
        progress: None,
        last_event: 0,
        event_hash: None,
        last_step: 0,
        created_at: T,
        updated_at: T,
        ended_at: None,
    }
}

/// `count` records of every kind that belongs to an execution.
pub(crate) fn belongings(execution: &Execution, count: i64) -> Vec<Record> {
    let (tenant_id, execution_id) = (execution.tenant_id.clone(), execution.id.clone());
    let mut records = Vec::new();
    for number in 1..=count {
        records.push(
            Step {
                tenant_id: tenant_id.clone(),
                execution_id: execution_id.clone(),
                number,
                task: "/do/0/a".to_owned(),
                name: "a".to_owned(),
                visit: number,
                attempt: 1,
                status: Status::Completed,
                output: Some("1".to_owned()),
                error: None,
                started_at: T,
                ended_at: T,
            }
            .to_record(),
        );
        records.push(
            EventBatch {
                tenant_id: tenant_id.clone(),
                execution_id: execution_id.clone(),
                last: number,
                first: number,
                entries: "[]".to_owned(),
                hash: String::new(),
                created_at: T,
            }
            .to_record(),
        );
        records.push(
            ExecutionLog {
                tenant_id: tenant_id.clone(),
                execution_id: execution_id.clone(),
                number,
                level: LogLevel::Info,
                message: "hello".to_owned(),
                task: None,
                created_at: T,
            }
            .to_record(),
        );
        records.push(
            ExecutionState {
                tenant_id: tenant_id.clone(),
                execution_id: execution_id.clone(),
                name: format!("n{number}"),
                value: "1".to_owned(),
                updated_at: T,
            }
            .to_record(),
        );
        records.push(
            Payload {
                tenant_id: tenant_id.clone(),
                execution_id: execution_id.clone(),
                hash: format!("h{number}"),
                value: "1".to_owned(),
                created_at: T,
            }
            .to_record(),
        );
        records.push(
            Correlation {
                tenant_id: tenant_id.clone(),
                execution_id: execution_id.clone(),
                number,
                event_type: "a.b".to_owned(),
                filter: Json::encode(&1).unwrap(),
                created_at: T,
            }
            .to_record(),
        );
        records.push(
            Timer {
                tenant_id: tenant_id.clone(),
                id: format!("tm_{execution_id}_{number}").into(),
                purpose: TimerPurpose::Expire,
                execution_id: Some(execution_id.clone()),
                due_at: None,
                payload: None,
                created_at: T,
            }
            .to_record(),
        );
    }
    records
}
