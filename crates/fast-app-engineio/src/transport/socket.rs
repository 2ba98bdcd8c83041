//! The connection under a WebSocket.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, IoSlice},
    net::Shutdown,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rustix::net::{self, SendAncillaryBuffer, SendFlags};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWriteExt, Interest, ReadBuf, ReadHalf, WriteHalf},
    net::TcpStream,
    sync::Mutex,
    time::timeout,
};

use super::Corked;
use crate::outbox::Outbox;

/// How many frames one system call takes.
const FRAMES_PER_WRITE: usize = 64;

const READ_BUFFER: usize = 64 * 1024;

/// How often it is tried whether a blocked socket takes something. Linux says so only when a third of its buffer is free, which
/// may be megabytes: a client that reads little would seem to read nothing.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// Writing to a connection that has ended is an error, not a signal. Apple's systems know no such flag; there Rust's runtime
/// ignores the signal.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

thread_local! {
    /// What has just been read, for the moment until it is decoded: no connection owns a read buffer.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into_boxed_slice());
}

type Stream = TokioIo<Upgraded>;

/// The writing side, and the TCP connection itself where there is one.
pub(crate) enum Socket {
    /// The stream that lay under hyper: whoever has frames writes them, without a task.
    Tcp(TcpStream),
    /// Any other stream, such as TLS that ends in this process: written by a task that waits.
    Other {
        writer: Mutex<WriteHalf<Stream>>,
        ending: Ending,
    },
}

/// How a stream that only its reader can end is ended.
#[derive(Default)]
pub(crate) struct Ending {
    over: AtomicBool,
    reader: AtomicWaker,
}

/// The reading side.
pub(crate) enum Reader {
    Tcp(Arc<Socket>),
    Other(Arc<Socket>, ReadHalf<Stream>),
}

/// An upgraded connection, out of hyper.
pub(crate) struct Upgrade {
    pub(crate) socket: Arc<Socket>,
    pub(crate) reader: Reader,
    /// What hyper has read beyond the request.
    pub(crate) early: bytes::Bytes,
    /// What hyper was kept from writing, to be written first.
    pub(crate) head: bytes::Bytes,
}

/// Takes an upgraded connection out of hyper.
pub(crate) fn take_apart(upgraded: Upgraded) -> Upgrade {
    let upgraded = match upgraded.downcast::<Corked>() {
        Ok(parts) => {
            let (stream, head, early) = parts.io.into_parts(parts.read_buf);
            return Upgrade {
                head: head.into(),
                ..tcp(stream, early)
            };
        }
        Err(upgraded) => upgraded,
    };
    // Under hyper-util's `auto` server the stream sits in a wrapper, under hyper's own it does not.
    let upgraded =
        match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => return tcp_without_delay(parts.io.into_inner(), parts.read_buf),
            Err(upgraded) => upgraded,
        };
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => tcp_without_delay(parts.io.into_inner(), parts.read_buf),
        Err(upgraded) => {
            let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
            let socket = Arc::new(Socket::Other {
                writer: Mutex::new(writer),
                ending: Ending::default(),
            });
            Upgrade {
                socket: socket.clone(),
                reader: Reader::Other(socket, reader),
                early: bytes::Bytes::new(),
                head: bytes::Bytes::new(),
            }
        }
    }
}

fn tcp_without_delay(stream: TcpStream, early: bytes::Bytes) -> Upgrade {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    tcp(stream, early)
}

fn tcp(stream: TcpStream, early: bytes::Bytes) -> Upgrade {
    let socket = Arc::new(Socket::Tcp(stream));
    Upgrade {
        socket: socket.clone(),
        reader: Reader::Tcp(socket),
        early,
        head: bytes::Bytes::new(),
    }
}

/// Writes what the socket takes at once, whatever tokio knows of its readiness.
pub(crate) fn send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(net::send(stream, bytes, NO_SIGNAL)?)
}

impl Socket {
    /// Writes what the socket takes at once.
    pub(crate) fn try_write(&self, outbox: &Outbox) -> io::Result<usize> {
        match self {
            // Straight to the system call: where the socket would block, tokio learns of it from `write`.
            Self::Tcp(stream) => {
                let mut slices = [IoSlice::new(&[]); FRAMES_PER_WRITE];
                Ok(match outbox.slices(&mut slices) {
                    0 => 0,
                    1 => send(stream, &slices[0])?,
                    filled => {
                        let mut control = SendAncillaryBuffer::default();
                        net::sendmsg(stream, &slices[..filled], &mut control, NO_SIGNAL)?
                    }
                })
            }
            Self::Other { .. } => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Waits until the socket takes something and writes that.
    ///
    /// Not cancel-safe: how much was written is unknown then, and the stream must be given up.
    pub(crate) async fn write(&self, outbox: &Outbox) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => {
                let writable = || stream.async_io(Interest::WRITABLE, || self.try_write(outbox));
                loop {
                    let written = match timeout(LOOK, writable()).await {
                        Ok(written) => return written,
                        Err(_) => self.try_write(outbox),
                    };
                    match written {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        written => return written,
                    }
                }
            }
            Self::Other { writer, .. } => {
                let mut slices = [IoSlice::new(&[]); FRAMES_PER_WRITE];
                let filled = outbox.slices(&mut slices);
                let mut writer = writer.lock().await;
                let count = writer.write_vectored(&slices[..filled]).await?;
                writer.flush().await?;
                Ok(count)
            }
        }
    }

    /// Waits until the socket has taken all of `outbox`. Not cancel-safe, as [`Socket::write`].
    pub(crate) async fn write_all(&self, mut outbox: Outbox) -> io::Result<()> {
        while !outbox.is_empty() {
            let count = self.write(&outbox).await?;
            outbox.advance(count);
        }
        Ok(())
    }

    /// Tells the peer that nothing more comes. Reading goes on, so that the peer still gets what was written.
    ///
    /// Does nothing to a stream that has to be waited for: see [`Socket::finish`].
    pub(crate) fn shutdown_write(&self) {
        if let Self::Tcp(stream) = self {
            drop(SockRef::from(stream).shutdown(Shutdown::Write));
        }
    }

    /// Like [`Socket::shutdown_write`], for every stream.
    pub(crate) async fn finish(&self) {
        match self {
            Self::Tcp(_) => self.shutdown_write(),
            Self::Other { writer, .. } => drop(writer.lock().await.shutdown().await),
        }
    }

    /// Ends both directions at once.
    pub(crate) fn shutdown(&self) {
        match self {
            Self::Tcp(stream) => drop(SockRef::from(stream).shutdown(Shutdown::Both)),
            Self::Other { ending, .. } => {
                ending.over.store(true, Ordering::Release);
                ending.reader.wake();
            }
        }
    }
}

impl Reader {
    /// Waits for bytes and shows them to `take`; `None` when the peer has sent its last.
    pub(crate) fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&[u8]) -> T,
    ) -> Poll<io::Result<Option<T>>> {
        match self {
            Self::Tcp(socket) => {
                let Socket::Tcp(stream) = &**socket else {
                    return Poll::Ready(Ok(None));
                };
                loop {
                    ready!(stream.poll_read_ready(cx))?;
                    let read = BUFFER.with_borrow_mut(|buffer| {
                        stream
                            .try_read(buffer)
                            .map(|count| (count > 0).then(|| take(&buffer[..count])))
                    });
                    match read {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        read => return Poll::Ready(read),
                    }
                }
            }
            Self::Other(socket, reader) => {
                let Socket::Other { ending, .. } = &**socket else {
                    return Poll::Ready(Ok(None));
                };
                ending.reader.register(cx.waker());
                if ending.over.load(Ordering::Acquire) {
                    return Poll::Ready(Ok(None));
                }
                BUFFER.with_borrow_mut(|buffer| {
                    let mut buffer = ReadBuf::new(buffer);
                    ready!(Pin::new(reader).poll_read(cx, &mut buffer))?;
                    let bytes = buffer.filled();
                    Poll::Ready(Ok((!bytes.is_empty()).then(|| take(bytes))))
                })
            }
        }
    }

    /// Like [`Reader::poll_read`]. Cancel-safe.
    pub(crate) async fn read<T>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> T,
    ) -> io::Result<Option<T>> {
        poll_fn(|cx| self.poll_read(cx, &mut take)).await
    }
}
