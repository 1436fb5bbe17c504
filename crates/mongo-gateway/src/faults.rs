//! Faults on demand: MongoDB's `failCommand`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bson::Document;

use crate::failure::Failure;

/// The faults that clients have asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

#[derive(Debug, Clone)]
struct Fault {
    commands: Vec<String>,
    app: Option<String>,
    /// How many commands pass before.
    skip: u32,
    /// How many fail.
    times: u32,
    blow: Blow,
}

/// What a command is to suffer.
#[derive(Debug, Clone)]
pub(crate) struct Blow {
    /// Whether the command is done before it fails.
    pub(crate) after: bool,
    /// How long it takes.
    pub(crate) delay: Option<Duration>,
    /// Whether the connection breaks instead of an answer.
    close: bool,
    code: Option<i32>,
    labels: Vec<String>,
}

impl Blow {
    /// How the command fails; `None` if it is only slow.
    pub(crate) fn failure(&self) -> Option<Failure> {
        if self.close {
            return Some(Failure::Disconnect);
        }
        let message = "failing command due to fail point".to_owned();
        self.code.map(|code| Failure::Command { code, message, labels: self.labels.clone() })
    }
}

impl Faults {
    /// Takes `configureFailPoint` with `failCommand`; what a client of the same application asked for before is forgotten.
    pub(crate) fn configure(&self, command: &Document) {
        let (mut skip, mut times) = (0, u32::MAX);
        let mut is_off = false;
        if let Ok(mode) = command.get_document("mode") {
            skip = number(mode, "skip").unwrap_or(0);
            times = number(mode, "times").unwrap_or(u32::MAX);
        } else {
            is_off = command.get_str("mode").is_ok_and(|mode| mode == "off");
        }
        let nothing = Document::new();
        let data = command.get_document("data").unwrap_or(&nothing);
        let texts = |name: &str| -> Vec<String> {
            let array = data.get_array(name).into_iter().flatten();
            array.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let flag = |name: &str| data.get_bool(name).unwrap_or(false);
        let delay = number(data, "blockTimeMS").filter(|_| flag("blockConnection"));
        let app = data.get_str("appName").ok().map(str::to_owned);
        let fault = Fault {
            commands: texts("failCommands"),
            app: app.clone(),
            skip,
            times,
            blow: Blow {
                after: flag("afterCommand"),
                delay: delay.map(|millis| Duration::from_millis(millis.into())),
                close: flag("closeConnection"),
                code: number(data, "errorCode").and_then(|code| i32::try_from(code).ok()),
                labels: texts("errorLabels"),
            },
        };
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.retain(|other| other.app != app);
        if !is_off {
            faults.push(fault);
        }
    }

    /// What this command is to suffer, if anything; counts it.
    pub(crate) fn strike(&self, command: &str, app: Option<&str>) -> Option<Blow> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults.iter_mut() {
            let meant = fault.commands.iter().any(|name| name == command)
                && fault.app.as_deref().is_none_or(|wanted| Some(wanted) == app);
            if !meant || fault.times == 0 {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.times != u32::MAX {
                fault.times -= 1;
            }
            return Some(fault.blow.clone());
        }
        None
    }
}

/// A number that is not negative, of whichever type.
fn number(document: &Document, name: &str) -> Option<u32> {
    let value = document.get(name)?;
    let whole = value.as_i64().or_else(|| value.as_i32().map(i64::from)).or_else(|| value.as_f64().map(|n| n as i64));
    whole.and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_was_asked_to() {
        let faults = Faults::default();
        faults.configure(&doc! {
            "configureFailPoint": "failCommand", "mode": { "times": 2 },
            "data": { "failCommands": ["insert"], "errorCode": 112, "appName": "mine" },
        });
        assert!(faults.strike("insert", None).is_none(), "not for other applications");
        assert!(faults.strike("update", Some("mine")).is_none(), "not for other commands");
        for _ in 0..2 {
            let failure = faults.strike("insert", Some("mine")).and_then(|blow| blow.failure()).unwrap();
            assert!(failure.is_conflict());
        }
        assert!(faults.strike("insert", Some("mine")).is_none());
    }

    #[test]
    fn a_fault_is_taken_back() {
        let faults = Faults::default();
        let data = doc! { "failCommands": ["insert"], "closeConnection": true };
        faults.configure(&doc! { "configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data });
        assert!(matches!(faults.strike("insert", None).and_then(|blow| blow.failure()), Some(Failure::Disconnect)));
        faults.configure(&doc! { "configureFailPoint": "failCommand", "mode": "off" });
        assert!(faults.strike("insert", None).is_none());
    }
}
