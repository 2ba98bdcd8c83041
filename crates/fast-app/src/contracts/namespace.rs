//! Rooms of a namespace: the events by which clients join and leave.
//!
//! ```text
//!  join_chat {"chat_id":"1"} ─► which room? ─► may the session? ─► enter ─► "joined" ─► on_join ─► ack
//!                                  │no             │no
//!                                  ▼               ▼
//!                    error validation_error   error forbidden ─────────────────────────────► ack
//! ```

use std::{future::Future, sync::Arc};

use fast_app_socketio::{
    Ack, Args, HandlerError, Namespace, Payload, RoomName, Session, Socket, SocketError,
    SocketIoError,
};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    recheck::Recheck,
    room::{Room, RoomNameError},
};

/// Lets clients join and leave a room: `#[register_room(ChatRoom)]` calls it.
pub trait RegisterRoom {
    /// Adds the events `join_<key>` and `leave_<key>`.
    fn room<R: Room>(self) -> Self;
}

impl RegisterRoom for Namespace {
    fn room<R: Room>(self) -> Self {
        if let Some(wanted) = R::NAMESPACE
            && wanted != self.path()
        {
            let namespace = self.path().to_owned();
            return self.reject(SocketIoError::RoomNamespace {
                room: R::KEY,
                wanted,
                namespace,
            });
        }
        self.on(format!("join_{}", R::KEY), join::<R>)
            .on(format!("leave_{}", R::KEY), leave::<R>)
    }
}

/// `{"ok":true,"room":"chat|1"}`
#[derive(Serialize)]
struct Done {
    ok: bool,
    room: String,
}

impl Done {
    fn with(room: &RoomName) -> Ack<Self> {
        Ack(Self {
            ok: true,
            room: room.to_string(),
        })
    }
}

async fn join<R: Room>(socket: Socket, args: Args) -> Result<Ack<Done>, HandlerError> {
    let entry = socket.entry();
    let (room, name) = in_time::<R, _>(admit::<R>(&socket.session(), args)).await?;
    let room = Arc::new(room);
    let (leaving, recheck) = (room.clone(), Recheck::start(&socket, &room, &name));
    let entry = entry.on_leave(move |socket, reason| async move {
        drop(recheck);
        leaving.on_leave(&socket, reason).await;
    });
    let is_new = match entry.enter_and_emit(name.as_str(), "joined", &Payload::empty()) {
        Ok(is_new) => is_new,
        Err(SocketError::Revoked) => {
            let room = name.to_string();
            return Err(HandlerError::Forbidden { room });
        }
        // It has gone while it was being asked about: there is nobody to tell.
        Err(SocketError::Disconnected) => return Ok(Done::with(&name)),
        Err(error) => return Err(HandlerError::validation(error.to_string())),
    };
    if is_new {
        room.on_join(&socket).await;
    }
    Ok(Done::with(&name))
}

/// What the room's own code says within the time that it has; without it the client's other events would wait for ever.
async fn in_time<R: Room, T>(
    asked: impl Future<Output = Result<T, HandlerError>>,
) -> Result<T, HandlerError> {
    timeout(R::GUARD_TIMEOUT, asked).await.unwrap_or_else(|_| {
        let cause = format!("the guard of {} took too long", R::KEY);
        Err(HandlerError::timed_out(cause))
    })
}

/// The room that the client asks for and may join.
async fn admit<R: Room>(session: &Session, args: Args) -> Result<(R, RoomName), HandlerError> {
    let (room, name) = identify::<R>(session, args).await?;
    match room.try_can_join(session).await {
        Ok(true) => Ok((room, name)),
        Ok(false) => Err(HandlerError::Forbidden {
            room: name.to_string(),
        }),
        Err(cause) => Err(HandlerError::internal(cause.into_source())),
    }
}

/// Leaving takes neither membership nor permission.
async fn leave<R: Room>(socket: Socket, args: Args) -> Result<Ack<Done>, HandlerError> {
    let (_, name) = in_time::<R, _>(identify::<R>(&socket.session(), args)).await?;
    let was_in = socket.leave_room(name.as_str());
    let _ = socket.emit("left", &());
    if was_in {
        socket.left(&name).await;
    }
    Ok(Done::with(&name))
}

async fn identify<R: Room>(
    session: &Session,
    mut args: Args,
) -> Result<(R, RoomName), HandlerError> {
    let data: Value = args.take()?;
    if !args.is_empty() {
        return Err(HandlerError::validation("one argument is expected"));
    }
    let room = R::extract_room_identifier(session, data).await?;
    let name = room
        .room_name()
        .map_err(|error: RoomNameError| HandlerError::validation(error.to_string()))?;
    Ok((room, name))
}
