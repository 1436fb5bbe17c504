use serde_json::Map;

use super::Reader;
use super::cursor::At;
use super::names::look_up;
use super::task::Scope;
use crate::{Backoff, Catch, ErrorFilter, ErrorTemplate, Jitter, Raise, RetryLimit, RetryPolicy, Try, expression_in};

impl Reader {
    pub(super) fn raise(&mut self, main: &At<'_>) -> Option<Raise> {
        self.object(main, "`raise`", &["error"])?;
        let at = self.require(main, "error", "`raise`")?;
        let error = match at.as_str() {
            Some(name) => {
                let outcome = look_up(&self.names.errors, name, "errors");
                ErrorTemplate { name: Some(name.to_owned()), ..self.found(&at, outcome)? }
            }
            None => self.error(&at)?,
        };
        Some(Raise { error })
    }

    pub(super) fn error(&mut self, at: &At<'_>) -> Option<ErrorTemplate> {
        let what = "the error";
        let known = self.object(at, what, &["type", "status", "instance", "title", "detail"]);
        if !at.is_map() {
            return None;
        }
        let type_ = self.required(at, "type", what, Self::uri_reference);
        let status = self.required(at, "status", what, Self::status);
        let instance = self.optional(at, "instance", |reader, at| {
            let text = reader.string(at)?;
            if text.is_empty() || text.starts_with('/') || expression_in(&text).is_some() {
                return Some(text);
            }
            let hint = "write for example /do/0/task, or leave it out".to_owned();
            reader.wrong("invalid-value", at, "`instance` is not a JSON pointer", Some(hint));
            None
        });
        let title = self.optional(at, "title", Self::string);
        let detail = self.optional(at, "detail", Self::string);
        known?;
        Some(ErrorTemplate {
            name: None,
            type_: type_?,
            status: status?,
            instance: instance?,
            title: title?,
            detail: detail?,
            pointer: at.pointer.clone(),
        })
    }

    fn status(&mut self, at: &At<'_>) -> Option<u16> {
        self.integer(at, 0, u64::from(u16::MAX)).and_then(|status| u16::try_from(status).ok())
    }

    pub(super) fn try_(&mut self, task: &At<'_>, main: &At<'_>, scope: Scope<'_>) -> Option<Try> {
        let tasks = self.task_list(main);
        let catch = self.required(task, "catch", "`try`", |reader, at| reader.catch(at, scope));
        Some(Try { tasks: tasks?, catch: catch? })
    }

    fn catch(&mut self, at: &At<'_>, scope: Scope<'_>) -> Option<Catch> {
        let properties = ["errors", "as", "when", "exceptWhen", "retry", "do", "then"];
        let known = self.object(at, "`catch`", &properties);
        if !at.is_map() {
            return None;
        }
        let errors = self.optional(at, "errors", |reader, at| {
            reader.object(at, "`errors`", &["with"])?;
            reader.optional(at, "with", Self::error_filter)
        });
        let variable = self.optional(at, "as", Self::variable);
        let when = self.optional(at, "when", Self::expression);
        let except_when = self.optional(at, "exceptWhen", Self::expression);
        let retry = self.optional(at, "retry", Self::retry);
        let tasks = self.optional(at, "do", Self::task_list);
        let then = self.optional(at, "then", |reader, at| reader.flow_directive(at, scope));
        known?;
        Some(Catch {
            errors: errors?.flatten(),
            variable: variable?.unwrap_or_else(|| "error".to_owned()),
            when: when?,
            except_when: except_when?,
            retry: retry?,
            tasks: tasks?,
            then: then?,
        })
    }

    /// Reads a filter. The schema would let unknown members pass, but a misspelled one would catch
    /// what it should not.
    fn error_filter(&mut self, at: &At<'_>) -> Option<ErrorFilter> {
        let what = "the error filter";
        let known = self.object(at, what, &["type", "status", "instance", "title", "detail", "details"]);
        if !at.is_map() {
            return None;
        }
        if at.len() == 0 {
            let hint = "remove it to catch every error".to_owned();
            self.wrong("invalid-value", at, "the error filter is empty", Some(hint));
            return None;
        }
        if let (Some(_), Some(second)) = (at.get("detail"), at.get("details")) {
            let message = "the error filter has both `detail` and `details`, which mean the same";
            self.wrong_key("conflicting-properties", &second, message, Some("remove one of the two".to_owned()));
            return None;
        }
        let type_ = self.optional(at, "type", Self::string);
        let status = self.optional(at, "status", Self::status);
        let instance = self.optional(at, "instance", Self::string);
        let title = self.optional(at, "title", Self::string);
        let detail = self.optional(at, "detail", Self::string);
        let details = self.optional(at, "details", Self::string);
        known?;
        Some(ErrorFilter {
            type_: type_?,
            status: status?,
            instance: instance?,
            title: title?,
            detail: detail?.or(details?),
        })
    }

    fn retry(&mut self, at: &At<'_>) -> Option<RetryPolicy> {
        match at.as_str() {
            Some(name) => {
                let outcome = look_up(&self.names.retries, name, "retries");
                Some(RetryPolicy { name: Some(name.to_owned()), ..self.found(at, outcome)? })
            }
            None => self.retry_policy(at),
        }
    }

    pub(super) fn retry_policy(&mut self, at: &At<'_>) -> Option<RetryPolicy> {
        let properties = ["when", "exceptWhen", "delay", "backoff", "limit", "jitter"];
        let known = self.object(at, "the retry policy", &properties);
        if !at.is_map() {
            return None;
        }
        let when = self.optional(at, "when", Self::expression);
        let except_when = self.optional(at, "exceptWhen", Self::expression);
        let delay = self.optional(at, "delay", Self::duration);
        let backoff = self.optional(at, "backoff", Self::backoff);
        let limit = self.optional(at, "limit", Self::retry_limit);
        let jitter = self.optional(at, "jitter", |reader, at| {
            let known = reader.object(at, "`jitter`", &["from", "to"]);
            let from = reader.required(at, "from", "`jitter`", Self::duration);
            let to = reader.required(at, "to", "`jitter`", Self::duration);
            known?;
            Some(Jitter { from: from?, to: to? })
        });
        known?;
        Some(RetryPolicy {
            name: None,
            when: when?,
            except_when: except_when?,
            delay: delay?,
            backoff: backoff?.unwrap_or_default(),
            limit: limit?.unwrap_or_default(),
            jitter: jitter?,
            pointer: at.pointer.clone(),
        })
    }

    fn backoff(&mut self, at: &At<'_>) -> Option<Backoff> {
        self.object(at, "`backoff`", &["constant", "exponential", "linear"])?;
        let (key, member) = self.one_of(at, &["constant", "exponential", "linear"], "`backoff`")?;
        // `exponential:` without `{}` is null in YAML; nothing is lost by accepting it.
        let parameters = if member.is_null() { Map::new() } else { self.map(&member)? };
        Some(match key {
            "constant" => Backoff::Constant(parameters),
            "exponential" => Backoff::Exponential(parameters),
            _ => Backoff::Linear(parameters),
        })
    }

    fn retry_limit(&mut self, at: &At<'_>) -> Option<RetryLimit> {
        let known = self.object(at, "`limit`", &["attempt", "duration"]);
        if !at.is_map() {
            return None;
        }
        let duration = self.optional(at, "duration", Self::duration);
        let attempt = self.optional(at, "attempt", |reader, at| {
            let known = reader.object(at, "`attempt`", &["count", "duration"]);
            let count = reader.optional(at, "count", |reader, at| {
                reader.integer(at, 0, u64::from(u32::MAX)).and_then(|count| u32::try_from(count).ok())
            });
            let duration = reader.optional(at, "duration", Self::duration);
            known?;
            Some((count?, duration?))
        });
        known?;
        let (count, attempt_duration) = attempt?.unwrap_or_default();
        Some(RetryLimit { count, attempt_duration, duration: duration? })
    }
}
