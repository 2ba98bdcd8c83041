//! Clients that are gone in the middle of something.

use fast_app_engineio::Config;
use testkit::{Frame, Polling, TIMEOUT, http};
use tokio::{task::JoinSet, time::timeout};

use super::{assert_next_client_served_beside_others, fragment};
use crate::{connection, echo::Server, poll_request, websocket_head};

/// What a client has sent when it is reset; some of it is about this session.
fn moments(polling: &Polling) -> [(&'static str, Vec<u8>); 17] {
    let head = websocket_head();
    let open = [head.as_bytes(), &fragment(Frame::TEXT, "4x")].concat();
    let refused = head.replace("EIO=4", "EIO=3");
    let poll = poll_request(polling);
    let post = poll.replace("GET", "POST");
    let body = post.replace("\r\n\r\n", "\r\nContent-Length: 4\r\n\r\n4x");
    let upgrade = head.replace(crate::WEBSOCKET, &polling.path("websocket"));
    let upgrading = |frames: &[Frame]| {
        let frames: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        [upgrade.as_bytes(), &frames].concat()
    };
    let (probe, over) = (Frame::text("2probe"), Frame::text("5"));
    let part = |bytes: &[u8], length: usize| bytes[..length].to_vec();
    [
        ("nothing sent", Vec::new()),
        ("in the request line", part(head.as_bytes(), 10)),
        ("in the headers", part(head.as_bytes(), head.len() - 4)),
        ("behind the handshake", head.clone().into_bytes()),
        ("in a frame's header", part(&open, head.len() + 1)),
        ("in a frame's mask", part(&open, head.len() + 4)),
        ("in a frame's payload", part(&open, open.len() - 1)),
        ("between fragments", open.clone()),
        ("behind a handshake that is refused", refused.into_bytes()),
        (
            "in the headers of a poll",
            part(poll.as_bytes(), poll.len() - 4),
        ),
        ("during a poll", poll.into_bytes()),
        (
            "in the headers of a post",
            part(post.as_bytes(), post.len() - 4),
        ),
        ("in the body of a post", body.into_bytes()),
        ("before the probe", upgrading(&[])),
        ("behind the probe", upgrading(std::slice::from_ref(&probe))),
        (
            "behind the upgrade",
            upgrading(&[probe.clone(), over.clone()]),
        ),
        (
            "while the first message comes back",
            upgrading(&[probe, over, Frame::text("4x")]),
        ),
    ]
}

/// The moments at which a polling session cannot go on, once the server has seen what was sent.
const ENDS_THE_SESSION: [&str; 4] = [
    "during a poll",
    "in the body of a post",
    "behind the upgrade",
    "while the first message comes back",
];

/// A client that is reset at any moment leaves nothing behind, whether the server has seen what it sent before or not.
#[tokio::test]
async fn a_reset_at_any_moment_leaves_no_session() {
    let server = Server::start(Config::default()).await;
    let addr = server.addr();
    let first = Polling::handshake(addr).await;
    let names = moments(&first).map(|(name, _)| name);
    first.post(&["1"]).await;
    for (moment, name) in names.into_iter().enumerate() {
        let mut rest = JoinSet::new();
        for round in 0..100 {
            let polling = Polling::handshake(addr).await;
            let (_, bytes) = &moments(&polling)[moment];
            let mut client = http::Connection::open(addr).await;
            client.send(bytes).await;
            match round % 2 {
                0 => tokio::task::yield_now().await,
                _ => drop(connection(&server).await),
            }
            client.reset();
            if round % 2 == 0 || !ENDS_THE_SESSION.contains(&name) {
                rest.spawn(async move { http::post(addr, &polling.path("polling"), "1").await });
            }
        }
        // What is reset before the server has looked was never sent, and says nothing of the session: it says goodbye.
        rest.join_all().await;
        timeout(TIMEOUT, server.engine().ended())
            .await
            .unwrap_or_else(|_| panic!("{name}: {} sessions are left", server.engine().sessions()));
    }
    assert_next_client_served_beside_others(&server).await;
}
