//! Reading what an execution has recorded, once, when it is taken up.

use std::collections::{BTreeMap, HashMap};

use aquifer_core::kinds::{Execution, ExecutionState, Step};
use aquifer_core::{Entity, Error, MAX_PAGE, Scan, Store};

use super::desk::{Desk, Recorded};

/// A desk with what an execution has recorded.
///
/// # Errors
/// What the store says.
pub(super) async fn load(store: &Store, execution: &Execution) -> Result<Desk, Error> {
    let mut recorded = HashMap::new();
    for_each::<Step>(store, execution, |step| {
        let last = Recorded {
            status: step.status,
            attempt: u32::try_from(step.attempt).unwrap_or(u32::MAX),
            output: step.output,
            problem: step.error,
            ended_at: step.ended_at,
        };
        // In the order of their numbers: the last attempt stays.
        recorded.insert(step.name, last);
    })
    .await?;
    let mut state = BTreeMap::new();
    for_each::<ExecutionState>(store, execution, |value| {
        state.insert(value.name, value.value);
    })
    .await?;
    Ok(Desk { recorded, state, replaying: true, ..Desk::default() })
}

async fn for_each<E: Entity>(store: &Store, execution: &Execution, mut visit: impl FnMut(E)) -> Result<(), Error> {
    let mut cursor = None;
    loop {
        let scan = Scan::key(E::KIND)
            .equals(&execution.tenant_id)
            .equals(&execution.id)
            .limit(MAX_PAGE)
            .with_detail()
            .after(cursor);
        let page = store.backend().scan(&scan).await?;
        for record in page.records {
            visit(E::from_record(record)?);
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
