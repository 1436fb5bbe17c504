//! What the gateway says that it is.

use bson::oid::ObjectId;
use bson::{DateTime, Document, Timestamp, doc};

use crate::wire::MAX_MESSAGE;

/// MongoDB's limit of a document, in bytes.
const MAX_DOCUMENT: i32 = 16 << 20;

/// The only member of a replica set, and its primary.
pub(crate) fn hello(address: &str) -> Document {
    let now = DateTime::now();
    let seconds = u32::try_from(now.timestamp_millis() / 1000).unwrap_or(0);
    let time = doc! { "ts": Timestamp { time: seconds, increment: 1 }, "t": 1_i64 };
    doc! {
        "helloOk": true, "ismaster": true, "isWritablePrimary": true, "secondary": false,
        "setName": "rs0", "setVersion": 1, "hosts": [address], "primary": address, "me": address,
        // The same at every start, so that no client takes another for a newer primary.
        "electionId": ObjectId::from_bytes([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1]),
        "lastWrite": { "opTime": time.clone(), "lastWriteDate": now, "majorityOpTime": time, "majorityWriteDate": now },
        "maxBsonObjectSize": MAX_DOCUMENT, "maxMessageSizeBytes": MAX_MESSAGE as i32, "maxWriteBatchSize": 100_000,
        "localTime": now, "logicalSessionTimeoutMinutes": 30, "connectionId": 1,
        "minWireVersion": 0, "maxWireVersion": 21, "readOnly": false, "ok": 1.0,
    }
}

/// The version that it stands for, and by what it can be told from the real one.
pub(crate) fn build_info(engine: &str) -> Document {
    doc! {
        "version": "7.0.0", "versionArray": [7, 0, 0, 0], "modules": [format!("documentdb {engine}")],
        "maxBsonObjectSize": MAX_DOCUMENT, "ok": 1.0,
    }
}
