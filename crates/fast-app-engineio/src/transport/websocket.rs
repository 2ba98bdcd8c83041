//! Sessions over WebSocket: new ones, the upgrade from polling, and reading.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Response, request::Parts};
use hyper::upgrade::OnUpgrade;
use tokio::time::{Duration, Instant, sleep, timeout, timeout_at};

use super::{
    Cork,
    decoder::{DecodeError, Decoder, Incoming},
    handshake,
    socket::{self, Reader, Socket, Upgrade},
};
use crate::{
    body::ResponseBody,
    engine::Engine,
    error::RequestError,
    frame::Frame,
    handler::{CloseReason, Message},
    meter,
    outbox::Outbox,
    packet::Packet,
    session::{Ending, LINGER, Session},
};

/// How long a client that was told to go over may take to do so once the server has ended its session.
const UPGRADE_GRACE: Duration = Duration::from_secs(1);

/// Answers a request for a WebSocket: `session` is the one that wants to go over to it, or none for a new one.
pub(crate) fn accept(
    engine: &Arc<Engine>,
    mut request: Parts,
    session: Option<Arc<Session>>,
) -> Result<Response<ResponseBody>, RequestError> {
    let (upgrade, response) = handshake::accept(&mut request)?;
    let engine = engine.clone();
    match session {
        None => {
            if let Some(cork) = request.extensions.remove::<Cork>() {
                cork.close();
            }
            let websockets = engine.websockets().clone();
            websockets.spawn(serve_new(engine, upgrade, request));
        }
        Some(session) => match session.request_upgrade() {
            Ok(()) => {
                engine.websockets().spawn(serve_upgrade(session, upgrade));
            }
            // Accepted and closed, as by engine.io: clients expect the end of a WebSocket here, not a failed handshake.
            Err(error @ RequestError::BadRequest) => {
                meter::request_refused(error);
                let refused = timeout(LINGER, refuse(upgrade));
                engine.websockets().spawn(refused);
            }
            Err(error) => return Err(error),
        },
    }
    Ok(response)
}

/// Closes a WebSocket to a session that has one, or is about to.
async fn refuse(upgrade: OnUpgrade) -> io::Result<()> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let Upgrade { socket, reader, .. } = socket::take_apart(upgraded);
    say_goodbye(&socket, reader, 1002).await
}

async fn serve_new(engine: Arc<Engine>, upgrade: OnUpgrade, request: Parts) {
    let Ok(upgraded) = upgrade.await else { return };
    let Upgrade {
        socket,
        reader,
        early,
        head,
    } = socket::take_apart(upgraded);
    let decoder = decoder(&engine);
    let session = engine.open_websocket(socket, head, &request);
    let mut reading = Reading::new(session, reader, decoder, VecDeque::new());
    reading.take(&early);
    // A task of its own: an idle client's task holds only what it needs to read.
    engine.websockets().spawn(reading);
}

/// `2probe` – `3probe` – `5`, within the time for it; then the session lives on this socket.
async fn serve_upgrade(session: Arc<Session>, upgrade: OnUpgrade) {
    let deadline = Instant::now() + session.config().upgrade_timeout;
    let Ok(Ok(upgraded)) = timeout_at(deadline, upgrade).await else {
        return session.abandon_upgrade();
    };
    let Upgrade {
        socket,
        mut reader,
        early,
        ..
    } = socket::take_apart(upgraded);
    let mut decoder = Decoder::new(session.config().max_payload, session.config().max_fragments);
    let probed = tokio::select! {
        probed = timeout_at(deadline, probe(&session, &socket, &mut reader, &mut decoder, &early)) => probed,
        () = ending(&session) => Ok(Err(session.refusal_code())),
    };
    let code = match probed {
        Ok(Ok(later)) => match session.finish_upgrade(socket.clone()) {
            Ok(()) => {
                let websockets = session.engine().websockets().clone();
                websockets.spawn(Reading::new(session, reader, decoder, later));
                return;
            }
            Err(_) => {
                session.close_if_polling(CloseReason::ProtocolError);
                session.refusal_code()
            }
        },
        Ok(Err(code)) => code,
        Err(_) => {
            socket.shutdown();
            return session.abandon_upgrade();
        }
    };
    session.abandon_upgrade();
    // A client that does not listen to the end is left.
    let _ = timeout(LINGER - UPGRADE_GRACE, say_goodbye(&socket, reader, code)).await;
}

/// Waits until the server ends the session and the client has had time to finish what it has begun, if only the WebSocket
/// still reaches it.
async fn ending(session: &Session) {
    match poll_fn(|cx| session.poll_ending(cx)).await {
        Ending::OnPolling => {}
        Ending::OnWebSocket => sleep(UPGRADE_GRACE).await,
    }
}

/// Closes a WebSocket on which no session lives.
pub(super) async fn say_goodbye(socket: &Socket, mut reader: Reader, code: u16) -> io::Result<()> {
    let mut goodbye = Outbox::default();
    goodbye.push(Frame::close(code, ""));
    socket.write_all(goodbye).await?;
    socket.finish().await;
    poll_fn(|cx| poll_linger(&mut reader, cx)).await;
    Ok(())
}

/// Returns what came behind the upgrade packet, or the code to close with.
async fn probe(
    session: &Arc<Session>,
    socket: &Socket,
    reader: &mut Reader,
    decoder: &mut Decoder,
    early: &[u8],
) -> Result<VecDeque<Incoming>, u16> {
    let mut probed = false;
    let mut incoming = VecDeque::new();
    let mut decoded = decoder.decode(early, &mut incoming);
    loop {
        decoded.map_err(DecodeError::websocket_code)?;
        let mut packets = incoming.into_iter();
        while let Some(next) = packets.next() {
            let mut answer = Outbox::default();
            match next {
                Incoming::Text(text) => match Packet::from_text(text) {
                    Ok(Packet::Probe) if !probed => {
                        answer.push(Frame::control("3probe"));
                        probed = true;
                    }
                    Ok(Packet::Upgrade) if probed => return Ok(packets.collect()),
                    _ => return Err(1002),
                },
                Incoming::Binary(_) => return Err(1002),
                Incoming::Ping(payload) => answer.push(Frame::pong(&payload)),
                Incoming::Close => return Err(1000),
            }
            socket.write_all(answer).await.map_err(|_| 1000u16)?;
        }
        if probed {
            // Not before: a client that sends both packets at once waits for no GET.
            session.probe_upgrade();
        }
        incoming = VecDeque::new();
        decoded = match reader
            .read(|bytes| decoder.decode(bytes, &mut incoming))
            .await
        {
            Ok(Some(decoded)) => decoded,
            Ok(None) | Err(_) => return Err(1000),
        };
    }
}

fn decoder(engine: &Engine) -> Decoder {
    Decoder::new(engine.config().max_payload, engine.config().max_fragments)
}

/// Reads until the client is gone.
///
/// One of these lies in memory for every client, so it is written out: an `async fn` would keep each of its arguments twice,
/// and room for whatever it ever waits for.
struct Reading {
    session: Arc<Session>,
    reader: Reader,
    decoder: Decoder,
    /// What has come and not been handed up.
    incoming: VecDeque<Incoming>,
    /// How what has come ended.
    decoded: Result<(), DecodeError>,
    paused: bool,
}

impl Reading {
    fn new(
        session: Arc<Session>,
        reader: Reader,
        decoder: Decoder,
        incoming: VecDeque<Incoming>,
    ) -> Self {
        Self {
            session,
            reader,
            decoder,
            incoming,
            decoded: Ok(()),
            paused: false,
        }
    }

    /// Takes what was read before.
    fn take(&mut self, early: &[u8]) {
        self.decoded = self.decoder.decode(early, &mut self.incoming);
    }

    /// Hands up what has come, as soon as there is room for it, and closes the session over what may not come.
    fn poll_hand_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(next) = self.incoming.front() {
            if is_message(next) {
                ready!(poll_room(&self.session, &mut self.paused, cx));
            }
            let received = self
                .incoming
                .pop_front()
                .map(|next| receive(&self.session, next));
            if let Some(Err(reason)) = received {
                self.session.close(reason);
                break;
            }
        }
        self.incoming = VecDeque::new();
        if let Err(error) = mem::replace(&mut self.decoded, Ok(())) {
            let sid = self.session.sid();
            self.session
                .in_span(|| tracing::debug!(?sid, %error, "websocket refused"));
            self.session
                .close_with(CloseReason::ProtocolError, error.websocket_code());
        }
        Poll::Ready(())
    }
}

impl Future for Reading {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            ready!(this.poll_hand_up(cx));
            if this.session.is_closed() {
                return poll_linger(&mut this.reader, cx);
            }
            let (decoder, incoming) = (&mut this.decoder, &mut this.incoming);
            let read = this
                .reader
                .poll_read(cx, |bytes| decoder.decode(bytes, incoming));
            match ready!(read) {
                Ok(Some(decoded)) => this.decoded = decoded,
                Ok(None) | Err(_) => {
                    this.session.close(CloseReason::TransportClose);
                    return Poll::Ready(());
                }
            }
        }
    }
}

/// Reads on and forgets, so that the close that was written arrives: unread bytes would reset the connection.
/// The session's alarm ends it.
fn poll_linger(reader: &mut Reader, cx: &mut Context<'_>) -> Poll<()> {
    while let Ok(Some(())) = ready!(reader.poll_read(cx, |_| ())) {}
    Poll::Ready(())
}

/// Whether this is something for the connection.
fn is_message(incoming: &Incoming) -> bool {
    match incoming {
        Incoming::Text(text) => text.starts_with('4'),
        Incoming::Binary(_) => true,
        Incoming::Ping(_) | Incoming::Close => false,
    }
}

fn receive(session: &Arc<Session>, incoming: Incoming) -> Result<(), CloseReason> {
    let packet = match incoming {
        Incoming::Text(text) => Packet::from_text(text),
        Incoming::Binary(bytes) => Ok(Packet::Message(Message::Binary(bytes))),
        Incoming::Close => return Err(CloseReason::TransportClose),
        Incoming::Ping(payload) => {
            session.send(&[Frame::pong(&payload)]);
            return Ok(());
        }
    };
    match packet {
        Ok(Packet::Message(message)) => hand_up(session, message),
        Ok(Packet::Pong) => session.pong(),
        Ok(Packet::Noop) => {}
        Ok(Packet::Close) => return Err(CloseReason::Client),
        Ok(Packet::Probe | Packet::Upgrade) => return Err(CloseReason::ProtocolError),
        Err(error) => {
            session.packet_refused(&error);
            return Err(CloseReason::ProtocolError);
        }
    }
    Ok(())
}

/// Hands a message up, as soon as there is room for it.
pub(super) async fn deliver(session: &Session, message: Message) {
    let mut paused = false;
    poll_fn(|cx| poll_room(session, &mut paused, cx)).await;
    hand_up(session, message);
}

/// Waits until the connection takes a message, or the session is over: then it takes none, and there is nothing to wait for.
fn poll_room(session: &Session, paused: &mut bool, cx: &mut Context<'_>) -> Poll<()> {
    let ready = session
        .connection()
        .is_none_or(|connection| connection.poll_ready(cx).is_ready() || session.is_closed());
    match (ready, *paused) {
        (true, true) => session.resume_reading(),
        (false, false) => session.pause_reading(),
        _ => {}
    }
    *paused = !ready;
    match ready {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }
}

fn hand_up(session: &Session, message: Message) {
    if let Some(connection) = session.connection() {
        session.in_span(|| connection.message(message));
    }
}
