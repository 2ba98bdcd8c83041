//! How the program starts and ends.

use std::process::{Command, Output};

use testkit::RawSocket;

use super::chat;

fn start(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat"));
    command
        .env("BIND", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn a_wrong_bus_url_ends_the_program_and_is_named() {
    for url in [
        "foo://localhost",
        "localhost:6379",
        "redis://localhost:notaport/0",
        "redis://user:secret@host:99999/0",
        "",
    ] {
        let output = start(&[("REDIS_SOCKETIO_URL", url)]);
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

#[test]
fn an_unknown_profile_ends_the_program_and_is_named() {
    let output = start(&[
        ("REDIS_SOCKETIO_URL", "redis://localhost"),
        ("REDIS_SOCKETIO_PROFILE", "5.13"),
    ]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let error = r#"REDIS_SOCKETIO_PROFILE is "5.13"; use 5.15 or 5.14"#;
    assert!(stderr.contains(error), "{stderr}");
}

#[test]
fn a_broken_line_of_the_settings_is_an_error_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let line = "REDIS_SOCKETIO_URL=redis://:my secret@localhost\n";
    std::fs::write(folder.path().join(".env"), line).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_chat"))
        .env("BIND", "127.0.0.1:0")
        .env_remove("CARGO_MANIFEST_DIR")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("a line of it is malformed; a value with spaces needs quotes"),
        "{stderr}"
    );
    assert!(!stderr.contains("secret"), "{stderr}");
}

#[test]
fn an_address_that_cannot_be_bound_is_named() {
    let output = start(&[("REDIS_SOCKETIO_URL", "memory://"), ("BIND", "nowhere:x")]);
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
