//! `POST /broadcast` in a server of ours: the broadcasts that a load asks for.

use axum::extract::State;
use axum::{body::Bytes, http::StatusCode};
use fast_app::prelude::*;
use tokio::time::{Instant, sleep_until};

use crate::message::Message;
use crate::series::Series;

/// The event of a series.
#[derive(Event, Serialize)]
struct Bench {
    text: String,
    #[serde(skip)]
    room: String,
}

impl BroadcastEvent for Bench {
    async fn broadcast_on(&self) -> Channels {
        self.room.clone().into()
    }

    async fn broadcast_as(&self) -> Payload {
        Payload::new(&self.text)
    }
}

/// The handler of the route.
///
/// # Errors
///
/// 400 when the body is no series, 503 when a broadcast was not accepted.
pub async fn run_series(
    State(socketio): State<SocketIo>,
    body: Bytes,
) -> Result<(), (StatusCode, String)> {
    let refuse = |status, error: &str| (status, error.to_owned());
    let series = Series::decode(&body)
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "this is no series"))?;
    let start = Instant::now();
    for seq in 0..series.count {
        sleep_until(start + series.interval * seq as u32).await;
        let room = series.target.room(seq);
        broadcast_one(&socketio, seq, series.size, room)
            .await
            .map_err(|error| refuse(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()))?;
    }
    Ok(())
}

/// Broadcasts the message of this number to a room.
///
/// # Errors
///
/// When it was not accepted.
pub async fn broadcast_one(
    socketio: &SocketIo,
    seq: u64,
    size: usize,
    room: String,
) -> Result<Receipt, BroadcastError> {
    let text = Message::now(seq).argument(size);
    socketio.broadcast(Bench { text, room }).await
}
