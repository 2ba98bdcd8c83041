//! Acknowledgements, in both directions.

use std::{cell::RefCell, time::Duration};

use fast_app_socketio::{
    Ack, Args, Binary, HandlerError, Namespace, Payload, Socket, SocketError, SocketIo,
};
use serde::Serialize;
use serde_json::json;
use testkit::{RawSocket, TIMEOUT};

use crate::{Diary, Gate, diary, echo_client, echo_server, expect_silence, pass, start, write};

#[tokio::test]
async fn a_message_is_acknowledged_with_what_was_sent() {
    let (_server, addr) = echo_server().await;
    let mut client = echo_client(addr).await;
    for (sent, received) in [
        (
            r#"42456["message-with-ack",1,"2",{"3":[false]}]"#,
            r#"43456[1,"2",{"3":[false]}]"#,
        ),
        (r#"420["message-with-ack"]"#, "430[]"),
        (r#"420["message-with-ack",null]"#, "430[null]"),
        (r#"42/,1["message-with-ack",1.0]"#, "431[1.0]"),
        (
            r#"4218446744073709551615["message-with-ack"]"#,
            "4318446744073709551615[]",
        ),
    ] {
        client.send_text(sent).await;
        client.expect_text(received).await;
    }
}

#[tokio::test]
async fn what_a_handler_returns_is_the_acknowledgement() {
    #[derive(Serialize)]
    struct Sum {
        z: i32,
        a: Option<&'static str>,
    }
    let failure = || HandlerError::internal("the database is gone");
    let namespace = Namespace::new("/")
        .on("nothing", async |_: Socket| ())
        .on("bool", async |_: Socket| true)
        .on("number", async |_: Socket| 1.5)
        .on("text", async |_: Socket| "tea\n")
        .on("value", async |_: Socket| json!([1, {"a": null}]))
        .on("struct", async |_: Socket| Ack(Sum { z: 1, a: None }))
        .on("two", async |_: Socket| Payload::args(&(1, "b")).unwrap())
        .on("bytes", async |_: Socket| Ack(Binary::from(vec![1, 2])))
        .on("ok", async |_: Socket| Ok::<_, HandlerError>(7))
        .on("refused", async |_: Socket| {
            Err::<(), _>(HandlerError::validation("too old"))
        })
        .on("forbidden", async |_: Socket| {
            Err::<(), _>(HandlerError::Forbidden {
                room: "chat|1".to_owned(),
            })
        })
        .on(
            "failed",
            move |_: Socket| async move { Err::<(), _>(failure()) },
        )
        .on("no JSON", async |_: Socket| {
            Ack(std::collections::BTreeMap::from([(vec![1], 2)]))
        });
    let (_server, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    for (event, ack) in [
        ("nothing", "[]"),
        ("bool", "[true]"),
        ("number", "[1.5]"),
        ("text", r#"["tea\n"]"#),
        ("value", r#"[[1,{"a":null}]]"#),
        ("struct", r#"[{"z":1,"a":null}]"#),
        ("two", r#"[1,"b"]"#),
        ("ok", "[7]"),
    ] {
        client.send_text(format!(r#"423["{event}"]"#)).await;
        client.expect_text(&format!("433{ack}")).await;
    }
    client.send_text(r#"423["bytes"]"#).await;
    client
        .expect_text(r#"461-3[{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(client.recv_binary().await, [1, 2]);
    for (event, error) in [
        ("refused", r#"{"type":"validation_error","msg":"too old"}"#),
        ("forbidden", r#"{"type":"forbidden","room":"chat|1"}"#),
        ("failed", r#"{"type":"internal"}"#),
        ("no JSON", r#"{"type":"internal"}"#),
    ] {
        client.send_text(format!(r#"423["{event}"]"#)).await;
        client.expect_text(&format!(r#"42["error",{error}]"#)).await;
        let ack = client.recv_text().await;
        let ack: serde_json::Value =
            serde_json::from_str(ack.strip_prefix("433").unwrap()).unwrap();
        let error: serde_json::Value = serde_json::from_str(error).unwrap();
        assert_eq!(ack, json!([{"ok": false, "error": error}]));
    }
}

/// A server that asks its client on the event `ask` and writes down what came of it.
async fn asking(timeout: Duration) -> (RawSocket, Diary) {
    let (pen, diary) = diary();
    let namespace = Namespace::new("/")
        .on("ask", move |socket: Socket| async move {
            // Not in the handler: the events behind this one are to be handled meanwhile.
            tokio::spawn(async move {
                let answer = socket.call("question", &"why?", timeout).await;
                write(&socket, said(answer));
            });
        })
        .on("leave", async |socket: Socket| socket.disconnect());
    let (_server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    (RawSocket::socketio(addr, "").await, diary)
}

fn said(answer: Result<Args, SocketError>) -> String {
    match answer {
        Ok(args) => {
            let values: Vec<_> = args.iter().map(|value| value.get()).collect();
            format!(
                "{} + {} attachments",
                values.join(","),
                args.attachments().len()
            )
        }
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_call_gets_the_answer_of_the_client() {
    let (mut client, mut diary) = asking(TIMEOUT).await;
    for (id, (answer, want)) in (1..).zip([
        (r#"["because"]"#, r#""because" + 0 attachments"#),
        ("[]", " + 0 attachments"),
        (
            r#"[1.0,{"z":1,"a":2}]"#,
            r#"1.0,{"z":1,"a":2} + 0 attachments"#,
        ),
    ]) {
        client.send_text(r#"42["ask"]"#).await;
        client
            .expect_text(&format!(r#"42{id}["question","why?"]"#))
            .await;
        client.send_text(format!("43{id}{answer}")).await;
        diary.expect(want).await;
    }
    client.send_text(r#"42["ask"]"#).await;
    client.expect_text(r#"424["question","why?"]"#).await;
    client
        .send_text(r#"461-4[{"_placeholder":true,"num":0}]"#)
        .await;
    client.send_binary([1]).await;
    diary
        .expect(r#"{"_placeholder":true,"num":0} + 1 attachments"#)
        .await;
}

#[tokio::test]
async fn a_call_may_have_several_arguments() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/").on("ask", async |socket: Socket| {
        tokio::spawn(async move {
            let args = Payload::args(&("why", 2, Binary::from(vec![3]))).unwrap();
            let answer = socket.call_payload("question", &args, TIMEOUT).await;
            write(&socket, said(answer));
        });
    });
    let (_server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"42["ask"]"#).await;
    client
        .expect_text(r#"451-1["question","why",2,{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(client.recv_binary().await, [3]);
    client.send_text(r#"431["so",4]"#).await;
    diary.expect(r#""so",4 + 0 attachments"#).await;
}

#[tokio::test]
async fn answers_may_come_in_another_order() {
    let (mut client, mut diary) = asking(TIMEOUT).await;
    client.send_text(r#"42["ask"]"#).await;
    client.send_text(r#"42["ask"]"#).await;
    client.expect_text(r#"421["question","why?"]"#).await;
    client.expect_text(r#"422["question","why?"]"#).await;
    client.send_text("432[2]").await;
    diary.expect("2 + 0 attachments").await;
    client.send_text("431[1]").await;
    diary.expect("1 + 0 attachments").await;
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_in_time() {
    let (mut client, mut diary) = asking(Duration::from_millis(50)).await;
    client.send_text(r#"42["ask"]"#).await;
    client.expect_text(r#"421["question","why?"]"#).await;
    diary.expect("client did not acknowledge in time").await;
    client.send_text(r#"431["too late"]"#).await;
    expect_silence(&mut client).await;
    diary.expect_end();
}

#[tokio::test]
async fn a_call_ends_when_the_client_goes() {
    for leaves_by in ["41", "event", "reset"] {
        let (mut client, mut diary) = asking(TIMEOUT * 10).await;
        client.send_text(r#"42["ask"]"#).await;
        client.expect_text(r#"421["question","why?"]"#).await;
        match leaves_by {
            "reset" => client.reset(),
            "event" => client.send_text(r#"42["leave"]"#).await,
            packet => client.send_text(packet).await,
        }
        diary.expect("socket is disconnected").await;
    }
}

#[tokio::test]
async fn answers_that_nobody_waits_for_are_ignored() {
    let (mut client, mut diary) = asking(TIMEOUT).await;
    client.send_text(r#"42["ask"]"#).await;
    client.expect_text(r#"421["question","why?"]"#).await;
    for packet in [
        "430[]",
        "432[]",
        "43/other,1[]",
        "4318446744073709551615[1]",
    ] {
        client.send_text(packet).await;
    }
    client
        .send_text(r#"461-7[{"_placeholder":true,"num":0}]"#)
        .await;
    client.send_binary([1]).await;
    expect_silence(&mut client).await;
    diary.expect_end();
    client.send_text("431[1]").await;
    client.send_text("431[2]").await;
    diary.expect("1 + 0 attachments").await;
    expect_silence(&mut client).await;
    diary.expect_end();
}

#[tokio::test]
async fn an_answer_of_another_client_is_none() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/").on("ask", async |socket: Socket| {
        tokio::spawn(async move {
            write(&socket, said(socket.call("question", &(), TIMEOUT).await));
        });
    });
    let (_server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    let mut other = RawSocket::socketio(addr, "").await;
    client.send_text(r#"42["ask"]"#).await;
    client.expect_text(r#"421["question"]"#).await;
    other.send_text("431[1]").await;
    expect_silence(&mut other).await;
    diary.expect_end();
    client.send_text("431[2]").await;
    diary.expect("2 + 0 attachments").await;
}

#[tokio::test]
async fn a_thousand_and_twenty_four_calls_may_wait() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/").on("ask", async |socket: Socket| {
        let ask = |_| {
            let socket = socket.clone();
            tokio::spawn(async move {
                let answer = socket.call("question", &(), TIMEOUT * 10).await;
                write(&socket, said(answer));
            })
        };
        (0..1_025).for_each(|number| drop(ask(number)));
        pass(&socket).await;
        ask(0);
    });
    let gate = Gate::closed();
    let builder = SocketIo::builder().state(pen).state(gate.clone());
    let (_server, addr) = start(builder.namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"42["ask"]"#).await;
    for id in 1..=1_024 {
        client.expect_text(&format!(r#"42{id}["question"]"#)).await;
    }
    diary
        .expect("too many events wait for an acknowledgement")
        .await;
    client.send_text("431024[]").await;
    diary.expect(" + 0 attachments").await;
    gate.open(1);
    client.expect_text(r#"421025["question"]"#).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_waits_no_more() {
    thread_local! {
        static TASK: RefCell<Option<tokio::task::JoinHandle<()>>> = const { RefCell::new(None) };
    }
    let namespace = Namespace::new("/")
        .on("ask", async |socket: Socket| {
            let task = tokio::spawn(async move {
                let _ = socket.call("question", &(), TIMEOUT * 10).await;
            });
            TASK.set(Some(task));
        })
        .on("stop", async |_: Socket| {
            let task = TASK.take().unwrap();
            task.abort();
            task.await.is_err()
        });
    let (_server, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    for id in 1..2_000 {
        client.send_text(r#"42["ask"]"#).await;
        client.expect_text(&format!(r#"42{id}["question"]"#)).await;
        client.send_text(r#"421["stop"]"#).await;
        client.expect_text("431[true]").await;
    }
}
