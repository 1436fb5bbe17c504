//! Compiled versions, kept for as long as they are used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aquifer_core::kinds::WorkflowVersion;
use aquifer_core::{BackendExt, Entity, Error, Key, Store, TenantId, Value, WorkflowId};

use crate::plan::Plan;

/// The most compiled versions that are kept; the one that was used longest ago goes first.
const CAPACITY: usize = 512;

type VersionKey = (TenantId, WorkflowId, i64);

/// The compiled versions of this process.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    plans: HashMap<VersionKey, (u64, Arc<Plan>)>,
    uses: u64,
}

impl Plans {
    /// A compiled version, from memory or from the store.
    ///
    /// # Errors
    /// `NotFound` if there is no such version; `Corrupt` if it is not a definition that this engine runs.
    pub(crate) async fn get(
        &self,
        store: &Store,
        tenant: &TenantId,
        workflow: &WorkflowId,
        number: i64,
    ) -> Result<Arc<Plan>, Error> {
        let key = (tenant.clone(), workflow.clone(), number);
        if let Some(plan) = self.find(&key) {
            return Ok(plan);
        }
        let record = store
            .backend()
            .get_one(Key::new(
                WorkflowVersion::KIND,
                [Value::from(tenant), Value::from(workflow), Value::Integer(number)],
            ))
            .await?
            .ok_or_else(|| Error::not_found(format!("workflow {workflow} has no version {number}")))?;
        let version = WorkflowVersion::from_record(record)?;
        let unusable = |message: String| {
            Error::corrupt(format!("version {number} of workflow {workflow} cannot be run: {message}"))
        };
        let source = version.source.unwrap_or_default();
        let parsed = aquifer_dsl::parse(source.as_bytes(), workflow.as_str())
            .map_err(|diagnostics| unusable(diagnostics.to_string()))?;
        let plan = Plan::compile(parsed).map_err(|invalid| {
            unusable(invalid.0.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default())
        })?;
        let plan = Arc::new(plan);
        self.put(key, Arc::clone(&plan));
        Ok(plan)
    }

    /// Keeps a version that was compiled anyway.
    pub(crate) fn put(&self, key: VersionKey, plan: Arc<Plan>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        if kept.plans.len() >= CAPACITY
            && let Some(oldest) = kept.plans.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
        {
            kept.plans.remove(&oldest);
        }
        kept.plans.insert(key, (uses, plan));
    }

    fn find(&self, key: &VersionKey) -> Option<Arc<Plan>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        let (used, plan) = kept.plans.get_mut(key)?;
        *used = uses;
        Some(Arc::clone(plan))
    }
}
