//! The code that the design promises, in one file.

use fast_app::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize)]
pub struct Chat {
    id: String,
    name: String,
}

pub struct User {
    id: String,
}

#[derive(Clone)]
pub struct Chats;

impl Chats {
    async fn has_member(&self, chat_id: &str, user_id: &str) -> bool {
        chat_id == "1" && user_id == "alice"
    }
}

/// Everybody in one chat. Its name on the wire is `chat|<chat_id>`.
#[derive(RoomName, Deserialize)]
pub struct ChatRoom {
    pub chat_id: String,
}

impl Room for ChatRoom {
    async fn can_join(&self, session: &Session) -> bool {
        let Some(user) = session.get::<User>() else {
            return false;
        };
        session
            .state::<Chats>()
            .has_member(&self.chat_id, &user.id)
            .await
    }
}

/// Sent to everybody in a chat when it changes. Its name on the wire is `update_chat`.
#[derive(Event, Serialize)]
pub struct UpdateChat {
    pub chat: Chat,
}

impl BroadcastEvent for UpdateChat {
    async fn broadcast_on(&self) -> Channels {
        ChatRoom {
            chat_id: self.chat.id.clone(),
        }
        .into()
    }
}

#[derive(Deserialize)]
pub struct Typing {
    chat_id: String,
}

#[derive(Clone)]
pub struct GlobalNamespace;

#[namespace("/")]
#[register_room(ChatRoom)]
impl GlobalNamespace {
    async fn on_connect(&self, socket: &Socket, _auth: Auth) -> Result<(), ConnectionRefused> {
        let user = User {
            id: "alice".to_owned(),
        };
        socket.session().insert(user);
        Ok(())
    }

    async fn on_typing(&self, _socket: &Socket, data: Data<Typing>) {
        let Data(Typing { chat_id }) = data;
        drop(chat_id);
    }

    async fn on_disconnect(&self, _socket: &Socket, _reason: DisconnectReason) {}
}

pub async fn create_socketio_app(state: Chats) -> Result<SocketIo, SocketIoError> {
    SocketIo::builder()
        .manager(Manager::from_env().await?)
        .state(state)
        .namespace(GlobalNamespace)
        .build()
}

pub async fn rename(mut chat: Chat, socket_id: &str) -> Result<(), BroadcastError> {
    chat.name.push('!');
    broadcast(UpdateChat { chat: chat.clone() }).await?;
    broadcast(UpdateChat { chat }).to_others(socket_id).await?;
    Ok(())
}

fn main() {
    let _ = Namespace::from(GlobalNamespace);
}
