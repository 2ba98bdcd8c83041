//! 1: floods of HTTP/2 need HTTP/2, which nobody here speaks.

use std::io::ErrorKind;

use fast_app_engineio::Config;
use testkit::http;

use crate::{POLLING, assert_next_client_served, echo::Server, promptly};

/// A client's preface, an empty frame of settings, and a request to be upgraded.
#[tokio::test]
async fn security_1_rustsec_2024_0332_no_server_speaks_http_2() {
    for (name, server) in Server::start_each(Config::default()).await {
        let preface = [
            &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
            &[0, 0, 0, 4, 0, 0, 0, 0, 0],
        ]
        .concat();
        match promptly(http::try_request(server.addr(), preface)).await {
            Ok(answer) => assert_eq!(answer.status, 400, "{name}"),
            // Not the frame of settings with which HTTP/2 begins: that would be `InvalidData`.
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
                ),
                "{name}: {error}"
            ),
        }
        let upgrade = format!(
            "GET {POLLING} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        );
        let answer = promptly(http::request(server.addr(), upgrade)).await;
        assert_eq!(answer.status, 400, "{name}");
        assert_next_client_served(&server).await;
    }
}
