//! A client of a namespace, in the process of the test.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use fast_app::prelude::*;
use serde_json::Value;
use tower::ServiceExt;

/// Connected over Engine.IO's polling, the simplest of its transports.
pub struct Client {
    app: Router,
    path: String,
}

impl Client {
    /// Connects to a server that has this namespace, which must be `/`.
    pub async fn connect(namespace: Namespace) -> Self {
        let socketio = SocketIo::builder().namespace(namespace).build();
        let app = Router::new().layer(socketio.expect("the namespace is sound").layer());
        let mut client = Self {
            app,
            path: "/socket.io/?EIO=4&transport=polling".to_owned(),
        };
        let opened = client.request("GET", String::new()).await;
        let opened: Value = serde_json::from_str(&opened[1..]).expect("the session is open");
        let sid = opened["sid"].as_str().expect("a session has an id");
        client.path += &format!("&sid={sid}");
        client.request("POST", "40".to_owned()).await;
        let connected = client.request("GET", String::new()).await;
        assert!(connected.starts_with("40"), "{connected}");
        client
    }

    /// Sends an event and waits for its answer.
    pub async fn call(&self, event: &str, payload: Value) -> Value {
        let packet = format!("420{}", Value::from(vec![event.into(), payload]));
        self.request("POST", packet).await;
        loop {
            let packets = self.request("GET", String::new()).await;
            if let Some(answer) = packets.split('\x1e').find_map(|it| it.strip_prefix("430")) {
                let answer: Value = serde_json::from_str(answer).expect("an answer is JSON");
                return answer[0].clone();
            }
        }
    }

    async fn request(&self, method: &str, body: String) -> String {
        let request = Request::builder()
            .method(method)
            .uri(&self.path)
            .header("host", "localhost")
            .body(Body::from(body))
            .expect("the request is valid");
        let response = self.app.clone().oneshot(request).await;
        let response = response.expect("a router always answers");
        assert!(response.status().is_success(), "{response:?}");
        let body = to_bytes(response.into_body(), usize::MAX).await;
        String::from_utf8(body.expect("the answer is whole").into()).expect("the answer is text")
    }
}
