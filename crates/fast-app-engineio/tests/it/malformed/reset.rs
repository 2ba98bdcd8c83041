//! Clients that are gone in the middle of something.

use fast_app_engineio::Config;
use testkit::{Frame, http};

use super::{assert_next_client_served_beside_others, fragment};
use crate::{PROMPT, echo::Server};

/// A client that is reset at any moment leaves nothing behind.
#[tokio::test]
async fn a_reset_at_any_moment_leaves_no_session() {
    let server = Server::start(Config::default()).await;
    let head = crate::websocket_head();
    let open = [head.as_bytes(), &fragment(Frame::TEXT, "4x")].concat();
    let moments: [(&str, &[u8]); 8] = [
        ("nothing sent", b""),
        ("in the request line", &head.as_bytes()[..10]),
        ("in the headers", &head.as_bytes()[..head.len() - 4]),
        ("behind the handshake", head.as_bytes()),
        ("in a frame's header", &open[..head.len() + 1]),
        ("in a frame's mask", &open[..head.len() + 4]),
        ("in a frame's payload", &open[..open.len() - 1]),
        ("between fragments", &open),
    ];
    for (_, bytes) in moments {
        for _ in 0..50 {
            let mut connection = http::Connection::open(server.addr()).await;
            connection.send(bytes).await;
            tokio::task::yield_now().await;
            connection.reset();
        }
    }
    // Whatever came before is over when a later client is through.
    assert_next_client_served_beside_others(&server).await;
    tokio::time::timeout(PROMPT, server.engine().ended())
        .await
        .unwrap();
}
