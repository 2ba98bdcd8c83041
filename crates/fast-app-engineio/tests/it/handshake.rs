//! Who may open a session, and how a refusal looks.

use fast_app_engineio::{CloseReason, Config, Origins};
use testkit::{Polling, RawSocket, http};

use crate::{
    POLLING, WEBSOCKET, assert_bad_request, assert_ok, assert_refused, assert_unknown,
    echo::Server, fast_heartbeat, promptly,
};

#[tokio::test]
async fn polling_opens_with_a_session_id_and_the_settings() {
    for (name, server) in Server::start_each(fast_heartbeat()).await {
        let response = promptly(http::get(server.addr(), POLLING)).await;
        assert_eq!(response.status, 200, "{name}");
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; charset=UTF-8")
        );
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("set-cookie"), None);
        let sid = server.opened().await.sid();
        let want = format!(
            r#"0{{"sid":"{sid}","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}}"#
        );
        assert_eq!(response.text(), want, "{name}");
    }
}

#[tokio::test]
async fn a_websocket_opens_with_a_session_id_and_the_settings() {
    for (name, server) in Server::start_each(fast_heartbeat()).await {
        let mut socket = RawSocket::connect(server.addr(), WEBSOCKET, &[])
            .await
            .unwrap();
        let sid = server.opened().await.sid();
        let want = format!(
            r#"0{{"sid":"{sid}","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}}"#
        );
        assert_eq!(promptly(socket.recv_text()).await, want, "{name}");
    }
}

#[tokio::test]
async fn the_path_is_served_with_and_without_its_last_slash_and_nothing_else() {
    let config = Config {
        path: "/chat/live/".to_owned(),
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut polling = Polling::handshake_at(server.addr(), "/chat/live").await;
    polling.post(&["4hi"]).await;
    polling.expect_text("4hi").await;
    assert_ok(&http::get(server.addr(), "/other").await, "another route");
    for path in ["/socket.io/", "/chat/live/x", "/chat/livex", "/chat"] {
        let response = http::get(server.addr(), &format!("{path}?EIO=4&transport=polling")).await;
        assert_eq!(response.status, 404, "{path}");
    }
}

#[tokio::test]
async fn handshakes_that_are_refused() {
    let server = Server::start(Config::default()).await;
    for transport in ["polling", "websocket"] {
        for (query, code, message) in [
            (
                format!("transport={transport}"),
                5,
                "Unsupported protocol version",
            ),
            (
                format!("EIO=3&transport={transport}"),
                5,
                "Unsupported protocol version",
            ),
            (
                format!("EIO=abc&transport={transport}"),
                5,
                "Unsupported protocol version",
            ),
            ("EIO=4".to_owned(), 0, "Transport unknown"),
            ("EIO=4&transport=abc".to_owned(), 0, "Transport unknown"),
            (
                format!("EIO=4&transport={transport}&sid=abc"),
                1,
                "Session ID unknown",
            ),
            (
                format!("EIO=4&transport={transport}&sid=aaaaaaaaaaaaaaaaaaaa"),
                1,
                "Session ID unknown",
            ),
            (format!("EIO=4&transport={transport}&j=0"), 3, "Bad request"),
        ] {
            let path = format!("/socket.io/?{query}");
            let response = match transport {
                "polling" => promptly(http::get(server.addr(), &path)).await,
                _ => promptly(RawSocket::connect(server.addr(), &path, &[]))
                    .await
                    .unwrap_err(),
            };
            assert_refused(&response, 400, code, message);
        }
    }
    assert_eq!(server.engine().sessions(), 0);
}

#[tokio::test]
async fn only_a_get_opens_a_session() {
    let server = Server::start(Config::default()).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        for path in [POLLING, WEBSOCKET] {
            let request =
                format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
            let response = promptly(http::request(server.addr(), request)).await;
            assert_refused(&response, 400, 2, "Bad handshake method");
        }
    }
    assert_eq!(server.engine().sessions(), 0);
}

#[tokio::test]
async fn a_websocket_needs_the_whole_handshake_of_rfc_6455() {
    let server = Server::start(Config::default()).await;
    let whole = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for missing in 0..whole.len() {
        let mut headers = whole.to_vec();
        headers.remove(missing);
        let headers = headers.join("\r\n");
        let request = format!("GET {WEBSOCKET} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n");
        assert_bad_request(&promptly(http::request(server.addr(), request)).await);
    }
    for (good, bad) in [
        ("HTTP/1.1", "HTTP/1.0"),
        ("GET", "POST"),
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Version: 13", "Version: 8"),
        ("Version: 13", "Version: 13, 8"),
        ("dGhlIHNhbXBsZSBub25jZQ==", ""),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"),
    ] {
        let headers = whole.join("\r\n");
        let request = format!("GET {WEBSOCKET} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n");
        let response = promptly(http::request(server.addr(), request.replace(good, bad))).await;
        assert_eq!(response.status, 400, "{bad}: {response:?}");
    }
    let lenient = format!(
        "GET {WEBSOCKET} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, UPGRADE\r\nUpgrade: WebSocket\r\n{}\r\n{}\r\n\r\n",
        whole[2], whole[3]
    );
    assert_eq!(
        promptly(http::request(server.addr(), lenient)).await.status,
        101
    );
}

#[tokio::test]
async fn a_polling_request_with_an_upgrade_header_is_refused() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let path = polling.path("polling");
    for method in ["GET", "POST"] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"
        );
        assert_bad_request(&promptly(http::request(server.addr(), request)).await);
    }
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_session() {
    let server = Server::start(Config::default()).await;
    let mut polling = Polling::handshake(server.addr()).await;
    server.opened().await;
    let same = format!("http://{}", server.addr());
    for (origin, allowed) in [
        (same.as_str(), true),
        ("http://127.0.0.1:1", false),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let head = |method: &str, path: &str, more: &str| {
            format!(
                "{method} {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {origin}\r\n{more}\r\n",
                server.addr()
            )
        };
        let opened = http::request(server.addr(), head("GET", POLLING, "")).await;
        let post = head("POST", &polling.path("polling"), "Content-Length: 2\r\n");
        let posted = http::request(server.addr(), post + "4x").await;
        let socket = RawSocket::connect(server.addr(), WEBSOCKET, &[("Origin", origin)]).await;
        let preflight = http::request(server.addr(), head("OPTIONS", POLLING, "")).await;
        if allowed {
            assert_eq!(
                (opened.status, posted.status, preflight.status),
                (200, 200, 204)
            );
            for response in [opened, posted, preflight] {
                assert_eq!(response.header("access-control-allow-origin"), Some(origin));
                assert_eq!(
                    response.header("access-control-allow-credentials"),
                    Some("true")
                );
                assert_eq!(response.header("vary"), Some("Origin"));
            }
            drop(socket.unwrap());
            polling.expect_text("4x").await;
            server.opened().await;
            server.opened().await;
            assert_eq!(server.closed().await, CloseReason::TransportClose);
        } else {
            for response in [opened, posted, preflight, socket.unwrap_err()] {
                assert_refused(&response, 403, 4, "Forbidden");
                assert_eq!(response.header("access-control-allow-origin"), None);
            }
        }
    }
    assert_eq!(server.engine().sessions(), 2);
}

#[tokio::test]
async fn every_origin_is_judged_on_every_kind_of_request() {
    let config = Config {
        origins: Origins::List(vec!["https://good.example".to_owned()]),
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut polling = Polling::handshake(server.addr()).await;
    server.opened().await;
    let mut open = 1;
    let same = format!("http://{}", server.addr());
    for (origin, allowed) in [
        (None, true),
        (Some(same.as_str()), true),
        (Some("https://good.example"), true),
        (Some("https://sub.good.example"), false),
        (Some("https://good.example.evil.com"), false),
        (Some("https://good.example:444"), false),
        (Some("http://good.example"), false),
        (Some("https://evil.example"), false),
        (Some("null"), false),
    ] {
        let line = origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
        let head = |method: &str, path: &str, more: &str| {
            let host = server.addr();
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{line}{more}\r\n")
        };
        let opened = http::request(server.addr(), head("GET", POLLING, "")).await;
        let post = head("POST", &polling.path("polling"), "Content-Length: 2\r\n");
        let posted = http::request(server.addr(), post + "4x").await;
        let headers: Vec<_> = origin
            .map(|origin| ("Origin", origin))
            .into_iter()
            .collect();
        let socket = RawSocket::connect(server.addr(), WEBSOCKET, &headers).await;
        let status = if allowed { 200 } else { 403 };
        assert_eq!(
            (opened.status, posted.status),
            (status, status),
            "{origin:?}"
        );
        assert_eq!(socket.is_ok(), allowed, "{origin:?}");
        if allowed {
            polling.expect_text("4x").await;
            server.opened().await;
            server.opened().await;
            drop(socket);
            assert_eq!(server.closed().await, CloseReason::TransportClose);
            open += 1;
        }
        assert_eq!(server.engine().sessions(), open, "{origin:?}");
    }
}

#[tokio::test]
async fn long_headers_are_judged_at_once() {
    let server = Server::start(Config::default()).await;
    for value in [
        "a".repeat(60_000),
        " ".repeat(60_000),
        ",".repeat(60_000),
        "a, ".repeat(20_000),
        "permessage-deflate; a=\"".to_owned() + &"\\".repeat(59_000),
        "x;".repeat(30_000),
    ] {
        for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
            let headers = [(name, value.as_str())];
            let socket = promptly(RawSocket::connect(server.addr(), WEBSOCKET, &headers)).await;
            let mut socket = socket.unwrap_or_else(|answer| panic!("{name}: {}", answer.status));
            let packet = promptly(socket.recv_text()).await;
            assert!(packet.starts_with('0'), "{packet}");
        }
    }
}

#[tokio::test]
async fn a_preflight_says_what_a_page_may_send() {
    let config = Config {
        origins: Origins::Any,
        ..Config::default()
    };
    let server = Server::start(config).await;
    let request = format!(
        "OPTIONS {POLLING} HTTP/1.1\r\nHost: x\r\nOrigin: https://anybody.example\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n"
    );
    let response = promptly(http::request(server.addr(), request)).await;
    assert_eq!(response.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", Some("*")),
        ("access-control-allow-credentials", None),
        ("access-control-allow-methods", Some("GET, POST, OPTIONS")),
        ("access-control-allow-headers", Some("content-type")),
    ] {
        assert_eq!(response.header(name), value, "{name}");
    }
    assert_eq!(server.engine().sessions(), 0);
}

#[tokio::test]
async fn a_page_can_read_why_it_was_refused() {
    let config = Config {
        origins: Origins::Any,
        ..Config::default()
    };
    let server = Server::start(config).await;
    let request = format!(
        "GET {POLLING}&sid=x HTTP/1.1\r\nHost: x\r\nOrigin: https://anybody.example\r\n\r\n"
    );
    let response = promptly(http::request(server.addr(), request)).await;
    assert_unknown(&response);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}
