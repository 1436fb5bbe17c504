//! Names in the database, and the indexes that a kind has.

use aquifer_core::{Error, Index, Kind, Result, Schema};
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use std::time::Duration;

/// The field that holds the key: a document of its columns, in their order.
pub(crate) const ID: &str = "_id";
/// The field that counts the writes of a record.
pub(crate) const REVISION: &str = "revision";
/// The field that names the transaction that wrote the record last.
pub(crate) const TRANSACTION_ID: &str = "transaction_id";
/// The field that names the claim that took the record last.
pub(crate) const CLAIM_ID: &str = "claim_id";
/// The field that a transaction writes to a record that it only checks, so that it conflicts with whoever changes it.
pub(crate) const CHECKED_BY: &str = "checked_by";

/// The collection that says what is stored.
pub(crate) const META: &str = "aquifer_meta";
/// The only document of [`META`].
pub(crate) const META_ID: &str = "schema";
/// The field of the stored schema version.
pub(crate) const VERSION: &str = "version";

/// What every document has besides its columns.
const OWN_FIELDS: [&str; 5] = [ID, REVISION, TRANSACTION_ID, CLAIM_ID, CHECKED_BY];

/// The index by which the database removes what has expired.
const EXPIRY_INDEX: &str = "aquifer_expiry";

/// The name of the field that repeats an expiry column as a date, which is what the database expires by.
pub(crate) fn date_of(column: &str) -> String {
    format!("{column}_date")
}

/// Checks that the columns of a schema leave the fields of the backend free.
///
/// # Errors
/// `Invalid`, naming the kind and the column.
pub(crate) fn check(schema: &Schema) -> Result<()> {
    for kind in schema.kinds {
        let date = kind.expiry.and_then(|column| kind.columns.get(column)).map(|column| date_of(column.name));
        for column in kind.columns {
            if OWN_FIELDS.contains(&column.name) || date.as_deref() == Some(column.name) {
                let message = format!("a column cannot be called {:?}, which the backend needs", column.name);
                return Err(Error::invalid(message).with_record_kind(kind.name));
            }
        }
        if kind.name == META {
            return Err(Error::invalid(format!("a kind cannot be called {META:?}")));
        }
    }
    Ok(())
}

/// The name of a column; empty for a position that the kind does not have.
pub(crate) fn name(kind: &'static Kind, column: usize) -> &'static str {
    kind.columns.get(column).map_or("", |column| column.name)
}

/// The columns that a scan of `index` (`None`: of the key) sorts by. A unique constraint is a total order by itself, so that its
/// index needs no more columns.
pub(crate) fn sorted_by(kind: &'static Kind, index: Option<&'static Index>) -> Vec<usize> {
    match index {
        Some(index) if is_unique(kind, index) => index.columns.to_vec(),
        index => kind.order(index),
    }
}

pub(crate) fn is_unique(kind: &'static Kind, index: &Index) -> bool {
    kind.uniques.iter().any(|unique| unique.name == index.name)
}

/// The columns whose fields a document must have to be in an index: those that may be null, since an index holds no nulls. Of a unique
/// constraint it is all of them, so that what holds the place of an absent record, or has given up a value for a moment, is in none.
pub(crate) fn present(kind: &'static Kind, index: &'static Index) -> impl Iterator<Item = usize> {
    let is_unique = is_unique(kind, index);
    let is_nullable = |column: usize| kind.columns.get(column).is_some_and(|column| column.nullable);
    index.columns.iter().copied().filter(move |column| is_unique || is_nullable(*column))
}

/// All indexes of a kind but that of the key.
pub(crate) fn indexes(kind: &'static Kind) -> Vec<IndexModel> {
    let declared = kind.indexes.iter().chain(kind.uniques).map(|index| {
        let keys: Document =
            sorted_by(kind, Some(index)).into_iter().map(|column| (name(kind, column).to_owned(), 1.into())).collect();
        let present =
            present(kind, index).map(|column| (name(kind, column).to_owned(), doc! { "$exists": true }.into()));
        let present: Document = present.collect();
        let options = IndexOptions::builder()
            .name(index.name.to_owned())
            .unique(is_unique(kind, index).then_some(true))
            .partial_filter_expression((!present.is_empty()).then_some(present))
            .build();
        IndexModel::builder().keys(keys).options(options).build()
    });
    let expiry = kind.expiry.and_then(|column| kind.columns.get(column)).map(|column| {
        let options = IndexOptions::builder().name(EXPIRY_INDEX.to_owned()).expire_after(Duration::ZERO).build();
        IndexModel::builder().keys(doc! { date_of(column.name): 1 }).options(options).build()
    });
    declared.chain(expiry).collect()
}
