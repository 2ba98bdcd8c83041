//! Engine.IO v4 at `/engine.io/`, where every message comes back.

use testkit::http;

use super::{
    Echo,
    transport::{self, assert_accepted_and_closed, upgraded},
};

async fn echo() -> Echo {
    Echo::start("/engine.io/").await
}

async fn beating() -> Echo {
    Echo::start_beating("/engine.io/").await
}

#[tokio::test]
async fn polling_opens_a_session() {
    transport::polling_opens(beating().await).await;
}

#[tokio::test]
async fn polling_without_version_4_is_refused() {
    transport::polling_is_refused(
        echo().await,
        ["transport=polling", "EIO=abc&transport=polling"],
    )
    .await;
}

#[tokio::test]
async fn polling_without_a_known_transport_is_refused() {
    transport::polling_is_refused(echo().await, ["EIO=4", "EIO=4&transport=abc"]).await;
}

#[tokio::test]
async fn a_session_is_opened_by_get_only() {
    transport::only_get_opens(echo().await).await;
}

#[tokio::test]
async fn a_websocket_opens_a_session() {
    transport::websocket_opens(beating().await).await;
}

#[tokio::test]
async fn a_websocket_without_version_4_is_refused() {
    let queries = ["transport=websocket", "EIO=abc&transport=websocket"];
    transport::websocket_is_refused(echo().await, queries).await;
}

#[tokio::test]
async fn a_websocket_without_a_known_transport_is_refused() {
    transport::websocket_is_refused(echo().await, ["EIO=4", "EIO=4&transport=abc"]).await;
}

#[tokio::test]
async fn a_text_comes_back_over_polling() {
    let echo = echo().await;
    let mut polling = echo.polling().await;
    polling.post(&["4hello"]).await;
    assert_eq!(polling.poll().await, ["4hello"]);
}

#[tokio::test]
async fn several_texts_come_back_in_one_payload() {
    let echo = echo().await;
    let mut polling = echo.polling().await;
    polling.post(&["4test1", "4test2", "4test3"]).await;
    assert_eq!(polling.poll().await, ["4test1", "4test2", "4test3"]);
}

#[tokio::test]
async fn text_and_bytes_come_back_in_one_payload() {
    let echo = echo().await;
    let mut polling = echo.polling().await;
    polling.post(&["4hello", "bAQIDBA=="]).await;
    assert_eq!(polling.poll().await, ["4hello", "bAQIDBA=="]);
}

#[tokio::test]
async fn a_post_that_is_no_packet_closes_the_session() {
    let echo = echo().await;
    let path = echo.polling().await.path("polling");
    let response = http::post(echo.server.addr(), &path, "abc").await;
    assert_eq!(response.status, 400);
    assert_eq!(echo.get(&path).await.status, 400);
}

#[tokio::test]
async fn a_second_poll_beside_a_held_one_closes_the_session() {
    let echo = echo().await;
    let polling = echo.polling().await;
    let path = polling.path("polling");
    let mut held = echo.hold(&polling).await;
    let second = echo.get(&format!("{path}&t=burst")).await;
    // On connections of their own either may be the second.
    let mut answers = [second, held.response().await.unwrap()];
    answers.sort_by_key(|response| response.status);
    assert_eq!(
        answers.each_ref().map(|response| response.status),
        [200, 400]
    );
    assert_eq!(answers[0].text(), "1");
    assert_eq!(echo.get(&path).await.status, 400);
}

#[tokio::test]
async fn a_poll_that_is_broken_off_closes_the_session() {
    let echo = beating().await;
    let polling = echo.polling().await;
    let path = polling.path("polling");
    drop(echo.hold(&polling).await);
    let mut next = echo.get(&path).await;
    // On a slow machine a ping is due; and a poll that came before the end of the broken one is closed with it.
    for last in ["2", "1"] {
        if (next.status, &next.text()[..]) == (200, last) {
            next = echo.get(&path).await;
        }
    }
    assert_eq!(next.status, 400, "{next:?}");
}

#[tokio::test]
async fn a_text_comes_back_over_a_websocket() {
    let echo = echo().await;
    let mut socket = echo.websocket().await;
    socket.send_text("4hello").await;
    socket.expect_text("4hello").await;
}

#[tokio::test]
async fn bytes_come_back_over_a_websocket() {
    let echo = echo().await;
    let mut socket = echo.websocket().await;
    socket.send_binary([1, 2, 3, 4]).await;
    assert_eq!(socket.recv_binary().await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_frame_that_is_no_packet_closes_the_session() {
    let echo = echo().await;
    let mut socket = echo.websocket().await;
    socket.send_text("abc").await;
    assert_eq!(socket.expect_close().await, Some(1002));
}

#[tokio::test]
async fn pings_come_over_polling() {
    transport::polling_heartbeat(beating().await).await;
}

#[tokio::test]
async fn a_polling_client_that_answers_no_ping_is_closed() {
    transport::polling_times_out(beating().await).await;
}

#[tokio::test]
async fn pings_come_over_a_websocket() {
    transport::websocket_heartbeat(beating().await).await;
}

#[tokio::test]
async fn a_websocket_client_that_answers_no_ping_is_closed() {
    transport::websocket_times_out(beating().await).await;
}

#[tokio::test]
async fn a_close_packet_ends_a_polling_session() {
    transport::polling_closes(echo().await).await;
}

#[tokio::test]
async fn a_close_packet_ends_a_websocket_session() {
    transport::websocket_closes(echo().await).await;
}

#[tokio::test]
async fn an_upgrade_ends_polling_with_a_noop() {
    let echo = echo().await;
    let mut polling = echo.polling().await;
    let mut socket = echo.connect(&polling.path("websocket")).await.unwrap();
    socket.send_text("2probe").await;
    socket.expect_text("3probe").await;
    assert_eq!(polling.poll().await, ["6"]);
    socket.send_text("5").await;
    socket.send_text("4hello").await;
    socket.expect_text("4hello").await;
}

#[tokio::test]
async fn http_is_refused_after_the_upgrade() {
    let echo = beating().await;
    let (mut socket, [polling, _]) = upgraded(&echo).await;
    assert_eq!(echo.get(&polling).await.status, 400);
    socket.send_text("4hello").await;
    socket.expect_text("4hello").await;
}

#[tokio::test]
async fn a_second_websocket_is_closed_after_the_upgrade() {
    let echo = beating().await;
    let (mut socket, [_, websocket]) = upgraded(&echo).await;
    assert_accepted_and_closed(&echo, &websocket).await;
    socket.send_text("4hello").await;
    socket.expect_text("4hello").await;
}
