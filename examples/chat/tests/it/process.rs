//! How the program starts and ends.

use std::{path::Path, process::Output};

use testkit::{RawSocket, TIMEOUT};
use tokio::{process::Command, time::timeout};

use super::chat;

/// Runs the program, which must end by itself.
async fn start(variables: &[(&str, &str)]) -> Output {
    start_in(Path::new("."), variables).await
}

async fn start_in(folder: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat"));
    command
        .env("BIND", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .current_dir(folder)
        .kill_on_drop(true);
    // A loaded machine starts a process slowly.
    let output = timeout(4 * TIMEOUT, command.output()).await;
    output.expect("the program goes on").unwrap()
}

#[tokio::test]
async fn a_wrong_bus_url_ends_the_program_and_is_named() {
    for url in [
        "foo://localhost",
        "localhost:6379",
        "redis://localhost:notaport/0",
        "redis://user:secret@host:99999/0",
        "",
    ] {
        let output = start(&[("REDIS_SOCKETIO_URL", url)]).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{url}: {stderr}");
        assert!(
            stderr.contains("REDIS_SOCKETIO_URL")
                && stderr.contains("redis://[user:password@]host"),
            "{url}: {stderr}"
        );
        assert!(!stderr.contains("secret"), "{stderr}");
    }
}

#[tokio::test]
async fn an_unknown_profile_ends_the_program_and_is_named() {
    let output = start(&[
        ("REDIS_SOCKETIO_URL", "redis://localhost"),
        ("REDIS_SOCKETIO_PROFILE", "5.13"),
    ])
    .await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let error = r#"REDIS_SOCKETIO_PROFILE is "5.13"; use 5.15 or 5.14"#;
    assert!(stderr.contains(error), "{stderr}");
}

#[tokio::test]
async fn a_broken_line_of_the_settings_is_an_error_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let line = "REDIS_SOCKETIO_URL=redis://:my secret@localhost\n";
    std::fs::write(folder.path().join(".env"), line).unwrap();
    let output = start_in(folder.path(), &[("CARGO_MANIFEST_DIR", "")]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("a line of it is malformed; a value with spaces needs quotes"),
        "{stderr}"
    );
    assert!(!stderr.contains("secret"), "{stderr}");
}

#[tokio::test]
async fn an_address_that_cannot_be_bound_is_named() {
    let output = start(&[("REDIS_SOCKETIO_URL", "memory://"), ("BIND", "nowhere:x")]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("BIND=nowhere:x"), "{stderr}");
}

#[tokio::test]
async fn sigterm_closes_clients_and_ends_well() {
    let server = chat().await;
    let mut client = RawSocket::socketio(server.addr(), r#"{"token":"alice"}"#).await;
    let ended = tokio::spawn(server.terminate());
    assert_eq!(client.expect_close().await, Some(1001));
    assert!(ended.await.unwrap().success());
}
