use serde_json::{Value, json};
use testkit::{ConnectOptions, StockClient};

use crate::reference_server;

fn clients() -> [StockClient; 2] {
    [StockClient::node(), StockClient::python()]
}

#[tokio::test]
async fn stock_clients_emit_call_and_receive() {
    let server = reference_server().await;
    for client in clients() {
        let options = ConnectOptions {
            auth: json!({"token": "alice"}),
            ..Default::default()
        };
        client.connect(server.url(), options).await.unwrap();
        assert_eq!(
            client.expect("hello").await,
            [json!("/"), json!({"token": "alice"})]
        );
        assert_eq!(client.transport().await, "websocket");
        assert_eq!(client.sid().await.len(), 20);

        let args = vec![
            json!(1),
            json!([2, {"three": null}]),
            StockClient::binary([3, 4]),
        ];
        client.emit("echo", args.clone()).await;
        assert_eq!(client.expect("echoed").await, args);
        assert_eq!(client.call("echo", args.clone()).await, args);
        assert_eq!(client.call("echo", vec![]).await, Vec::<Value>::new());

        client.answer("question", json!({"answer": 42})).await;
        assert_eq!(
            client.call("ask", vec![json!("why?")]).await,
            [json!({"answer": 42})]
        );
        let log = client.log();
        assert_eq!((log.len(), log[0].name.as_str()), (1, "question"));

        client.emit("kick", vec![]).await;
        assert!(client.disconnected().await.contains("server disconnect"));
    }
}

#[tokio::test]
async fn stock_clients_give_the_reason_of_a_refusal() {
    let server = reference_server().await;
    for client in clients() {
        let options = || ConnectOptions {
            auth: json!({"token": "wrong"}),
            ..Default::default()
        };
        let refused = Err(json!({"message": "refused", "data": {"code": 7}}));
        assert_eq!(client.connect(server.url(), options()).await, refused);
        assert_eq!(
            client.connect(server.url(), options()).await,
            refused,
            "also the second time"
        );
        client
            .connect(server.url(), ConnectOptions::default())
            .await
            .unwrap();
        client.expect("hello").await;
        client.disconnect().await;
        assert!(client.disconnected().await.contains("client disconnect"));
    }
}

#[tokio::test]
async fn stock_clients_poll_and_upgrade() {
    let server = reference_server().await;
    for client in clients() {
        let transports = &["polling"];
        client
            .connect(
                server.url(),
                ConnectOptions {
                    transports,
                    ..Default::default()
                },
            )
            .await
            .unwrap();
        assert_eq!(client.transport().await, "polling");
        assert_eq!(client.call("echo", vec![json!(1)]).await, [json!(1)]);
        client.disconnect().await;
        client.disconnected().await;

        let transports = &["polling", "websocket"];
        client
            .connect(
                server.url(),
                ConnectOptions {
                    transports,
                    ..Default::default()
                },
            )
            .await
            .unwrap();
        client.transport_becomes("websocket").await;
        assert_eq!(client.call("echo", vec![json!(1)]).await, [json!(1)]);
    }
}

#[tokio::test]
async fn stock_clients_use_several_namespaces_of_one_connection() {
    let server = reference_server().await;
    for client in clients() {
        client
            .connect(server.url(), ConnectOptions::default())
            .await
            .unwrap();
        let admin = client.of("/admin");
        let options = |token| ConnectOptions {
            namespace: "/admin",
            auth: json!({"token": token}),
            ..Default::default()
        };
        let refused = Err(json!({"message": "refused", "data": {"code": 7}}));
        assert_eq!(admin.connect(server.url(), options("wrong")).await, refused);
        admin.connect(server.url(), options("root")).await.unwrap();

        assert_eq!(
            admin.expect("hello").await,
            [json!("/admin"), json!({"token": "root"})]
        );
        assert_eq!(client.expect("hello").await, [json!("/"), json!({})]);
        assert_ne!(admin.sid().await, client.sid().await);

        admin.disconnect().await;
        admin.disconnected().await;
        assert_eq!(client.call("echo", vec![json!(1)]).await, [json!(1)]);
    }
}

#[tokio::test]
async fn stock_clients_reconnect_by_themselves() {
    let server = reference_server().await;
    for client in clients() {
        let options = ConnectOptions {
            reconnection: true,
            ..Default::default()
        };
        client.connect(server.url(), options).await.unwrap();
        let sid = client.sid().await;
        client.emit("cut", vec![]).await;
        client.disconnected().await;
        client.reconnected().await;
        assert_ne!(client.sid().await, sid);
        client.expect("hello").await;
        client.expect("hello").await;
    }
}

#[tokio::test]
async fn stock_clients_say_when_nobody_listens() {
    let url = format!("http://127.0.0.1:{}", testkit::free_port());
    for client in clients() {
        let error = client
            .connect(&url, ConnectOptions::default())
            .await
            .unwrap_err();
        assert!(error["message"].is_string(), "{error}");
    }
}

#[tokio::test]
#[should_panic(expected = r#""event":"hello""#)]
async fn an_event_that_does_not_come_panics_with_what_came() {
    let server = reference_server().await;
    let client = StockClient::node();
    client
        .connect(server.url(), ConnectOptions::default())
        .await
        .unwrap();
    client.expect("goodbye").await;
}
