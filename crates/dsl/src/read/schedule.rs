use super::Reader;
use super::cursor::At;
use super::event::READ_AS;
use super::text::cron_mistake;
use crate::Schedule;

impl Reader {
    pub(super) fn schedule(&mut self, at: &At<'_>) -> Option<Schedule> {
        let known = self.object(at, "`schedule`", &["every", "cron", "after", "on", "read"]);
        let every = self.optional(at, "every", Self::duration);
        let cron = self.optional(at, "cron", Self::cron);
        let after = self.optional(at, "after", Self::duration);
        let on = self.optional(at, "on", |reader, at| reader.consumption(at, true));
        let read = self.optional(at, "read", |reader, at| reader.choice(at, &READ_AS));
        if let (Some(read), None) = (at.get("read"), at.get("on")) {
            let hint = "add `on`, or remove `read`".to_owned();
            self.wrong_key("conflicting-properties", &read, "`read` goes together with `on` only", Some(hint));
            return None;
        }
        known?;
        Some(Schedule { every: every?, cron: cron?, after: after?, on: on?, read: read?.unwrap_or_default() })
    }

    fn cron(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.text(at)?;
        if let Some(mistake) = cron_mistake(&text) {
            let hint = "write minute, hour, day of month, month and day of week, such as 0 8 * * 1-5".to_owned();
            self.wrong("bad-cron", at, format!("the cron expression {mistake}"), Some(hint));
            return None;
        }
        Some(text)
    }
}
