//! Metrics of the process, for Prometheus.

pub use metrics_exporter_prometheus::PrometheusHandle;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};

/// Bounds of the buckets of every histogram, in seconds: from a commit in memory to a slow call.
const BUCKETS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Collects the metrics of this process from now on; give the handle to [`crate::ServerOptions::metrics`].
///
/// # Errors
/// If the process collects its metrics somewhere already.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()
}
