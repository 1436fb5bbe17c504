//! The workflows written in Rust that this process knows.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aquifer_core::{TenantId, Timestamp, WorkflowId};

use super::workflow::Code;
use crate::runtime::WorkflowRef;

/// The workflows that this process can run, by namespace and name.
#[derive(Debug)]
pub(crate) struct Registry {
    known: RwLock<HashMap<(String, String), Arc<Registered>>>,
    /// When the process began: soon after, more may be registered any moment.
    pub(super) since: Timestamp,
}

/// A workflow of this process, and where it is stored.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(super) code: Arc<Code>,
    /// For each tenant that has it, its id and the number of the version.
    stored: RwLock<HashMap<TenantId, (WorkflowId, i64)>>,
}

impl Registry {
    pub(crate) fn new(since: Timestamp) -> Self {
        Self { known: RwLock::default(), since }
    }

    /// Registers a workflow, unless it is registered already; another one of the same name gives way.
    pub(super) fn register(&self, code: &Arc<Code>) -> Arc<Registered> {
        let document = &code.document;
        if let Some(found) = self.find(&document.namespace, &document.name)
            && Arc::ptr_eq(&found.code, code)
        {
            return found;
        }
        let registered = Arc::new(Registered { code: Arc::clone(code), stored: RwLock::default() });
        let key = (document.namespace.clone(), document.name.clone());
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&registered));
        registered
    }

    /// The workflow of this process that a start names.
    pub(crate) fn named(&self, workflow: &WorkflowRef) -> Option<Arc<Registered>> {
        match workflow {
            WorkflowRef::Name { namespace, name } => self.find(namespace, name),
            WorkflowRef::Id(_) => None,
        }
    }

    /// The label of a version, if it is the one that this process knows.
    pub(crate) fn label(&self, namespace: &str, name: &str, tenant: &TenantId, version: i64) -> Option<String> {
        let registered = self.find(namespace, name)?;
        let (_, known) = registered.stored(tenant)?;
        (known == version).then(|| registered.code.document.version.clone())
    }

    pub(super) fn find(&self, namespace: &str, name: &str) -> Option<Arc<Registered>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }
}

impl Registered {
    pub(super) fn stored(&self, tenant: &TenantId) -> Option<(WorkflowId, i64)> {
        self.stored.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    pub(super) fn remember(&self, tenant: &TenantId, workflow: WorkflowId, version: i64) {
        let mut stored = self.stored.write().unwrap_or_else(PoisonError::into_inner);
        stored.insert(tenant.clone(), (workflow, version));
    }

    /// Looks again next time.
    pub(super) fn forget(&self, tenant: &TenantId) {
        self.stored.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }
}
