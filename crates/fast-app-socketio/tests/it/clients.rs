//! The clients that applications use, over every transport.

use fast_app_socketio::{
    Args, Auth, Binary, ConnectionRefused, Data, Namespace, Payload, Socket, SocketIo,
};
use serde_json::{Value, json};
use testkit::{ConnectOptions, StockClient, TIMEOUT};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{Diary, Pen, diary, start, write};

const TRANSPORTS: [&[&str]; 3] = [&["websocket"], &["polling"], &["polling", "websocket"]];

type Stock = (&'static str, fn() -> StockClient);

const CLIENTS: [Stock; 2] = [("node", StockClient::node), ("python", StockClient::python)];

fn namespace(path: &'static str) -> Namespace {
    Namespace::new(path)
        .on_connect(async |socket: Socket, auth: Auth| {
            let auth = auth.value();
            if auth["token"] == "wrong" {
                return Err(ConnectionRefused::new("Invalid token").with_data(json!({"code": 7})));
            }
            let namespace = socket.namespace().to_owned();
            let hello = Payload::args(&(namespace, &auth["token"])).unwrap();
            socket.emit_payload("hello", &hello).unwrap();
            Ok(())
        })
        .on_disconnect(
            async |socket: Socket, reason: fast_app_socketio::DisconnectReason| {
                write(&socket, format!("{} {reason}", socket.namespace()));
            },
        )
        .on("echo", async |socket: Socket, args: Args| {
            let payload = Payload::from(args);
            socket.emit_payload("echoed", &payload).unwrap();
            payload
        })
        .on("ask", async |socket: Socket, question: Data<Value>| {
            socket.call("question", &question.0, TIMEOUT).await.unwrap()
        })
        .on("bytes", async |socket: Socket| {
            let picture = json!({"name": "x"});
            let bytes = (picture, [Binary::from(vec![0, 255])], Binary::default());
            socket
                .emit_payload("bytes", &Payload::args(&bytes).unwrap())
                .unwrap();
        })
        .on("kick", async |socket: Socket| socket.disconnect())
}

/// Connects both clients over every transport and runs `test` with each.
async fn with_each(test: impl AsyncFn(&StockClient, &str, &mut Diary)) {
    let (pen, mut diary) = diary();
    let builder = SocketIo::builder()
        .state(pen)
        .namespace(namespace("/"))
        .namespace(namespace("/admin"));
    let (_server, addr) = start(builder).await;
    let url = format!("http://{addr}");
    for (name, start) in CLIENTS {
        for transports in TRANSPORTS {
            let client = start();
            let options = |token, transports| ConnectOptions {
                auth: json!({ "token": token }),
                transports,
                ..Default::default()
            };
            let refused = client
                .connect(&url, options("wrong", &transports[..1]))
                .await;
            let reason = json!({"message": "Invalid token", "data": {"code": 7}});
            assert_eq!(refused, Err(reason), "{transports:?}");
            let connected = client.connect(&url, options("right", transports)).await;
            assert_eq!(connected, Ok(()), "{transports:?}");
            assert_eq!(client.expect("hello").await, [json!("/"), json!("right")]);
            let [.., last] = transports else { panic!() };
            client.transport_becomes(last).await;
            assert_eq!(client.transport().await, *last);
            test(&client, &url, &mut diary).await;
            client.disconnect().await;
            client.disconnected().await;
            match (name, *last) {
                // It closes its WebSocket before its packets have left.
                ("python", "websocket") => {
                    let line = diary.next().await;
                    assert!(["/ client disconnect", "/ transport close"].contains(&&*line));
                }
                _ => diary.expect("/ client disconnect").await,
            }
            diary.expect_end();
        }
    }
}

#[tokio::test]
async fn events_and_acknowledgements_travel_both_ways() {
    with_each(async |client, _, _| {
        for args in [
            vec![],
            vec![json!(1)],
            vec![Value::Null, json!("ž😀\u{0}")],
            vec![json!(1.5), json!([2, {"three": null}]), json!({})],
            vec![StockClient::binary([3, 4])],
            vec![
                json!({"deep": [StockClient::binary([])]}),
                StockClient::binary(vec![7; 70_000]),
            ],
        ] {
            assert_eq!(client.call("echo", args.clone()).await, args);
            assert_eq!(client.expect("echoed").await, args);
        }
        for answer in [
            json!({"answer": 42}),
            json!([1, 2]),
            StockClient::binary([5; 300]),
        ] {
            client.answer("question", answer.clone()).await;
            assert_eq!(client.call("ask", vec![json!("why?")]).await, [answer]);
            assert_eq!(client.expect("question").await, [json!("why?")]);
        }
        client.emit("bytes", vec![]).await;
        assert_eq!(
            client.expect("bytes").await,
            [
                json!({"name": "x"}),
                json!([StockClient::binary([0, 255])]),
                StockClient::binary([]),
            ]
        );
        assert_eq!(client.call("nobody handles this", vec![]).await, [0; 0]);
    })
    .await;
}

#[tokio::test]
async fn many_events_arrive_in_order() {
    with_each(async |client, _, _| {
        for number in 0..200 {
            client.emit("echo", vec![json!(number)]).await;
        }
        for number in 0..200 {
            assert_eq!(client.expect("echoed").await, [json!(number)]);
        }
    })
    .await;
}

#[tokio::test]
async fn namespaces_share_a_connection() {
    with_each(async |client, url, diary| {
        let admin = client.of("/admin");
        let options = |token| ConnectOptions {
            namespace: "/admin",
            auth: json!({ "token": token }),
            ..Default::default()
        };
        let refused = admin.connect(url, options("wrong")).await;
        let reason = json!({"message": "Invalid token", "data": {"code": 7}});
        assert_eq!(refused, Err(reason));
        admin.connect(url, options("root")).await.unwrap();
        assert_eq!(
            admin.expect("hello").await,
            [json!("/admin"), json!("root")]
        );
        assert_ne!(admin.sid().await, client.sid().await);
        assert_eq!(admin.call("echo", vec![json!(1)]).await, [json!(1)]);
        assert_eq!(client.call("echo", vec![json!(2)]).await, [json!(2)]);
        assert_eq!(admin.expect("echoed").await, [json!(1)]);
        assert_eq!(client.expect("echoed").await, [json!(2)]);

        let unknown = client.of("/unknown");
        let options = ConnectOptions {
            namespace: "/unknown",
            ..Default::default()
        };
        let refused = unknown.connect(url, options).await;
        assert_eq!(refused, Err(json!({"message": "Invalid namespace"})));

        admin.disconnect().await;
        admin.disconnected().await;
        diary.expect("/admin client disconnect").await;
        assert_eq!(client.call("echo", vec![json!(3)]).await, [json!(3)]);
    })
    .await;
}

#[tokio::test]
async fn the_server_disconnects_a_client() {
    with_each(async |client, url, diary| {
        client.emit("kick", vec![]).await;
        let reason = client.disconnected().await;
        assert!(reason.contains("server disconnect"), "{reason}");
        diary.expect("/ server disconnect").await;
        // Connected again, for the end of every test.
        let options = ConnectOptions {
            transports: &["polling"],
            ..Default::default()
        };
        client.connect(url, options).await.unwrap();
    })
    .await;
}

/// A server as its clients see it: when this is gone so are the port and all connections, without a word.
struct Mortal(JoinHandle<()>);

impl Mortal {
    async fn start(addr: &str, pen: Pen) -> (Self, String) {
        let builder = SocketIo::builder().state(pen).namespace(namespace("/"));
        let (_, server) = start(builder).await;
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let relay = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                connections.spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    // However it ends, it has ended.
                    _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        (Self(relay), addr)
    }

    async fn crash(self) {
        self.0.abort();
        assert!(self.0.await.unwrap_err().is_cancelled());
    }
}

/// Waits until the client is there again, a new one to the server, and has all that it had before.
async fn expect_return(client: &StockClient, old_sid: &str, transport: &str) {
    client.reconnected().await;
    assert_eq!(client.expect("hello").await, [json!("/"), json!("right")]);
    assert_ne!(client.sid().await, old_sid);
    client.transport_becomes(transport).await;
    let args = vec![json!("again"), StockClient::binary([1, 2])];
    assert_eq!(client.call("echo", args.clone()).await, args);
    assert_eq!(client.expect("echoed").await, args);
}

#[tokio::test]
async fn clients_come_back_when_they_are_cut_off_and_when_the_server_crashes() {
    for (name, stock) in CLIENTS {
        for transports in TRANSPORTS {
            let (pen, mut diary) = diary();
            let (server, addr) = Mortal::start("127.0.0.1:0", pen.clone()).await;
            let client = stock();
            let options = ConnectOptions {
                auth: json!({ "token": "right" }),
                transports,
                reconnection: true,
                ..Default::default()
            };
            let connected = client.connect(&format!("http://{addr}"), options).await;
            assert_eq!(connected, Ok(()));
            client.expect("hello").await;
            let [.., last] = transports else { panic!() };
            client.transport_becomes(last).await;

            // It takes the packet that closes a polling session for a farewell, and stays away.
            if (name, *last) != ("python", "polling") {
                let sid = client.sid().await;
                // One attachment too many.
                client
                    .emit("echo", vec![StockClient::binary([0]); 11])
                    .await;
                client.disconnected().await;
                diary.expect("/ parse error").await;
                expect_return(&client, &sid, last).await;
            }

            let sid = client.sid().await;
            server.crash().await;
            client.disconnected().await;
            let (server, _) = Mortal::start(&addr, pen).await;
            expect_return(&client, &sid, last).await;
            client.disconnect().await;
            server.crash().await;
        }
    }
}
