//! The connection under an HTTP server: letting the answer to a WebSocket's handshake leave together with the open packet,
//! in one system call, and ending a connection whose client takes none of its answer.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use super::{
    Rest,
    socket::{LOOK, send},
};

/// A connection under hyper whose next bytes can be held back, by whoever answers the request: it finds a [`Cork`] among
/// the request's extensions.
pub(crate) struct Corked {
    stream: TokioIo<TcpStream>,
    cork: Cork,
    held: Vec<u8>,
    /// How long the client may take nothing of what is written.
    patience: Duration,
    stalled: Option<Stalled>,
    rest: Rest,
    /// What has been read before, and comes first.
    early: Bytes,
}

/// A client takes nothing.
struct Stalled {
    since: Instant,
    /// Until it is tried again whether it does.
    look: Pin<Box<Sleep>>,
}

/// Holds back what hyper writes.
#[derive(Clone, Default)]
pub(crate) struct Cork(Arc<AtomicBool>);

impl Cork {
    /// From now on nothing is written; the connection must be taken out of hyper.
    pub(crate) fn close(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Corked {
    /// A connection from which `early` has been read already, and whose client may take nothing for as long as `patience`.
    pub(crate) fn new(
        stream: TcpStream,
        early: Bytes,
        cork: Cork,
        rest: Rest,
        patience: Duration,
    ) -> Self {
        Self {
            stream: TokioIo::new(stream),
            cork,
            held: Vec::new(),
            patience,
            stalled: None,
            rest,
            early,
        }
    }

    /// What came of a write of these bytes: an error when the client has taken nothing for too long. hyper itself would wait
    /// for ever, with the answer in memory.
    fn watch(
        &mut self,
        written: Poll<io::Result<usize>>,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Stalled {
            since: Instant::now(),
            look: Box::pin(sleep(LOOK.min(self.patience))),
        });
        loop {
            ready!(stalled.look.as_mut().poll(cx));
            match send(self.stream.inner(), bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                taken => {
                    self.stalled = None;
                    return Poll::Ready(taken);
                }
            }
            if stalled.since.elapsed() >= self.patience {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            stalled.look.as_mut().reset(Instant::now() + LOOK);
        }
    }

    /// The connection, what is to be written to it first, and what was read of it: by hyper, and what hyper has not taken.
    pub(crate) fn into_parts(self, taken: Bytes) -> (TcpStream, Vec<u8>, Bytes) {
        let read = match (taken.is_empty(), self.early.is_empty()) {
            // Empty, it would still keep hyper's buffer.
            (true, _) => self.early,
            (false, true) => taken,
            (false, false) => [taken, self.early].concat().into(),
        };
        (self.stream.into_inner(), self.held, read)
    }
}

impl Read for Corked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.rest.heard();
        }
        read
    }
}

impl Write for Corked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.cork.is_closed() {
            self.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(written, bytes, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.cork.is_closed() {
            let before = self.held.len();
            slices
                .iter()
                .for_each(|slice| self.held.extend_from_slice(slice));
            return Poll::Ready(Ok(self.held.len() - before));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        let next = slices.iter().find(|slice| !slice.is_empty());
        self.watch(written, next.map_or(&[], |slice| slice), cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // hyper flushes the connection when it has nothing left to write.
        if flushed.is_ready() {
            self.rest.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
