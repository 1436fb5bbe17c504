//! The page, from what was measured and what is written beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::results::{Capabilities, Measured, Results};
use super::texts::{BACKENDS, Backend};

/// Where many workflows at once do fewer times the steps of one, the page says why.
const ENOUGH: f64 = 8.0;
/// What part of the processors' time may be used before they are the limit: some always goes to waiting for one another.
const BUSY: f64 = 0.8;

const HEAD: &str = "\
<!-- Written by `cargo xtask backends` from backends.json: change that, or xtask/src/backends. -->

# The databases compared

Which database holds the data changes nothing that Aquifer promises but what stands on this page. All of them pass the same suites: see
[promises.md](promises.md). Conditions, unique constraints, claims and transactions are atomic on each.
";

const MEASURED: &str = "\
Compare ratios, not absolute numbers: both sides of a ratio come from one run, and another machine has other numbers.

- **A step** is the median of a durable step, one workflow at a time, in durable commits of one row through the bare driver.
- **Times as many** is steps a second with 64 workflows at once, divided by those with one at a time.
- **Of the rows** is steps a second with 64 workflows at once, divided by the rows a second that the bare driver writes in
  durable batches of 64.
- **Processors** is what part of the processors' time all programs used together with 64 workflows at once.

`aquifer bench --help` says how it is measured; `aquifer bench --database-url URL` measures yours.
";

const REMARKS: &str = "
In memory there is no driver to compare with. The bare driver's batches on MySQL and MariaDB wait: over TLS it sends more than 16 KiB
in two pieces, the second of which waits some 40 ms for the first to be acknowledged, so that the engine, which has several commits under
way, writes more rows than that. What was measured for MongoDB is the server that its section names, and says nothing of a `mongod`'s speed.
";

/// The whole page.
pub(super) fn of(results: &Results) -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## Promises\n\n| | an acknowledged commit survives | reads | changes of others |\n| --- | --- | --- | --- |\n");
    for Backend { title, survives, reads, changes, .. } in &BACKENDS {
        line(&mut page, &format!("| [{title}](#{}) | {survives} | {reads} | {changes} |", anchor(title)));
    }
    page.push_str("\n## Measured\n\n");
    line(&mut page, &place(results));
    page.push_str(MEASURED);
    page.push_str(
        "\n| | a step | steps/s, one at a time | steps/s, 64 at once | times as many | of the rows | processors |\n",
    );
    page.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (backend, measured) in measured(results) {
        line(&mut page, &figures(backend, measured));
    }
    page.push_str(REMARKS);
    for backend in &BACKENDS {
        page.push_str(&section(backend, results.backends.get(backend.name)));
    }
    page
}

fn measured(results: &Results) -> impl Iterator<Item = (&Backend, &Measured)> {
    BACKENDS.iter().filter_map(|backend| Some((backend, results.backends.get(backend.name)?)))
}

/// `Measured on 2026-01-31, on 2 cores of ...`.
fn place(results: &Results) -> String {
    let dates: BTreeSet<&str> = results.backends.values().map(|measured| measured.date.as_str()).collect();
    let dates = dates.into_iter().collect::<Vec<_>>().join(" and ");
    let machine = &results.machine;
    let processor = match machine.processor.as_str() {
        "" => String::new(),
        name => format!(" ({name})"),
    };
    format!("On {dates}, on a machine of {} cores{processor}, which server and engine share.\n", machine.cores)
}

fn figures(backend: &Backend, measured: &Measured) -> String {
    let (report, sequence) = (&measured.report, &measured.report.sequence);
    let ratio = |ratio: Option<f64>, unit: &str| ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}{unit}"));
    format!(
        "| {} | {} | {} | {} | {:.1} | {} | {:.0}% |",
        backend.title,
        ratio(report.step_in_commits(), " commits"),
        grouped(sequence.alone_steps_per_second),
        grouped(sequence.steps_per_second),
        sequence.speedup,
        ratio(report.part_of_rows(), ""),
        sequence.processors_used * 100.0,
    )
}

fn section(backend: &Backend, measured: Option<&Measured>) -> String {
    let mut text = format!("\n## {}\n\n", backend.title);
    let Some(measured) = measured else {
        let _ = writeln!(text, "Not measured. More: [{0}]({0}).", backend.more);
        return text;
    };
    if !measured.server.is_empty() {
        line(&mut text, &format!("Tested against {}.", measured.server));
    }
    line(&mut text, &format!("More: [{}]({}).\n", backend.more.trim_start_matches("../"), backend.more));
    text.push_str(&capabilities(&measured.report.capabilities));
    let sequence = &measured.report.sequence;
    if sequence.speedup < ENOUGH {
        line(&mut text, &format!("\n{}", limit(backend, measured)));
    }
    text
}

/// What keeps many at once from doing many times as much.
fn limit(backend: &Backend, measured: &Measured) -> String {
    let sequence = &measured.report.sequence;
    let (used, own) = (sequence.processors_used, sequence.processors_used_by_engine);
    let limited_by = match backend.limited_by {
        _ if used >= BUSY => "The processors are the limit.".to_owned(),
        likely => format!("The likely limit: {likely}"),
    };
    let alone = measured.report.step_in_commits();
    let alone = alone.map(|alone| format!(" A step alone takes {alone:.2} bare commits.")).unwrap_or_default();
    format!(
        "{} at once do {:.1} times the steps of one, while {:.0}% of the processors' time is used, {:.0}% by the engine's process. \
         {limited_by}{alone}",
        sequence.concurrency,
        sequence.speedup,
        used * 100.0,
        own * 100.0,
    )
}

fn capabilities(capabilities: &Capabilities) -> String {
    let Capabilities { max_record_bytes, max_operations, max_transaction_bytes, concurrent_commits, .. } = capabilities;
    let yes = |yes: bool, then: &'static str, or: &'static str| if yes { then } else { or };
    let mut text = String::from("| capability | value |\n| --- | --- |\n");
    for (what, value) in [
        ("record, above which values are stored in parts", size(*max_record_bytes)),
        ("operations of a transaction", grouped(*max_operations as f64)),
        ("values of a transaction", size(*max_transaction_bytes)),
    ] {
        line(&mut text, &format!("| {what} | at most {value} |"));
    }
    let concurrent = match *concurrent_commits {
        u64::MAX => "any number, none waits for another".to_owned(),
        1 => "1, of all that wait".to_owned(),
        many => format!("up to {many}, each of what waits"),
    };
    line(&mut text, &format!("| commits under way at once (`concurrent_commits`) | {concurrent} |"));
    for (what, value) in [
        ("outlives the process (`durable`)", yes(capabilities.durable, "yes", "no")),
        ("listings may lag (`scans_may_lag`)", yes(capabilities.scans_may_lag, "yes", "no")),
        ("changes of other processes (`push`)", yes(capabilities.push, "told", "found by polling")),
        (
            "expired records (`native_expiry`)",
            yes(capabilities.native_expiry, "removed by the database", "swept by Aquifer"),
        ),
    ] {
        line(&mut text, &format!("| {what} | {value} |"));
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

/// Bytes in the largest unit that keeps them whole.
fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

/// A whole number with commas between its thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn results(speedup: f64, used: f64) -> Results {
        let report = json!({
            "server": "SQLite 3.51.3",
            "capabilities": {
                "max_record_bytes": 16 << 20, "max_operations": 1000, "max_transaction_bytes": 384 << 10,
                "concurrent_commits": 1,
                "scans_may_lag": false, "native_expiry": false, "push": false, "durable": true,
            },
            "bare": {
                "commit_us_p50": 100.0, "commit_us_p50_after": 120.0,
                "batched_rows_per_second": 20_000.0, "batched_rows_per_second_after": 20_000.0,
            },
            "sequence": {
                "step": { "p50_us": 165.0, "p99_us": 300.0 }, "concurrency": 64,
                "alone_steps_per_second": 1000.0, "steps_per_second": 1000.0 * speedup, "speedup": speedup,
                "processors_used": used, "processors_used_by_engine": 0.25,
            },
        });
        let sqlite = json!({ "date": "2026-01-31", "server": "SQLite 3.51.3", "report": report });
        let all = json!({ "machine": { "cores": 2, "processor": "a chip" }, "backends": { "sqlite": sqlite } });
        Results::parse(&all.to_string()).unwrap()
    }

    #[test]
    fn ratios_capabilities_and_limits_are_on_the_page() {
        let page = of(&results(7.5, 0.5));
        for text in [
            "On 2026-01-31, on a machine of 2 cores (a chip)",
            "| SQLite | 1.50 commits | 1,000 | 7,500 | 7.5 | 0.38 | 50% |",
            "Tested against SQLite 3.51.3.",
            "| record, above which values are stored in parts | at most 16 MiB |",
            "| values of a transaction | at most 384 KiB |",
            "| commits under way at once (`concurrent_commits`) | 1, of all that wait |",
            "64 at once do 7.5 times the steps of one, while 50% of the processors' time is used, 25% by the engine's process. ",
            "## DynamoDB\n\nNot measured.",
        ] {
            assert!(page.contains(text), "{text:?} is not in {page}");
        }
        assert!(!of(&results(8.0, 0.5)).contains("times the steps of one"));
        assert!(of(&results(7.5, 0.9)).contains("25% by the engine's process. The processors are the limit. A step"));
    }

    #[test]
    fn what_was_measured_is_read_back_as_it_was_written() {
        let results = results(2.0, 0.5);
        let text = results.text().unwrap();
        assert_eq!(of(&Results::parse(&text).unwrap()), of(&results));
    }

    #[test]
    fn every_link_of_the_page_leads_to_a_file() {
        let docs = crate::command::root().join("docs");
        for backend in &BACKENDS {
            assert!(docs.join(backend.more).exists(), "{}", backend.more);
        }
    }
}
