//! Socket.IO v5 at `/socket.io/`, after what it asks of Engine.IO.

use serde_json::Value;
use testkit::{Frame, RawSocket};

use super::{
    Echo,
    transport::{self, assert_accepted_and_closed, upgraded},
};

async fn echo() -> Echo {
    Echo::start("/socket.io/").await
}

async fn beating() -> Echo {
    Echo::start_beating("/socket.io/").await
}

/// A client in `/`, behind its `auth` event.
async fn connected(echo: &Echo) -> RawSocket {
    let mut client = RawSocket::socketio(echo.server.addr(), "").await;
    client.expect_text(r#"42["auth",{}]"#).await;
    client
}

/// Connects with the first packet and expects `{"sid":…}` behind the second, then the `auth` event.
async fn assert_connects(connect: &str, connected: &str, auth: &str) {
    let echo = echo().await;
    let mut client = echo.websocket().await;
    enter(&mut client, connect, connected, auth).await;
}

async fn enter(client: &mut RawSocket, connect: &str, connected: &str, auth: &str) {
    client.send_text(connect).await;
    let packet = client.recv_text().await;
    let answer: Value = serde_json::from_str(packet.strip_prefix(connected).unwrap()).unwrap();
    let answer = answer.as_object().unwrap();
    assert!(answer.len() == 1 && answer["sid"].is_string(), "{packet}");
    client.expect_text(auth).await;
}

/// A client in `/` that sends this is closed.
async fn assert_closes(packet: &str) {
    let echo = echo().await;
    let mut client = connected(&echo).await;
    client.send_text(packet).await;
    assert_eq!(client.expect_close().await, Some(1002));
}

#[tokio::test]
async fn polling_opens_a_session() {
    transport::polling_opens(beating().await).await;
}

#[tokio::test]
async fn polling_without_version_4_is_refused() {
    let queries = ["transport=polling", "EIO=abc&transport=polling"];
    transport::polling_is_refused(echo().await, queries).await;
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
async fn a_session_goes_over_to_a_websocket() {
    let echo = beating().await;
    let (mut socket, _) = upgraded(&echo).await;
    enter(&mut socket, "40", "40", r#"42["auth",{}]"#).await;
}

#[tokio::test]
async fn http_is_refused_after_the_upgrade() {
    let echo = beating().await;
    let (_socket, [polling, _]) = upgraded(&echo).await;
    assert_eq!(echo.get(&polling).await.status, 400);
}

#[tokio::test]
async fn a_second_websocket_is_closed_after_the_upgrade() {
    let echo = beating().await;
    let (_socket, [_, websocket]) = upgraded(&echo).await;
    assert_accepted_and_closed(&echo, &websocket).await;
}

#[tokio::test]
async fn a_client_connects_to_the_main_namespace() {
    assert_connects("40", "40", r#"42["auth",{}]"#).await;
}

#[tokio::test]
async fn a_client_connects_to_the_main_namespace_with_auth() {
    let auth = r#"42["auth",{"token":"123"}]"#;
    assert_connects(r#"40{"token":"123"}"#, "40", auth).await;
}

#[tokio::test]
async fn a_client_connects_to_another_namespace() {
    assert_connects("40/custom,", "40/custom,", r#"42/custom,["auth",{}]"#).await;
}

#[tokio::test]
async fn a_client_connects_to_another_namespace_with_auth() {
    let auth = r#"42/custom,["auth",{"token":"abc"}]"#;
    assert_connects(r#"40/custom,{"token":"abc"}"#, "40/custom,", auth).await;
}

#[tokio::test]
async fn an_unknown_namespace_is_refused() {
    let echo = echo().await;
    let mut client = echo.websocket().await;
    client.send_text("40/random").await;
    let refused = r#"44/random,{"message":"Invalid namespace"}"#;
    client.expect_text(refused).await;
}

#[tokio::test]
async fn a_first_packet_that_is_none_closes_the_connection() {
    let echo = echo().await;
    let mut client = echo.websocket().await;
    client.send_text("4abc").await;
    assert_eq!(client.expect_close().await, Some(1002));
}

#[tokio::test]
async fn a_client_that_connects_to_no_namespace_is_closed() {
    let echo = beating().await;
    let mut client = echo.websocket().await;
    // It answers its pings, so that the heartbeat is not what ends it.
    loop {
        let frame = client.recv().await;
        if frame.opcode == Frame::CLOSE {
            break;
        }
        assert_eq!(frame.payload, b"2");
        client.send_text("3").await;
    }
}

#[tokio::test]
async fn a_client_that_left_the_main_namespace_is_still_pinged() {
    let echo = beating().await;
    let mut client = connected(&echo).await;
    client.send_text("41").await;
    client.expect_text("2").await;
}

#[tokio::test]
async fn leaving_another_namespace_leaves_the_main_one() {
    let echo = echo().await;
    let mut client = connected(&echo).await;
    let auth = r#"42/custom,["auth",{}]"#;
    enter(&mut client, "40/custom", "40/custom,", auth).await;
    client.send_text("41/custom").await;
    client.send_text(r#"42["message","to the main one"]"#).await;
    let back = r#"42["message-back","to the main one"]"#;
    client.expect_text(back).await;
}

#[tokio::test]
async fn an_event_comes_back() {
    let echo = echo().await;
    let mut client = connected(&echo).await;
    client
        .send_text(r#"42["message",1,"2",{"3":[true]}]"#)
        .await;
    let back = r#"42["message-back",1,"2",{"3":[true]}]"#;
    client.expect_text(back).await;
}

const PLACEHOLDERS: &str = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;

/// Sends this packet with two attachments and expects the other with the same two.
async fn assert_attachments_come_back(sent: String, back: String) {
    let echo = echo().await;
    let mut client = connected(&echo).await;
    client.send_text(sent).await;
    client.send_binary([1, 2, 3]).await;
    client.send_binary([4, 5, 6]).await;
    client.expect_text(&back).await;
    assert_eq!(client.recv_binary().await, [1, 2, 3]);
    assert_eq!(client.recv_binary().await, [4, 5, 6]);
}

#[tokio::test]
async fn an_event_with_attachments_comes_back() {
    let sent = format!(r#"452-["message",{PLACEHOLDERS}]"#);
    let back = format!(r#"452-["message-back",{PLACEHOLDERS}]"#);
    assert_attachments_come_back(sent, back).await;
}

#[tokio::test]
async fn an_event_is_acknowledged() {
    let echo = echo().await;
    let mut client = connected(&echo).await;
    let sent = r#"42456["message-with-ack",1,"2",{"3":[false]}]"#;
    client.send_text(sent).await;
    client.expect_text(r#"43456[1,"2",{"3":[false]}]"#).await;
}

#[tokio::test]
async fn an_event_with_attachments_is_acknowledged() {
    let sent = format!(r#"452-789["message-with-ack",{PLACEHOLDERS}]"#);
    let back = format!("462-789[{PLACEHOLDERS}]");
    assert_attachments_come_back(sent, back).await;
}

#[tokio::test]
async fn an_unknown_packet_type_closes_the_connection() {
    assert_closes("4abc").await;
}

#[tokio::test]
async fn an_event_that_is_no_array_closes_the_connection() {
    assert_closes("42{}").await;
}

#[tokio::test]
async fn an_ack_id_that_is_no_number_closes_the_connection() {
    assert_closes(r#"42abc["message-with-ack",1,"2",{"3":[false]}]"#).await;
}
