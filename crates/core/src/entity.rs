//! Typed records: the Rust structs of the declared kinds.

use crate::error::{Error, Result};
use crate::record::Record;
use crate::schema::Kind;
use crate::timestamp::Timestamp;
use crate::value::{ColumnType, Json, Value};

/// A Rust type that a column can hold.
pub trait Field: Sized {
    /// The type of the column.
    const TYPE: ColumnType;
    /// Whether the column may be null.
    const NULLABLE: bool;

    /// The stored value.
    fn to_value(&self) -> Value;

    /// Reads a stored value; `None` if it is not of this type.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! fields {
    ($($type:ty = $variant:ident),*) => {$(
        impl Field for $type {
            const TYPE: ColumnType = ColumnType::$variant;
            const NULLABLE: bool = false;
            fn to_value(&self) -> Value {
                Value::$variant(self.clone())
            }
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value),
                    _ => None,
                }
            }
        }
    )*};
}

fields!(String = Text, i64 = Integer, bool = Boolean, Timestamp = Timestamp, Json = Json, Vec<u8> = Bytes);

impl<T: Field> Field for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::to_value)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A struct whose fields are the columns of a kind. Implemented by [`crate::kind!`].
pub trait Entity: Sized + Send + Sync + 'static {
    /// The kind's declaration.
    const KIND: &'static Kind;

    /// The record to store.
    fn to_record(&self) -> Record;

    /// Reads a stored record.
    ///
    /// # Errors
    /// `Corrupt` if a value is not what the declaration says.
    fn from_record(record: Record) -> Result<Self>;
}

/// An entity as it is stored: with its revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<E> {
    /// The entity.
    pub entity: E,
    /// Its revision, to be named when it is changed.
    pub revision: u64,
}

impl<E: Entity> Stored<E> {
    /// Reads a stored record.
    ///
    /// # Errors
    /// `Corrupt` if a value is not what the declaration says.
    pub fn from_record(record: Record) -> Result<Self> {
        let revision = record.revision;
        Ok(Self { entity: E::from_record(record)?, revision })
    }
}

impl<E> std::ops::Deref for Stored<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.entity
    }
}

/// Takes the next value of a record; used by [`crate::kind!`].
#[doc(hidden)]
pub fn take<T: Field>(kind: &'static Kind, column: &'static str, value: Option<Value>) -> Result<T> {
    value.and_then(T::from_value).ok_or_else(|| {
        Error::corrupt(format!("{column} does not hold what the schema says")).with_record_kind(kind.name)
    })
}

/// Declares a kind: its columns with types, key, partition, unique constraints, indexes, references, expiry and stream, and
/// with them the Rust struct of its records and an enum that names its columns.
///
/// Flags in brackets after a column's type: `detail` for values that may be large, which listings leave out; `secret` for
/// values that debug output never shows; `since = 2` for the schema version that brought the column.
///
/// ```
/// aquifer_core::kind! {
///     /// A note that somebody wrote.
///     Note as "notes", columns NoteColumn {
///         /// The tenant it belongs to.
///         tenant_id: aquifer_core::TenantId,
///         /// Its number.
///         number: i64,
///         /// Who wrote it, if known.
///         author: Option<String>,
///         /// What it says.
///         body: Option<String> [detail],
///     }
///     key(tenant_id, number) partition 1;
///     index by_author(tenant_id, author);
/// }
/// use aquifer_core::Entity;
/// assert_eq!(Note::KIND.columns[NoteColumn::author as usize].name, "author");
/// ```
#[macro_export]
macro_rules! kind {
    (
        $(#[doc = $doc:literal])*
        $name:ident as $table:literal, columns $column:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident : $type:ty $([$($flag:ident $(= $flag_value:literal)?),*])?
            ),* $(,)?
        }
        key($($key:ident),*) partition $partition:literal $(since $kind_since:literal)?;
        $(index $index:ident($($index_column:ident),*) $(since $index_since:literal)?;)*
        $(unique $unique:ident($($unique_column:ident),*) $(since $unique_since:literal)?;)*
        $(reference($($reference_column:ident),*) -> $target:literal;)*
        $(expiry $expiry:ident;)?
        $(stream $stream:literal of $entries:ident from $first:ident at $time:ident;)?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: $type,)*
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let mut debug = f.debug_struct(stringify!($name));
                $(
                    if $crate::kind!(@secret $($($flag)*)?) {
                        debug.field(stringify!($field), &format_args!("<secret>"));
                    } else {
                        debug.field(stringify!($field), &self.$field);
                    }
                )*
                debug.finish()
            }
        }

        #[doc = concat!("The columns of `", $table, "`, by position.")]
        #[allow(non_camel_case_types, reason = "the variants are the columns' own names")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $column {
            $($(#[doc = $field_doc])* $field,)*
        }

        impl $crate::Entity for $name {
            const KIND: &'static $crate::Kind = &$crate::Kind {
                name: $table,
                doc: concat!($($doc),*),
                columns: &[$($crate::Column {
                    name: stringify!($field),
                    doc: concat!($($field_doc),*),
                    column_type: <$type as $crate::Field>::TYPE,
                    nullable: <$type as $crate::Field>::NULLABLE,
                    detail: $crate::kind!(@detail $($($flag)*)?),
                    secret: $crate::kind!(@secret $($($flag)*)?),
                    since: $crate::kind!(@since $($($flag $(= $flag_value)?)*)?),
                }),*],
                key: &[$($column::$key as usize),*],
                partition: $partition,
                indexes: &[$($crate::Index {
                    name: stringify!($index),
                    columns: &[$($column::$index_column as usize),*],
                    since: $crate::kind!(@version $($index_since)?),
                }),*],
                uniques: &[$($crate::Index {
                    name: stringify!($unique),
                    columns: &[$($column::$unique_column as usize),*],
                    since: $crate::kind!(@version $($unique_since)?),
                }),*],
                references: &[$($crate::Reference {
                    columns: &[$($column::$reference_column as usize),*],
                    target: $target,
                }),*],
                expiry: $crate::kind!(@expiry $($column $expiry)?),
                stream: $crate::kind!(@stream $($stream $column $entries $first $time)?),
                since: $crate::kind!(@version $($kind_since)?),
            };

            fn to_record(&self) -> $crate::Record {
                $crate::Record::new(<Self as $crate::Entity>::KIND, vec![$($crate::Field::to_value(&self.$field)),*])
            }

            fn from_record(record: $crate::Record) -> $crate::Result<Self> {
                let mut values = record.values.into_iter();
                Ok(Self {
                    $($field: $crate::entity_take(record.kind, stringify!($field), values.next())?,)*
                })
            }
        }
    };
    (@detail) => { false };
    (@detail detail $($rest:tt)*) => { true };
    (@detail $other:ident $($rest:tt)*) => { $crate::kind!(@detail $($rest)*) };
    (@secret) => { false };
    (@secret secret $($rest:tt)*) => { true };
    (@secret $other:ident $($rest:tt)*) => { $crate::kind!(@secret $($rest)*) };
    (@since) => { 1 };
    (@since since = $version:literal $($rest:tt)*) => { $version };
    (@since $other:ident $($rest:tt)*) => { $crate::kind!(@since $($rest)*) };
    (@version) => { 1 };
    (@version $version:literal) => { $version };
    (@expiry) => { None };
    (@expiry $column:ident $expiry:ident) => { Some($column::$expiry as usize) };
    (@stream) => { None };
    (@stream $name:literal $column:ident $entries:ident $first:ident $time:ident) => {
        Some($crate::Stream {
            name: $name,
            entries: $column::$entries as usize,
            first: $column::$first as usize,
            time: $column::$time as usize,
        })
    };
}

/// Declares an enum whose values are stored as text.
macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every value, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stored text.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Reads the stored text.
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl From<$name> for $crate::Value {
            fn from(value: $name) -> Self {
                Self::Text(value.as_str().to_owned())
            }
        }

        impl $crate::Field for $name {
            const TYPE: $crate::ColumnType = $crate::ColumnType::Text;
            const NULLABLE: bool = false;
            fn to_value(&self) -> $crate::Value {
                $crate::Value::Text(self.as_str().to_owned())
            }
            fn from_value(value: $crate::Value) -> Option<Self> {
                Self::from_text(value.as_text()?)
            }
        }
    };
}

pub(crate) use text_enum;
