//! 4a: which pages may do what, request by request.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use axum::Router;
use fast_app_engineio::{
    CloseReason, Config, Connection, Engine, EngineIoLayer, Handler, Message, Origins, Session,
};
use http::{HeaderMap, request::Parts};
use testkit::{Polling, RawSocket, http::request};
use tokio::net::TcpListener;

use crate::{POLLING, WEBSOCKET, assert_refused, echo::Server};

/// What a request says of where it comes from, and whether it may be served: with the list, with the same origin, with any.
struct Case {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    allowed: [bool; 3],
}

fn cases(addr: SocketAddr) -> Vec<Case> {
    const YES: [bool; 3] = [true; 3];
    const LISTED: [bool; 3] = [true, false, true];
    const FOREIGN: [bool; 3] = [false, false, true];
    let case = |name, headers: &[(&'static str, &str)], allowed| Case {
        name,
        headers: headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        allowed,
    };
    let origin = |name, origin: &str, allowed| case(name, &[("Origin", origin)], allowed);
    let port = addr.port();
    vec![
        case("none", &[], YES),
        origin("same", &format!("http://{addr}"), YES),
        origin("listed", "https://good.example", LISTED),
        origin("subdomain", "https://sub.good.example", FOREIGN),
        origin("null", "null", FOREIGN),
        origin("evil", "https://evil.example", FOREIGN),
        origin("listed in front", "https://good.example.evil.com", FOREIGN),
        origin("listed behind", "https://evil-good.example", FOREIGN),
        origin("listed as a user", "https://good.example@evil.com", FOREIGN),
        origin("another port", "https://good.example:444", FOREIGN),
        origin("another scheme", "http://good.example", FOREIGN),
        origin("with a path", "https://good.example/x", FOREIGN),
        origin("another port of the host", "http://127.0.0.1:1", FOREIGN),
        origin(
            "another scheme than http",
            &format!("ftp://{addr}"),
            FOREIGN,
        ),
        origin(
            "the host with a suffix",
            &format!("http://{addr}.evil.com"),
            FOREIGN,
        ),
        origin(
            "the host's port alone",
            &format!("http://evil.com:{port}"),
            FOREIGN,
        ),
        origin("a star", "*", FOREIGN),
        origin("empty", "", FOREIGN),
        origin(
            "two in one",
            &format!("http://{addr} https://evil.example"),
            FOREIGN,
        ),
        case(
            "twice",
            &[
                ("Origin", "https://good.example"),
                ("Origin", "https://evil.example"),
            ],
            [false; 3],
        ),
        case(
            "a host that was forwarded",
            &[
                ("Origin", "https://evil.example"),
                ("X-Forwarded-Host", "evil.example"),
            ],
            FOREIGN,
        ),
        case(
            "a host that was forwarded, in the header of RFC 7239",
            &[
                ("Origin", "https://evil.example"),
                ("Forwarded", "host=evil.example;proto=https"),
            ],
            FOREIGN,
        ),
    ]
}

/// 22 ways to name an origin, four kinds of request, five ways to set the origins; a refusal has made no session.
#[tokio::test]
async fn security_4a_every_origin_and_kind_of_request() {
    for (set, column) in [
        (Origins::from(["https://good.example"]), 0),
        (Origins::default(), 1),
        (Origins::from(""), 1),
        (Origins::from(Vec::<String>::new()), 1),
        (Origins::from("*"), 2),
    ] {
        let config = Config {
            origins: set.clone(),
            ..Config::default()
        };
        let server = Server::start(config).await;
        let addr = server.addr();
        let mut polling = Polling::handshake(addr).await;
        let mut opened = 1;
        for Case {
            name,
            headers,
            allowed,
        } in cases(addr)
        {
            let what = format!("{set:?}, {name}");
            let allowed = allowed[column];
            let lines: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let head = |method: &str, path: &str, more: &str| {
                format!("{method} {path} HTTP/1.1\r\nHost: {addr}\r\n{lines}{more}\r\n")
            };
            let got = request(addr, head("GET", POLLING, "")).await;
            let post = head("POST", &polling.path("polling"), "Content-Length: 2\r\n");
            let posted = request(addr, post + "4x").await;
            let preflight = request(addr, head("OPTIONS", POLLING, "")).await;
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let socket = RawSocket::connect(addr, WEBSOCKET, &headers).await;
            if allowed {
                let statuses = [got.status, posted.status, preflight.status];
                assert_eq!(
                    (statuses, socket.is_ok()),
                    ([200, 200, 204], true),
                    "{what}"
                );
                polling.expect_text("4x").await;
                drop(socket);
                assert_eq!(server.closed().await, CloseReason::TransportClose);
                opened += 1;
            } else {
                for refused in [got, posted, preflight, socket.unwrap_err()] {
                    assert_refused(&refused, 403, 4, "Forbidden");
                    assert_eq!(
                        refused.header("access-control-allow-origin"),
                        None,
                        "{what}"
                    );
                }
            }
            assert_eq!(server.engine().sessions(), opened, "{what}");
        }
        assert!(
            server.none_closed().await,
            "{set:?}: what was refused was heard"
        );
    }
}

/// Keeps the headers with which sessions were opened.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<HeaderMap>>>);

impl Handler for Seen {
    fn open(&self, _: &Arc<Session>, request: &Parts) -> Box<dyn Connection> {
        self.0.lock().unwrap().push(request.headers.clone());
        Box::new(Deaf)
    }
}

struct Deaf;

impl Connection for Deaf {
    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn message(&self, _: Message) {}

    fn closed(&self, _: CloseReason) {}
}

/// A browser sends the cookies of a host with every WebSocket to it, whatever page opens it.
#[tokio::test]
async fn security_4a_under_any_origin_a_foreign_page_has_no_credentials() {
    for (origins, foreign_has) in [
        (Origins::Any, false),
        (Origins::from(["https://b.example"]), true),
    ] {
        let seen = Seen::default();
        let config = Config {
            origins,
            ..Config::default()
        };
        let engine = Engine::new(config, seen.clone());
        let router = Router::new().layer(EngineIoLayer::new(engine.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        let same = format!("http://{addr}");
        for (origin, has) in [
            (None, true),
            (Some(same.as_str()), true),
            (Some("https://b.example"), foreign_has),
        ] {
            let mut headers = vec![("Cookie", "session=1"), ("Authorization", "Bearer x")];
            headers.extend(origin.map(|origin| ("Origin", origin)));
            let socket = RawSocket::connect(addr, WEBSOCKET, &headers).await.unwrap();
            let lines: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let get = format!("GET {POLLING} HTTP/1.1\r\nHost: {addr}\r\n{lines}\r\n");
            let opened = request(addr, get).await;
            assert_eq!(opened.status, 200);
            if origin == Some("https://b.example") {
                let credentials = opened.header("access-control-allow-credentials");
                assert_eq!(credentials.is_some(), has);
            }
            drop(socket);
            let requests = std::mem::take(&mut *seen.0.lock().unwrap());
            assert_eq!(requests.len(), 2);
            for request in requests {
                let kept = ["cookie", "authorization"].map(|name| request.contains_key(name));
                assert_eq!(kept, [has; 2], "{origin:?}");
            }
        }
    }
}
