//! Two workers on one bus with a client each, and a manager in no worker.
//!
//! | module | is about |
//! |---|---|
//! | `contract` | what holds for every bus, written once |
//! | `channel` | what other programs write to a channel of Redis |
//! | `listening` | when a worker counts as listening |
//! | `publishing` | when what is published counts on being heard |

/// Tests of two `Workers`, in memory and on Redis.
macro_rules! on_every_bus {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                let bus = fast_app_socketio::bus::MemoryBus::private();
                super::$name(super::Workers::start(|| std::sync::Arc::new(bus.clone())).await).await;
            })*
        }

        mod redis {
            $(#[tokio::test]
            async fn $name() {
                let redis = testkit::RedisServer::spawn().await;
                super::$name(super::Workers::start(|| $crate::bus::redis_bus(&redis)).await).await;
            })*
        }
    };
}

mod channel;
mod contract;
mod listening;
mod publishing;

use std::{net::SocketAddr, sync::Arc};

use fast_app_socketio::{
    DisconnectReason, Emit, Manager, Namespace, Payload, Socket, SocketIo,
    bus::{Bus, RedisBus},
};
use testkit::{RawSocket, RedisServer, TIMEOUT};
use tokio::time::timeout;

use crate::{Diary, Pen, diary, room, start, write};

/// Two workers, `a` and `b`, with a client each, and somebody who only emits.
struct Workers {
    servers: [SocketIo; 2],
    addrs: [SocketAddr; 2],
    a: RawSocket,
    b: RawSocket,
    outsider: Manager,
    diary: Diary,
}

impl Workers {
    async fn start(bus: impl Fn() -> Arc<dyn Bus>) -> Self {
        let (pen, diary) = diary();
        let (a, a_addr) = worker(Manager::new(bus()), &pen).await;
        let (b, b_addr) = worker(Manager::new(bus()), &pen).await;
        Self {
            servers: [a, b],
            addrs: [a_addr, b_addr],
            a: RawSocket::socketio(a_addr, "").await,
            b: RawSocket::socketio(b_addr, "").await,
            outsider: Manager::new(bus()),
            diary,
        }
    }

    /// Who can emit: a worker, the other worker, and somebody else.
    fn emitters(&self) -> [Manager; 3] {
        let [a, b] = &self.servers;
        [
            a.manager().clone(),
            b.manager().clone(),
            self.outsider.clone(),
        ]
    }

    /// Asserts that neither client gets anything from what `emitter` did before.
    async fn expect_silence(&mut self, emitter: &Manager) {
        emitter
            .emit(Emit::new("marker", Payload::empty()))
            .await
            .unwrap();
        self.a.expect_text(r#"42["marker"]"#).await;
        self.b.expect_text(r#"42["marker"]"#).await;
    }
}

/// A worker that hears the bus.
pub(crate) async fn worker(manager: Manager, pen: &Pen) -> (SocketIo, SocketAddr) {
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket| {
            socket.enter_room("both").unwrap();
            socket.on_leave(room("both"), async |socket, reason| {
                if reason.is_none() {
                    write(&socket, format!("{} left", socket.sid()));
                }
            });
        })
        .on_disconnect(async |socket: Socket, reason: DisconnectReason| {
            write(&socket, format!("{} {reason}", socket.sid()));
        });
    let builder = SocketIo::builder()
        .manager(manager.clone())
        .state(pen.clone())
        .namespace(namespace)
        .namespace(Namespace::new("/other"));
    let started = start(builder).await;
    until_listening(&manager).await;
    started
}

pub(crate) async fn until_listening(manager: &Manager) {
    until(|| manager.is_listening()).await;
}

/// Waits until this holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let held = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, held).await.unwrap();
}

pub(crate) fn redis_bus(redis: &RedisServer) -> Arc<dyn Bus> {
    Arc::new(RedisBus::new(&redis.url()).unwrap())
}
