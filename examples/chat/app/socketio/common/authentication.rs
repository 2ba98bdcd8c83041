//! Who is connecting?

use fast_app::prelude::*;
use serde_json::Value;

use crate::models::Chats;

/// Finds the user of `auth.token` and keeps it in the session.
pub async fn authenticate(socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
    let session = socket.session();
    let auth = auth.value();
    let user = match auth.get("token") {
        None | Some(Value::Null) => return Err(ConnectionRefused::new("No access token provided")),
        Some(Value::String(token)) if token.is_empty() => {
            return Err(ConnectionRefused::new("No access token provided"));
        }
        Some(Value::String(token)) => session.state::<Chats>().user_by_token(token),
        Some(_) => None,
    };
    let user = user.ok_or_else(|| ConnectionRefused::new("Invalid access token"))?;
    session.set_user_id(user.id.as_str())?;
    session.insert(user);
    Ok(())
}
