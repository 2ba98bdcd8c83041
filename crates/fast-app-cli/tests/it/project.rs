//! From an empty folder to a client that gets an event.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use testkit::{ConnectOptions, RedisServer, Server, StockClient, TIMEOUT, http};

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

    async fn serve(&self, redis: &RedisServer) -> Server {
        run(self.cargo(&["build"]));
        let mut cargo = self.cargo(&["run", "--quiet"]);
        cargo
            .env("BIND", "127.0.0.1:0")
            .env("REDIS_SOCKETIO_URL", redis.url());
        Server::run(cargo).await
    }

    /// As FastApp for Python signs them.
    fn token(&self, kind: &str, lifetime: i64) -> String {
        let variables = fs::read_to_string(self.root.join(".env")).unwrap();
        let mut lines = variables.lines();
        let key = lines
            .find_map(|line| line.strip_prefix("SECRET_KEY="))
            .unwrap();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let end = i64::try_from(now).unwrap() + lifetime;
        let claims = json!({ "sub": "alice", "sid": "1", "token_type": kind, "exp": end });
        let key = EncodingKey::from_secret(key.as_bytes());
        encode(&Header::default(), &claims, &key).unwrap()
    }
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
    demo.fast_app(&["make", "room", "ChatRoom", "--test"]);
    demo.fast_app(&["make", "broadcast_event", "UpdateChat"]);
    demo.fast_app(&["make", "namespace", "AdminNamespace"]);
    demo.fast_app(&["make", "resource", "ChatResource"]);
    demo.fast_app(&["make", "event", "NewChat"]);
    run(demo.cargo(&["fmt", "--check"]));
    run(demo.cargo(&["test", "--quiet"]));

    let namespace = "app/socketio/namespaces/global_namespace.rs";
    demo.edit(
        namespace,
        "#[namespace(\"/\")]",
        "#[namespace(\"/\")]\n#[register_room(crate::socketio::rooms::ChatRoom)]",
    );
    let server = demo.serve(&redis).await;
    tokens_are_asked_for(&demo, &server).await;
    let alice = json!({ "token": demo.token("access", 60) });
    let client = connect(&server, alice.clone()).await.unwrap();
    assert_eq!(join(&client).await, false, "the stub refuses everybody");
    assert!(server.terminate().await.success());

    demo.edit(
        "app/socketio/rooms/chat_room.rs",
        "_session: &Session) -> bool {\n        // Edit: who may join? Nobody, until this says who.\n        false",
        "session: &Session) -> bool {\n        let user = session.get::<crate::socketio::common::authentication::User>();\n        user.is_some_and(|user| user.id == \"alice\")",
    );
    let server = demo.serve(&redis).await;
    let client = connect(&server, alice.clone()).await.unwrap();
    assert_eq!(join(&client).await, true);
    gets_what_is_broadcast(&demo, &redis, &server, &client, &alice).await;
    nothing_is_left_to_mend(&demo, &redis);
    healthy(&server, 200).await;
    redis.stop().await;
    healthy(&server, 503).await;
}

/// Waits for this status of `/health`.
async fn healthy(server: &Server, status: u16) {
    let wait = async { while http::get(server.addr(), "/health").await.status != status {} };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
}

async fn tokens_are_asked_for(demo: &Demo, server: &Server) {
    for (auth, refusal) in [
        (json!({}), "No access token provided"),
        (json!({ "token": "" }), "No access token provided"),
        (json!({ "token": 1 }), "Invalid access token"),
        (json!({ "token": "x.y.z" }), "Invalid access token"),
        (
            json!({ "token": demo.token("refresh", 60) }),
            "Invalid access token",
        ),
        (
            json!({ "token": demo.token("access", -1) }),
            "Invalid access token",
        ),
    ] {
        let refused = connect(server, auth.clone()).await.unwrap_err();
        assert_eq!(refused, refusal, "{auth}");
    }
}

async fn gets_what_is_broadcast(
    demo: &Demo,
    redis: &RedisServer,
    server: &Server,
    client: &StockClient,
    auth: &Value,
) {
    let auth = auth.to_string();
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
    let wait = async {
        while redis.cli(&["PUBSUB", "NUMSUB", "socketio"]).await != "socketio\n1" {
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, wait)
        .await
        .expect("the server finds the bus");
}

fn nothing_is_left_to_mend(demo: &Demo, redis: &RedisServer) {
    let mut doctor = fast_app(&demo.root, &["doctor"]);
    doctor.env("REDIS_SOCKETIO_URL", redis.url());
    let found = run(doctor);
    for line in [
        "good project demo, app/lib.rs",
        "good every module is declared",
        "good the server is mounted",
        "note the namespace AdminNamespace is not registered",
        "good SECRET_KEY is set (from .env)",
        "good 1 worker subscribes to the channel `socketio`: 127.0.0.1:",
    ] {
        assert!(found.contains(line), "{line} in\n{found}");
    }
    assert!(!found.contains("mend"), "{found}");
}
