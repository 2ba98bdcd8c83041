//! Asking guards again about those who are in.

use std::{
    hash::{BuildHasher, RandomState},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use fast_app_socketio::{RoomName, Socket};
use futures_util::FutureExt;
use tokio::{
    task::AbortHandle,
    time::{sleep, timeout},
};
use tracing::Instrument as _;

use super::{Cause, room::Room};

/// Asks a room's guard about one member every so often, until it is dropped.
pub(super) struct Recheck(AbortHandle);

impl Recheck {
    pub(super) fn start<R: Room>(socket: &Socket, room: &Arc<R>, name: &RoomName) -> Option<Self> {
        let pause = spread(R::RECHECK?, socket);
        let (socket, room, name) = (socket.clone(), room.clone(), name.clone());
        let asking = async move {
            loop {
                sleep(pause).await;
                if !may_stay(&*room, &socket).await {
                    socket.expel(name.as_str());
                    return;
                }
            }
        };
        // That of the session, whose event this is.
        let task = tokio::spawn(asking.in_current_span());
        Some(Self(task.abort_handle()))
    }
}

impl Drop for Recheck {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn may_stay<R: Room>(room: &R, socket: &Socket) -> bool {
    let session = socket.session();
    // Called inside of the future, so that a panic before there is a future is caught, too.
    let guard = AssertUnwindSafe(async { room.try_can_join(&session).await }).catch_unwind();
    let failed = |cause: Cause| {
        tracing::error!(sid = ?socket.sid(), room = R::KEY, cause = %cause.into_source(), "guard failed when it was asked again");
        false
    };
    match timeout(R::GUARD_TIMEOUT, guard).await {
        Ok(Ok(Ok(allowed))) => allowed,
        Ok(Ok(Err(cause))) => failed(cause),
        Ok(Err(_)) => failed(Cause::new("it panicked")),
        Err(_) => failed(Cause::new("it took too long")),
    }
}

/// Three quarters of the time, and a part of the last one.
fn spread(every: Duration, socket: &Socket) -> Duration {
    let part = RandomState::new().hash_one(socket.sid().as_str()) % 256;
    every.mul_f64(0.75 + part as f64 / 1_024.0)
}
