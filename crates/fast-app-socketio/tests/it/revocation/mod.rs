//! Access that is taken away, or ends by itself (SECURITY 4d and 4e).
//!
//! | module | is about |
//! |---|---|
//! | `everywhere` | what holds on every bus |
//! | `redis` | what only Redis can do: workers that do not answer |
//! | `confirmed` | what others say that they have done |
//! | `missed` | revocations that a worker has not heard |
//! | `expiry` | sessions that end at a time |
//! | `identity` | whose a connection is |
//! | `meanwhile` | what is under way when access is taken away |

mod confirmed;
mod everywhere;
mod expiry;
mod identity;
mod meanwhile;
mod missed;
mod redis;

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Weak},
};

use fast_app_socketio::{
    Auth, DisconnectReason, Emit, Manager, Namespace, Payload, Revocation, Socket, SocketIo, Who,
    bus::{Bus, BusError, BusStats, Envelope, Listener, OnOutage, Published},
};
use serde::Deserialize;
use serde_json::json;
use testkit::RawSocket;

use crate::{
    Diary, Gate, Pen, bus::until_listening, diary, expect_silence, pass, room, start, write,
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A bus that listens on one connection to Redis and publishes on another, which can be disturbed alone.
#[derive(Debug)]
struct Split {
    ear: Arc<dyn Bus>,
    mouth: Arc<dyn Bus>,
}

impl Bus for Split {
    fn publish<'a>(
        &'a self,
        envelope: &'a Envelope,
        on_outage: OnOutage,
    ) -> BoxFuture<'a, Result<Published, BusError>> {
        self.mouth.publish(envelope, on_outage)
    }

    fn listen(&self, listener: Weak<dyn Listener>) {
        self.ear.listen(listener);
    }

    fn stats(&self) -> BusStats {
        self.ear.stats()
    }
}

/// What a client says of itself.
#[derive(Deserialize)]
struct Said {
    user: String,
    #[serde(default)]
    slow: bool,
}

/// Two workers and somebody who only emits and revokes.
struct Workers {
    servers: [SocketIo; 2],
    addrs: [SocketAddr; 2],
    outsider: Manager,
    gate: Gate,
    diary: Diary,
}

impl Workers {
    async fn start(bus: impl Fn() -> Arc<dyn Bus>) -> Self {
        let (pen, diary) = diary();
        let gate = Gate::closed();
        let (a, a_addr) = worker(Manager::new(bus()), &pen, &gate).await;
        let (b, b_addr) = worker(Manager::new(bus()), &pen, &gate).await;
        Self {
            servers: [a, b],
            addrs: [a_addr, b_addr],
            outsider: Manager::new(bus()),
            gate,
            diary,
        }
    }

    /// Who can revoke: a worker, the other worker, and somebody else.
    fn revokers(&self) -> [Manager; 3] {
        let [a, b] = &self.servers;
        [a.manager(), b.manager(), &self.outsider].map(Manager::clone)
    }

    /// A client of each worker.
    async fn clients(&self, user: &str) -> [RawSocket; 2] {
        let [a, b] = self.addrs;
        [client(a, user).await, client(b, user).await]
    }

    /// Emits to the club from every side, and asserts that these hear all of it and nothing else.
    async fn expect_club(&self, members: impl IntoIterator<Item = &mut RawSocket>) {
        for emitter in self.revokers() {
            let emit = Emit::new("club", Payload::empty()).to(["club"]);
            emitter.emit(emit).await.unwrap();
            // Whoever confirms this has heard that, and sent it to whom it concerns.
            let nobody = Revocation::new(Who::user("nobody"));
            emitter.revoke(nobody).await.unwrap();
        }
        for member in members {
            for _ in self.revokers() {
                member.expect_text(r#"42["club"]"#).await;
            }
        }
    }
}

/// A worker in whose `/` everybody is in the club, and may ask for other rooms.
async fn worker(manager: Manager, pen: &Pen, gate: &Gate) -> (SocketIo, SocketAddr) {
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket, auth: Auth| {
            let said: Said = auth.parse().unwrap();
            socket.session().set_user_id(said.user).unwrap();
            socket.enter_room("club").unwrap();
            socket.on_leave(room("club"), async |socket, reason| {
                if reason.is_none() {
                    write(&socket, "left the club");
                }
            });
            if said.slow {
                write(&socket, "connecting");
                pass(&socket).await;
            }
        })
        .on(
            "ask",
            async |socket: Socket, name: fast_app_socketio::Data<String>| {
                let entry = socket.entry();
                write(&socket, "asking");
                pass(&socket).await;
                match entry.enter(&name.0) {
                    Ok(_) => "entered".to_owned(),
                    Err(error) => error.to_string(),
                }
            },
        )
        .on_disconnect(async |socket: Socket, reason: DisconnectReason| {
            write(&socket, reason);
        });
    let builder = SocketIo::builder()
        .manager(manager.clone())
        .state(pen.clone())
        .state(gate.clone())
        .namespace(namespace)
        .namespace(Namespace::new("/other"));
    let started = start(builder).await;
    until_listening(&manager).await;
    started
}

async fn client(addr: SocketAddr, user: &str) -> RawSocket {
    RawSocket::socketio(addr, json!({"user": user})).await
}

fn out_of_the_club(who: Who) -> Revocation {
    Revocation::new(who).from_room("/", "club").unwrap()
}

const OUT_OF_THE_CLUB: &str = r#"42["error",{"type":"revoked","room":"club"}]"#;
