//! Broadcast events, guarded rooms and namespaces over Socket.IO and Redis.
//!
//! An application declares three things, each a few lines:
//!
//! - **Events** ([`BroadcastEvent`]): what is told, and to which rooms.
//! - **Rooms** ([`Room`]): how a client names one, and who may join it.
//! - **Namespaces** ([`namespace`](macro@namespace)): who may connect, and which rooms and events clients reach.
//!
//! Any code then calls [`broadcast`]: the event becomes JSON once and reaches every client in its rooms, on every worker
//! that shares the Redis, Rust and Python alike.
//!
//! ```
//! use fast_app::prelude::*;
//!
//! /// Everybody in one chat. Its name on the wire is `chat|<chat_id>`.
//! #[derive(RoomName, Deserialize)]
//! struct ChatRoom {
//!     chat_id: String,
//! }
//!
//! impl Room for ChatRoom {
//!     async fn can_join(&self, session: &Session) -> bool {
//!         session.get::<User>().is_some_and(|user| user.chats.contains(&self.chat_id))
//!     }
//! }
//!
//! /// Its name on the wire is `new_message`.
//! #[derive(Event, Serialize)]
//! struct NewMessage {
//!     chat_id: String,
//!     text: String,
//! }
//!
//! impl BroadcastEvent for NewMessage {
//!     async fn broadcast_on(&self) -> Channels {
//!         ChatRoom { chat_id: self.chat_id.clone() }.into()
//!     }
//! }
//!
//! struct User {
//!     chats: Vec<String>,
//! }
//!
//! #[derive(Clone)]
//! struct GlobalNamespace;
//!
//! #[namespace("/")]
//! #[register_room(ChatRoom)]
//! impl GlobalNamespace {
//!     async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
//!         match auth.value()["token"].as_str() {
//!             Some("secret") => {
//!                 socket.session().insert(User { chats: vec!["1".to_owned()] });
//!                 Ok(())
//!             }
//!             _ => Err(ConnectionRefused::new("Invalid access token")),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let socketio = SocketIo::builder()
//!     .manager(Manager::from_url("memory://")?)
//!     .namespace(GlobalNamespace)
//!     .build()?;
//! let app: axum::Router = axum::Router::new().layer(socketio.layer());
//!
//! let receipt = broadcast(NewMessage { chat_id: "1".to_owned(), text: "hi".to_owned() }).await?;
//! assert_eq!(receipt.rooms, ["chat|1"]);
//! # Ok(())
//! # }
//! ```
//!
//! [`revoke`](revoke()) takes access away again, on every worker that hears the bus; [`Session::set_expiry`] lets it end
//! with a token.
//!
//! The modules mirror those of FastApp for Python: `contracts` holds what an application implements, `core` what it
//! calls. Every name is also at the root of the crate, and those that an application uses are in [`prelude`]. `operations` has
//! routes for health, readiness and metrics.

pub mod contracts;
pub mod core;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(feature = "operations")]
pub mod operations;
pub mod prelude;
mod serve;
mod signals;

pub use contracts::{
    broadcast_event::{BroadcastEvent, Channels},
    event::Event,
    namespace::RegisterRoom,
    payload::{Payload, PayloadError},
    resource::{Object, Resource},
    room::{Room, RoomName, RoomNameError},
};
pub use core::broadcasting::{
    Acknowledged, Broadcast, BroadcastError, Broadcaster, ExpectAcks, Receipt, broadcast,
};
pub use core::revoking::{Revoke, RevokeError, revoke};
pub use fast_app_macros::{Event, RoomName, namespace, register_room};
pub use fast_app_socketio as socketio;
pub use fast_app_socketio::{
    Ack, AnotherUser, Args, Auth, Binary, Config, ConnectionRefused, Data, Delivery,
    DisconnectReason, Emit, EmitError, EventName, FromArgs, HandlerError, IntoAck, Manager,
    Namespace, Origins, Revoked, Session, Sid, Socket, SocketError, SocketIo, SocketIoBuilder,
    SocketIoError, Who, bus, bus::OnOutage,
};
pub use serve::serve;
