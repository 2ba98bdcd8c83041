//! Response bodies.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use crate::transport::polling::PollBody;

/// The body of an Engine.IO response.
pub struct ResponseBody(Repr);

enum Repr {
    Full(Full<Bytes>),
    Poll(PollBody),
}

impl ResponseBody {
    pub(crate) fn empty() -> Self {
        Self::full(Bytes::new())
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self(Repr::Full(Full::new(bytes)))
    }

    pub(crate) fn poll(body: PollBody) -> Self {
        Self(Repr::Poll(body))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Repr::Full(body) => Pin::new(body).poll_frame(cx),
            Repr::Poll(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Repr::Full(body) => body.is_end_stream(),
            Repr::Poll(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Repr::Full(body) => body.size_hint(),
            Repr::Poll(body) => body.size_hint(),
        }
    }
}
