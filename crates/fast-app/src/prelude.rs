//! The names an application uses: `use fast_app::prelude::*;`

pub use serde::{Deserialize, Serialize};

pub use crate::{
    Ack, Auth, BroadcastError, BroadcastEvent, Broadcaster, Channels, ConnectionRefused, Data,
    DisconnectReason, Event, HandlerError, Manager, Namespace, Object, OnOutage, Payload, Receipt,
    RegisterRoom, Resource, RevokeError, Revoked, Room, RoomName, Session, Sid, Socket, SocketIo,
    SocketIoError, Who, broadcast, namespace, register_room, revoke,
};
