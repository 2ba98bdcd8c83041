use std::process::Command;

use testkit::{Server, http};

use crate::reference_server;

#[tokio::test]
async fn a_server_is_reached_at_the_url_that_it_prints_and_stops_when_asked() {
    let server = reference_server().await;
    assert_eq!(server.url(), format!("http://{}", server.addr()));
    let response = http::get(server.addr(), "/health").await;
    assert_eq!(
        (response.status, response.json()["ok"].as_bool()),
        (200, Some(true))
    );
    assert!(server.terminate().await.success());
}

#[tokio::test]
#[should_panic(expected = "what is wrong")]
async fn a_server_that_does_not_start_says_why() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo what is wrong >&2; exit 1"]);
    Server::run(command).await;
}
