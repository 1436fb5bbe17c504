//! Deleting a record with all that belongs to it, in bounded chunks.
//!
//! What belongs to a record follows from the schema, so that a kind that is added later is not forgotten.

use super::Store;
use crate::backend::BackendExt;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::kinds::{Execution, SCHEMA, Tenant, Timer, User, Workflow};
use crate::record::{Key, Record};
use crate::scan::Scan;
use crate::schema::Kind;
use crate::transaction::{Condition, Operation, Transaction};

/// How many records are read and removed at a time: each may be as large as a payload.
const CHUNK: usize = 25;

/// A kind whose records belong to those of another, the parent.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) kind: &'static Kind,
    /// The columns that hold the parent's key.
    columns: Vec<usize>,
    /// Whether the parent cannot be deleted while there are any.
    pub(super) holds: bool,
}

impl Child {
    /// The index (`None`: the key) that begins with the parent's key.
    pub(super) fn index(&self) -> Option<Option<&'static str>> {
        if self.kind.key.starts_with(&self.columns) {
            return Some(None);
        }
        let indexes = self.kind.indexes.iter().chain(self.kind.uniques);
        indexes.into_iter().find(|index| index.columns.starts_with(&self.columns)).map(|index| Some(index.name))
    }

    fn scan(&self, parent: &Key) -> Result<Scan> {
        let index = self.index().ok_or_else(|| {
            Error::corrupt(format!("no index of {} begins with the key of {}", self.kind, parent.kind))
        })?;
        Ok(Scan { index, prefix: parent.values.clone(), limit: CHUNK, ..Scan::key(self.kind) })
    }
}

/// The kinds whose records belong to those of `parent`.
pub(super) fn children(parent: &'static Kind) -> Vec<Child> {
    let mut children = Vec::new();
    for kind in SCHEMA.kinds {
        if parent == Tenant::KIND {
            let owner =
                kind.key.first().filter(|first| kind.columns.get(**first).is_some_and(|c| c.name == "tenant_id"));
            children.extend(owner.map(|owner| Child { kind, columns: vec![*owner], holds: holds(kind, parent) }));
            continue;
        }
        let declared = kind.references.iter().filter(|reference| reference.target == parent.name);
        children.extend(declared.map(|reference| Child {
            kind,
            columns: reference.columns.to_vec(),
            holds: holds(kind, parent),
        }));
    }
    if parent == Execution::KIND {
        // A timer may outlive what it is for, so it declares no reference.
        let columns = ["tenant_id", "execution_id"].into_iter().filter_map(|name| Timer::KIND.column(name)).collect();
        children.push(Child { kind: Timer::KIND, columns, holds: false });
    }
    children
}

/// What people would miss is never deleted along with something else.
fn holds(kind: &Kind, parent: &Kind) -> bool {
    (parent == Workflow::KIND && kind == Execution::KIND)
        || (parent == Tenant::KIND && [User::KIND, Workflow::KIND, Execution::KIND].contains(&kind))
}

/// Deletes the record at `key`, called `noun`, after what belongs to it.
///
/// # Errors
/// `Conflict` if something that belongs to it has to be deleted by a person before; `NotFound` if it is gone.
pub(super) async fn remove(store: &Store, key: Key, noun: &str) -> Result<()> {
    let children = children(key.kind);
    for child in children.iter().filter(|child| child.holds) {
        let page = store.backend().scan(&child.scan(&key)?.limit(1)).await?;
        if !page.records.is_empty() {
            let message = format!("the {noun} still has {}: delete them first", child.kind);
            return Err(Error::conflict(message).with_record_kind(key.kind.name));
        }
    }
    for child in children.iter().filter(|child| !child.holds) {
        let mut scan = child.scan(&key)?;
        loop {
            let page = store.backend().scan(&scan).await?;
            delete_each(store, &page.records, |_| Condition::Exists).await?;
            if page.next.is_none() {
                break;
            }
            scan.cursor = page.next;
        }
    }
    let kind = key.kind.name;
    let delete = Operation::Delete { key, condition: Condition::Exists };
    match store.backend().commit_one(Transaction::new(vec![delete])).await {
        Ok(_) => Ok(()),
        // A backend with foreign keys says so if somebody added something meanwhile.
        Err(error) if error.kind() == ErrorKind::Invalid => {
            let message = format!("something was added to the {noun} meanwhile: delete it again");
            Err(Error::conflict(message).with_record_kind(kind).with_source(error))
        }
        Err(error) => Err(error),
    }
}

/// Deletes records, each for itself; one that is gone, or that was changed although `condition` forbids it, is left alone.
/// Returns how many were deleted.
pub(super) async fn delete_each(
    store: &Store,
    records: &[Record],
    condition: impl Fn(&Record) -> Condition,
) -> Result<usize> {
    let transactions = records
        .iter()
        .map(|record| Transaction::new(vec![Operation::Delete { key: record.key(), condition: condition(record) }]))
        .collect();
    let mut deleted = 0;
    for answer in store.backend().commit(transactions).await {
        match answer {
            Ok(_) => deleted += 1,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parent: &'static Kind) -> Vec<&'static str> {
        children(parent).iter().map(|child| child.kind.name).collect()
    }

    #[test]
    fn every_reference_of_the_schema_is_followed_through_an_index() {
        for parent in SCHEMA.kinds {
            for child in children(parent) {
                assert!(child.index().is_some(), "no index of {} begins with the key of {parent}", child.kind);
                if !child.holds {
                    let below = names(child.kind);
                    assert!(below.is_empty(), "{parent} deletes {} but not its {below:?}", child.kind);
                }
            }
        }
    }

    #[test]
    fn whatever_names_an_execution_goes_with_it() {
        let naming: Vec<_> = SCHEMA.kinds.iter().filter(|kind| kind.column("execution_id").is_some()).collect();
        assert!(naming.len() >= 6);
        for kind in naming {
            assert!(names(Execution::KIND).contains(&kind.name), "{kind} outlives its execution");
        }
    }

    #[test]
    fn whatever_belongs_to_a_tenant_goes_with_it_or_holds_it() {
        for kind in SCHEMA.kinds.iter().filter(|kind| kind.column("tenant_id").is_some()) {
            assert!(names(Tenant::KIND).contains(&kind.name), "{kind} outlives its tenant");
        }
    }

    #[test]
    fn a_workflow_goes_with_versions_shares_and_schedules_and_is_held_by_executions() {
        let children = children(Workflow::KIND);
        let held: Vec<_> = children.iter().filter(|child| child.holds).map(|child| child.kind.name).collect();
        assert_eq!(held, ["executions"]);
        assert_eq!(names(Workflow::KIND), ["workflow_versions", "workflow_shares", "schedules", "executions"]);
    }
}
