//! A server whose life can be watched: it writes a line when a client comes, when one goes, and when it has ended.
//!
//! ```text
//! cargo run -p fast-app --example lifecycle               # then Ctrl-C
//! DRAIN_MS=5000 TICK_MS=10 cargo run -p fast-app --example lifecycle
//! ```
//!
//! A client may give a name, `40{"name":"ann"}`, and say what its disconnect handler is to do:
//! `42["at_the_end","hang"]` or `"block"`. `42["work",300]` takes 300 ms, `42["flood",100]` is answered with 100 kB.

use std::{env, error::Error, fmt::Display, future::pending, time::Duration};

use fast_app::{Emit, prelude::*, socketio};
use tokio::{net::TcpListener, sync::oneshot, time};

#[derive(Clone)]
struct Watched;

struct Name(String);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AtTheEnd {
    /// The handler never ends.
    Hang,
    /// It does not let go of its thread either, so that the runtime does not end.
    Block,
}

#[namespace("/")]
impl Watched {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        let auth = auth.value();
        let name = auth["name"].as_str().unwrap_or("somebody");
        write("connected", name);
        socket.insert(Name(name.to_owned()));
        Ok(())
    }

    async fn on_work(&self, socket: &Socket, milliseconds: Data<u64>) {
        time::sleep(Duration::from_millis(milliseconds.0)).await;
        write("worked", name(socket));
    }

    async fn on_flood(&self, socket: &Socket, kilobytes: Data<u64>) {
        for _ in 0..kilobytes.0 {
            // A client that has gone meanwhile needs none.
            let _ = socket.emit("flood", &"x".repeat(1_000));
        }
        write("flooded", name(socket));
    }

    async fn on_at_the_end(&self, socket: &Socket, what: Data<AtTheEnd>) {
        socket.insert(what.0);
    }

    async fn on_disconnect(&self, socket: &Socket, reason: DisconnectReason) {
        match socket.get::<AtTheEnd>().as_deref() {
            None => write("disconnected", format!("{}: {reason}", name(socket))),
            Some(AtTheEnd::Hang) => pending().await,
            Some(AtTheEnd::Block) => loop {
                std::thread::park();
            },
        }
    }
}

fn name(socket: &Socket) -> String {
    let name = socket.get::<Name>();
    name.map_or_else(String::new, |name| name.0.clone())
}

fn write(what: &str, whom: impl Display) {
    println!("{what} {whom}");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let socketio = SocketIo::builder()
        .config(|config| {
            let http = &mut config.http;
            set(&mut http.drain_time, "DRAIN_MS");
            set(&mut http.shutdown_timeout, "TIMEOUT_MS");
            set(&mut http.hard_limit, "HARD_LIMIT_MS");
            http.reserved_files = setting("RESERVED_FILES").unwrap_or(http.reserved_files);
        })
        .namespace(Watched)
        .build()?;
    let app = axum::Router::new().layer(socketio.layer());
    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(bind).await?;
    println!("http://{}", listener.local_addr()?);

    let (stop, stopped) = oneshot::channel();
    let ticking = tokio::spawn(tick(socketio.clone(), stopped));
    tokio::select! {
        served = fast_app::serve(listener, app, &socketio) => served?,
        () = give_up() => {
            write("gave up", "serving");
            pending().await
        }
    }
    drop(stop);
    write("ended, deliveries:", ticking.await?);
    Ok(())
}

/// An application may stop to serve and go on with something else.
async fn give_up() {
    match setting("GIVE_UP_MS") {
        None => pending().await,
        Some(after) => time::sleep(Duration::from_millis(after)).await,
    }
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

fn set(limit: &mut Duration, name: &str) {
    *limit = setting(name).map_or(*limit, Duration::from_millis);
}

/// Sends `tick` with a number to everybody, all the time; returns how often a client was sent one.
async fn tick(server: SocketIo, mut stopped: oneshot::Receiver<()>) -> usize {
    let Some(pace) = setting("TICK_MS") else {
        return 0;
    };
    let mut ticks = time::interval(Duration::from_millis(pace));
    let mut deliveries = 0;
    for number in 0u64.. {
        let payload = socketio::Payload::new(&number).expect("a number is JSON");
        let delivery = server.emit(Emit::new("tick", payload)).await;
        deliveries += delivery.map_or(0, |delivery| delivery.local);
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut stopped => break,
        }
    }
    deliveries
}
