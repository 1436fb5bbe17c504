//! The observing layer counts and reports, and never tells what records hold.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aquifer_core::kinds::{Setting, Tenant};
use aquifer_core::layers::{Fault, Faults, Observe};
use aquifer_core::{
    Backend, BackendExt, Entity, Json, Key, Operation, SCHEMA, Scan, SystemClock, Timestamp, Transaction,
};
use aquifer_memory::MemoryBackend;
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing::Level;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().map_err(|_| std::io::ErrorKind::Other)?.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::unwrap_used, reason = "text is always a document")]
fn setting(name: &str) -> Transaction {
    let setting = Setting {
        tenant_id: "hidden-tenant".into(),
        scope: "hidden-scope".to_owned(),
        name: name.to_owned(),
        value: Json::encode("hidden-value").unwrap(),
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    };
    Transaction::new(vec![Operation::Insert(setting.to_record())])
}

#[tokio::test]
async fn calls_are_counted_timed_and_reported_without_values() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);

    let faults = Arc::new(Faults::new(Arc::new(MemoryBackend::new(&SCHEMA)), Arc::new(SystemClock), 1));
    let observe = Observe::new(Arc::<Faults>::clone(&faults) as _, Duration::ZERO);
    observe.migrate().await.unwrap();
    let answers = observe.commit(vec![setting("hidden-a"), setting("hidden-a"), setting("hidden-b")]).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    faults.script(1, Fault::Before);
    observe.get_one(Key::new(Tenant::KIND, ["hidden-tenant"])).await.unwrap_err();
    observe.scan(&Scan::key(Setting::KIND).equals("hidden-tenant")).await.unwrap();

    let metrics = recorder.handle().render();
    for line in [
        r#"aquifer_store_operations_total{backend="memory",operation="commit",outcome="ok"} 2"#,
        r#"aquifer_store_operations_total{backend="memory",operation="commit",outcome="already_exists"} 1"#,
        r#"aquifer_store_operations_total{backend="memory",operation="get",outcome="unavailable"} 1"#,
        r#"aquifer_store_operations_total{backend="memory",operation="scan",outcome="ok"} 1"#,
        r#"aquifer_store_operation_seconds_count{backend="memory",operation="commit"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let failed: Vec<&str> = log.lines().filter(|line| line.contains("store operation failed")).collect();
    assert_eq!(failed.len(), 1, "what the caller asked for is no failure of the store:\n{log}");
    assert!(failed[0].contains("WARN") && failed[0].contains("tenants") && failed[0].contains("unavailable"));
    let slow = log.lines().filter(|line| line.contains("store operation is slow")).count();
    assert_eq!(slow, 4, "everything takes longer than no time:\n{log}");
    assert!(!log.contains("hidden"), "{log}");
}
