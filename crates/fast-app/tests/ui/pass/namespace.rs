//! Every shape a handler and a registration may have.

#![deny(warnings)]

use std::marker::PhantomData;

use fast_app::{
    Ack, Args, Auth, ConnectionRefused, Data, DisconnectReason, EventName, Namespace, Room,
    RoomName, Socket, namespace, register_room,
};
use serde::Deserialize;

#[derive(RoomName, Deserialize)]
struct ChatRoom {
    chat_id: String,
}

impl Room for ChatRoom {}

#[derive(RoomName, Deserialize)]
struct LobbyRoom;

impl Room for LobbyRoom {}

#[derive(RoomName, Deserialize)]
struct StaffRoom;

impl Room for StaffRoom {}

#[derive(Clone)]
struct GlobalNamespace;

#[derive(Deserialize)]
struct Typing {
    chat_id: String,
}

#[register_room(LobbyRoom)]
#[fast_app::namespace("/")]
#[register_room(ChatRoom)]
impl GlobalNamespace {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        let _ = (socket, auth);
        self.helper();
        Ok(())
    }

    pub async fn on_typing(&self, socket: &Socket, Data(typing): Data<Typing>) {
        let _ = (socket, typing.chat_id);
    }

    #[event(name = "newMessage")]
    async fn on_message(&self, mut text: Data<String>) {
        text.0.push('!');
    }

    #[cfg(any())]
    async fn on_never(&self, what: DoesNotExist) {}

    async fn on_disconnect(&self, socket: &Socket, reason: DisconnectReason) {
        let _ = (socket, reason);
    }

    async fn on_sum(&self, a: Data<u8>, b: Data<u8>) -> Ack<u8> {
        Ack(a.0 + b.0)
    }

    async fn on_any(&self, socket: &Socket, name: EventName, args: Args) {
        let _ = (socket, name, args);
    }

    fn helper(&self) {}
}

#[derive(Clone)]
struct Admin<T>(PhantomData<T>);

#[namespace("/admin")]
#[register_room(ChatRoom, StaffRoom)]
impl<T: Clone + Send + Sync + 'static> Admin<T> {
    async fn on_ping(&self) {}
}

/// Neither `Clone` nor handlers: only rooms.
struct Silent;

#[namespace]
impl Silent {}

fn main() {
    let _ = Namespace::from(GlobalNamespace);
    let _ = Namespace::from(Admin(PhantomData::<u8>));
    let _ = Namespace::from(Silent);
}
