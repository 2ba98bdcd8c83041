//! What a server counts and measures, read as Prometheus would. The server shares the thread of the test, and the recorder
//! is that thread's alone.

use std::{sync::Arc, time::Duration};

use fast_app::{
    Emit, OnOutage, SocketIoBuilder, bus::RedisBus, prelude::*, socketio::Payload as Arguments,
};
use metrics::{LocalRecorderGuard, set_default_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use testkit::{Polling, RawSocket, RedisServer, TIMEOUT, http};
use tokio::{task::yield_now, time::timeout};

use super::serve;

struct Meter {
    handle: PrometheusHandle,
    _local: LocalRecorderGuard<'static>,
}

impl Meter {
    fn start() -> Self {
        let recorder: &'static PrometheusRecorder =
            Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self {
            handle: recorder.handle(),
            _local: set_default_local_recorder(recorder),
        }
    }

    /// The value behind this name and labels.
    fn read(&self, socketio: &SocketIo, name: &str) -> Option<f64> {
        socketio.record_metrics();
        let text = self.handle.render();
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.parse().unwrap())
    }

    #[track_caller]
    fn expect(&self, socketio: &SocketIo, values: &[(&str, f64)]) {
        for (name, want) in values {
            let read = self.read(socketio, name);
            assert_eq!(read, Some(*want), "{name} in\n{}", self.handle.render());
        }
    }

    /// Waits until it is so much.
    async fn until(&self, socketio: &SocketIo, name: &str, want: f64) {
        let wait = async {
            while self.read(socketio, name) != Some(want) {
                yield_now().await;
            }
        };
        if timeout(TIMEOUT, wait).await.is_err() {
            panic!("{name} is not {want}:\n{}", self.handle.render());
        }
    }
}

/// Its guard does what the room is called.
#[derive(RoomName, Deserialize)]
struct OddRoom {
    what: String,
}

impl Room for OddRoom {
    const GUARD_TIMEOUT: Duration = Duration::from_millis(10);

    async fn can_join(&self, _session: &Session) -> bool {
        match self.what.as_str() {
            "waits" => std::future::pending().await,
            "panics" => panic!("in a guard"),
            what => what != "refuses",
        }
    }
}

#[derive(Clone)]
struct Global;

#[namespace("/")]
#[register_room(OddRoom)]
impl Global {
    async fn on_connect(&self, auth: Auth) -> Result<(), ConnectionRefused> {
        match auth.value()["refuse"].as_bool() {
            Some(true) => Err(ConnectionRefused::new("no")),
            _ => Ok(()),
        }
    }

    async fn on_fails(&self, _socket: &Socket) -> Result<(), HandlerError> {
        Err(HandlerError::internal("on purpose"))
    }

    async fn on_disconnect(&self, _socket: &Socket) {}
}

fn builder() -> SocketIoBuilder {
    SocketIo::builder().namespace(Global)
}

async fn join(client: &mut RawSocket, what: &str) -> String {
    client
        .send_text(format!(r#"421["join_odd",{{"what":"{what}"}}]"#))
        .await;
    loop {
        let packet = client.recv_text().await;
        if packet.starts_with("431") {
            return packet;
        }
    }
}

#[tokio::test]
async fn gauges_rise_with_clients_and_fall_to_nothing_when_they_leave() {
    let meter = Meter::start();
    let (socketio, addr) = serve(builder()).await;
    let nobody = [
        ("fast_app_sessions", 0.0),
        ("fast_app_sockets{namespace=\"/\"}", 0.0),
        ("fast_app_rooms{namespace=\"/\"}", 0.0),
        ("fast_app_memberships{namespace=\"/\"}", 0.0),
        ("fast_app_queued_bytes", 0.0),
        ("fast_app_bus_listening", 1.0),
    ];
    meter.expect(&socketio, &nobody);
    meter.expect(&socketio, &[("fast_app_sessions_opened_total", 0.0)]);

    let mut first = RawSocket::socketio(addr, "").await;
    let mut second = RawSocket::socketio(addr, "").await;
    let polling = Polling::socketio(addr, "").await;
    for (client, rooms) in [(&mut first, &["a", "b"][..]), (&mut second, &["a"])] {
        for room in rooms {
            assert!(join(client, room).await.contains(r#""ok":true"#));
        }
    }
    meter.expect(
        &socketio,
        &[
            ("fast_app_sessions", 3.0),
            ("fast_app_sessions_opened_total", 3.0),
            ("fast_app_sockets{namespace=\"/\"}", 3.0),
            ("fast_app_rooms{namespace=\"/\"}", 2.0),
            ("fast_app_memberships{namespace=\"/\"}", 3.0),
        ],
    );
    first.send_text("1").await;
    second.send_text("41").await;
    drop(second);
    polling.post(&["1"]).await;
    timeout(TIMEOUT, socketio.engine().ended()).await.unwrap();
    meter.expect(&socketio, &nobody);
    meter.expect(
        &socketio,
        &[
            (
                "fast_app_sessions_closed_total{reason=\"client_close\"}",
                2.0,
            ),
            (
                "fast_app_sessions_closed_total{reason=\"transport_close\"}",
                1.0,
            ),
        ],
    );
    let gone = "fast_app_handlers_total{handler=\"disconnect\",outcome=\"ok\"}";
    meter.until(&socketio, gone, 3.0).await;
}

/// An event of so many bytes to everybody in `/`.
fn news(bytes: usize) -> Emit {
    Emit::new("news", Arguments::new(&"x".repeat(bytes)).unwrap())
}

#[tokio::test]
async fn a_client_that_does_not_read_shows_in_queued_bytes_and_then_by_its_reason() {
    let meter = Meter::start();
    let (socketio, addr) = serve(builder().config(|config| config.max_outbox = 256 * 1024)).await;
    let _deaf = RawSocket::socketio(addr, "").await;
    let mut queued = 0.0;
    while socketio.engine().slow_consumers() == 0 {
        socketio.emit(news(100_000)).await.unwrap();
        yield_now().await;
        let now = meter.read(&socketio, "fast_app_queued_bytes").unwrap();
        queued = f64::max(queued, now);
    }
    assert!((100_000.0..500_000.0).contains(&queued), "{queued}");
    meter.expect(
        &socketio,
        &[
            (
                "fast_app_sessions_closed_total{reason=\"slow_consumer\"}",
                1.0,
            ),
            ("fast_app_sessions", 0.0),
            ("fast_app_sockets{namespace=\"/\"}", 0.0),
            ("fast_app_queued_bytes", 0.0),
        ],
    );
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_counted_as_that() {
    let meter = Meter::start();
    let beat = Duration::from_millis(100);
    let (socketio, addr) = serve(builder().heartbeat(beat, beat)).await;
    let mut silent = RawSocket::socketio(addr, "").await;
    silent.expect_close().await;
    let closed = "fast_app_sessions_closed_total{reason=\"ping_timeout\"}";
    meter.expect(&socketio, &[(closed, 1.0)]);
}

#[tokio::test]
async fn one_event_to_many_is_one_flush_and_as_many_deliveries() {
    let meter = Meter::start();
    let (socketio, addr) = serve(builder()).await;
    let (flushes, deliveries) = ("fast_app_flush_seconds_count", "fast_app_deliveries_total");
    // Flushes are measured from the first time that somebody asks.
    meter.expect(&socketio, &[(deliveries, 0.0)]);
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(RawSocket::socketio(addr, "").await);
    }
    let before = meter.read(&socketio, flushes).unwrap();
    socketio.emit(news(10)).await.unwrap();
    for client in &mut clients {
        client.expect_text(r#"42["news","xxxxxxxxxx"]"#).await;
    }
    meter.expect(&socketio, &[(flushes, before + 1.0), (deliveries, 10.0)]);
    socketio.emit(news(10).to(["nobody"])).await.unwrap();
    meter.expect(&socketio, &[(flushes, before + 1.0), (deliveries, 10.0)]);
}

#[tokio::test]
async fn handlers_are_counted_by_how_they_end() {
    let meter = Meter::start();
    let (socketio, addr) = serve(builder()).await;
    let mut client = RawSocket::socketio(addr, "").await;
    for what in ["waits", "panics", "refuses", "lets in"] {
        join(&mut client, what).await;
    }
    client.send_text(r#"421["fails"]"#).await;
    client
        .expect_text(r#"42["error",{"type":"internal"}]"#)
        .await;
    client
        .expect_text(r#"431[{"ok":false,"error":{"type":"internal"}}]"#)
        .await;
    client.send_text(r#"421["nobody handles this"]"#).await;
    client.expect_text("431[]").await;
    client.send_text("42/elsewhere,[\"lost\"]").await;
    client.send_text("4399[]").await;
    client.send_text("40").await;
    client
        .expect_text(r#"44{"message":"Already connected"}"#)
        .await;
    client.send_text("41").await;
    let count = |handler: &str, outcome: &str| {
        format!("fast_app_handlers_total{{handler=\"{handler}\",outcome=\"{outcome}\"}}")
    };
    for outcome in ["timeout", "panic", "refused", "ok", "error"] {
        meter.until(&socketio, &count("event", outcome), 1.0).await;
    }
    let mut refused = RawSocket::engineio(addr).await;
    refused.send_text(r#"40{"refuse":true}"#).await;
    refused.expect_text(r#"44{"message":"no"}"#).await;
    for (handler, outcome) in [
        ("connect", "ok"),
        ("connect", "refused"),
        ("leave", "ok"),
        ("disconnect", "ok"),
    ] {
        meter.until(&socketio, &count(handler, outcome), 1.0).await;
    }
    meter.expect(
        &socketio,
        &[
            ("fast_app_events_dropped_total{reason=\"no_handler\"}", 1.0),
            (
                "fast_app_events_dropped_total{reason=\"not_connected\"}",
                1.0,
            ),
            ("fast_app_acks_dropped_total{reason=\"unexpected\"}", 1.0),
            (
                "fast_app_connects_refused_total{reason=\"already_connected\"}",
                1.0,
            ),
            (
                "fast_app_connects_refused_total{reason=\"on_connect\"}",
                1.0,
            ),
        ],
    );
}

#[tokio::test]
async fn requests_that_are_refused_are_counted_by_reason() {
    let meter = Meter::start();
    let (socketio, addr) = serve(builder()).await;
    for path in ["EIO=3&transport=polling", "EIO=4&transport=polling&sid=x"] {
        http::get(addr, &format!("/socket.io/?{path}")).await;
    }
    let foreign =
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\n\r\n";
    http::request(addr, foreign).await;
    http::request(
        addr,
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(66_000)),
    )
    .await;
    for reason in [
        "unsupported_version",
        "unknown_sid",
        "forbidden",
        "headers_too_large",
    ] {
        let name = format!("fast_app_requests_refused_total{{reason=\"{reason}\"}}");
        meter.expect(&socketio, &[(&name, 1.0)]);
    }
}

#[tokio::test]
async fn what_the_bus_loses_is_counted_by_reason() {
    let meter = Meter::start();
    let mut redis = RedisServer::spawn().await;
    let bus = RedisBus::builder(redis.url())
        .max_message(10_000)
        .max_spool(5_000);
    let manager = Manager::new(Arc::new(bus.build().unwrap()));
    let (socketio, _) = serve(builder().manager(manager)).await;
    meter.until(&socketio, "fast_app_bus_listening", 1.0).await;
    meter.expect(&socketio, &[("fast_app_bus_outages_total", 0.0)]);

    let pickle = r#"return redis.call("PUBLISH", "socketio", "\128\4\149\24}.")"#;
    redis.cli(&["EVAL", pickle, "0"]).await;
    redis.cli(&["PUBLISH", "socketio", "{}"]).await;
    for reason in ["pickle", "malformed"] {
        let name = format!("fast_app_bus_messages_dropped_total{{reason=\"{reason}\"}}");
        meter.until(&socketio, &name, 1.0).await;
    }
    socketio.emit(news(20_000)).await.unwrap_err();

    redis.stop().await;
    meter.until(&socketio, "fast_app_bus_listening", 0.0).await;
    let failed = |reason| format!("fast_app_bus_messages_failed_total{{reason=\"{reason}\"}}");
    // What workers asked each other meanwhile may have failed, too; now they wait until they hear again.
    let asked = meter.read(&socketio, &failed("redis")).unwrap_or(0.0);
    socketio.emit(news(10)).await.unwrap_err();
    let spooled = news(3_000).on_outage(OnOutage::Spool);
    socketio.emit(spooled.clone()).await.unwrap();
    socketio.emit(spooled).await.unwrap_err();
    meter.expect(
        &socketio,
        &[
            (&failed("too_large"), 1.0),
            (&failed("redis"), asked + 1.0),
            (&failed("spool_full"), 1.0),
            ("fast_app_bus_messages_spooled_total", 1.0),
            ("fast_app_bus_outages_total", 1.0),
        ],
    );
}
