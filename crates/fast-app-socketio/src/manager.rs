//! Where events are emitted.

use std::{
    error::Error as _,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Once, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tracing::{Instrument as _, Span};

use crate::{
    answers::{Collecting, Waiting},
    bus::{
        self, Bus, BusError, BusStats, Callback, Envelope, HostId, Listener, MemoryBus, Message,
        OnOutage, Published,
    },
    emit::{Answers, Delivery, Emit, Recipients},
    error::{EmitError, SocketIoError},
    name::is_reserved_event,
    payload::Payload,
    revocation::{Asking, CONFIRMING, Confirmations, Log, Repeating},
    server::Server,
};

/// When this time is over; in a year at the latest, which is as good as never.
#[doc(hidden)]
pub fn deadline(timeout: Duration) -> tokio::time::Instant {
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    tokio::time::Instant::now() + timeout.min(LONGEST)
}

/// Emits events to the clients of every worker. It needs no server in its own process, only a bus. A clone is the same
/// manager.
///
/// ```
/// # use fast_app_socketio::{Emit, Manager, Payload};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Manager::from_url("memory://")?;
/// manager.emit(Emit::new("news", Payload::new("hello")?).to(["readers"])).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Manager(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) host: HostId,
    server: Mutex<Weak<Server>>,
    listening: Once,
    max_payload: AtomicUsize,
    /// Events whose acknowledgements are being collected.
    waiting: Waiting,
    pub(crate) confirmations: Confirmations,
    pub(crate) confirming: Arc<Semaphore>,
    /// Of every revocation that it has made or heard, whether it has a server or not.
    pub(crate) revocations: Mutex<Log>,
    pub(crate) asking: Mutex<Option<Asking>>,
    pub(crate) repeating: Repeating,
    /// Itself, for tasks that must not keep it.
    pub(crate) weak: Weak<Shared>,
}

/// The largest payload for other workers, in bytes, if nothing else is said.
pub(crate) const MAX_PAYLOAD: usize = 1 << 20;

/// The manager of this process, for code that has no other at hand.
static OF_PROCESS: OnceLock<Manager> = OnceLock::new();

impl Manager {
    /// A manager over a bus.
    pub fn new(bus: Arc<dyn Bus>) -> Self {
        Self(Arc::new_cyclic(|weak| Shared {
            bus,
            host: HostId::random(),
            server: Mutex::new(Weak::new()),
            listening: Once::new(),
            max_payload: AtomicUsize::new(MAX_PAYLOAD),
            waiting: Waiting::default(),
            confirmations: Confirmations::default(),
            confirming: Arc::new(Semaphore::new(CONFIRMING)),
            revocations: Mutex::default(),
            asking: Mutex::default(),
            repeating: Repeating::default(),
            weak: weak.clone(),
        }))
    }

    /// A manager over the bus of this URL, `redis://…`, `rediss://…`, `unix://…`, `redis+sentinel://…` or `memory://`, on
    /// the channel `socketio`; [`RedisBus::builder`](bus::RedisBus::builder) has the settings.
    ///
    /// It does not wait for the bus: a server starts without one, serves the clients it has, and keeps trying.
    ///
    /// # Errors
    ///
    /// When the URL is none of these.
    pub fn from_url(url: &str) -> Result<Self, BusError> {
        bus::from_url(url).map(Self::new)
    }

    /// A manager over the bus of `REDIS_SOCKETIO_URL`, which is looked up in the environment, then in a `.env` file,
    /// and is `redis://localhost:6379/14` by default. In the same places `REDIS_SOCKETIO_CHANNEL` names the channel,
    /// `socketio` by default, and `REDIS_SOCKETIO_PROFILE` the versions of python-socketio on it: `5.15` (and later), the
    /// default, or `5.14`.
    ///
    /// # Errors
    ///
    /// When a variable has no such value; the error names it.
    pub async fn from_env() -> Result<Self, BusError> {
        bus::from_env().map(Self::new)
    }

    /// The largest payload that is emitted to other workers, in bytes: its JSON, and its attachments as Base64. Default
    /// 1 MiB. Redis gives up every subscriber that is 32 MB behind.
    pub fn max_payload(self, bytes: usize) -> Self {
        self.0.max_payload.store(bytes, Ordering::Relaxed);
        self
    }

    /// The manager of the process's first server; without one, a manager from the environment.
    ///
    /// # Errors
    ///
    /// As [`Manager::from_env`].
    pub async fn of_process() -> Result<Self, BusError> {
        match OF_PROCESS.get() {
            Some(manager) => Ok(manager.clone()),
            None => {
                let manager = Self::from_env().await?;
                Ok(OF_PROCESS.get_or_init(|| manager).clone())
            }
        }
    }

    /// Emits an event to its recipients on every worker, this one first.
    ///
    /// # Errors
    ///
    /// [`EmitError::TooLarge`] when nothing was sent; [`EmitError::Bus`] when other workers could not be told, clients of
    /// this process have got it all the same.
    pub async fn emit(&self, emit: Emit) -> Result<Delivery, EmitError> {
        let span = emit.span();
        self.emit_in_span(emit).instrument(span).await
    }

    async fn emit_in_span(&self, emit: Emit) -> Result<Delivery, EmitError> {
        self.check(&emit)?;
        if emit.to.is_nobody() {
            return Ok(Delivery::default());
        }
        let callback = None;
        if emit.local {
            let local = self.apply(&Message::Emit { emit, callback }).await;
            return Ok(Delivery {
                local,
                ..Delivery::default()
            });
        }
        let on_outage = emit.on_outage;
        Ok(self
            .send(Message::Emit { emit, callback }, on_outage)
            .await?)
    }

    /// Emits an event and collects what clients answer to it, on every worker, for as long as `timeout`; shorter when
    /// nobody else can answer, because only this process has heard of the event and all of its clients have answered.
    ///
    /// A process without a server can do it too. Of a worker with python-socketio only the first answer to an event is
    /// heard.
    ///
    /// # Errors
    ///
    /// As [`Manager::emit`], and [`BusError::Deaf`] when the bus cannot be heard within `timeout`: nothing was emitted
    /// then.
    pub async fn emit_with_acks(
        &self,
        emit: Emit,
        timeout: Duration,
    ) -> Result<Answers, EmitError> {
        let deadline = deadline(timeout);
        let (delivery, collecting) = self.emit_collecting(emit, deadline).await?;
        let args = collecting.collect(deadline).await;
        Ok(Answers { delivery, args })
    }

    /// The first half of [`Manager::emit_with_acks`]: emits, and returns who collects the answers.
    ///
    /// # Errors
    ///
    /// As [`Manager::emit_with_acks`].
    pub async fn emit_collecting(
        &self,
        emit: Emit,
        deadline: tokio::time::Instant,
    ) -> Result<(Delivery, Collecting), EmitError> {
        let span = emit.span();
        self.collect_in_span(emit, deadline).instrument(span).await
    }

    async fn collect_in_span(
        &self,
        emit: Emit,
        deadline: tokio::time::Instant,
    ) -> Result<(Delivery, Collecting), EmitError> {
        self.check(&emit)?;
        if emit.to.is_nobody() {
            return Ok((Delivery::default(), Collecting::nobody()));
        }
        if !emit.local {
            self.hear(deadline).await?;
        }
        let room = match &emit.to {
            Recipients::Rooms(rooms) => rooms.first().map_or("", |room| &**room),
            Recipients::Everybody => "",
        };
        let mut collecting = self.0.waiting.add(room, &emit.namespace);
        let (local, on_outage) = (emit.local, emit.on_outage);
        let message = Message::Emit {
            callback: Some(collecting.callback().clone()),
            emit,
        };
        let delivery = match local {
            true => Delivery {
                local: self.apply(&message).await,
                ..Delivery::default()
            },
            false => self.send(message, on_outage).await?,
        };
        if local || delivery.workers == Some(1) {
            collecting.expect(delivery.local);
        }
        Ok((delivery, collecting))
    }

    fn check(&self, emit: &Emit) -> Result<(), EmitError> {
        if is_reserved_event(&emit.event) {
            return Err(EmitError::ReservedEvent(emit.event.clone()));
        }
        let bytes = emit.payload.len_on_bus();
        let limit = self.0.max_payload.load(Ordering::Relaxed);
        match bytes > limit && !emit.local {
            true => Err(EmitError::TooLarge { bytes, limit }),
            false => Ok(()),
        }
    }

    /// Listens, and waits until something can be heard.
    pub(crate) async fn hear(&self, deadline: tokio::time::Instant) -> Result<(), BusError> {
        self.listen();
        let mut poll = tokio::time::interval(Duration::from_millis(5));
        while !self.is_listening() {
            if poll.tick().await >= deadline {
                return Err(BusError::Deaf);
            }
        }
        Ok(())
    }

    /// Disconnects a socket from its namespace, wherever it is.
    ///
    /// # Errors
    ///
    /// When other workers could not be told.
    pub async fn disconnect(&self, namespace: &str, sid: &str) -> Result<(), BusError> {
        let message = Message::Disconnect {
            sid: sid.to_owned(),
            namespace: namespace.to_owned(),
        };
        self.send(message, OnOutage::Raise).await.map(drop)
    }

    /// Puts a socket into a room, wherever it is.
    ///
    /// # Errors
    ///
    /// When other workers could not be told.
    pub async fn enter_room(&self, namespace: &str, sid: &str, room: &str) -> Result<(), BusError> {
        let (sid, room, namespace) = (sid.to_owned(), room.to_owned(), namespace.to_owned());
        let message = Message::EnterRoom {
            sid,
            room,
            namespace,
        };
        self.send(message, OnOutage::Raise).await.map(drop)
    }

    /// Takes a socket out of a room, wherever it is.
    ///
    /// # Errors
    ///
    /// When other workers could not be told.
    pub async fn leave_room(&self, namespace: &str, sid: &str, room: &str) -> Result<(), BusError> {
        let (sid, room, namespace) = (sid.to_owned(), room.to_owned(), namespace.to_owned());
        let message = Message::LeaveRoom {
            sid,
            room,
            namespace,
        };
        self.send(message, OnOutage::Raise).await.map(drop)
    }

    /// Takes every socket out of a room.
    ///
    /// # Errors
    ///
    /// When other workers could not be told.
    pub async fn close_room(&self, namespace: &str, room: &str) -> Result<(), BusError> {
        let message = Message::CloseRoom {
            room: room.to_owned(),
            namespace: namespace.to_owned(),
        };
        self.send(message, OnOutage::Raise).await.map(drop)
    }

    /// Whether this manager hears the other workers right now: what a readiness check asks. It turns false when the connection
    /// ends or its own beat was not heard for 15 s, and true when a beat has come back.
    ///
    /// ```
    /// # use axum::{Router, extract::State, http::StatusCode, routing::get};
    /// # use fast_app_socketio::SocketIo;
    /// async fn ready(State(socketio): State<SocketIo>) -> StatusCode {
    ///     match socketio.manager().is_listening() {
    ///         true => StatusCode::OK,
    ///         false => StatusCode::SERVICE_UNAVAILABLE,
    ///     }
    /// }
    ///
    /// # fn example(socketio: SocketIo) {
    /// let app: Router = Router::new()
    ///     .route("/ready", get(ready))
    ///     .with_state(socketio.clone())
    ///     .layer(socketio.layer());
    /// # }
    /// ```
    pub fn is_listening(&self) -> bool {
        self.stats().listening
    }

    /// How the bus fares.
    pub fn stats(&self) -> BusStats {
        self.0.bus.stats()
    }

    /// Waits until what was published has been sent, or could not be: a process that ends earlier loses it. What is spooled
    /// waits for as long as Redis is away: put a limit to it. Where there is a server,
    /// [`SocketIo::ended`](crate::SocketIo::ended) does it.
    ///
    /// Cancel-safe.
    pub async fn flushed(&self) {
        self.0.bus.flushed().await;
    }

    /// A manager whose server is the only one.
    pub(crate) fn alone() -> Self {
        Self::new(Arc::new(MemoryBus::private()))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Lets `server` hear what other managers send, and deliver what this one emits.
    pub(crate) fn attach(&self, server: &Arc<Server>) -> Result<(), SocketIoError> {
        let mut attached = self.0.server.lock();
        if attached.strong_count() > 0 {
            return Err(SocketIoError::ManagerTaken);
        }
        *attached = Arc::downgrade(server);
        drop(attached);
        self.listen();
        Ok(())
    }

    /// Becomes the manager of the process, if it is the first.
    pub(crate) fn adopt(self) {
        let _ = OF_PROCESS.set(self);
    }

    /// A client of this process has acknowledged an event of `host`.
    pub(crate) fn answered(&self, host: &HostId, callback: &Callback, answer: Payload) {
        if *host == self.0.host {
            self.0.waiting.answered(callback, &answer);
            return;
        }
        let (manager, envelope) = (
            self.clone(),
            Envelope {
                host: host.clone(),
                message: Message::Callback {
                    callback: callback.clone(),
                    answer,
                },
            },
        );
        let Some(server) = self.0.server.lock().upgrade() else {
            return;
        };
        server.running().spawn(async move {
            if let Err(error) = manager.0.bus.publish(&envelope, OnOutage::Raise).await {
                tracing::warn!(%error, "an acknowledgement did not reach the worker that waits for it");
            }
        });
    }

    fn listen(&self) {
        self.0.listening.call_once(|| {
            self.0.bus.listen(self.0.weak.clone());
        });
    }

    /// Does in this process what a message asks for.
    pub(crate) async fn apply(&self, message: &Message) -> usize {
        self.0.apply(&self.0.host, message).await
    }

    async fn send(&self, message: Message, on_outage: OnOutage) -> Result<Delivery, BusError> {
        let local = self.apply(&message).await;
        let envelope = Envelope {
            host: self.0.host.clone(),
            message,
        };
        let mut delivery = Delivery {
            local,
            ..Delivery::default()
        };
        match self.0.bus.publish(&envelope, on_outage).await {
            Ok(Published::Heard(workers)) => delivery.workers = workers,
            Ok(Published::Spooled) => delivery.spooled = true,
            Err(error) if on_outage == OnOutage::Log => {
                tracing::error!(%error, cause = error.source().map(tracing::field::display), "an event did not reach the other workers");
                delivery.lost = true;
            }
            Err(error) => return Err(error),
        }
        Ok(delivery)
    }
}

impl Shared {
    pub(crate) fn server(&self) -> Option<Arc<Server>> {
        self.server.lock().upgrade()
    }

    pub(crate) async fn apply(&self, host: &HostId, message: &Message) -> usize {
        if let Message::Revoke {
            revocation,
            id,
            again,
        } = message
        {
            let ago = again.unwrap_or_default();
            return self.revoke(host, *id, revocation, ago).await;
        }
        match self.server() {
            Some(server) => server.apply(host, message).await,
            None => 0,
        }
    }
}

impl Listener for Shared {
    fn resumed(&self, deaf: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.ask_for_revocations(deaf);
        Box::pin(async {})
    }

    fn receive(&self, envelope: Envelope) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let own = envelope.host == self.host;
            match &envelope.message {
                Message::Callback { callback, answer } if own => {
                    self.waiting.answered(callback, answer);
                }
                Message::Revoke { .. } => self.hear_revocation(&envelope, own).await,
                Message::Revoked { id, sockets } if own => {
                    self.confirmations.confirm(*id, *sockets);
                }
                Message::Missed { since } if !own => self.repeat_revocations(*since),
                // What is our own was done before it was published.
                Message::Callback { .. } | Message::Revoked { .. } => {}
                _ if own => {}
                message => {
                    let span = match message {
                        Message::Emit { emit, .. } => emit.span(),
                        _ => Span::none(),
                    };
                    self.apply(&envelope.host, message).instrument(span).await;
                }
            }
        })
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager")
            .field("bus", &self.0.bus)
            .finish_non_exhaustive()
    }
}
