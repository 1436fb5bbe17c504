//! What is written comes back as it was.

use aquifer_core::{
    BackendExt, Entity, ErrorKind, Json, Operation, Record, SHORT_TEXT_BYTES, Scan, Timestamp, Transaction, Value,
};

use crate::harness::Database;
use crate::schema::{Thing, ThingColumn};
use crate::support::{delete, done, expect_listing, get, group, insert, key, refused, set, thing, things};

const TITLE: usize = ThingColumn::title as usize;

/// Writes a value by an insert and by an update, and reads both.
async fn comes_back(database: &dyn Database, values: impl IntoIterator<Item = (ThingColumn, Value)>) {
    let backend = things(database).await;
    insert(&*backend, thing(0).to_record()).await;
    let mut revision = 1;
    for (number, (column, value)) in (1..).zip(values) {
        let column = column as usize;
        let mut record = thing(number).to_record();
        record.values[column] = value.clone();
        insert(&*backend, record.clone()).await;
        let expected = Record { revision: 1, ..record };
        assert_eq!(get(&*backend, key(number)).await, Some(expected));
        // One at a time, because a column may be unique.
        done(&*backend, vec![delete(key(number))]).await;
        revision += 1;
        assert_eq!(done(&*backend, vec![set(key(0), vec![(column, value.clone())])]).await, [revision]);
        let updated = get(&*backend, key(0)).await.expect("the record");
        assert_eq!(updated.values[column], value);
    }
}

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "  two  ",
        "\n",
        "\r\n",
        "\t",
        "a\u{1}b",
        "\u{7f}",
        "'",
        "''",
        "\"",
        "\\",
        "\\0",
        "\\n",
        "%",
        "_",
        "?",
        "$1",
        ":a",
        "NULL",
        "null",
        "true",
        "0",
        "-0",
        "1e3",
        "é",
        "e\u{301}",
        "ÄÖÜß",
        "中文",
        "עברית",
        "العربية",
        "\u{feff}bom",
        "\u{200b}",
        "😀",
        "👩‍👩‍👧‍👦",
        "\u{10ffff}",
        "\u{ffff}",
        "\u{e000}",
        "--",
        "/*",
        ";",
        "{}",
        "[1]",
        "$parts",
        "{\"$parts\":\"x\"}",
    ]
    .map(str::to_owned)
    .into();
    texts.push("long ".repeat(2_000));
    texts.push("ü😀".repeat(1_000));
    texts
}

pub(crate) async fn text_comes_back_byte_for_byte(database: &dyn Database) {
    let values = texts().into_iter().flat_map(|text| {
        let long = [(ThingColumn::title, Value::from(text.as_str())), (ThingColumn::body, Value::from(text.as_str()))];
        let short = (text.len() <= SHORT_TEXT_BYTES).then(|| {
            [(ThingColumn::name, Value::from(text.as_str())), (ThingColumn::email, Value::from(text.as_str()))]
        });
        long.into_iter().chain(short.into_iter().flatten())
    });
    comes_back(database, values).await;
}

pub(crate) async fn text_that_holds_json_comes_back_byte_for_byte(database: &dyn Database) {
    // As JSON these would be normalised, or refused; as text they are nobody's business.
    let texts = [
        r#"{ "b" : 1 ,"a":  2}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"n":123456789012345678901234567890.000,"e":1E400,"z":-0}"#,
        r#""\u0000""#,
        r#"{"\u0061":"\ud83d\ude00\/"}"#,
        r#""\ud800""#,
        "[1, 2.0, 3.10]",
        "{ broken",
    ];
    comes_back(database, texts.map(|text| (ThingColumn::title, Value::from(text)))).await;
}

fn json(text: &str) -> Json {
    Json::from_text(text.to_owned()).expect("a document")
}

pub(crate) async fn documents_mean_the_same(database: &dyn Database) {
    let mut documents: Vec<Json> = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "9223372036854775807",
        "-9223372036854775808",
        "1e10",
        r#""""#,
        r#""text 'quoted' \" \\ \n \t é 😀""#,
        "[]",
        "{}",
        r#"{"":0}"#,
        r#"{ "b": [1, {"c": null}],  "a": {"z": false, "y": [[]]} }"#,
        r#"{"$parts":"x"}"#,
        r#"{"$literal":{"$parts":[]}}"#,
        r#"{"dotted.name":1,"$dollar":2,"with space":3,"é":4}"#,
    ]
    .into_iter()
    .map(json)
    .collect();
    // Deep, but not deeper than any database's parser takes.
    documents.push(json(&format!("{}{}", "[".repeat(30), "]".repeat(30))));
    let many: Vec<_> = (0..2_000).map(|number| serde_json::json!({ "number": number })).collect();
    documents.push(Json::encode(&many).expect("a document"));
    let values = documents.into_iter().flat_map(|document| {
        [(ThingColumn::document, Value::from(document.clone())), (ThingColumn::extra, Value::from(document))]
    });
    comes_back(database, values).await;
}

pub(crate) async fn odd_documents_are_kept_or_refused(database: &dyn Database) {
    let backend = things(database).await;
    let odd = [
        r#"{"a":"\u0000"}"#,
        r#"{"\u0000":1}"#,
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
    ];
    for (number, text) in (1..).zip(odd) {
        let mut thing = thing(number);
        thing.document = Some(json(text));
        let record = thing.to_record();
        match backend.commit_one(Transaction::new(vec![Operation::Insert(record.clone())])).await {
            Ok(_) => assert_eq!(get(&*backend, key(number)).await, Some(Record { revision: 1, ..record })),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
                assert_eq!(get(&*backend, key(number)).await, None);
            }
        }
    }
}

pub(crate) async fn extremes_of_numbers_and_times(database: &dyn Database) {
    let integers = [0, 1, -1, i64::MAX, i64::MIN, i64::MAX - 1, (1 << 53) + 1, -(1 << 53) - 1, i64::from(i32::MIN) - 1];
    let times = [
        Timestamp::MIN,
        Timestamp::MAX,
        Timestamp::EPOCH,
        Timestamp::from_micros(-1).expect("in range"),
        Timestamp::from_micros(1).expect("in range"),
        Timestamp::from_micros(999_999).expect("in range"),
        // The shortest day and the longest year that calendars disagree about.
        "0001-12-31T23:59:59.999999Z".parse().expect("a time"),
        "1582-10-10T00:00:00Z".parse().expect("a time"),
        "2024-02-29T12:00:00.000001Z".parse().expect("a time"),
        "2038-01-19T03:14:08Z".parse().expect("a time"),
    ];
    let values = integers
        .into_iter()
        .flat_map(|integer| [(ThingColumn::rank, Value::from(integer)), (ThingColumn::code, Value::from(integer))])
        .chain(times.into_iter().map(|time| (ThingColumn::due_at, Value::from(time))))
        .chain([true, false].map(|flag| (ThingColumn::flag, Value::from(flag))));
    comes_back(database, values.collect::<Vec<_>>()).await;
}

pub(crate) async fn bytes_come_back(database: &dyn Database) {
    let all: Vec<u8> = (0..=255).collect();
    let values = [vec![], vec![0], vec![255], b"\\x00".to_vec(), all.clone(), all.repeat(100)];
    comes_back(database, values.map(|bytes| (ThingColumn::data, Value::from(bytes)))).await;
}

pub(crate) async fn long_keys(database: &dyn Database) {
    let backend = things(database).await;
    // As long as may be, in one, two and four bytes a character.
    let longest = ["k", "ü", "😀"].map(|character| {
        let text = character.repeat(SHORT_TEXT_BYTES / character.len());
        format!("{text}{}", "k".repeat(SHORT_TEXT_BYTES % character.len()))
    });
    let mut records = Vec::new();
    for tenant in &longest {
        for id in &longest {
            let mut group = group(tenant, id);
            group.name.clone_from(id);
            insert(&*backend, group.to_record()).await;
            let mut thing = thing(1);
            thing.tenant.clone_from(tenant);
            thing.group_id.clone_from(id);
            thing.name = Some(id.clone());
            thing.owner = Some(tenant.clone());
            thing.email = Some(format!("{}{}", id.len(), &id[..8]));
            thing.due_at = Some(Timestamp::EPOCH);
            insert(&*backend, thing.to_record()).await;
            let record = Record { revision: 1, ..thing.to_record() };
            assert_eq!(get(&*backend, record.key()).await.as_ref(), Some(&record));
            records.push(record);
        }
    }
    for index in ["by_name", "by_owner", "by_email"] {
        let expected = crate::support::listed(Thing::KIND, Some(index), &records, false);
        expect_listing(&*backend, &Scan::index(Thing::KIND, index).limit(2), &expected).await;
    }
    // One byte more is refused, and a key that differs in the last byte is another key.
    let long = group("t", &"k".repeat(SHORT_TEXT_BYTES + 1)).to_record();
    refused(backend.commit_one(Transaction::new(vec![Operation::Insert(long)])).await, ErrorKind::Invalid);
    let other = group(&"k".repeat(SHORT_TEXT_BYTES), &format!("{}l", "k".repeat(SHORT_TEXT_BYTES - 1)));
    assert_eq!(get(&*backend, other.to_record().key()).await, None);
}

pub(crate) async fn odd_keys(database: &dyn Database) {
    let backend = things(database).await;
    let odd = [
        "", " ", "a ", " a", "A", "ä", "a\u{308}", "a/b", "a:b", "a|b", "a,b", "a#b", "{a}", "*", "?", "[a]", "%", "_",
        "\\", "'", "\"", "..", "\u{1f}", "\n", "null", "0", "00", "😀",
    ];
    let mut keys = Vec::new();
    for (number, id) in (10..).zip(odd) {
        let mut group = group("o", id);
        group.name = format!("name {number}");
        group.count = number;
        insert(&*backend, group.to_record()).await;
        keys.push((group.to_record().key(), Record { revision: 1, ..group.to_record() }));
    }
    for (key, record) in &keys {
        assert_eq!(get(&*backend, key.clone()).await.as_ref(), Some(record));
    }
    // Each is one record of its own: removing one leaves the others.
    while let Some((key, _)) = keys.pop() {
        done(&*backend, vec![delete(key)]).await;
        let left = backend.get(&keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()).await;
        assert!(left.expect("the read succeeds").iter().all(Option::is_some));
    }
}

pub(crate) async fn what_expires_later_stays(database: &dyn Database) {
    let backend = things(database).await;
    let later: Timestamp = "9000-01-01T00:00:00Z".parse().expect("a time");
    let mut records = Vec::new();
    for (number, expires_at) in (1..).zip([Some(later), None, Some(Timestamp::MAX)]) {
        let mut thing = thing(number);
        thing.expires_at = expires_at;
        insert(&*backend, thing.to_record()).await;
        records.push(Record { revision: 1, ..thing.to_record() });
    }
    let by_expiry = Scan::index(Thing::KIND, "by_expiry");
    expect_listing(&*backend, &by_expiry, &[records[0].clone(), records[2].clone()]).await;
    // Past its time a record may go by itself or stay; until then it is as any other, and its time can be put off.
    let past = vec![(ThingColumn::expires_at as usize, Value::from(Timestamp::from_micros(1).expect("in range")))];
    done(&*backend, vec![set(key(1), past)]).await;
    if let Some(record) = get(&*backend, key(1)).await {
        assert_eq!(record.revision, 2);
        assert!(!backend.capabilities().native_expiry || record.values[TITLE].is_null());
    }
    done(&*backend, vec![set(key(3), vec![(ThingColumn::expires_at as usize, Value::Null)])]).await;
    assert!(get(&*backend, key(2)).await.is_some());
    assert_eq!(get(&*backend, key(3)).await.map(|record| record.revision), Some(2));
    assert_eq!(get(&*backend, key(2)).await, Some(records[1].clone()));
    assert_eq!(Thing::KIND.expiry, Some(ThingColumn::expires_at as usize));
}
