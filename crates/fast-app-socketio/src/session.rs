//! What is known of a connection.

use std::{fmt, sync::Arc};

use crate::client::Client;

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
        self.0.values().lock().insert(value);
    }

    /// The value of this type, if there is one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.values().lock().get()
    }

    /// Takes the value of this type out.
    pub fn remove<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.values().lock().remove()
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
