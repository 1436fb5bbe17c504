//! The names of keys, and what the scripts need to know of the schema.
//!
//! | key | type | holds |
//! | --- | --- | --- |
//! | `aquifer:schema` | hash | the version of the schema, and the layout |
//! | `aquifer:{home}:KIND:KEY…` | hash | a record: a field for each column that is not null, `_revision`, `_transaction` |
//! | `aquifer:KIND.INDEX` | sorted set | an index; `.keys` is the order of the key |
//!
//! A record's home is the first value of its key: the tenant for nearly all. It stands in braces, so that all of a tenant is in one slot
//! of a cluster. There the indexes are in the home's slot, too (`aquifer:{home}:KIND.INDEX`), and a registry says which homes have some.

use std::fmt::Write as _;

use aquifer_core::{ColumnType, Error, Index, Key, Kind, Record, Result, Schema, Value};

/// The order that every kind has, that of its key.
pub(crate) const KEYS: &str = "keys";

/// Names keys for one deployment.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) schema: &'static Schema,
    pub(crate) prefix: String,
    pub(crate) cluster: bool,
    pub(crate) streams: Option<String>,
    /// The orders of each kind of the schema.
    orders: Vec<(&'static Kind, Vec<Order>)>,
}

/// One order of a kind: that of its key, or an index.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) kind: &'static Kind,
    /// Its place in the kind's orders, from 1: what the scripts call it.
    pub(crate) number: usize,
    pub(crate) name: &'static str,
    /// The columns of its members.
    pub(crate) columns: Vec<usize>,
    /// How many of them are unique together; 0 if none.
    pub(crate) unique: usize,
    /// The schema version that brought it.
    pub(crate) since: u32,
}

impl Order {
    /// Whether its members are ordered by their homes first.
    pub(crate) fn leads_with_home(&self) -> bool {
        self.columns.first() == self.kind.key.first()
    }

    /// Whether on a cluster a registry knows which homes have members. Orders that lead with the home use that of the key.
    pub(crate) fn is_promised(&self) -> bool {
        self.name == KEYS || !self.leads_with_home()
    }

    /// What its registry is called.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.kind.name, self.name)
    }
}

/// All orders of a kind: that of the key first, then the indexes, then the constraints.
pub(crate) fn orders(kind: &'static Kind) -> Vec<Order> {
    let keys = Order { kind, number: 1, name: KEYS, columns: kind.key.to_vec(), unique: 0, since: kind.since };
    let of = |index: &'static Index, unique: usize| Order {
        kind,
        number: 0,
        name: index.name,
        columns: kind.order(Some(index)),
        unique,
        since: index.since.max(kind.since),
    };
    let indexes = kind.indexes.iter().map(|index| of(index, 0));
    let uniques = kind.uniques.iter().map(|index| of(index, index.columns.len()));
    let all = std::iter::once(keys).chain(indexes).chain(uniques);
    all.zip(1..).map(|(order, number)| Order { number, ..order }).collect()
}

/// The order of a scan or a claim.
pub(crate) fn order(kind: &'static Kind, index: Option<&str>) -> Result<Order> {
    let name = index.unwrap_or(KEYS);
    let found = orders(kind).into_iter().find(|order| order.name == name);
    found.ok_or_else(|| Error::invalid(format!("{} has no index {name:?}", kind.name)))
}

/// A value as a part of the name of a key.
fn push_escaped(name: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, '%' | '{' | '}' | ':' | ' ') || c.is_ascii_control() {
            // Writing to a string cannot fail.
            let _ = write!(name, "%{:02X}", u32::from(c));
        } else {
            name.push(c);
        }
    }
}

/// A value as text, as its field has it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(integer) => integer.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Timestamp(time) => time.to_string(),
        Value::Null | Value::Json(_) | Value::Bytes(_) => String::new(),
    }
}

/// The home of a partition, as it stands in names. An empty one would not make a hash tag.
pub(crate) fn home(partition: &[Value]) -> String {
    let mut name = String::from("{");
    push_escaped(&mut name, &partition.first().map(plain).unwrap_or_default());
    if name.len() == 1 {
        name.push('%');
    }
    name.push('}');
    name
}

impl Layout {
    /// # Errors
    /// `Invalid` for a schema that has no place in this layout.
    pub(crate) fn new(schema: &'static Schema, options: &crate::RedisOptions) -> Result<Self> {
        for kind in schema.kinds {
            if kind.index(KEYS).is_some() {
                return Err(Error::invalid(format!(
                    "{} has an index called {KEYS}, as its key's own order is",
                    kind.name
                )));
            }
            if kind.partition == 0 || kind.key.is_empty() {
                return Err(Error::invalid(format!("{} has no partition to keep in one slot", kind.name)));
            }
        }
        let (prefix, streams) = (options.prefix.clone(), options.streams.clone());
        let orders = schema.kinds.iter().map(|kind| (*kind, orders(kind))).collect();
        Ok(Self { schema, prefix, cluster: options.is_cluster(), streams, orders })
    }

    /// The orders of a kind; none for one that the schema does not have.
    pub(crate) fn orders(&self, kind: &Kind) -> &[Order] {
        self.orders.iter().find(|(known, _)| *known == kind).map_or(&[], |(_, orders)| orders)
    }

    /// Holds the version of the schema.
    pub(crate) fn schema_key(&self) -> String {
        format!("{}:schema", self.prefix)
    }

    /// What publishes that records of a kind changed.
    pub(crate) fn channel(&self, kind: &Kind) -> String {
        format!("{}:changes:{}", self.prefix, kind.name)
    }

    /// The hash of a record.
    pub(crate) fn record_key(&self, key: &Key) -> String {
        let mut name = format!("{}:{}:{}", self.prefix, home(&key.values), key.kind.name);
        for value in key.values.iter().skip(1) {
            name.push(':');
            push_escaped(&mut name, &plain(value));
        }
        name
    }

    /// The sorted set of an order.
    pub(crate) fn order_key(&self, home: &str, order: &Order) -> String {
        if self.cluster {
            format!("{}:{home}:{}", self.prefix, order.label())
        } else {
            format!("{}:{}", self.prefix, order.label())
        }
    }

    /// The stream that a record of the kind with this key is handed out in.
    pub(crate) fn stream_key(&self, key: &Key) -> Option<String> {
        let (declared, prefix) = (key.kind.stream.as_ref()?, self.streams.as_ref()?);
        let mut name = prefix.clone();
        let mut rest = declared.name;
        while let Some((text, tail)) = rest.split_once('{') {
            let (column, tail) = tail.split_once('}')?;
            name.push_str(text);
            let place =
                key.kind.key.iter().position(|position| {
                    key.kind.columns.get(*position).is_some_and(|declared| declared.name == column)
                })?;
            if place == 0 {
                // The braces stay, so that the stream is in the slot of what it is written with.
                name.push_str(&home(&key.values));
            } else {
                push_escaped(&mut name, &key.values.get(place).map(plain)?);
            }
            rest = tail;
        }
        name.push_str(rest);
        Some(name)
    }

    /// What the transaction of a stream's record adds to it: numbers and entries. Nothing where the record does not have what is declared,
    /// such as a value that was too large for one record.
    pub(crate) fn entries<'a>(&self, record: &'a Record) -> Vec<(i64, &'a str)> {
        let entries = || {
            let declared = record.kind.stream.as_ref()?;
            let text = match record.values.get(declared.entries)? {
                Value::Text(text) => text.as_str(),
                Value::Json(json) => json.as_str(),
                _ => return None,
            };
            let Some(Value::Integer(first)) = record.values.get(declared.first) else { return None };
            let raw: Vec<&serde_json::value::RawValue> = serde_json::from_str(text).ok()?;
            let count = i64::try_from(raw.len()).ok()?;
            let last = first.checked_add(count)?;
            (*first > 0).then(|| (*first..last).zip(raw.into_iter().map(|raw| raw.get())).collect())
        };
        if self.streams.is_none() {
            return Vec::new();
        }
        entries().unwrap_or_default()
    }

    /// Every other key that a transaction may touch in a slot of a cluster, so that the server sees whether all are there.
    pub(crate) fn touched(&self, home: &str, kind: &'static Kind, keys: &mut Vec<String>) {
        if !self.cluster {
            return;
        }
        for order in self.orders(kind) {
            let key = self.order_key(home, order);
            if order.is_promised() {
                keys.push(format!("{key}:promise"));
            }
            keys.push(key);
        }
    }

    /// A key of the registry of an order.
    pub(crate) fn registry_key(&self, order: &Order, what: &str) -> String {
        format!("{}:registry:{{{}}}:{what}", self.prefix, order.label())
    }

    /// What the scripts need to know of the schema, in Lua.
    pub(crate) fn declaration(&self) -> String {
        let mut lua = format!(
            "local CLUSTER, PREFIX = {}, '{}'\nlocal function declared(n)\n",
            self.cluster,
            quoted(&self.prefix)
        );
        for (kind, number) in self.schema.kinds.iter().zip(1..) {
            let name = |column: &usize| kind.columns.get(*column).map_or("", |column| column.name);
            let names = |columns: &mut dyn Iterator<Item = &usize>| {
                columns.map(|column| format!("'{}'", name(column))).collect::<Vec<_>>().join(",")
            };
            let all: Vec<usize> = (0..kind.columns.len()).collect();
            let is =
                |column: &usize, test: fn(&aquifer_core::Column) -> bool| kind.columns.get(*column).is_some_and(test);
            let listed = names(&mut all.iter().filter(|column| is(column, |column| !column.detail)));
            let integers = all.iter().filter(|column| is(column, |column| column.column_type == ColumnType::Integer));
            let integers = integers.map(|column| format!("['{}']=true", name(column))).collect::<Vec<_>>().join(",");
            let orders = orders(kind);
            let ordered = all.iter().filter(|column| orders.iter().any(|order| order.columns.contains(column)));
            let ordered = names(&mut ordered.into_iter());
            let orders = orders.iter().map(|order| {
                let (fixed, wide) = (order.leads_with_home(), !order.leads_with_home());
                let unique = if order.unique == 0 { String::from("false") } else { order.unique.to_string() };
                format!(
                    "{{name='{}',columns={{{}}},unique={unique},promised={},fixed={fixed},wide={wide}}}",
                    order.name,
                    names(&mut order.columns.iter()),
                    order.is_promised(),
                )
            });
            let orders = orders.collect::<Vec<_>>().join(",");
            let _ = writeln!(
                lua,
                "if n=={number} then return {{name='{}',columns={{{}}},listed={{{listed}}},key={{{}}},integer={{{integers}}},ordered={{{ordered}}},orders={{{orders}}}}} end",
                kind.name,
                names(&mut all.iter()),
                names(&mut kind.key.iter()),
            );
        }
        // Made once a call, and only of the kinds that it is about.
        lua.push_str("end\nlocal kinds = {}\nlocal function kind(n)\nlocal k = kinds[n]\nif not k then\nk = declared(n)\nkinds[n] = k\nend\nreturn k\nend\n");
        lua
    }

    /// The number that the scripts call a kind by.
    ///
    /// # Errors
    /// `Invalid` if the schema does not have it.
    pub(crate) fn number(&self, kind: &'static Kind) -> Result<usize> {
        let place = self.schema.kinds.iter().position(|known| *known == kind);
        place.map(|place| place + 1).ok_or_else(|| Error::invalid(format!("the schema has no kind {}", kind.name)))
    }
}

/// Text as it stands in a quoted string of Lua.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
