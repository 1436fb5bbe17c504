//! One connection, and what is run on it.

use std::sync::Arc;

use aquifer_core::{ColumnType, Result, Value};
use async_trait::async_trait;

use super::fault::Fault;
use super::parameter::Parameter;

/// How the effect of a step is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Changes rows; the number of rows that it affected counts.
    Count,
    /// Changes or locks rows, and returns for each its place among the step's rows (from 1) and its revision.
    Revisions,
}

/// One statement of a write, with how many rows it must find.
#[derive(Debug)]
pub struct Step<'a> {
    /// The statement.
    pub text: Arc<str>,
    /// Its parameters.
    pub parameters: Vec<Parameter<'a>>,
    /// What it gives.
    pub write: Write,
    /// How many rows it must affect or return; with another number the write as a whole does not hold.
    pub expected: usize,
}

/// What a step gave: pairs of place and revision for [`Write::Revisions`], nothing for [`Write::Count`].
pub type Written = Vec<(usize, u64)>;

/// One connection. Dropped in a transaction or in the middle of a statement, it is closed before anybody else gets it, and its
/// transaction is rolled back.
#[async_trait]
pub trait Session: Send {
    /// Begins a transaction that sees what others commit meanwhile (READ COMMITTED, or REPEATABLE READ where reads lock).
    async fn begin(&mut self) -> Result<(), Fault>;

    /// Makes the transaction durable. A reply that was lost is `Unavailable` with [`aquifer_core::Retry::Unknown`].
    async fn commit(&mut self) -> Result<(), Fault>;

    /// Undoes the transaction. Does nothing if the connection is lost.
    async fn rollback(&mut self) -> Result<(), Fault>;

    /// Runs a statement that returns rows of `columns`.
    async fn rows(
        &mut self,
        text: &str,
        parameters: &[Parameter<'_>],
        columns: &[ColumnType],
    ) -> Result<Vec<Vec<Value>>, Fault>;

    /// Runs a statement and returns how many rows it affected: found, even where they did not change.
    async fn execute(&mut self, text: &str, parameters: &[Parameter<'_>]) -> Result<u64, Fault>;

    /// Runs one step; `None` if it found another number of rows than it must.
    async fn step(&mut self, step: &Step<'_>) -> Result<Option<Written>, Fault> {
        match step.write {
            Write::Count => {
                let affected = self.execute(&step.text, &step.parameters).await?;
                Ok((affected == step.expected as u64).then(Vec::new))
            }
            Write::Revisions => {
                let rows = self.rows(&step.text, &step.parameters, &[ColumnType::Integer; 2]).await?;
                let written: Written = rows.iter().filter_map(|row| place_and_revision(row)).collect();
                Ok((written.len() == step.expected).then_some(written))
            }
        }
    }

    /// Runs steps as one durable transaction of their own; `None`, and nothing written, if one of them did not find what it must. A
    /// database that can do it in fewer round trips says so here.
    async fn write(&mut self, steps: &[Step<'_>]) -> Result<Option<Vec<Written>>, Fault> {
        write_step_by_step(self, steps).await
    }
}

/// Runs steps one after the other in a transaction: what [`Session::write`] is where nothing better is known.
pub async fn write_step_by_step<S: Session + ?Sized>(
    session: &mut S,
    steps: &[Step<'_>],
) -> Result<Option<Vec<Written>>, Fault> {
    session.begin().await?;
    let mut written = Vec::with_capacity(steps.len());
    for step in steps {
        match session.step(step).await {
            Ok(Some(found)) => written.push(found),
            Ok(None) => {
                session.rollback().await?;
                return Ok(None);
            }
            Err(fault) => {
                session.rollback().await?;
                return Err(fault);
            }
        }
    }
    session.commit().await?;
    Ok(Some(written))
}

/// The place and the revision in a row that a step returned.
pub(crate) fn place_and_revision(row: &[Value]) -> Option<(usize, u64)> {
    match row {
        [Value::Integer(place), Value::Integer(revision)] => {
            Some((usize::try_from(*place).ok()?, u64::try_from(*revision).ok()?))
        }
        _ => None,
    }
}
