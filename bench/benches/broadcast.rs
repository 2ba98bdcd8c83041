//! What `broadcast()` costs before the wire: clients that poll and are not asked, so that every message stays in their
//! outboxes.
//!
//! ```text
//! cargo bench -p bench --bench broadcast
//! ```

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Router;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fast_app::prelude::*;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tower_layer::Layer;
use tower_service::Service;

/// So many broadcasts are made before the clients are asked.
const ROUND: u64 = 1_000;

#[derive(Clone)]
struct Global;

#[namespace("/")]
impl Global {
    async fn on_connect(&self, socket: &Socket) -> Result<(), ConnectionRefused> {
        socket
            .enter_room("chat|1")
            .map(drop)
            .map_err(|_| ConnectionRefused::new("no such room"))
    }
}

#[derive(Event, Serialize)]
struct News {
    text: String,
    #[serde(skip)]
    room: &'static str,
}

impl BroadcastEvent for News {
    async fn broadcast_on(&self) -> Channels {
        self.room.to_owned().into()
    }
}

/// A server without sockets, and its polling clients.
struct Clients {
    socketio: SocketIo,
    sids: Vec<String>,
}

impl Clients {
    async fn connect(count: usize) -> Self {
        let socketio = SocketIo::builder()
            .namespace(Global)
            .config(|config| config.max_outbox = usize::MAX / 2)
            .build()
            .expect("the settings fit together");
        let mut clients = Self {
            socketio,
            sids: Vec::new(),
        };
        for _ in 0..count {
            let open = clients.ask(Method::GET, "", "").await;
            let sid = open.split('"').nth(3).expect("an open packet has a sid");
            let sid = format!("&sid={sid}");
            clients.ask(Method::POST, &sid, "40").await;
            clients.ask(Method::GET, &sid, "").await;
            clients.sids.push(sid);
        }
        clients
    }

    async fn ask(&self, method: Method, sid: &str, body: &str) -> String {
        let request = Request::builder()
            .method(method)
            .uri(format!("/socket.io/?EIO=4&transport=polling{sid}"))
            .header("host", "localhost")
            .body(Full::from(body.to_owned()))
            .expect("this is a request");
        let mut service = self.socketio.layer().layer(Router::new());
        let response: Result<Response<_>, Infallible> = service.call(request).await;
        let response = response.expect("a server answers");
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await;
        String::from_utf8(body.expect("it is whole").to_bytes().to_vec()).expect("it is text")
    }

    /// The time that so many broadcasts take; what they leave behind is taken out between rounds.
    async fn broadcast(&self, room: &'static str, size: usize, count: u64) -> Duration {
        let mut time = Duration::ZERO;
        for begun in (0..count).step_by(ROUND as usize) {
            let events: Vec<_> = (begun..count.min(begun + ROUND))
                .map(|_| News {
                    text: "x".repeat(size),
                    room,
                })
                .collect();
            let started = Instant::now();
            for event in events {
                let receipt = self.socketio.broadcast(event).await;
                assert!(receipt.is_ok());
            }
            time += started.elapsed();
            if room == "chat|1" {
                self.drain().await;
            }
        }
        time
    }

    /// Asks every client's outbox once, which holds less than an answer may have.
    async fn drain(&self) {
        for sid in &self.sids {
            self.ask(Method::GET, sid, "").await;
        }
    }
}

fn broadcast(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("there are threads");
    let mut group = criterion.benchmark_group("broadcast");
    for count in [1, 10, 1_000] {
        let clients = runtime.block_on(Clients::connect(count));
        group.bench_function(BenchmarkId::new("clients", count), |bencher| {
            bencher.iter_custom(|times| runtime.block_on(clients.broadcast("chat|1", 128, times)));
        });
    }
    let clients = runtime.block_on(Clients::connect(1_000));
    group.bench_function("nobody", |bencher| {
        bencher.iter_custom(|times| runtime.block_on(clients.broadcast("chat|2", 128, times)));
    });
    group.finish();
}

criterion_group!(benches, broadcast);
criterion_main!(benches);
