//! What the server does for statements over many rows: it looks up each row, whatever there is in the table.

use aquifer_core::{Claim, SCHEMA, Value};
use aquifer_sql::{Catalog, JsonStatements, SQLITE};

use super::{open, sql, start};

/// What the server says it does for a statement.
async fn plan(url: &str, text: &str) -> Vec<String> {
    // Parameters need values, and which ones does not matter.
    let explain = format!("EXPLAIN QUERY PLAN {}", text.replace("json_each(?)", "json_each('[]')").replace('?', "1"));
    let reply = sql(url, None, &[&explain], None, true).await;
    let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    let rows = reply["results"][0]["response"]["result"]["rows"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("{text}\n{reply}"));
    rows.iter().map(|row| row[3]["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn own_server_rows_are_looked_up_by_their_keys() {
    let server = start();
    open(server.url()).await;
    let catalog = Catalog::new(&SQLITE, &SCHEMA);
    for kind in SCHEMA.kinds.iter().copied() {
        let statements = JsonStatements::of(kind);
        let column = (0..kind.columns.len()).find(|column| !kind.key.contains(column)).unwrap();
        let mut texts = vec![
            statements.update(&[column], true),
            statements.update(&[column], false),
            statements.delete(true),
            statements.delete(false),
            statements.count(true),
            statements.get(),
            statements.revisions(),
        ];
        for index in kind.indexes {
            let prefix = vec![Value::from(1); index.columns.len() - 1];
            let set = vec![(column, Value::Null)];
            let claim = Claim { kind, index: index.name, prefix, up_to: Some(Value::from(1)), limit: 10, set };
            let found = catalog.of(kind).unwrap().claim(&claim).unwrap().unwrap();
            texts.push(statements.claim(&claim, &found).text);
        }
        for text in texts {
            let plan = plan(server.url(), &text).await;
            let lookup = format!("SEARCH {} USING ", kind.name);
            assert!(plan.iter().any(|line| line.starts_with(&lookup)), "{text}\n{plan:#?}");
            let scan = format!("SCAN {}", kind.name);
            assert!(!plan.iter().any(|line| line.starts_with(&scan)), "{text}\n{plan:#?}");
            assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{text}\n{plan:#?}");
        }
    }
}
