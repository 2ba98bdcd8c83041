//! Which connections are whose.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use crate::{client::Client, error::AnotherUser};

/// The connections of every user of a server.
#[derive(Default)]
pub(crate) struct Users(Mutex<HashMap<Arc<str>, Vec<Weak<Client>>>>);

/// Whose a connection is.
#[derive(Default)]
pub(crate) struct Identity {
    user: Option<Arc<str>>,
    /// The connection has ended, and is nobody's any more.
    gone: bool,
}

impl Users {
    pub(crate) fn of(&self, user: &str) -> Vec<Arc<Client>> {
        let users = self.0.lock();
        let clients = users.get(user).into_iter().flatten();
        clients.filter_map(Weak::upgrade).collect()
    }

    fn insert(&self, user: Arc<str>, client: &Arc<Client>) {
        let mut users = self.0.lock();
        users.entry(user).or_default().push(Arc::downgrade(client));
    }

    fn remove(&self, user: &Arc<str>, client: &Client) {
        let mut users = self.0.lock();
        let Some(clients) = users.get_mut(user) else {
            return;
        };
        clients.retain(|other| !std::ptr::eq(other.as_ptr(), client));
        if clients.is_empty() {
            users.remove(user);
        }
    }
}

impl Identity {
    pub(crate) fn user(&self) -> Option<&Arc<str>> {
        self.user.as_ref()
    }

    pub(crate) fn set(
        &mut self,
        user: Arc<str>,
        client: &Arc<Client>,
        users: &Users,
    ) -> Result<(), AnotherUser> {
        match &self.user {
            Some(own) if *own != user => return Err(AnotherUser),
            None if !self.gone => users.insert(self.user.insert(user).clone(), client),
            _ => {}
        }
        Ok(())
    }

    /// The connection has ended.
    pub(crate) fn end(&mut self, client: &Client, users: &Users) {
        self.gone = true;
        if let Some(user) = &self.user {
            users.remove(user, client);
        }
    }
}
