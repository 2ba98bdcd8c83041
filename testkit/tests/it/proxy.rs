use std::time::Duration;

use testkit::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Sends every byte back.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a listener goes on");
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    port
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .expect("the proxy listens")
}

async fn expect_echo(stream: &mut TcpStream, text: &str) {
    let mut echoed = vec![0; text.len()];
    stream
        .read_exact(&mut echoed)
        .await
        .expect("the echo comes");
    assert_eq!(String::from_utf8_lossy(&echoed), text);
}

async fn expect_silence(stream: &mut TcpStream) {
    let read = timeout(Duration::from_millis(50), stream.read_u8()).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn a_proxy_forwards_falls_silent_and_goes_on() {
    let proxy = Proxy::start(echo().await).await;
    let mut old = connect(&proxy).await;
    old.write_all(b"one").await.unwrap();
    expect_echo(&mut old, "one").await;

    proxy.pause();
    let mut new = connect(&proxy).await;
    for stream in [&mut old, &mut new] {
        stream.write_all(b"two").await.unwrap();
        expect_silence(stream).await;
    }
    proxy.resume();
    expect_echo(&mut old, "two").await;
    expect_echo(&mut new, "two").await;
}

#[tokio::test]
async fn a_cut_resets_what_is_connected_even_in_silence() {
    let proxy = Proxy::start(echo().await).await;
    let mut forwarded = connect(&proxy).await;
    forwarded.write_all(b"one").await.unwrap();
    expect_echo(&mut forwarded, "one").await;
    proxy.pause();
    proxy.cut();
    let error = forwarded.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    proxy.resume();
    let mut new = connect(&proxy).await;
    new.write_all(b"two").await.unwrap();
    expect_echo(&mut new, "two").await;
}

#[tokio::test]
async fn a_stranded_connection_is_silent_and_new_ones_are_not() {
    let proxy = Proxy::start(echo().await).await;
    let mut old = connect(&proxy).await;
    old.write_all(b"one").await.unwrap();
    expect_echo(&mut old, "one").await;
    proxy.strand();
    let mut new = connect(&proxy).await;
    new.write_all(b"two").await.unwrap();
    expect_echo(&mut new, "two").await;
    old.write_all(b"two").await.unwrap();
    expect_silence(&mut old).await;
}

#[tokio::test]
async fn without_its_upstream_a_proxy_resets_connections() {
    let proxy = Proxy::start(testkit::free_port()).await;
    assert!(connect(&proxy).await.read_u8().await.is_err());
}
