//! The flow files of Strom, read and written without loss.

mod content;
mod records;

use std::collections::HashSet;

use aquifer_core::{Error, Json, Result};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::text::{self, Members};

const VERSION: u32 = 1;

/// A flow as Strom stores it, with what its database keeps in columns of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct StromFlow {
    /// The flow's id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The state of its pipeline as Strom spells it, such as `playing`; `None` if it has none.
    pub state: Option<String>,
    /// Whether it starts by itself when Strom does.
    pub auto_restart: bool,
    /// The whole flow, with members that nobody here knows. This is what is exported.
    pub data: Json,
}

impl StromFlow {
    /// Whether the other flow holds the same as this one, whatever its white space, the order of its members and the escapes in its
    /// texts. Numbers are compared digit by digit.
    pub fn has_content_of(&self, other: &Self) -> bool {
        content::is_same(self.data.as_str(), other.data.as_str())
    }
}

/// Reads the text of a Strom file, `{"version": 1, "flows": [...]}`. As for Strom, an empty file holds no flows.
///
/// # Errors
/// `Invalid`, with the place, if it is not such a file, if it is of a newer version, if members stand beside the flows
/// (they would be lost), or if two flows have the same id.
///
/// ```
/// let file = r#"{ "version": 1, "flows": [
///     { "id": "4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10", "name": "Studio", "properties": { "auto_restart": true } }
/// ] }"#;
/// let flows = aquifer_json::import_strom(file)?;
/// assert_eq!(flows[0].name, "Studio");
/// assert!(flows[0].auto_restart);
/// assert_eq!(aquifer_json::import_strom(&aquifer_json::export_strom(&flows))?, flows);
/// # Ok::<(), aquifer_core::Error>(())
/// ```
pub fn import_strom(text: &str) -> Result<Vec<StromFlow>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let document: &RawValue = serde_json::from_str(text)
        .map_err(|error| Error::invalid(format!("not a strom file: not JSON: {error}")).with_source(error))?;
    let mut members =
        text::members(document.get()).map_err(|reason| Error::invalid(format!("not a strom file: {reason}")))?;
    let version: u32 = required(&mut members, "version").map_err(Error::invalid)?;
    if version != VERSION {
        return Err(Error::invalid(format!(
            "the strom file has version {version}, but only version {VERSION} is known: export it from strom as that"
        )));
    }
    let flows: Vec<&RawValue> = required(&mut members, "flows").map_err(Error::invalid)?;
    if let Some(name) = members.keys().next() {
        return Err(Error::invalid(format!(
            "the strom file has {name:?} beside its flows, which would be lost: remove it first"
        )));
    }
    let mut seen = HashSet::with_capacity(flows.len());
    let mut read = Vec::with_capacity(flows.len());
    for (position, text) in flows.into_iter().enumerate() {
        let flow = flow(text).map_err(|reason| Error::invalid(format!("flows[{position}]: {reason}")))?;
        if !seen.insert(flow.id) {
            return Err(Error::invalid(format!("flows[{position}]: another flow has the id {}", flow.id)));
        }
        read.push(flow);
    }
    Ok(read)
}

/// Writes flows as the text of a Strom file: the [`StromFlow::data`] of each, as it was read.
pub fn export_strom(flows: &[StromFlow]) -> String {
    let mut export = StromExport::default();
    let mut text: String = flows.iter().map(|flow| export.add(flow)).collect();
    text.push_str(&export.finish());
    text
}

/// Writes a Strom file in pieces, for flows that are not in memory all at once. The pieces one after the other are the
/// text that [`export_strom`] writes.
///
/// ```
/// let export = aquifer_json::StromExport::default();
/// assert_eq!(export.finish(), aquifer_json::export_strom(&[]));
/// ```
#[derive(Debug, Default)]
pub struct StromExport {
    any: bool,
}

impl StromExport {
    /// The piece for the next flow.
    pub fn add(&mut self, flow: &StromFlow) -> String {
        let data = flow.data.as_str();
        if self.any {
            return format!(",\n    {data}");
        }
        self.any = true;
        format!("{}\n    {data}", head())
    }

    /// The last piece.
    pub fn finish(self) -> String {
        if self.any { "\n  ]\n}\n".to_owned() } else { format!("{}]\n}}\n", head()) }
    }
}

/// What stands before the first flow.
fn head() -> String {
    format!("{{\n  \"version\": {VERSION},\n  \"flows\": [")
}

fn flow(text: &RawValue) -> Result<StromFlow, String> {
    let mut members = text::members(text.get())?;
    let id: String = required(&mut members, "id")?;
    let id = Uuid::try_parse(&id).map_err(|error| format!("the id {id:?} is not a UUID: {error}"))?;
    let name = required(&mut members, "name")?;
    // The state was called `state` in older versions.
    let state: Option<Option<String>> = match optional(&mut members, "gst_state")? {
        None => optional(&mut members, "state")?,
        found => found,
    };
    let properties: Option<&RawValue> = optional(&mut members, "properties")?;
    let auto_restart = match properties {
        Some(properties) => {
            let mut properties = text::members(properties.get()).map_err(|reason| format!("properties: {reason}"))?;
            optional(&mut properties, "auto_restart").map_err(|reason| format!("properties: {reason}"))?
        }
        None => None,
    };
    let data = Json::from_text(text.get().to_owned()).map_err(|error| error.to_string())?;
    Ok(StromFlow { id, name, state: state.flatten(), auto_restart: auto_restart.unwrap_or(false), data })
}

fn required<'a, T: serde::Deserialize<'a>>(members: &mut Members<'a>, name: &str) -> Result<T, String> {
    optional(members, name)?.ok_or_else(|| format!("{name} is missing"))
}

fn optional<'a, T: serde::Deserialize<'a>>(members: &mut Members<'a>, name: &str) -> Result<Option<T>, String> {
    let Some(text) = members.remove(name) else { return Ok(None) };
    serde_json::from_str(text.get()).map(Some).map_err(|error| format!("{name} is wrong: {error}"))
}

#[cfg(test)]
mod tests;
