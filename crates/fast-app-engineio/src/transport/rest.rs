//! Whether a connection is between two requests.
//!
//! ```text
//!  Waiting ──request──► Answering ──body is over──► Answered ──all is written──► Reached ──a byte──► Waiting
//! ```
//!
//! hyper keeps 16 KiB and more for a connection that it serves. One that has reached its rest can be taken out of it, and
//! costs little while a client says nothing.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use http::{Request, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

const WAITING: u8 = 0;
const ANSWERING: u8 = 1;
const ANSWERED: u8 = 2;
const REACHED: u8 = 3;

/// How far a connection is from its rest. A clone is of the same connection, and all are used by its one task.
#[derive(Clone, Default)]
pub(crate) struct Rest(Arc<AtomicU8>);

impl Rest {
    /// A request has come. One with a body may leave some of it unread, and one for an upgrade ends what hyper does: behind
    /// those there is no rest before the next.
    pub(crate) fn asked<B: Body>(&self, request: &Request<B>) {
        let plain =
            request.body().is_end_stream() && !request.headers().contains_key(header::UPGRADE);
        self.0
            .store(if plain { ANSWERING } else { WAITING }, Ordering::Relaxed);
    }

    /// Everything that hyper had to write is written.
    pub(crate) fn flushed(&self) {
        self.go(ANSWERED, REACHED);
    }

    /// A byte has come.
    pub(crate) fn heard(&self) {
        self.go(REACHED, WAITING);
    }

    /// Whether hyper has written the last answer, and nothing of a request has come.
    pub(crate) fn is_reached(&self) -> bool {
        self.0.load(Ordering::Relaxed) == REACHED
    }

    fn go(&self, from: u8, to: u8) {
        // Elsewhere it means nothing.
        let _ = self
            .0
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

pin_project! {
    /// The body of an answer, which notices when hyper is done with it.
    pub(crate) struct Answer<B> {
        #[pin]
        body: B,
        _end: End,
    }
}

struct End(Rest);

impl Drop for End {
    fn drop(&mut self) {
        self.0.go(ANSWERING, ANSWERED);
    }
}

impl<B> Answer<B> {
    pub(crate) fn new(body: B, rest: Rest) -> Self {
        Self {
            body,
            _end: End(rest),
        }
    }
}

impl<B: Body> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
