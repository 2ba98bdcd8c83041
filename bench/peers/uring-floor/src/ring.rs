//! A broadcast as io_uring sends: queued one by one, submitted many at a time.

use std::io::{self, ErrorKind};
use std::rc::Rc;

use compio_driver::op::{Send, SendFlags};
use compio_driver::{Key, Proactor, PushEntry};
use mio::net::TcpStream;

type Delivery = Send<Rc<[u8]>, Rc<TcpStream>>;

/// A submission queue, and the sends of one broadcast that are in it.
pub(crate) struct Ring {
    proactor: Proactor,
    pending: Vec<(usize, Key<Delivery>)>,
}

impl Ring {
    /// A ring that is submitted whenever `batch` sends are queued.
    pub(crate) fn new(batch: u32) -> io::Result<Self> {
        let mut builder = Proactor::builder();
        builder
            .capacity(batch)
            .single_issuer(true)
            .coop_taskrun(true);
        Ok(Self {
            proactor: builder.build()?,
            pending: Vec::new(),
        })
    }

    /// Queues a send to the socket `number`.
    pub(crate) fn push(&mut self, number: usize, stream: Rc<TcpStream>, frame: Rc<[u8]>) {
        let send = Send::new(stream, frame, SendFlags::empty());
        match self.proactor.push(send) {
            PushEntry::Pending(key) => self.pending.push((number, key)),
            // The ring makes no send by itself.
            PushEntry::Ready(_) => {}
        }
    }

    /// Submits what is queued, and hands over each send's socket and result.
    pub(crate) fn complete(
        &mut self,
        mut done: impl FnMut(usize, io::Result<usize>),
    ) -> io::Result<()> {
        while let Some((number, key)) = self.pending.pop() {
            match self.proactor.pop(key) {
                PushEntry::Ready(result) => done(number, result.0),
                PushEntry::Pending(key) => {
                    self.pending.push((number, key));
                    self.enter()?;
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self) -> io::Result<()> {
        match self.proactor.poll(None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }
}
