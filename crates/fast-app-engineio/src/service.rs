//! The tower service: which request goes where.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body::Body;
use http_body_util::Either;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    body::ResponseBody,
    engine::Engine,
    error::RequestError,
    meter,
    transport::{polling, websocket},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves Engine.IO on its path in front of another service, such as an axum router.
#[derive(Clone)]
pub struct EngineIoLayer {
    engine: Arc<Engine>,
}

impl EngineIoLayer {
    /// A layer in front of whatever it is put around.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl<S> Layer<S> for EngineIoLayer {
    type Service = EngineIoService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EngineIoService {
            engine: self.engine.clone(),
            inner,
        }
    }
}

/// What [`EngineIoLayer`] makes: answers requests to its path, passes on all others.
#[derive(Clone)]
pub struct EngineIoService<S> {
    engine: Arc<Engine>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for EngineIoService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Send + 'static,
    B: Body<Data: Send> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Either<ResponseBody, R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if is_below(request.uri().path(), &self.engine.config().path) {
            let engine = self.engine.clone();
            Box::pin(async move { Ok(answer(engine, request).await.map(Either::Left)) })
        } else {
            let response = self.inner.call(request);
            Box::pin(async move { Ok(response.await?.map(Either::Right)) })
        }
    }
}

/// The path itself, with or without its last slash.
fn is_below(path: &str, served: &str) -> bool {
    path == served || served.strip_suffix('/') == Some(path)
}

async fn answer<B>(engine: Arc<Engine>, mut request: Request<B>) -> Response<ResponseBody>
where
    B: Body<Data: Send> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let origin = request.headers().get(header::ORIGIN).cloned();
    let origins = &engine.config().origins;
    if !origins.allow(request.headers()) {
        return refuse(RequestError::Forbidden);
    }
    origins.refuse_credentials(request.headers_mut());
    let mut response = match request.method() {
        &Method::OPTIONS => preflight(request.headers()),
        _ => route(&engine, request).await.unwrap_or_else(refuse),
    };
    origins.annotate(origin.as_ref(), response.headers_mut());
    response
}

async fn route<B>(
    engine: &Arc<Engine>,
    request: Request<B>,
) -> Result<Response<ResponseBody>, RequestError>
where
    B: Body<Data: Send> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (request, body) = request.into_parts();
    check_host(&request)?;
    let query = Query::parse(request.uri.query().unwrap_or_default())?;
    let session = query
        .sid
        .as_deref()
        .map(|sid| engine.find(sid))
        .transpose()?;
    match (query.transport, &request.method, session) {
        (Transport::Polling, &Method::GET, None) => {
            refuse_upgrade(&request)?;
            engine.admit()?;
            Ok(polling::open(engine, &request))
        }
        (Transport::Polling, &Method::GET, Some(session)) => {
            refuse_upgrade(&request)?;
            polling::poll(session).await
        }
        (Transport::Polling, &Method::POST, Some(session)) => {
            refuse_upgrade(&request)?;
            polling::post(session, &request, body).await
        }
        (Transport::WebSocket, &Method::GET, session) => {
            if session.as_ref().is_none_or(|session| session.is_closed()) {
                engine.admit()?;
            }
            websocket::accept(engine, request, session)
        }
        (_, _, None) => Err(RequestError::BadHandshakeMethod),
        (_, _, Some(_)) => Err(RequestError::BadRequest),
    }
}

/// A request that names two hosts is for one server here and for another to a proxy (RFC 9112, section 3.2). One without
/// a host is let pass, as hyper does: to us it makes no difference.
fn check_host(request: &Parts) -> Result<(), RequestError> {
    match request.headers.get_all(header::HOST).iter().count() {
        0 | 1 => Ok(()),
        _ => Err(RequestError::BadRequest),
    }
}

/// A request of the polling transport that asks for a WebSocket contradicts itself.
fn refuse_upgrade(request: &Parts) -> Result<(), RequestError> {
    match request.headers.contains_key(header::UPGRADE) {
        true => Err(RequestError::BadRequest),
        false => Ok(()),
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    transport: Transport,
    sid: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Transport {
    Polling,
    WebSocket,
}

impl Query {
    /// `EIO=4&transport=polling|websocket[&sid=…]`, each at most once; `t` and others are ignored. `j` asked for JSONP,
    /// which protocol 4 does not have.
    pub(crate) fn parse(query: &str) -> Result<Self, RequestError> {
        let (mut version, mut transport, mut sid) = (None, None, None);
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let known = match key {
                "EIO" => &mut version,
                "transport" => &mut transport,
                "sid" => &mut sid,
                "j" => return Err(RequestError::BadRequest),
                _ => continue,
            };
            if known.replace(value).is_some() {
                return Err(RequestError::BadRequest);
            }
        }
        let transport = match transport {
            Some("polling") => Transport::Polling,
            Some("websocket") => Transport::WebSocket,
            _ => return Err(RequestError::UnknownTransport),
        };
        if version != Some("4") {
            return Err(RequestError::UnsupportedVersion);
        }
        Ok(Self {
            transport,
            sid: sid.map(str::to_owned),
        })
    }
}

/// `{"code":1,"message":"Session ID unknown"}`, as Engine.IO's own server answers.
fn refuse(error: RequestError) -> Response<ResponseBody> {
    meter::request_refused(error);
    let body = format!(r#"{{"code":{},"message":"{error}"}}"#, error.code());
    let mut response = Response::new(ResponseBody::full(Bytes::from(body)));
    *response.status_mut() = error.status();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// The answer to a browser that asks before it posts (CORS).
fn preflight(request: &HeaderMap) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, OPTIONS"),
    );
    if let Some(wanted) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_what_they_ask_for() {
        let ask = |transport, sid: Option<&str>| {
            Ok(Query {
                transport,
                sid: sid.map(str::to_owned),
            })
        };
        for (query, want) in [
            ("EIO=4&transport=polling", ask(Transport::Polling, None)),
            (
                "t=x&transport=websocket&EIO=4&sid=abc",
                ask(Transport::WebSocket, Some("abc")),
            ),
            (
                "EIO=3&transport=polling",
                Err(RequestError::UnsupportedVersion),
            ),
            (
                "EIO=4abc&transport=polling",
                Err(RequestError::UnsupportedVersion),
            ),
            ("transport=polling", Err(RequestError::UnsupportedVersion)),
            ("EIO=4", Err(RequestError::UnknownTransport)),
            (
                "EIO=4&transport=webtransport",
                Err(RequestError::UnknownTransport),
            ),
            (
                "EIO=4&transport=__proto__",
                Err(RequestError::UnknownTransport),
            ),
            ("", Err(RequestError::UnknownTransport)),
            (
                "EIO=4&EIO=4&transport=polling",
                Err(RequestError::BadRequest),
            ),
            (
                "EIO=4&transport=polling&sid=a&sid=b",
                Err(RequestError::BadRequest),
            ),
            ("EIO=4&transport=polling&j=0", Err(RequestError::BadRequest)),
        ] {
            assert_eq!(Query::parse(query), want, "{query:?}");
        }
    }
}
