//! Who is connecting?

use std::time::{Duration, UNIX_EPOCH};

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
    exp: u64,
    token_type: String,
}

/// Verifies `auth.token` and keeps its user in the session, which ends with the token. `revoke(Who::user(id))` ends it before
/// that. The session is that of the connection: with another user's token no second namespace is reached on it.
pub async fn authenticate(socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
    let token = match auth.value().get("token") {
        None | Some(Value::Null) => return Err(no_token()),
        Some(Value::String(token)) if token.is_empty() => return Err(no_token()),
        Some(token) => token.as_str().unwrap_or_default().to_owned(),
    };
    let claims = verify(&token)?;
    let session = socket.session();
    session.set_user_id(claims.sub.as_str())?;
    session.set_expiry(UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp)));
    session.insert(User {
        id: claims.sub,
        sign_in: claims.sid,
    });
    Ok(())
}

fn no_token() -> ConnectionRefused {
    ConnectionRefused::new("No access token provided")
}

/// What a token says that was signed with `SECRET_KEY` and has not ended.
fn verify(token: &str) -> Result<Claims, ConnectionRefused> {
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
    Ok(claims)
}
