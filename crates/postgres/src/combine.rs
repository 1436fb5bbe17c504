//! Several writes as one statement, which is its own transaction and takes one round trip.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use aquifer_core::Value;
use aquifer_sql::network::{Parameter, Step, Write, Written};

/// How many combinations are kept. Each costs every connection a prepared statement, and a program has few that matter;
/// what comes beyond is written step by step.
const MOST: usize = 48;

/// The most steps of a combination.
const MOST_STEPS: usize = 16;

/// Knows the combinations there have been.
#[derive(Debug, Default)]
pub(crate) struct Combiner {
    texts: Mutex<HashMap<Vec<Arc<str>>, Arc<str>>>,
}

/// Steps as one statement.
#[derive(Debug)]
pub(crate) struct Combined<'a> {
    pub(crate) text: Arc<str>,
    pub(crate) parameters: Vec<Parameter<'a>>,
    steps: usize,
}

#[cfg(test)]
impl Combiner {
    /// The statements there have been.
    pub(crate) fn texts(&self) -> Vec<Arc<str>> {
        self.texts.lock().unwrap().values().cloned().collect()
    }

    /// Begins anew.
    pub(crate) fn forget(&self) {
        self.texts.lock().unwrap().clear();
    }
}

impl Combiner {
    /// The steps as one statement, which fails with a division by zero, and writes nothing, if one of them does not find what it
    /// must; `None` if there are too many of them or too many combinations.
    pub(crate) fn combine<'a>(&self, steps: &[Step<'a>]) -> Option<Combined<'a>> {
        if steps.len() > MOST_STEPS {
            return None;
        }
        let key: Vec<Arc<str>> = steps.iter().map(|step| Arc::clone(&step.text)).collect();
        let text = {
            let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            match texts.get(&key) {
                Some(text) => Arc::clone(text),
                None if texts.len() >= MOST => return None,
                None => {
                    let text: Arc<str> = text(steps).into();
                    texts.insert(key, Arc::clone(&text));
                    text
                }
            }
        };
        let mut parameters: Vec<Parameter<'a>> =
            steps.iter().flat_map(|step| step.parameters.iter().cloned()).collect();
        parameters.extend(steps.iter().map(|step| Parameter::number(step.expected as u64)));
        Some(Combined { text, parameters, steps: steps.len() })
    }
}

impl Combined<'_> {
    /// What each step gave, from the rows of the statement: the step, the place and the revision.
    pub(crate) fn written(&self, rows: Vec<Vec<Value>>) -> Vec<Written> {
        let mut written = vec![Written::new(); self.steps];
        for row in rows {
            if let [Value::Integer(step), Value::Integer(place), Value::Integer(revision)] = row.as_slice()
                && let (Ok(step), Ok(place), Ok(revision)) =
                    (usize::try_from(*step), usize::try_from(*place), u64::try_from(*revision))
                && let Some(written) = written.get_mut(step)
            {
                written.push((place, revision));
            }
        }
        written
    }
}

/// Each step as a part of a `WITH`; all of them run to their end, and their effects stand or fall together. The first row counts them.
fn text(steps: &[Step<'_>]) -> String {
    let mut text = String::with_capacity(1024 * steps.len());
    let mut parameters = 0;
    for (number, step) in steps.iter().enumerate() {
        text.push_str(if number == 0 { "WITH " } else { ", " });
        // Writing to a string does not fail.
        let _ = write!(text, "w{number} AS (");
        shift(&step.text, parameters, &mut text);
        if step.write == Write::Count && !step.text.starts_with("SELECT") {
            text.push_str(" RETURNING 1");
        }
        text.push(')');
        parameters += step.parameters.len();
    }
    text.push_str(" SELECT -1::bigint, 1 / CASE WHEN ");
    for number in 0..steps.len() {
        let expected = parameters + number + 1;
        let and = if number == 0 { "" } else { " AND " };
        let _ = write!(text, "{and}(SELECT count(*) FROM w{number}) = ${expected}");
    }
    text.push_str(" THEN 1::bigint ELSE 0::bigint END, 0::bigint");
    for (number, _) in steps.iter().enumerate().filter(|(_, step)| step.write == Write::Revisions) {
        let _ = write!(text, " UNION ALL SELECT {number}::bigint, place, revision FROM w{number}");
    }
    text
}

/// Adds a statement with its parameters counted from `by` on. A `$` stands for nothing else in a generated statement.
fn shift(statement: &str, by: usize, text: &mut String) {
    let mut parts = statement.split('$');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        let _ = write!(text, "${}{rest}", number.parse::<usize>().unwrap_or(0) + by);
    }
}

#[cfg(test)]
mod tests {
    use aquifer_core::ColumnType;

    use super::*;

    fn step(text: &str, write: Write) -> Step<'static> {
        let parameters = vec![Parameter::Many(ColumnType::Text, Vec::new()); 2];
        Step { text: text.into(), parameters, write, expected: 3 }
    }

    #[test]
    fn parameters_are_counted_on_and_rows_are_counted() {
        let combiner = Combiner::default();
        let steps = [
            step("INSERT INTO a SELECT * FROM UNNEST($1::text[], $2::text[])", Write::Count),
            step("UPDATE b SET c = $2 WHERE d = $1 RETURNING u.place, t.\"revision\"", Write::Revisions),
        ];
        let combined = combiner.combine(&steps).unwrap();
        assert_eq!(
            &*combined.text,
            "WITH w0 AS (INSERT INTO a SELECT * FROM UNNEST($1::text[], $2::text[]) RETURNING 1), \
             w1 AS (UPDATE b SET c = $4 WHERE d = $3 RETURNING u.place, t.\"revision\") \
             SELECT -1::bigint, 1 / CASE WHEN (SELECT count(*) FROM w0) = $5 AND (SELECT count(*) FROM w1) = $6 \
             THEN 1::bigint ELSE 0::bigint END, 0::bigint \
             UNION ALL SELECT 1::bigint, place, revision FROM w1"
        );
        assert_eq!(combined.parameters.len(), 6);
        let rows = [[-1, 1, 0], [1, 2, 7]].map(|row| row.map(Value::Integer).to_vec()).to_vec();
        assert_eq!(combined.written(rows), [vec![], vec![(2, 7)]]);
    }

    #[test]
    fn combinations_are_bounded() {
        let combiner = Combiner::default();
        for number in 0..MOST {
            assert!(combiner.combine(&[step(&format!("INSERT {number}"), Write::Count)]).is_some());
        }
        assert!(combiner.combine(&[step("INSERT", Write::Count)]).is_none());
        assert!(combiner.combine(&[step("INSERT 0", Write::Count)]).is_some());
    }
}
