//! Metrics for Prometheus, which comes and asks for them.

use std::{fmt, io, sync::mpsc, thread, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use fast_app_socketio::SocketIo;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::{Answer, answer};

/// The text format that every Prometheus reads.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// From one client's write to a list of tens of thousands, in seconds.
const FLUSH_BUCKETS: [f64; 12] = [
    0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0,
];

/// How often samples of histograms that nobody has asked for are put into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Makes this process keep its metrics, those of the application too, for Prometheus. Call it once, early: what was counted
/// before is not known.
///
/// A process has one recorder. An application with another exporter installs that instead and calls
/// [`SocketIo::record_metrics`] before it reads.
///
/// ```no_run
/// # use fast_app::{SocketIo, operations};
/// # async fn example(socketio: SocketIo) -> Result<(), Box<dyn std::error::Error>> {
/// let prometheus = operations::install_prometheus()?;
/// let internal = operations::routes(&socketio).merge(prometheus.routes(&socketio));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9100").await?;
/// tokio::spawn(async move { axum::serve(listener, internal).await });
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`PrometheusError::Taken`] when the process has a recorder already. After an error nothing was installed.
pub fn install_prometheus() -> Result<Prometheus, PrometheusError> {
    let flush = Matcher::Full("fast_app_flush_seconds".to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(flush, &FLUSH_BUCKETS)
        .expect("there are buckets")
        .build_recorder();
    let handle = recorder.handle();
    // First, since a recorder cannot be taken back; the thread ends when it hears of none.
    let installed = start_upkeep(handle.clone()).map_err(PrometheusError::Thread)?;
    metrics::set_global_recorder(recorder).map_err(|_| PrometheusError::Taken)?;
    // There is room for it, and the thread waits.
    let _ = installed.send(());
    Ok(Prometheus(handle))
}

/// A thread, because the recorder outlives every runtime. Without it samples would pile up where nobody asks for them.
fn start_upkeep(recorder: PrometheusHandle) -> io::Result<mpsc::SyncSender<()>> {
    let (installed, begin) = mpsc::sync_channel(1);
    let upkeep = move || {
        if begin.recv().is_ok() {
            loop {
                thread::sleep(UPKEEP);
                recorder.run_upkeep();
            }
        }
    };
    thread::Builder::new()
        .name("fast-app-metrics".to_owned())
        .spawn(upkeep)?;
    Ok(installed)
}

/// The metrics of this process, from [`install_prometheus`]. A clone is the same.
#[derive(Clone)]
pub struct Prometheus(PrometheusHandle);

impl Prometheus {
    /// `GET /metrics`. Serve it on an internal address: it tells how many clients there are and what they do.
    pub fn routes(&self, socketio: &SocketIo) -> Router {
        Router::new()
            .route("/metrics", get(metrics_of))
            .with_state((self.clone(), socketio.clone()))
    }

    /// The metrics as text, those of `socketio` as they are now.
    pub fn render(&self, socketio: &SocketIo) -> String {
        socketio.record_metrics();
        // It also publishes what the names mean.
        self.0.run_upkeep();
        self.0.render()
    }
}

async fn metrics_of(State((prometheus, socketio)): State<(Prometheus, SocketIo)>) -> Answer {
    answer(StatusCode::OK, CONTENT_TYPE, prometheus.render(&socketio))
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

/// Why metrics are not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrometheusError {
    /// The process has a recorder of metrics already.
    #[error("the process has a recorder of metrics already")]
    Taken,
    /// There is no thread to look after them.
    #[error("the thread that looks after metrics cannot be started")]
    Thread(#[source] io::Error),
}
