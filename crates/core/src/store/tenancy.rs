//! The records of one tenant.

use super::owned::TenantEntity;
use super::query::{Listing, Order, Query};
use super::{Store, references, removal, validity};
use crate::backend::BackendExt;
use crate::entity::Stored;
use crate::error::{Error, ErrorKind, Result};
use crate::id::TenantId;
use crate::record::{Key, Record};
use crate::scan::Scan;
use crate::timestamp::Timestamp;
use crate::transaction::{Condition, Operation, Transaction};
use crate::value::Value;

/// A handle on the records of one tenant. Records of another do not exist for it, whatever key or cursor is given.
///
/// Every function fails as `Unavailable` if the backend does not answer; further errors are said where they arise.
#[derive(Debug, Clone)]
pub struct Tenancy {
    store: Store,
    tenant_id: TenantId,
}

impl Tenancy {
    pub(super) fn new(store: Store, tenant_id: TenantId) -> Self {
        Self { store, tenant_id }
    }

    /// The tenant.
    pub fn id(&self) -> &TenantId {
        &self.tenant_id
    }

    /// The store that this is a part of.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The key of a record of this tenant: `rest` is what follows the tenant in the kind's key.
    pub(super) fn key<E: TenantEntity>(&self, rest: impl IntoIterator<Item = Value>) -> Key {
        Key::new(E::KIND, std::iter::once(Value::from(&self.tenant_id)).chain(rest))
    }

    /// Reads one record, with all columns. `rest` is what follows the tenant in the kind's key.
    ///
    /// # Errors
    /// `NotFound` if there is none, or if it has expired.
    pub async fn get<E: TenantEntity>(&self, rest: impl IntoIterator<Item = Value>) -> Result<Stored<E>> {
        let key = self.key::<E>(rest);
        let record = self.store.backend().get_one(key.clone()).await?;
        match record.filter(|record| !is_void(record, self.store.now())) {
            Some(record) => Stored::from_record(record),
            None => Err(missing::<E>(&key)),
        }
    }

    /// Reads one page of a listing. Costs what the page holds.
    ///
    /// # Errors
    /// `Invalid` for an index that is not declared or does not begin with the tenant, a limit out of range, or a cursor of another
    /// listing.
    pub async fn list<E: TenantEntity>(&self, query: Query) -> Result<Listing<E>> {
        let Query { index, equals, lower, detail, paging } = query;
        let mut scan = Scan {
            index,
            prefix: std::iter::once(Value::from(&self.tenant_id)).chain(equals).collect(),
            lower,
            descending: paging.order == Order::NewestFirst,
            limit: paging.limit,
            cursor: paging.cursor,
            ..Scan::key(E::KIND)
        };
        scan.detail = detail;
        let leading = scan.kind.order(scan.declared_index()?).first().copied();
        if leading != E::KIND.key.first().copied() {
            let message =
                format!("the index {:?} crosses tenants: use one that begins with the tenant", index.unwrap_or("key"));
            return Err(Error::invalid(message).with_record_kind(E::KIND.name));
        }
        let page = self.store.backend().scan(&scan).await?;
        let now = self.store.now();
        let mut items = Vec::with_capacity(page.records.len());
        for record in page.records.into_iter().filter(|record| !is_void(record, now)) {
            let item = Stored::<E>::from_record(record)?;
            if item.tenant_id() != &self.tenant_id {
                return Err(Error::corrupt("a listing gave a record of another tenant").with_record_kind(E::KIND.name));
            }
            items.push(item);
        }
        Ok(Listing { items, next: page.next })
    }

    /// The first record of a listing: for unique constraints.
    pub(super) async fn find<E: TenantEntity>(&self, query: Query) -> Result<Option<Stored<E>>> {
        let mut query = query.with_detail();
        query.paging.limit = 1;
        Ok(self.list(query).await?.items.pop())
    }

    /// Stores a new record. Its `created_at` and `updated_at` become the store's time.
    ///
    /// # Errors
    /// `NotFound` if it belongs to another tenant or refers to something that does not exist; `AlreadyExists` if its key or a
    /// unique value is taken; `Invalid` or `TooLarge` for its names and documents.
    pub async fn create<E: TenantEntity>(&self, entity: E) -> Result<Stored<E>> {
        let (record, operations) = self.insert(&entity).await?;
        self.store.backend().commit_one(Transaction::new(operations)).await.map_err(|error| explain::<E>(error))?;
        Stored::from_record(Record { revision: 1, ..record })
    }

    /// The record of a new entity, and what stores it.
    pub(super) async fn insert<E: TenantEntity>(&self, entity: &E) -> Result<(Record, Vec<Operation>)> {
        let mut record = entity.to_record();
        self.own(entity, &record)?;
        let now = self.store.now();
        stamp(&mut record, "created_at", now);
        stamp(&mut record, "updated_at", now);
        validity::check(&record)?;
        let mut operations = references::check(&self.store, &record).await?;
        operations.push(Operation::Insert(record.clone()));
        Ok((record, operations))
    }

    /// Replaces a record that nobody else has changed since it was read, and returns it as it is then. Its `updated_at` becomes the
    /// store's time; its key and `created_at` stay.
    ///
    /// Not for kinds with detail columns, which a listing leaves out: that does not compile.
    ///
    /// # Errors
    /// `NotFound` if it is gone or belongs to another tenant; `Conflict` if it was changed meanwhile; and those of
    /// [`Tenancy::create`].
    pub async fn update<E: TenantEntity>(&self, stored: Stored<E>) -> Result<Stored<E>> {
        const { assert!(is_whole(E::KIND), "records with detail columns are not updated as a whole") };
        let (record, operations) = self.replace(&stored).await?;
        let committed =
            self.store.backend().commit_one(Transaction::new(operations)).await.map_err(|error| explain::<E>(error))?;
        let revision = committed.revisions.last().copied().unwrap_or(stored.revision.saturating_add(1));
        Stored::from_record(Record { revision, ..record })
    }

    /// The record of a changed entity, and what stores it, the last operation being the update itself.
    pub(super) async fn replace<E: TenantEntity>(&self, stored: &Stored<E>) -> Result<(Record, Vec<Operation>)> {
        let mut record = stored.entity.to_record();
        self.own(&stored.entity, &record)?;
        stamp(&mut record, "updated_at", self.store.now());
        validity::check(&record)?;
        let mut operations = references::check(&self.store, &record).await?;
        let kept = E::KIND.column("created_at");
        let set = record
            .values
            .iter()
            .enumerate()
            .filter(|(position, _)| !E::KIND.key.contains(position) && Some(*position) != kept)
            .map(|(position, value)| (position, value.clone()))
            .collect();
        operations.push(Operation::Update { key: record.key(), condition: Condition::Revision(stored.revision), set });
        Ok((record, operations))
    }

    /// Deletes a record and all that belongs to it, in chunks, the record itself last: if it fails midway, it can be done again.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Conflict` if it cannot be deleted yet, such as an execution that has not ended, or a workflow with
    /// executions.
    pub async fn delete<E: TenantEntity>(&self, rest: impl IntoIterator<Item = Value>) -> Result<()> {
        let stored = self.get::<E>(rest).await?;
        stored.may_be_deleted()?;
        removal::remove(&self.store, stored.entity.to_record().key(), E::NOUN).await
    }

    fn own<E: TenantEntity>(&self, entity: &E, record: &Record) -> Result<()> {
        if entity.tenant_id() == &self.tenant_id { Ok(()) } else { Err(missing::<E>(&record.key())) }
    }
}

/// Whether a kind has no detail columns, so that a record from a listing is complete.
const fn is_whole(kind: &crate::Kind) -> bool {
    let mut position = 0;
    while position < kind.columns.len() {
        if kind.columns[position].detail {
            return false;
        }
        position += 1;
    }
    true
}

/// Whether the record has expired: it is void before it is removed.
fn is_void(record: &Record, now: Timestamp) -> bool {
    let expires_at = record.kind.expiry.and_then(|column| record.values.get(column));
    matches!(expires_at, Some(Value::Timestamp(time)) if *time <= now)
}

fn stamp(record: &mut Record, column: &str, now: Timestamp) {
    let place = record.kind.column(column).and_then(|column| record.values.get_mut(column));
    if let Some(place) = place {
        *place = Value::from(now);
    }
}

fn missing<E: TenantEntity>(key: &Key) -> Error {
    let name: Vec<String> = key
        .values
        .iter()
        .skip(1)
        .map(|value| value.as_text().map_or_else(|| format!("{value:?}"), str::to_owned))
        .collect();
    Error::not_found(format!("there is no {} {}", E::NOUN, name.join("/"))).with_record_kind(E::KIND.name)
}

/// Says what a refusal means for whoever asked.
pub(super) fn explain<E: TenantEntity>(error: Error) -> Error {
    let message = match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("there is such a {} already: its name or another unique value is taken", E::NOUN)
        }
        ErrorKind::Conflict => format!("the {} was changed by somebody else meanwhile: read it again", E::NOUN),
        ErrorKind::NotFound => format!("the {}, or what it refers to, does not exist", E::NOUN),
        _ => return error,
    };
    Error::new(error.kind(), message).with_record_kind(E::KIND.name).with_source(error)
}
