//! The derives and attributes of `fast-app`, which re-exports them; depend on that crate, not on this one.
//!
//! | macro                 | file               | expands to                                        |
//! |-----------------------|--------------------|---------------------------------------------------|
//! | `#[derive(Event)]`    | `event.rs`         | `impl Event`: the event's name                    |
//! | `#[derive(RoomName)]` | `room_name.rs`     | `impl RoomName`: the room's key and its identifier |
//! | `#[namespace("/")]`   | `namespace.rs`     | `impl From<YourType> for Namespace`               |
//! | `#[register_room(R)]` | `register_room.rs` | nothing of its own: `#[namespace]` reads it       |
//!
//! `naming.rs` turns type names into names on the wire, `limits.rs` says which names the wire allows, `handler.rs`
//! reads one `on_*` method and writes its registration.
//!
//! Everything here could be written by hand: the macros only name things and call the public builder.

use proc_macro::TokenStream;

mod errors;
mod event;
mod handler;
mod limits;
mod namespace;
mod naming;
mod register_room;
mod room_name;

/// Names an event after its type: `UpdateChat` is `update_chat` on the wire.
///
/// Derive it on everything that is broadcast; `BroadcastEvent` asks for it. The name is the type's in snake case
/// without a trailing `_event`, exactly as the Python original derives it, so that clients of both understand it.
/// `#[event(name = "...")]` replaces it.
///
/// ```
/// use fast_app::prelude::*;
///
/// #[derive(Event, Serialize)]
/// struct UpdateChat {
///     chat_id: String,
/// }
/// assert_eq!(UpdateChat::NAME, "update_chat");
///
/// #[derive(Event, Serialize)]
/// #[event(name = "chatRenamed")]
/// struct ChatRenamedEvent {
///     name: String,
/// }
/// assert_eq!(ChatRenamedEvent::NAME, "chatRenamed");
/// ```
///
/// # Errors
///
/// Does not compile when the name is empty, longer than 128 bytes, or reserved by Socket.IO (`connect`,
/// `connect_error`, `disconnect`, `disconnecting`, `newListener`, `removeListener`).
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(item: TokenStream) -> TokenStream {
    errors::into_tokens(event::expand(item.into())).into()
}

/// Names a room after its type and its fields: `ChatRoom { chat_id: "1" }` is `chat|1` on the wire.
///
/// Derive it on every room. The key is the type's name in snake case without a trailing `_room`; clients enter with
/// the event `join_<key>` and leave with `leave_<key>`. The identifier is made of the fields, in their order, each by
/// its `Display`. Keys and fields have the names that serde reads from the payload as far as
/// `#[serde(rename = "...")]` on a field gives them; a `rename_all` on the type is refused.
///
/// - `#[room(name = "...")]` on the type replaces the key;
/// - `#[room(namespace = "/admin")]` on the type says where the room lives when that is not `/`;
/// - `#[room(skip)]` on a field keeps it out of the identifier.
///
/// ```
/// use fast_app::prelude::*;
///
/// #[derive(RoomName, Deserialize)]
/// struct ChatRoom {
///     chat_id: String,
/// }
/// let room = ChatRoom { chat_id: "1".to_owned() };
/// assert_eq!(room.room_name().unwrap().as_str(), "chat|1"); // join_chat, leave_chat
///
/// #[derive(RoomName, Deserialize)]
/// #[room(name = "topic", namespace = "/admin")]
/// struct ThreadRoom {
///     chat_id: String,
///     #[serde(rename = "id")]
///     thread_id: u64,
///     #[room(skip)]
///     password: Option<String>,
/// }
/// let room = ThreadRoom { chat_id: "1".to_owned(), thread_id: 7, password: None };
/// assert_eq!(room.room_name().unwrap().as_str(), "topic|1|7"); // join_topic, leave_topic
/// ```
///
/// # Errors
///
/// Does not compile on enums and tuple structs, when the key is empty, longer than 100 bytes, or contains `|` or a
/// control character, and when the namespace is none (see [`macro@namespace`]).
#[proc_macro_derive(RoomName, attributes(room))]
pub fn derive_room_name(item: TokenStream) -> TokenStream {
    errors::into_tokens(room_name::expand(item.into())).into()
}

/// Makes a namespace of an impl block: its `on_*` methods answer the events of the clients connected to it.
///
/// Put it on the inherent impl of a `Clone` type and give the type to the server's builder. `on_connect`,
/// `on_disconnect` and `on_any` have their own meaning, `on_typing` answers the client's event `typing`, and methods
/// with other names are yours: no client can reach them. A handler is an `async fn` that takes `&self`, then, if it
/// wants it, `socket: &Socket`, then what it reads from the event, by value. `#[event(name = "newMessage")]` on a
/// handler replaces the event's name. Without an argument the namespace is `/`.
///
/// ```
/// use fast_app::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Typing {
///     chat_id: String,
/// }
///
/// #[derive(Clone)]
/// struct GlobalNamespace;
///
/// #[namespace("/")]
/// impl GlobalNamespace {
///     async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
///         let token: String = auth.parse().map_err(|_| ConnectionRefused::new("No access token provided"))?;
///         socket.session().insert(token);
///         Ok(())
///     }
///
///     async fn on_typing(&self, socket: &Socket, data: Data<Typing>) {
///         let _ = socket.to([format!("chat|{}", data.chat_id)]).emit("typing", "…").await;
///     }
/// }
/// ```
///
/// It expands to `impl From<GlobalNamespace> for Namespace`, which calls the builder an application may also call
/// itself: `Namespace::new("/").on_connect(…).on("typing", …).room::<ChatRoom>()`.
///
/// # Errors
///
/// Does not compile when the namespace does not start with `/`, is longer than 255 bytes or contains `,` or `?`; when
/// an `on_*` method is not of the shape above; when two handlers answer the same event; and when an event's name is one
/// that [`macro@Event`] refuses.
#[proc_macro_attribute]
pub fn namespace(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = item.into();
    errors::beside(namespace::expand(arguments.into(), &item), || {
        namespace::without_ours(item)
    })
    .into()
}

/// Lets clients of a [`macro@namespace`] enter and leave a room, guarded by the room's `can_join`.
///
/// Stands next to `#[namespace]`, above or below it, once for several rooms or once for each. `ChatRoom` gives the
/// events `join_chat` and `leave_chat`.
///
/// ```
/// # use fast_app::prelude::*;
/// # #[derive(RoomName, Deserialize)] struct ChatRoom { chat_id: String }
/// # impl Room for ChatRoom {}
/// # #[derive(Clone)] struct GlobalNamespace;
/// #[namespace("/")]
/// #[register_room(ChatRoom)]
/// impl GlobalNamespace {}
/// ```
///
/// # Errors
///
/// Does not compile without a `#[namespace]` on the same impl, or without a room.
#[proc_macro_attribute]
pub fn register_room(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = item.into();
    errors::beside(register_room::expand(arguments.into(), &item), || item).into()
}
