//! Namespaces, their sessions and handlers.

use fast_app::prelude::*;
use testkit::RawSocket;

use super::serve;

struct User {
    name: String,
}

#[derive(Clone)]
struct Global;

#[derive(Deserialize)]
struct Sum {
    a: i64,
    b: i64,
}

#[namespace("/")]
impl Global {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        let name = auth.value()["name"].as_str().map(str::to_owned);
        let name = name
            .ok_or_else(|| ConnectionRefused::new("who are you?").with_data("a name is missing"))?;
        socket
            .emit("hello", &name)
            .map_err(|_| ConnectionRefused::new("gone"))?;
        socket.session().insert(User { name });
        Ok(())
    }

    async fn on_sum(&self, data: Data<Sum>) -> i64 {
        self.helper(data.0)
    }

    async fn on_fails(&self, _socket: &Socket) -> Result<(), HandlerError> {
        Err(HandlerError::internal("for the log only"))
    }

    fn helper(&self, sum: Sum) -> i64 {
        sum.a + sum.b
    }
}

#[derive(Clone)]
struct Admin;

#[namespace("/admin")]
impl Admin {
    async fn on_whoami(&self, socket: &Socket) -> Option<String> {
        socket.session().get::<User>().map(|user| user.name.clone())
    }
}

async fn connected() -> RawSocket {
    let (_, addr) = serve(SocketIo::builder().namespace(Global).namespace(Admin)).await;
    let mut socket = RawSocket::engineio(addr).await;
    socket.send_text(r#"40{"name":"alice"}"#).await;
    assert!(
        socket.recv_text().await.starts_with(r#"40{"sid":""#),
        "the confirmation comes first"
    );
    socket.expect_text(r#"42["hello","alice"]"#).await;
    socket
}

#[tokio::test]
async fn a_session_is_readable_in_every_namespace_of_its_connection() {
    let mut socket = connected().await;
    socket.send_text("40/admin,").await;
    socket.recv_text().await;
    socket.send_text(r#"42/admin,1["whoami"]"#).await;
    socket.expect_text(r#"43/admin,1["alice"]"#).await;
}

#[tokio::test]
async fn a_refusal_carries_its_data() {
    let (_, addr) = serve(SocketIo::builder().namespace(Global)).await;
    let mut socket = RawSocket::engineio(addr).await;
    socket.send_text("40").await;
    let refused = socket.recv_text().await;
    let refused: serde_json::Value =
        serde_json::from_str(refused.strip_prefix("44").unwrap()).unwrap();
    assert_eq!(
        refused,
        serde_json::json!({ "message": "who are you?", "data": "a name is missing" })
    );
}

#[tokio::test]
async fn handlers_answer_by_returning_and_helpers_are_out_of_reach() {
    let mut socket = connected().await;
    for (packet, answers) in [
        (r#"421["sum",{"a":1,"b":2}]"#, vec!["431[3]"]),
        (r#"422["helper"]"#, vec!["432[]"]),
        (r#"423["on_sum",{"a":1,"b":2}]"#, vec!["433[]"]),
        (
            r#"424["fails"]"#,
            vec![
                r#"42["error",{"type":"internal"}]"#,
                r#"434[{"ok":false,"error":{"type":"internal"}}]"#,
            ],
        ),
    ] {
        socket.send_text(packet).await;
        for answer in answers {
            socket.expect_text(answer).await;
        }
    }
}

#[tokio::test]
async fn an_argument_of_the_wrong_type_is_a_validation_error() {
    let mut socket = connected().await;
    socket.send_text(r#"42["sum",{"a":"x"}]"#).await;
    let error = socket.recv_text().await;
    assert!(
        error.starts_with(r#"42["error",{"type":"validation_error","msg":""#),
        "{error}"
    );
}
