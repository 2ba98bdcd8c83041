//! Panics in the layer above.

use std::{sync::Arc, time::Duration};

use fast_app_engineio::{CloseReason, Config};
use testkit::{Polling, RawSocket, TIMEOUT};
use tokio::time::timeout;

use crate::{
    echo::{PANIC_WHEN_DROPPED, Server},
    promptly,
};

/// A flusher or the clock of all sessions may be the last to hold one that has ended.
#[tokio::test]
async fn a_panic_where_a_session_is_let_go_hurts_no_others() {
    let config = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_secs(1),
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut bystander = RawSocket::engineio(server.addr()).await;
    drop(server.opened().await);
    for reason in [CloseReason::ProtocolError, CloseReason::Server] {
        let polling = Polling::handshake(server.addr()).await;
        let session = server.opened().await;
        promptly(polling.post(&[&format!("4{PANIC_WHEN_DROPPED}")])).await;
        session.close(reason);
        let left = Arc::downgrade(&session);
        drop(session);
        // Its client asks no more: where it is to be told it is let go after the time to say goodbye.
        let let_go = async {
            while left.strong_count() > 0 {
                answer_ping(&mut bystander).await;
            }
        };
        // Goodbye takes 3 s of a machine that does not pause.
        timeout(4 * TIMEOUT, let_go).await.unwrap();
        answer_ping(&mut bystander).await;
    }
}

async fn answer_ping(client: &mut RawSocket) {
    timeout(TIMEOUT, client.expect_text("2")).await.unwrap();
    client.send_text("3").await;
}
