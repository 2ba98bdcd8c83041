//! Rust and Python workers on one Redis, two of each, and what each can do to the clients of the others.
//!
//! | module | is about |
//! |---|---|
//! | `cases` | every method, in both directions |
//! | `payloads` | any arguments, from any worker |
//! | `urls` | every way to Redis |
//! | `sample` | how arguments are written and compared |

mod cases;
mod payloads;
mod sample;
mod urls;

use std::{net::SocketAddr, sync::Arc};

use fast_app_socketio::{
    DisconnectReason, Emit, Manager, Namespace, Recipients, Socket, SocketIo,
    bus::{Profile, RedisBus},
};
use serde_json::{Value, json};
use testkit::{PythonServer, RawSocket, RedisServer, To};

use crate::{Diary, Pen, bus::until_listening, diary, start, write};
use sample::{Sample, Tree, canonical};

/// The channel.
const CHANNEL: &str = "socketio";

/// The Python workers' version.
#[derive(Clone, Copy)]
enum Age {
    New,
    Old,
}

/// Four workers: 0 and 1 are Python's, 2 and 3 are ours.
struct Fleet {
    redis: RedisServer,
    python: [PythonServer; 2],
    rust: [SocketIo; 2],
    addrs: [SocketAddr; 4],
    diary: Diary,
}

const PYTHON: [usize; 2] = [0, 1];
const RUST: [usize; 2] = [2, 3];

impl Fleet {
    async fn start(age: Age) -> Self {
        let redis = RedisServer::spawn().await;
        let url = redis.url();
        let (profile, (one, two)) = match age {
            Age::New => (
                Profile::V5_15,
                tokio::join!(PythonServer::start(&url), PythonServer::start(&url)),
            ),
            Age::Old => (
                Profile::V5_14,
                tokio::join!(PythonServer::start_old(&url), PythonServer::start_old(&url)),
            ),
        };
        let (pen, diary) = diary();
        let (three, three_addr) = worker(&url, profile, &pen).await;
        let (four, four_addr) = worker(&url, profile, &pen).await;
        let fleet = Self {
            addrs: [one.addr(), two.addr(), three_addr, four_addr],
            python: [one, two],
            rust: [three, four],
            redis,
            diary,
        };
        // Python's workers listen once they have a client.
        let _first = fleet.clients().await;
        fleet.redis.until_subscribers(CHANNEL, 4).await;
        fleet
    }

    /// A client of this worker that is in the room `both`.
    async fn client(&self, worker: usize) -> RawSocket {
        let client = RawSocket::socketio(self.addrs[worker], "").await;
        if let Some(python) = self.python.get(worker) {
            python.connected(client.sid()).await;
        }
        client
    }

    /// A client of each worker.
    async fn clients(&self) -> Vec<RawSocket> {
        let mut clients = Vec::new();
        for worker in 0..4 {
            clients.push(self.client(worker).await);
        }
        clients
    }

    fn manager(&self, worker: usize) -> &Manager {
        self.rust[worker - PYTHON.len()].manager()
    }

    async fn emit(&self, worker: usize, event: &str, sample: &Sample, to: To<'_>) {
        match self.python.get(worker) {
            Some(python) => python.emit(event, sample.data(), to).await,
            None => {
                let delivery = self.manager(worker).emit(rust_emit(event, sample, &to));
                delivery.await.unwrap();
            }
        }
    }

    async fn enter_room(&self, worker: usize, sid: &str, room: &str) {
        match self.python.get(worker) {
            Some(python) => {
                let kwargs = json!({"sid": sid, "room": room, "namespace": "/"});
                python.call("enter_room", kwargs).await;
            }
            None => {
                let entered = self.manager(worker).enter_room("/", sid, room);
                entered.await.unwrap();
            }
        }
    }

    async fn leave_room(&self, worker: usize, sid: &str, room: &str) {
        match self.python.get(worker) {
            Some(python) => {
                let kwargs = json!({"sid": sid, "room": room, "namespace": "/"});
                python.call("leave_room", kwargs).await;
            }
            None => {
                let left = self.manager(worker).leave_room("/", sid, room);
                left.await.unwrap();
            }
        }
    }

    async fn close_room(&self, worker: usize, room: &str) {
        match self.python.get(worker) {
            Some(python) => {
                let kwargs = json!({"room": room, "namespace": "/"});
                python.call("close_room", kwargs).await;
            }
            None => self.manager(worker).close_room("/", room).await.unwrap(),
        }
    }

    async fn disconnect(&self, worker: usize, sid: &str) {
        match self.python.get(worker) {
            Some(python) => {
                let kwargs = json!({"sid": sid, "namespace": "/"});
                python.call("disconnect", kwargs).await;
            }
            None => self.manager(worker).disconnect("/", sid).await.unwrap(),
        }
    }

    /// Asserts that no client hears anything from what this worker did before.
    async fn expect_silence(&self, worker: usize, clients: &mut [RawSocket]) {
        let nothing = Sample::read("[null]");
        self.emit(worker, "marker", &nothing, To::default()).await;
        for client in clients {
            client.expect_text(r#"42["marker"]"#).await;
        }
    }
}

/// A worker of ours that listens.
async fn worker(url: &str, profile: Profile, pen: &Pen) -> (SocketIo, SocketAddr) {
    let bus = RedisBus::builder(url).profile(profile).build().unwrap();
    let manager = Manager::new(Arc::new(bus));
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket| {
            socket.enter_room("both").unwrap();
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

/// The same event as Python's `emit` with these arguments.
fn rust_emit(event: &str, sample: &Sample, to: &To<'_>) -> Emit {
    let mut emit = Emit::new(event, sample.payload()).in_namespace(to.namespace);
    if !to.room.is_null() {
        emit.to = Recipients::Rooms(names(&to.room));
    }
    for sid in names(&to.skip_sid) {
        emit = emit.except(&*sid);
    }
    emit
}

/// A name, a list of names, or null for none.
fn names(names: &Value) -> Vec<Arc<str>> {
    match names {
        Value::Null => Vec::new(),
        Value::Array(names) => names
            .iter()
            .map(|name| name.as_str().unwrap().into())
            .collect(),
        name => vec![name.as_str().unwrap().into()],
    }
}

/// An event that a client heard.
struct Heard {
    /// The text of the packet.
    text: String,
    /// The number of the acknowledgement that is asked for.
    id: String,
    name: String,
    /// See [`Sample::heard`].
    args: String,
}

/// Reads the next event, in any namespace.
async fn hear(client: &mut RawSocket) -> Heard {
    let text = client.recv_text().await;
    let (head, attachments) = match (text.strip_prefix("42"), text.strip_prefix("45")) {
        (Some(rest), _) => (rest, 0),
        (_, Some(rest)) => {
            let (count, rest) = rest.split_once('-').unwrap();
            (rest, count.parse().unwrap())
        }
        _ => panic!("expected an event, received {text}"),
    };
    let (head, json) = head.split_at(head.find('[').unwrap());
    let id = head.rsplit(',').next().unwrap().to_owned();
    let mut bytes = Vec::new();
    for _ in 0..attachments {
        bytes.push(client.recv_binary().await);
    }
    let Tree::List(mut items) = Tree::read(json, &bytes) else {
        unreachable!("it begins with a bracket");
    };
    let args = items.split_off(1);
    let name: String = serde_json::from_str(&items[0].to_string()).unwrap();
    Heard {
        args: canonical(&Tree::List(args)),
        text,
        id,
        name,
    }
}

/// Asserts that the next event of a client is this one.
async fn expect(client: &mut RawSocket, name: &str, sample: &Sample) {
    let heard = hear(client).await;
    let expected = (name, sample.heard());
    assert_eq!(
        (&*heard.name, heard.args),
        expected,
        "received {}",
        heard.text
    );
}
