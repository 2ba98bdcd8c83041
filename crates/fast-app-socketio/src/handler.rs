//! What an application's functions must look like to handle something.
//!
//! A handler is an async function of a [`Socket`] and what it wants of the event; the traits here are implemented for
//! every such function and are not meant to be implemented otherwise.

use std::{future::Future, pin::Pin};

use serde::Serialize;

use crate::{
    error::{ConnectionRefused, HandlerError},
    extract::{Args, Auth, FromArgs},
    payload::Payload,
    reason::DisconnectReason,
    socket::Socket,
};

/// What a handler answers: the arguments of the acknowledgement, or an error.
pub type Reply = Result<Payload, HandlerError>;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(crate) type EventFn = Box<dyn Fn(Socket, Args) -> BoxFuture<Reply> + Send + Sync>;
pub(crate) type ConnectFn =
    Box<dyn Fn(Socket, Auth) -> BoxFuture<Result<(), ConnectionRefused>> + Send + Sync>;
pub(crate) type DisconnectFn = Box<dyn Fn(Socket, DisconnectReason) -> BoxFuture<()> + Send + Sync>;

/// An async function that handles an event: a [`Socket`], then up to four things that are [`FromArgs`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle an event",
    note = "an event handler is an async function of a `Socket` and up to four of `Data<T>`, `Args` and `EventName`; \
            what it returns becomes the acknowledgement"
)]
pub trait EventHandler<A>: Send + Sync + 'static {
    /// Calls it.
    fn call(&self, socket: Socket, args: Args) -> impl Future<Output = Reply> + Send;
}

/// An async function that lets a client connect or refuses it: a [`Socket`], then perhaps [`Auth`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle connections",
    note = "it is an async function of a `Socket` and perhaps `Auth`, and returns nothing or a `Result`"
)]
pub trait ConnectHandler<A>: Send + Sync + 'static {
    /// Calls it.
    fn call(
        &self,
        socket: Socket,
        auth: Auth,
    ) -> impl Future<Output = Result<(), ConnectionRefused>> + Send;
}

/// An async function that is told of a disconnection: a [`Socket`], then perhaps a [`DisconnectReason`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle disconnections",
    note = "it is an async function of a `Socket` and perhaps a `DisconnectReason`"
)]
pub trait DisconnectHandler<A>: Send + Sync + 'static {
    /// Calls it.
    fn call(&self, socket: Socket, reason: DisconnectReason) -> impl Future<Output = ()> + Send;
}

macro_rules! event_handler {
    ($($arg:ident),*) => {
        impl<F, R, $($arg),*> EventHandler<($($arg,)*)> for F
        where
            F: Fn(Socket, $($arg),*) -> R + Send + Sync + 'static,
            R: Future<Output: IntoAck> + Send,
            $($arg: FromArgs + Send,)*
        {
            #[allow(non_snake_case, unused_mut, unused_variables, reason = "one macro for every number of arguments")]
            async fn call(&self, socket: Socket, mut args: Args) -> Reply {
                $(let $arg = $arg::from_args(&mut args)?;)*
                drop(args);
                self(socket, $($arg),*).await.into_ack()
            }
        }
    };
}

event_handler!();
event_handler!(A1);
event_handler!(A1, A2);
event_handler!(A1, A2, A3);
event_handler!(A1, A2, A3, A4);

impl<F, R> ConnectHandler<()> for F
where
    F: Fn(Socket) -> R + Send + Sync + 'static,
    R: Future<Output: IntoConnect> + Send,
{
    async fn call(&self, socket: Socket, _auth: Auth) -> Result<(), ConnectionRefused> {
        self(socket).await.into_connect()
    }
}

impl<F, R> ConnectHandler<(Auth,)> for F
where
    F: Fn(Socket, Auth) -> R + Send + Sync + 'static,
    R: Future<Output: IntoConnect> + Send,
{
    async fn call(&self, socket: Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        self(socket, auth).await.into_connect()
    }
}

impl<F, R> DisconnectHandler<()> for F
where
    F: Fn(Socket) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send,
{
    async fn call(&self, socket: Socket, _reason: DisconnectReason) {
        self(socket).await;
    }
}

impl<F, R> DisconnectHandler<(DisconnectReason,)> for F
where
    F: Fn(Socket, DisconnectReason) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send,
{
    async fn call(&self, socket: Socket, reason: DisconnectReason) {
        self(socket, reason).await;
    }
}

pub(crate) fn erase_event<A>(handler: impl EventHandler<A>) -> EventFn {
    let handler = std::sync::Arc::new(handler);
    Box::new(move |socket, args| {
        let handler = handler.clone();
        Box::pin(async move { handler.call(socket, args).await })
    })
}

pub(crate) fn erase_connect<A>(handler: impl ConnectHandler<A>) -> ConnectFn {
    let handler = std::sync::Arc::new(handler);
    Box::new(move |socket, auth| {
        let handler = handler.clone();
        Box::pin(async move { handler.call(socket, auth).await })
    })
}

pub(crate) fn erase_disconnect<A>(handler: impl DisconnectHandler<A>) -> DisconnectFn {
    let handler = std::sync::Arc::new(handler);
    Box::new(move |socket, reason| {
        let handler = handler.clone();
        Box::pin(async move { handler.call(socket, reason).await })
    })
}

/// What `on_connect` may return: nothing, or a `Result` whose error refuses the client.
pub trait IntoConnect {
    /// The outcome.
    ///
    /// # Errors
    ///
    /// When the client is refused.
    fn into_connect(self) -> Result<(), ConnectionRefused>;
}

impl IntoConnect for () {
    fn into_connect(self) -> Result<(), ConnectionRefused> {
        Ok(())
    }
}

impl<E: Into<ConnectionRefused>> IntoConnect for Result<(), E> {
    fn into_connect(self) -> Result<(), ConnectionRefused> {
        self.map_err(Into::into)
    }
}

/// What a handler may return. It becomes the acknowledgement, if the client asked for one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be acknowledged as it is",
    note = "return `Ack(value)` for a value that is `Serialize`, or a `Result` of one of these"
)]
pub trait IntoAck {
    /// The acknowledgement.
    ///
    /// # Errors
    ///
    /// When the handler failed, or its value cannot be serialised.
    fn into_ack(self) -> Reply;
}

/// Acknowledges with one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ack<T>(pub T);

impl<T: Serialize> IntoAck for Ack<T> {
    fn into_ack(self) -> Reply {
        Payload::new(&self.0).map_err(HandlerError::internal)
    }
}

impl IntoAck for () {
    fn into_ack(self) -> Reply {
        Ok(Payload::empty())
    }
}

impl IntoAck for Payload {
    fn into_ack(self) -> Reply {
        Ok(self)
    }
}

/// Echoes the arguments, attachments included.
impl IntoAck for Args {
    fn into_ack(self) -> Reply {
        Ok(Payload::from(self))
    }
}

impl<T: IntoAck, E: Into<HandlerError>> IntoAck for Result<T, E> {
    fn into_ack(self) -> Reply {
        self.map_err(Into::into)?.into_ack()
    }
}

/// `None` acknowledges without arguments.
impl<T: Serialize> IntoAck for Option<T> {
    fn into_ack(self) -> Reply {
        Ack(self).into_ack()
    }
}

impl<T: Serialize> IntoAck for Vec<T> {
    fn into_ack(self) -> Reply {
        Ack(self).into_ack()
    }
}

macro_rules! ack_values {
    ($($value:ty),*) => {
        $(impl IntoAck for $value {
            fn into_ack(self) -> Reply {
                Ack(self).into_ack()
            }
        })*
    };
}

ack_values!(
    bool,
    i32,
    i64,
    u32,
    u64,
    usize,
    f64,
    String,
    &'static str,
    serde_json::Value
);
