use serde_json::{Map, Value};

use super::Reader;
use super::cursor::At;
use crate::{Consumption, Correlation, Emit, EventFilter, Listen, ReadAs, SubscriptionIterator, Until, expression_in};

pub(super) const READ_AS: [(&str, ReadAs); 3] =
    [("data", ReadAs::Data), ("envelope", ReadAs::Envelope), ("raw", ReadAs::Raw)];

impl Reader {
    pub(super) fn emit(&mut self, main: &At<'_>) -> Option<Emit> {
        self.object(main, "`emit`", &["event"])?;
        let event = self.require(main, "event", "`emit`")?;
        self.is_object(&event)?;
        let with = self.require(&event, "with", "the event")?;
        let attributes = self.event_attributes(&with);
        self.require(&with, "type", "the event")?;
        Some(Emit { with: attributes?, pointer: with.pointer })
    }

    /// Checks the attributes of an event that CloudEvents defines; extension attributes are free.
    fn event_attributes(&mut self, at: &At<'_>) -> Option<Map<String, Value>> {
        self.is_object(at)?;
        let mut fine = true;
        for attribute in at.members() {
            fine &= match attribute.name {
                "source" | "dataschema" => self.uri_reference(&attribute).is_some(),
                "id" | "type" => self.text(&attribute).is_some(),
                "subject" | "datacontenttype" => self.string(&attribute).is_some(),
                "time" => self.date_time(&attribute).is_some(),
                _ => true,
            };
        }
        if fine { self.map(at) } else { None }
    }

    /// Reads a URI, possibly relative, or an expression in `${ }`.
    pub(super) fn uri_reference(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.text(at)?;
        if expression_in(&text).is_none() && text.contains(char::is_whitespace) {
            let hint = "percent-encode spaces, or write an expression in ${ }".to_owned();
            self.wrong("bad-uri", at, format!("`{}` is not a URI", at.name), Some(hint));
            return None;
        }
        Some(text)
    }

    fn date_time(&mut self, at: &At<'_>) -> Option<()> {
        let text = self.text(at)?;
        if expression_in(&text).is_some() || text.parse::<jiff::Timestamp>().is_ok() {
            return Some(());
        }
        let hint = "write for example 2026-01-31T12:00:00Z, or an expression in ${ }".to_owned();
        self.wrong("bad-date-time", at, format!("`{}` is not a date and time with an offset", at.name), Some(hint));
        None
    }

    pub(super) fn listen(&mut self, task: &At<'_>, main: &At<'_>) -> Option<Listen> {
        let known = self.object(main, "`listen`", &["to", "read"]);
        let to = self.required(main, "to", "`listen`", |reader, at| reader.consumption(at, true));
        let read = self.optional(main, "read", |reader, at| reader.choice(at, &READ_AS));
        let foreach = self.optional(task, "foreach", Self::subscription_iterator);
        known?;
        Some(Listen { to: to?, read: read?.unwrap_or_default(), foreach: foreach? })
    }

    /// Reads which events are consumed. `until` is not allowed within an `until`.
    pub(super) fn consumption(&mut self, at: &At<'_>, until_allowed: bool) -> Option<Consumption> {
        let what = "the choice of events";
        self.object(at, what, &["all", "any", "one", "until"])?;
        let (key, filters) = self.one_of(at, &["all", "any", "one"], what)?;
        if let Some(until) = at.get("until") {
            let mistake = match (key, until_allowed) {
                ("any", true) => None,
                ("any", false) => Some("`until` cannot have an `until` itself"),
                _ => Some("`until` goes together with `any` only"),
            };
            if let Some(message) = mistake {
                self.wrong_key("misplaced-until", &until, message, Some("remove this `until`".to_owned()));
                return None;
            }
        }
        match key {
            "all" => self.event_filters(&filters).map(Consumption::All),
            "one" => self.event_filter(&filters).map(Consumption::One),
            _ => {
                let filters = self.event_filters(&filters);
                let until = self.optional(at, "until", Self::until);
                Some(Consumption::Any { filters: filters?, until: until? })
            }
        }
    }

    fn until(&mut self, at: &At<'_>) -> Option<Until> {
        if at.is_map() {
            return self.consumption(at, false).map(|events| Until::Events(Box::new(events)));
        }
        self.expression(at).map(Until::Expression)
    }

    fn event_filters(&mut self, at: &At<'_>) -> Option<Vec<EventFilter>> {
        self.is_array(at)?;
        let filters: Vec<Option<EventFilter>> = at.items().map(|item| self.event_filter(&item)).collect();
        filters.into_iter().collect()
    }

    fn event_filter(&mut self, at: &At<'_>) -> Option<EventFilter> {
        let what = "the event filter";
        let known = self.object(at, what, &["with", "correlate"]);
        if !at.is_map() {
            return None;
        }
        let with = self.require(at, "with", what)?;
        let attributes = self.filter_attributes(&with);
        let correlate = self.optional(at, "correlate", Self::correlations);
        known?;
        Some(EventFilter { with: attributes?, correlate: correlate?.unwrap_or_default(), pointer: at.pointer.clone() })
    }

    /// Attributes of a filter may be patterns, so that only their types are checked.
    fn filter_attributes(&mut self, at: &At<'_>) -> Option<Map<String, Value>> {
        self.is_object(at)?;
        if at.len() == 0 {
            let hint = "give at least one attribute, such as type".to_owned();
            self.wrong("invalid-value", at, "the event filter is empty", Some(hint));
            return None;
        }
        let typed = ["id", "source", "type", "time", "subject", "datacontenttype", "dataschema"];
        let mut fine = true;
        for attribute in at.members().filter(|attribute| typed.contains(&attribute.name)) {
            fine &= self.string(&attribute).is_some();
        }
        if fine { self.map(at) } else { None }
    }

    fn correlations(&mut self, at: &At<'_>) -> Option<Vec<Correlation>> {
        self.is_object(at)?;
        let all: Vec<Option<Correlation>> = at.members().map(|member| self.correlation(&member)).collect();
        all.into_iter().collect()
    }

    fn correlation(&mut self, at: &At<'_>) -> Option<Correlation> {
        let known = self.object(at, "the correlation", &["from", "expect"]);
        if !at.is_map() {
            return None;
        }
        let from = self.required(at, "from", "the correlation", Self::expression);
        let expect = self.optional(at, "expect", Self::string);
        known?;
        Some(Correlation { name: at.name.to_owned(), from: from?, expect: expect? })
    }

    pub(super) fn subscription_iterator(&mut self, at: &At<'_>) -> Option<SubscriptionIterator> {
        let known = self.object(at, "`foreach`", &["item", "at", "do", "output", "export"]);
        let item = self.optional(at, "item", Self::variable);
        let index = self.optional(at, "at", Self::variable);
        let tasks = self.optional(at, "do", Self::task_list);
        let output = self.optional(at, "output", Self::output);
        let export = self.optional(at, "export", Self::export);
        known?;
        Some(SubscriptionIterator {
            item: item?.unwrap_or_else(|| "item".to_owned()),
            at: index?.unwrap_or_else(|| "index".to_owned()),
            tasks: tasks?.unwrap_or_default(),
            output: output?.unwrap_or_default(),
            export: export?.unwrap_or_default(),
        })
    }
}
