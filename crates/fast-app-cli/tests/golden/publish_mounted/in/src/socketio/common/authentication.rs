//! Who is connecting?

use fast_app::prelude::*;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

/// Whose token it was. Guards and handlers find it with `session.get::<User>()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id: the token's `sub`.
    pub id: String,
    /// Where the user signed in: the token's `sid`.
    pub sign_in: String,
}

/// What an access token says. `exp`, its end, is checked before anything else is read.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    sid: String,
    token_type: String,
}

/// Verifies `auth.token` and keeps its user in the session.
pub async fn authenticate(socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
    let token = match auth.value().get("token") {
        None | Some(Value::Null) => return Err(no_token()),
        Some(Value::String(token)) if token.is_empty() => return Err(no_token()),
        Some(token) => token.as_str().unwrap_or_default().to_owned(),
    };
    socket.session().insert(user_of(&token)?);
    Ok(())
}

fn no_token() -> ConnectionRefused {
    ConnectionRefused::new("No access token provided")
}

/// The user of a token that was signed with `SECRET_KEY` and has not ended.
fn user_of(token: &str) -> Result<User, ConnectionRefused> {
    let key = std::env::var("SECRET_KEY").unwrap_or_default();
    if key.is_empty() {
        tracing::error!("SECRET_KEY is not set: nobody can connect");
        return Err(ConnectionRefused::new("Access tokens cannot be verified"));
    }
    let key = DecodingKey::from_secret(key.as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    let invalid = || ConnectionRefused::new("Invalid access token");
    let claims = decode::<Claims>(token, &key, &validation)
        .inspect_err(|error| tracing::debug!(%error, "an access token was refused"))
        .map_err(|_| invalid())?
        .claims;
    if claims.token_type != "access" {
        return Err(invalid());
    }
    Ok(User {
        id: claims.sub,
        sign_in: claims.sid,
    })
}
