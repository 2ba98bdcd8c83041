//! Sessions over plain HTTP: a GET that is held until there is something to say, and a POST for what the client says.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header, request::Parts};
use http_body::{Body, Frame as BodyFrame, SizeHint};
use http_body_util::{BodyExt, Limited};
use tokio::time::{sleep, timeout};

use super::websocket::deliver;
use crate::{
    body::ResponseBody,
    engine::Engine,
    error::RequestError,
    frame::{Frame, Kind},
    handler::CloseReason,
    packet::{Packet, SEPARATOR},
    session::{Begun, Polled, Session},
};

/// How long a GET without an answer is held once a WebSocket is about to take over. The original looks after its held GET
/// that often (`engine.io`, `Socket._maybeUpgrade`).
const UPGRADE_PATIENCE: Duration = Duration::from_millis(100);

/// How long a `1` waits for the GET that the client sent before it on another connection, to end it with `6`.
const CLOSE_PATIENCE: Duration = Duration::from_millis(20);

/// Answers the first GET: a new session.
pub(crate) fn open(engine: &Arc<Engine>, request: &Parts) -> Response<ResponseBody> {
    let (_session, packet) = engine.open_polling(request);
    text(Bytes::copy_from_slice(packet.payload()))
}

/// Holds a GET until there is something to answer.
pub(crate) async fn poll(session: Arc<Session>) -> Result<Response<ResponseBody>, RequestError> {
    let begun = session
        .hold_poll()
        .inspect_err(|_| session.close_if_polling(CloseReason::ProtocolError))?;
    let mut held = HeldPoll {
        session,
        progress: Progress::Waiting,
    };
    match answer(&held.session, begun).await {
        Polled::Upgraded if begun == Begun::Upgrading => {
            held.progress = Progress::Answered;
            Err(RequestError::BadRequest)
        }
        Polled::Noop | Polled::Upgraded => {
            held.progress = Progress::Answered;
            Ok(text(Bytes::from_static(b"6")))
        }
        Polled::Frames(frames) => {
            held.progress = Progress::Answering;
            let body = PollBody {
                payload: Some(encode(&frames)),
                held: Some(held),
            };
            Ok(text(Bytes::new()).map(|_| ResponseBody::poll(body)))
        }
    }
}

/// What a GET is answered with.
///
/// One that comes during an upgrade and finds nothing to say waits a little: the client's upgrade packet may be there
/// already, on the other connection, and then the GET came too late.
async fn answer(session: &Session, begun: Begun) -> Polled {
    if begun == Begun::Upgrading {
        let settled = timeout(UPGRADE_PATIENCE, poll_fn(|cx| session.poll_settled(cx)));
        if let Ok(polled) = settled.await {
            return polled;
        }
    }
    poll_fn(|cx| session.poll_frames(cx)).await
}

/// A GET on its way from being held to its answer.
struct HeldPoll {
    session: Arc<Session>,
    progress: Progress,
}

enum Progress {
    Waiting,
    /// The answer holds what the session had to say, and nobody else does.
    Answering,
    Answered,
}

/// When a GET ends without its answer the client has gone. What the answer held is lost: the session ends, so that the
/// client finds out. A client that waited for nothing may have gone over to a WebSocket.
impl Drop for HeldPoll {
    fn drop(&mut self) {
        self.session.release_poll();
        match self.progress {
            Progress::Waiting => self.session.close_if_polling(CloseReason::TransportClose),
            Progress::Answering => self.session.close(CloseReason::TransportClose),
            Progress::Answered => {}
        }
    }
}

/// The body of a GET that is answered with what the session had to say.
pub(crate) struct PollBody {
    payload: Option<Bytes>,
    held: Option<HeldPoll>,
}

impl Body for PollBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Self::Error>>> {
        if let Some(mut held) = self.held.take() {
            held.progress = Progress::Answered;
        }
        Poll::Ready(
            self.payload
                .take()
                .map(|payload| Ok(BodyFrame::data(payload))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.payload.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.payload.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// Packets of a polling payload, separated by 0x1e; binary ones in Base64 behind a `b`.
fn encode(frames: &[Frame]) -> Bytes {
    let mut payload =
        Vec::with_capacity(frames.iter().map(|frame| frame.as_bytes().len() + 1).sum());
    for frame in frames {
        let packet = frame.payload();
        match frame.kind() {
            Kind::Control => continue,
            _ if payload.is_empty() => {}
            _ => payload.push(SEPARATOR as u8),
        }
        if frame.kind() == Kind::Binary {
            payload.push(b'b');
            payload.extend_from_slice(STANDARD.encode(packet).as_bytes());
        } else {
            payload.extend_from_slice(packet);
        }
    }
    payload.into()
}

/// Takes what a client posts.
pub(crate) async fn post<B>(
    session: Arc<Session>,
    request: &Parts,
    body: B,
) -> Result<Response<ResponseBody>, RequestError>
where
    B: Body<Data: Send>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Err(error) = session.hold_post() {
        session.close_if_polling(CloseReason::ProtocolError);
        return Err(error);
    }
    let mut post = HeldPost {
        session,
        failed: true,
    };
    let body = read_body(&post.session, &request.headers, body).await?;
    let text_body = std::str::from_utf8(&body).map_err(|_| RequestError::BadRequest)?;
    let limit = post.session.config().max_packets;
    for (index, packet) in text_body.split(SEPARATOR).enumerate() {
        if index == limit {
            return Err(RequestError::BadRequest);
        }
        if post.session.is_closed() {
            return Err(RequestError::UnknownSid);
        }
        if receive(&post.session, packet).await? == Received::Close {
            break;
        }
    }
    post.failed = false;
    Ok(text(Bytes::from_static(b"ok")))
}

/// A POST that is being read: one at a time, and when it fails, for whatever reason, part of it may be lost, so the
/// session ends.
struct HeldPost {
    session: Arc<Session>,
    failed: bool,
}

impl Drop for HeldPost {
    fn drop(&mut self) {
        self.session.release_post();
        if self.failed {
            self.session.close(CloseReason::ProtocolError);
        }
    }
}

async fn read_body<B>(
    session: &Session,
    headers: &HeaderMap,
    body: B,
) -> Result<Bytes, RequestError>
where
    B: Body<Data: Send>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let config = session.config();
    if headers.get(header::CONTENT_TYPE).is_some_and(is_binary) {
        return Err(RequestError::BadRequest);
    }
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > config.max_payload as u64) {
        return Err(RequestError::PayloadTooLarge);
    }
    let limited = Limited::new(body, config.max_payload).collect();
    match timeout(config.body_timeout, limited).await {
        Err(_) => Err(RequestError::Timeout),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(RequestError::PayloadTooLarge)
        }
        Ok(Err(_)) => Err(RequestError::BadRequest),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

/// A body of bytes, as protocol 3 had it. Media types know no case and may have parameters (RFC 9110, section 8.3.1).
fn is_binary(content_type: &HeaderValue) -> bool {
    let kind = content_type.as_bytes().split(|byte| *byte == b';').next();
    kind.is_some_and(|kind| {
        kind.trim_ascii()
            .eq_ignore_ascii_case(b"application/octet-stream")
    })
}

#[derive(PartialEq, Eq)]
enum Received {
    Packet,
    /// The client has ended the session: what may follow counts no more.
    Close,
}

/// Ends the session of a client that said so, even if it does not wait for the answer.
struct Leaving<'a>(&'a Arc<Session>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.close(CloseReason::Client);
    }
}

async fn receive(session: &Arc<Session>, packet: &str) -> Result<Received, RequestError> {
    match Packet::from_payload(packet) {
        Ok(Packet::Message(message)) => deliver(session, message).await,
        Ok(Packet::Pong) => session.pong(),
        Ok(Packet::Noop) => {}
        Ok(Packet::Close) => {
            let _leaving = Leaving(session);
            if session.is_unheard() {
                sleep(CLOSE_PATIENCE).await;
            }
            return Ok(Received::Close);
        }
        Ok(Packet::Probe | Packet::Upgrade) => return Err(RequestError::BadRequest),
        Err(error) => {
            session.packet_refused(&error);
            return Err(RequestError::BadRequest);
        }
    }
    Ok(Received::Packet)
}

fn text(payload: Bytes) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(payload));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
