//! What is known of a connection.

use std::{fmt, sync::Arc, time::SystemTime};

use crate::{client::Client, error::AnotherUser};

/// The values of one connection, whatever its namespaces: who the user is, for example.
///
/// They live as long as the connection and are found by their type. A clone is the same session.
///
/// ```no_run
/// # use fast_app_socketio::Session;
/// # fn example(session: Session) {
/// struct User { id: String }
///
/// session.insert(User { id: "alice".to_owned() });
/// let user = session.get::<User>().expect("inserted above");
/// assert_eq!(user.id, "alice");
/// # }
/// ```
#[derive(Clone)]
pub struct Session(Arc<Client>);

impl Session {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self(client)
    }

    /// Stores a value in place of an earlier one of its type.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) {
        let earlier = self.0.values().lock().insert(value);
        drop(earlier);
    }

    /// The value of this type, if there is one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.values().lock().get()
    }

    /// Takes the value of this type out.
    pub fn remove<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.values().lock().remove()
    }

    /// Says whose connection this is, so that access can be taken away from the user, wherever connected, by
    /// [`Manager::revoke`](crate::Manager::revoke). Call it in `on_connect`: then a revocation that comes while that runs is not
    /// missed.
    ///
    /// A connection has one user, in all its namespaces and until it ends, or a client could take a second token to escape what
    /// happens to the first. Call this before anything else that you keep of a user, and refuse the client when it fails:
    ///
    /// ```
    /// # use fast_app_socketio::{ConnectionRefused, Socket};
    /// # fn verified() -> String { String::new() }
    /// async fn on_connect(socket: Socket) -> Result<(), ConnectionRefused> {
    ///     socket.session().set_user_id(verified())?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// It is only a name: who the user is and what they may do belongs into a value of your own.
    ///
    /// # Errors
    ///
    /// When the connection is another user's.
    pub fn set_user_id(&self, id: impl Into<Arc<str>>) -> Result<(), AnotherUser> {
        self.0.set_user(id.into())
    }

    /// What [`Session::set_user_id`] said.
    pub fn user_id(&self) -> Option<Arc<str>> {
        self.0.user()
    }

    /// Lets the client's access end at this time: it gets an `error` event `{"type":"expired"}` in each of its namespaces and
    /// is disconnected, within a second. A later call counts instead, for a token that was renewed; `None` means never, as it
    /// is without a call.
    ///
    /// ```
    /// # use std::time::{Duration, UNIX_EPOCH};
    /// # fn example(session: &fast_app_socketio::Session, exp: u64) {
    /// session.set_expiry(UNIX_EPOCH + Duration::from_secs(exp)); // the claim `exp` of a JWT
    /// # }
    /// ```
    pub fn set_expiry(&self, at: impl Into<Option<SystemTime>>) {
        self.0.set_expiry(at.into());
    }

    /// The application's state of this type, as it was passed to `SocketIo::builder().state(..)`.
    ///
    /// # Panics
    ///
    /// When none was passed: a mistake in the program, which the first client shows. Clients get an `internal` error.
    pub fn state<T: Send + Sync + 'static>(&self) -> Arc<T> {
        self.0.server().state().expect()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
