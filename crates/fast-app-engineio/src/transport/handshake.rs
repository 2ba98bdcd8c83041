//! The opening handshake of WebSocket (RFC 6455, section 4.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use sha1::{Digest, Sha1};

use crate::{body::ResponseBody, error::RequestError};

/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The connection that a request for a WebSocket will become, and the response that makes it one.
pub(super) fn accept(
    request: &mut Parts,
) -> Result<(OnUpgrade, Response<ResponseBody>), RequestError> {
    let key = check(request)?;
    let upgrade = request
        .extensions
        .remove()
        .ok_or(RequestError::BadRequest)?;
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept_key(&key));
    Ok((upgrade, response))
}

/// RFC 6455, section 4.2.1. Returns the client's key.
pub(crate) fn check(request: &Parts) -> Result<HeaderValue, RequestError> {
    let headers = &request.headers;
    let key = only(headers, header::SEC_WEBSOCKET_KEY).ok_or(RequestError::BadRequest)?;
    let valid = request.method == Method::GET
        && request.version == Version::HTTP_11
        && has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket")
        && only(headers, header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13")
        && STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16);
    if valid {
        Ok(key.clone())
    } else {
        Err(RequestError::BadRequest)
    }
}

/// The header's value, unless there are two (RFC 6455, sections 11.3.1 and 11.3.5): which of them counts is a matter on
/// which a proxy may think otherwise.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).into_iter();
    values.next().filter(|_| values.next().is_none())
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

fn accept_key(key: &HeaderValue) -> HeaderValue {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    HeaderValue::from_str(&STANDARD.encode(digest)).expect("base64 fits a header")
}
