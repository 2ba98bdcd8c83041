//! From an empty folder to a client that gets an event.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use testkit::{ConnectOptions, RawSocket, RedisServer, Server, StockClient, TIMEOUT, http};

use super::{fast_app, live::Listener, run};

/// The project of a person who has only read the manual, in a folder that is not easy to spell.
struct Demo {
    _place: tempfile::TempDir,
    root: PathBuf,
}

impl Demo {
    fn make() -> Self {
        let place = tempfile::tempdir().unwrap();
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let crate_folder = workspace.join("crates/fast-app");
        let above = place.path().join("můj projekt");
        fs::create_dir(&above).unwrap();
        let path = crate_folder.to_str().unwrap();
        run(fast_app(&above, &["init", "demo", "--fast-app-path", path]));
        let root = above.join("demo");
        // The versions that this repository is tested with, which are on this machine already.
        fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        Self {
            _place: place,
            root,
        }
    }

    fn fast_app(&self, args: &[&str]) -> String {
        run(fast_app(&self.root, args))
    }

    /// Replaces a text that is in the file once.
    fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.root.join(path);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Cargo with the settings of this workspace and its folder for what is built, to build little anew.
    fn cargo(&self, args: &[&str]) -> Command {
        let exe = Path::new(env!("CARGO_BIN_EXE_fast-app"));
        let target = exe.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(env::var_os("CARGO").unwrap());
        cargo
            .args(args)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            .env_remove("SECRET_KEY");
        // What cargo tells this test of its package makes build scripts run again, and those of the workspace after it.
        let of_this_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in env::vars().filter(|(name, _)| of_this_package(name)) {
            cargo.env_remove(name);
        }
        cargo
    }

    async fn serve(&self, redis: &RedisServer, variables: &[(&str, &str)]) -> Server {
        run(self.cargo(&["build"]));
        let mut cargo = self.cargo(&["run", "--quiet"]);
        cargo
            .env("BIND", "127.0.0.1:0")
            .env("REDIS_SOCKETIO_URL", redis.url())
            .envs(variables.iter().copied());
        Server::run(cargo).await
    }

    fn secret(&self) -> String {
        let variables = fs::read_to_string(self.root.join(".env")).unwrap();
        let mut lines = variables.lines();
        let key = lines.find_map(|line| line.strip_prefix("SECRET_KEY="));
        key.unwrap().to_owned()
    }

    /// What the client says of itself, with a valid token.
    fn alice(&self) -> Value {
        json!({ "token": token(&self.secret(), "HS256", &claims()) })
    }
}

/// A token that a program in Python has signed.
fn token(key: &str, algorithm: &str, claims: &Value) -> String {
    let mut python = Command::new("python3");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/token.py");
    python
        .arg(script)
        .args([key, algorithm, &claims.to_string()]);
    run(python).trim().to_owned()
}

/// Those of an access token that ends in a minute.
fn claims() -> Value {
    json!({ "sub": "alice", "sid": "1", "token_type": "access", "exp": seconds_from_now(60) })
}

fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

/// The line of a step that is left to a person.
fn line<'a>(said: &'a str, start: &str) -> &'a str {
    let mut lines = said.lines().map(str::trim);
    lines.find(|line| line.starts_with(start)).unwrap()
}

async fn connect(server: &Server, auth: Value) -> Result<StockClient, String> {
    let client = StockClient::node();
    let options = ConnectOptions {
        auth,
        ..ConnectOptions::default()
    };
    match client.connect(server.url(), options).await {
        Ok(()) => Ok(client),
        Err(error) => Err(error["message"].as_str().unwrap().to_owned()),
    }
}

async fn join(client: &StockClient) -> Value {
    let answer = client
        .call("join_chat", vec![json!({ "chat_id": "1" })])
        .await;
    answer[0]["ok"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_client_gets_an_event_of_a_new_project() {
    let (demo, mut redis) = (Demo::make(), RedisServer::spawn().await);
    demo.fast_app(&["publish", "socketio"]);
    let room = demo.fast_app(&["make", "room", "ChatRoom", "--test"]);
    demo.fast_app(&["make", "broadcast_event", "UpdateChat"]);
    let namespace = demo.fast_app(&["make", "namespace", "AdminNamespace"]);
    demo.fast_app(&["make", "resource", "ChatResource"]);
    demo.fast_app(&["make", "event", "NewChat"]);
    run(demo.cargo(&["fmt", "--check"]));
    run(demo.cargo(&["test", "--quiet"]));

    demo.edit(
        "app/socketio/namespaces/global_namespace.rs",
        "impl GlobalNamespace",
        &format!("{}\nimpl GlobalNamespace", line(&room, "#[register_room(")),
    );
    demo.edit(
        "app/modules/asgi/socketio.rs",
        "SocketIo::builder()",
        &format!("SocketIo::builder(){}", line(&namespace, ".namespace(")),
    );
    let server = demo.serve(&redis, &[]).await;
    tokens_are_asked_for(&demo, &server).await;
    let client = connect(&server, demo.alice()).await.unwrap();
    assert_eq!(join(&client).await, false, "the stub refuses everybody");
    assert!(server.terminate().await.success());
    nobody_connects_without_a_key(&demo, &redis).await;

    demo.edit(
        "app/socketio/rooms/chat_room.rs",
        "_session: &Session) -> bool {\n        // Edit: who may join? Nobody, until this says who.\n        false",
        "session: &Session) -> bool {\n        let user = session.get::<crate::socketio::common::authentication::User>();\n        user.is_some_and(|user| user.id == \"alice\")",
    );
    let server = demo.serve(&redis, &[]).await;
    let client = connect(&server, demo.alice()).await.unwrap();
    assert_eq!(join(&client).await, true);
    a_session_ends_with_its_token(&demo, &server).await;
    a_connection_takes_one_user(&demo, &server).await;
    gets_what_is_broadcast(&demo, &redis, &server, &client).await;
    nothing_is_left_to_mend(&demo, &redis);
    ready(&server, 200).await;
    redis.stop().await;
    ready(&server, 503).await;
    assert_eq!(http::get(server.addr(), "/health").await.status, 200);
}

/// Waits for this status of `/ready`.
async fn ready(server: &Server, status: u16) {
    let wait = async { while http::get(server.addr(), "/ready").await.status != status {} };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
}

async fn tokens_are_asked_for(demo: &Demo, server: &Server) {
    let (key, claims) = (demo.secret(), claims());
    let other = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        token(&key, "HS256", &claims)
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        token(&key, "HS256", &claims)
    };
    for none in [json!({}), json!({ "token": null }), json!({ "token": "" })] {
        let refused = connect(server, none).await.unwrap_err();
        assert_eq!(refused, "No access token provided");
    }
    for (what, token) in [
        ("no text", json!(1)),
        ("no token", json!("x.y.z")),
        ("another key", json!(token("another key", "HS256", &claims))),
        ("no signature", json!(token(&key, "none", &claims))),
        ("another algorithm", json!(token(&key, "HS512", &claims))),
        ("another type", json!(other("token_type", json!("refresh")))),
        ("ended", json!(other("exp", json!(seconds_from_now(-1))))),
        ("endless", json!(without("exp"))),
        ("nobody's", json!(without("sub"))),
        ("of no sign-in", json!(without("sid"))),
        ("of no type", json!(without("token_type"))),
    ] {
        let refused = connect(server, json!({ "token": token }))
            .await
            .expect_err(what);
        assert_eq!(refused, "Invalid access token", "{what}");
    }
}

async fn a_session_ends_with_its_token(demo: &Demo, server: &Server) {
    let mut claims = claims();
    let exp = seconds_from_now(10);
    claims["exp"] = json!(exp);
    let token = token(&demo.secret(), "HS256", &claims);
    let client = connect(server, json!({ "token": token })).await.unwrap();
    // A busy machine takes seconds to get here.
    let left = u64::try_from(exp - 2 - seconds_from_now(0)).unwrap_or(0);
    tokio::time::sleep(Duration::from_secs(left)).await;
    let told = client.expect("error").await;
    assert_eq!(told, [json!({ "type": "expired" })]);
    assert!(seconds_from_now(0) >= exp, "too early");
    assert!(seconds_from_now(0) <= exp + 5, "too late");
    assert_eq!(client.disconnected().await, "io server disconnect");
}

async fn a_connection_takes_one_user(demo: &Demo, server: &Server) {
    let mut client = RawSocket::socketio(server.addr(), demo.alice()).await;
    let mut bob = claims();
    bob["sub"] = json!("bob");
    let bob = json!({ "token": token(&demo.secret(), "HS256", &bob) });
    client.send_text(format!("40/admin,{bob}")).await;
    let refused = r#"44/admin,{"message":"Another user is connected"}"#;
    client.expect_text(refused).await;
    client.send_text(format!("40/admin,{}", demo.alice())).await;
    let connected = client.recv_text().await;
    assert!(connected.starts_with("40/admin,{\"sid\""), "{connected}");
}

async fn nobody_connects_without_a_key(demo: &Demo, redis: &RedisServer) {
    let server = demo.serve(redis, &[("SECRET_KEY", "")]).await;
    let signed_with_nothing = json!({ "token": token("", "HS256", &claims()) });
    for auth in [demo.alice(), signed_with_nothing] {
        let refused = connect(&server, auth).await.unwrap_err();
        assert_eq!(refused, "Access tokens cannot be verified");
    }
    until("the log says why", async || {
        server.stderr().contains("SECRET_KEY is not set")
    })
    .await;
    assert!(server.terminate().await.success());
}

async fn gets_what_is_broadcast(
    demo: &Demo,
    redis: &RedisServer,
    server: &Server,
    client: &StockClient,
) {
    let auth = demo.alice().to_string();
    let join = ["--join", "chat", "{\"chat_id\":\"1\"}"];
    let listen = ["listen", server.url(), "--auth", &auth, "--count", "1"];
    let mut listener = Listener::start(&[&listen[..], &join[..]].concat());
    listener.says("joined chat|1").await;
    subscribed(redis).await;

    let event = ["update_chat", "{\"z\":\"ž\",\"a\":1}"];
    let mut command = fast_app(
        &demo.root,
        &["broadcast", "--room", "chat|1", event[0], event[1]],
    );
    command.env("REDIS_SOCKETIO_URL", redis.url());
    assert_eq!(
        run(command),
        "update_chat to chat|1 in /: heard by 1 worker\n"
    );
    assert_eq!(
        client.expect("update_chat").await,
        [json!({ "z": "ž", "a": 1 })]
    );
    let (code, stdout) = listener.ends().await;
    assert_eq!(
        (code, stdout),
        (Some(0), format!("{} {}\n", event[0], event[1]))
    );
}

/// The server needs no bus to start, so it may not be there yet.
async fn subscribed(redis: &RedisServer) {
    until("the server finds the bus", async || {
        redis.cli(&["PUBSUB", "NUMSUB", "socketio"]).await == "socketio\n1"
    })
    .await;
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, wait).await.expect(what);
}

fn nothing_is_left_to_mend(demo: &Demo, redis: &RedisServer) {
    let mut doctor = fast_app(&demo.root, &["doctor"]);
    doctor.env("REDIS_SOCKETIO_URL", redis.url());
    let found = run(doctor);
    for line in [
        "good project demo, app/lib.rs",
        "good every module is declared",
        "good the server is mounted",
        "good SECRET_KEY is set (from .env)",
        "good 1 worker subscribes to the channel `socketio`: 127.0.0.1:",
    ] {
        assert!(found.contains(line), "{line} in\n{found}");
    }
    assert!(
        found.lines().all(|line| line.starts_with("good ")),
        "{found}"
    );
}
