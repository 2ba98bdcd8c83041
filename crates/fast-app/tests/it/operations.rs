//! Health, readiness, and the text for Prometheus.

use std::{fs, net::SocketAddr};

use fast_app::{
    Manager, SocketIo,
    operations::{self, PrometheusError},
};
use testkit::{RawSocket, RedisServer, TIMEOUT, http};
use tokio::{net::TcpListener, time::timeout};

use super::serve;

async fn answer(addr: SocketAddr, path: &str) -> (u16, String) {
    let response = http::get(addr, path).await;
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    (response.status, response.text())
}

/// Waits for this answer.
async fn becomes(addr: SocketAddr, status: u16, body: &str) {
    let wait = async { while answer(addr, "/ready").await != (status, body.to_owned()) {} };
    timeout(TIMEOUT, wait).await.expect(body);
}

const HEALTHY: &str = r#"{"status":"ok"}"#;
const READY: &str = r#"{"status":"ready"}"#;
const DEAF: &str = r#"{"status":"unready","bus":"deaf","draining":false}"#;
const DRAINING: &str = r#"{"status":"unready","bus":"heard","draining":true}"#;

#[tokio::test]
async fn a_worker_is_ready_while_redis_is_heard_and_healthy_all_the_time() {
    let mut redis = RedisServer::spawn().await;
    let manager = Manager::from_url(&redis.url()).unwrap();
    let (_socketio, addr) = serve(SocketIo::builder().manager(manager)).await;
    becomes(addr, 200, READY).await;
    redis.stop().await;
    becomes(addr, 503, DEAF).await;
    assert_eq!(answer(addr, "/health").await, (200, HEALTHY.to_owned()));
    redis.start().await;
    becomes(addr, 200, READY).await;
}

#[tokio::test]
async fn a_server_that_shuts_down_says_so_on_its_internal_address() {
    let (socketio, _) = serve(SocketIo::builder()).await;
    let internal = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = internal.local_addr().unwrap();
    let routes = operations::routes(&socketio);
    tokio::spawn(async move { axum::serve(internal, routes).await });
    assert_eq!(answer(addr, "/ready").await, (200, READY.to_owned()));
    assert!(!socketio.engine().is_shutting_down());
    socketio.shutdown();
    assert!(socketio.engine().is_shutting_down());
    assert_eq!(answer(addr, "/ready").await, (503, DRAINING.to_owned()));
    assert_eq!(answer(addr, "/health").await, (200, HEALTHY.to_owned()));
}

/// Threads of this process that look after metrics, by the first 15 bytes of their name, as Linux keeps it.
fn threads_for_metrics() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names
        .filter(|name| name.trim_end() == "fast-app-metric")
        .count()
}

/// The only test that installs a recorder for the whole process: others of this binary are counted too.
#[tokio::test]
async fn prometheus_gets_what_there_is_when_it_asks_and_a_second_recorder_is_an_error() {
    let prometheus = operations::install_prometheus().unwrap();
    let second = operations::install_prometheus().unwrap_err();
    assert!(matches!(second, PrometheusError::Taken), "{second}");

    let namespace = fast_app::Namespace::new("/");
    let (socketio, addr) = serve(SocketIo::builder().namespace(namespace)).await;
    let internal = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let internal_addr = internal.local_addr().unwrap();
    let routes = prometheus.routes(&socketio);
    tokio::spawn(async move { axum::serve(internal, routes).await });

    assert_eq!(http::get(internal_addr, "/metrics").await.status, 200);
    let _client = RawSocket::socketio(addr, "").await;
    let response = http::get(internal_addr, "/metrics").await;
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let text = response.text();
    for line in [
        "# TYPE fast_app_sockets gauge",
        "# TYPE fast_app_sessions_opened_total counter",
        "# HELP fast_app_bus_listening 1 while other workers can be heard, else 0.",
        "# TYPE fast_app_flush_seconds histogram",
        "fast_app_flush_seconds_bucket{le=\"0.001\"}",
        "fast_app_sockets{namespace=\"/\"} 1",
        "fast_app_bus_listening 1",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    assert_eq!(http::get(addr, "/metrics").await.status, 404);
    // That of the second had time to begin.
    let only_the_first = async {
        while threads_for_metrics() != 1 {
            tokio::task::yield_now().await
        }
    };
    timeout(TIMEOUT, only_the_first).await.unwrap();
}
