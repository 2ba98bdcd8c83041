//! A bus and a server, from a terminal.

use std::{fs, path::Path, process::Stdio, time::Duration};

use fast_app_socketio::{Binary, Emit, Manager, Namespace, Payload, Socket, SocketIo};
use serde_json::json;
use testkit::{RedisServer, free_port};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStderr, ChildStdout, Command},
    time::timeout,
};

use super::{fail, fast_app, run};

const LIMIT: Duration = Duration::from_secs(30);

/// The command while it runs.
pub(crate) struct Listener {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl Listener {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::run(fast_app(Path::new("."), args))
    }

    fn run(command: std::process::Command) -> Self {
        let mut command = Command::from(command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        Self {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            stderr: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }

    /// Waits for a line on stderr.
    pub(crate) async fn says(&mut self, wanted: &str) {
        let search = async {
            while let Some(line) = self.stderr.next_line().await.unwrap() {
                if line.contains(wanted) {
                    return;
                }
            }
            panic!("it ended without {wanted}");
        };
        timeout(LIMIT, search).await.unwrap();
    }

    /// The next line on stdout.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line);
        timeout(LIMIT, read).await.unwrap().unwrap();
        line
    }

    /// Waits for its end: the code, and what it said on stdout.
    pub(crate) async fn ends(&mut self) -> (Option<i32>, String) {
        let mut stdout = String::new();
        let read = self.stdout.read_to_string(&mut stdout);
        timeout(LIMIT, read).await.unwrap().unwrap();
        let status = timeout(LIMIT, self.child.wait()).await.unwrap();
        (status.unwrap().code(), stdout)
    }

    async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -$0 $1", name, &pid])
            .status()
            .await;
        assert!(sent.unwrap().success());
    }
}

/// A server of one process, and its address.
async fn serve(namespace: Namespace) -> (SocketIo, String) {
    let manager = Manager::from_url(&format!("memory://{}", free_port())).unwrap();
    let socketio = SocketIo::builder()
        .manager(manager)
        .namespace(namespace)
        .build()
        .unwrap();
    let app = axum::Router::new().layer(socketio.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let engine = socketio.engine().clone();
    tokio::spawn(fast_app_socketio::serve(
        listener,
        app,
        engine,
        std::future::pending(),
    ));
    (socketio, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_namespace_are_printed_as_they_come() {
    let (socketio, url) = serve(Namespace::new("/admin")).await;
    let args = ["listen", &url, "--namespace", "/admin", "--count", "3"];
    let mut people = Listener::start(&args);
    let mut scripts = Listener::start(&[&args[..], &["--json"]].concat());
    people.says("connected to /admin").await;
    scripts.says("connected to /admin").await;
    for payload in [
        Payload::args(&("a\u{9b}", json!({ "b": 1 }), 10_u64.pow(19))),
        Payload::new(&Binary::from(vec![1, 2])),
        Ok(Payload::empty()),
    ] {
        let emit = Emit::new("news", payload.unwrap()).in_namespace("/admin");
        socketio.emit(emit).await.unwrap();
    }
    let said = people.ends().await;
    let want =
        "news \"a\\u009b\" {\"b\":1} 10000000000000000000\nnews {\"base64\":\"AQI=\"}\nnews\n";
    assert_eq!(said, (Some(0), want.to_owned()));
    let (_, said) = scripts.ends().await;
    let last = r#"{"args":[],"event":"news"}"#;
    assert_eq!(said.lines().nth(2), Some(last), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_interrupted_ends_well() {
    let (_socketio, url) = serve(Namespace::new("/")).await;
    let mut listener = Listener::start(&["listen", &url]);
    listener.says("connected").await;
    listener.signal("INT").await;
    assert_eq!(listener.ends().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_says_why_it_is_not_let_in() {
    let refuse =
        |_: Socket| async { Err::<(), _>(fast_app_socketio::ConnectionRefused::new("no token")) };
    let (_socketio, url) = serve(Namespace::new("/").on_connect(refuse)).await;
    let here = Path::new(".");
    let error = fail(fast_app(here, &["listen", &url]));
    assert_eq!(
        error,
        "error: the server refused the connection: no token\nhelp: give what the server asks for: --auth '{\"token\":\"…\"}'\n"
    );
    let error = fail(fast_app(here, &["listen", &format!("{url}/elsewhere/")]));
    assert!(
        error.contains("does not answer as a Socket.IO server: 404"),
        "{error}"
    );
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let error = fail(fast_app(here, &["listen", &nobody]));
    assert!(error.contains("cannot be reached\n  because "), "{error}");
    for (args, want) in [
        (["localhost:1", "--namespace", "/"], "it has no scheme"),
        (
            [&nobody, "--namespace", "admin"],
            "a namespace begins with `/`",
        ),
        (
            [&nobody, "--auth", "{"],
            "the value of --auth is not valid JSON",
        ),
    ] {
        let error = fail(fast_app(here, &[&["listen"], &args[..]].concat()));
        assert!(error.contains(want), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_says_why_it_may_not_join_and_when_the_server_goes() {
    let join = |_: Socket| async {
        fast_app_socketio::Ack(json!({ "ok": false, "error": { "type": "forbidden" } }))
    };
    let (socketio, url) = serve(Namespace::new("/").on("join_chat", join)).await;
    let here = Path::new(".");
    let error = fail(fast_app(here, &["listen", &url, "--join", "chat", "{}"]));
    assert!(
        error.contains("the room `chat` was not joined: forbidden"),
        "{error}"
    );
    let mut listener = Listener::start(&["listen", &url]);
    listener.says("connected").await;
    socketio.shutdown();
    listener.says("error: the connection has ended").await;
    assert_eq!(listener.ends().await.0, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_of_a_join_by_the_event_where_the_answer_is_empty() {
    let join = |socket: Socket| async move { socket.emit("joined", &"").unwrap() };
    let refuse = |socket: Socket| async move { socket.emit("error", &"no").unwrap() };
    let namespace = Namespace::new("/").on("join_chat", join);
    let (_socketio, url) = serve(namespace.on("join_lobby", refuse)).await;
    let joins = ["--join", "chat", "{}", "--join", "lobby", "{}"];
    let args = [&["listen", &url, "--count", "1"], &joins[..]].concat();
    let mut listener = Listener::start(&args);
    listener.says("joined chat").await;
    assert_eq!(listener.line().await, "error \"no\"\n");
    let args = [&["listen", &url], &joins[..]].concat();
    let mut listener = Listener::start(&args);
    listener
        .says("the server does not say that it joined lobby")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_is_checked_before_it_is_sent() {
    let redis = RedisServer::spawn().await;
    let here = Path::new(".");
    let broadcast = |args: &[&str], bus: &str| {
        let mut command = fast_app(here, &[&["broadcast", "--room"], args].concat());
        command.env("REDIS_SOCKETIO_URL", bus);
        command
    };
    let url = redis.url();
    for (args, bus, want) in [
        (
            &["chat|1", "e", "{"][..],
            &*url,
            "the payload is not valid JSON\n  because EOF",
        ),
        (&["chat|1", "connect"], &url, "`connect` is reserved"),
        (
            &["", "e"],
            &url,
            "`` cannot be the name of a room\n  because room name is empty",
        ),
        (&["a", "e", "--namespace", "x"], &url, "help: write `/x`"),
        (
            &["a", "e"],
            "memory://",
            "help: let all processes use one Redis",
        ),
        (
            &["a", "e"],
            "nonsense",
            "the bus cannot be used\n  because REDIS_SOCKETIO_URL",
        ),
        (
            &["a", "e"],
            "redis://127.0.0.1:1",
            "the event was not sent\n  because ",
        ),
    ] {
        let error = fail(broadcast(args, bus));
        assert!(error.contains(want), "{want} in {error}");
    }
    let said = run(broadcast(&["a", "e", "--room", "b", "--json"], &url));
    assert_eq!(
        said,
        "{\"event\":\"e\",\"namespace\":\"/\",\"rooms\":[\"a\",\"b\"],\"workers\":0}\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_looks_into_the_bus() {
    let redis = RedisServer::spawn().await;
    let nowhere = tempfile::tempdir().unwrap();
    let doctor = |bus: &str| {
        let mut command = fast_app(nowhere.path(), &["doctor"]);
        command.env("REDIS_SOCKETIO_URL", bus);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        super::text(&output.stdout)
    };
    let said = doctor(&redis.url());
    assert!(
        said.contains(&format!(
            "good bus {} (from the environment) answers in",
            redis.url()
        )),
        "{said}"
    );
    assert!(said.contains("note nobody subscribes"), "{said}");
    assert!(said.contains("mend there is no Cargo.toml"), "{said}");
    let said = doctor("redis://:secret@127.0.0.1:1");
    assert!(said.contains("mend bus redis://:***@127.0.0.1:1"), "{said}");
    assert!(said.contains("→ start Redis"), "{said}");
    let said = doctor(&redis.url().replace("/0", "/99"));
    assert!(said.contains("→ let REDIS_SOCKETIO_URL end with"), "{said}");
    let said = doctor("nonsense");
    assert!(
        said.contains("→ let REDIS_SOCKETIO_URL be an address"),
        "{said}"
    );
    redis.cli(&["CONFIG", "SET", "requirepass", "secret"]).await;
    let said = doctor(&redis.url());
    assert!(
        said.contains("→ put the password into REDIS_SOCKETIO_URL"),
        "{said}"
    );
}

/// A program without dependencies.
fn tiny_program(root: &Path, word: &str) {
    let manifest = "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::create_dir_all(root.join("src")).unwrap();
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    let main = format!(
        "fn main() {{\n    println!(\"{word}\");\n    loop {{ std::thread::park(); }}\n}}\n"
    );
    fs::write(root.join("src/main.rs"), main).unwrap();
}

fn serve_tiny(root: &Path) -> Listener {
    let mut command = fast_app(root, &["serve"]);
    // Every program of the same name has its own folder.
    command.env_remove("CARGO_TARGET_DIR");
    Listener::run(command)
}

#[tokio::test]
async fn a_program_is_started_again_when_its_files_change() {
    let place = tempfile::tempdir().unwrap();
    tiny_program(place.path(), "one");
    let mut serve = serve_tiny(place.path());
    assert_eq!(serve.line().await, "one\n");
    fs::write(place.path().join("src/main.rs"), "broken").unwrap();
    serve.says("what ran before goes on").await;
    tiny_program(place.path(), "two");
    assert_eq!(serve.line().await, "two\n");
    serve.signal("TERM").await;
    assert_eq!(serve.ends().await, (Some(0), String::new()));
}

#[tokio::test]
async fn a_program_is_told_to_end_and_may_take_its_time() {
    let place = tempfile::tempdir().unwrap();
    tiny_program(place.path(), "never run");
    // Run by the shell, which knows what to do with a signal.
    fs::create_dir(place.path().join(".cargo")).unwrap();
    let runner = "[target.'cfg(unix)']\nrunner = [\"sh\", \"program.sh\"]\n";
    fs::write(place.path().join(".cargo/config.toml"), runner).unwrap();
    let program =
        "trap 'sleep 1; echo goodbye; exit 0' TERM\necho ready\nwhile :; do sleep 0.1; done\n";
    fs::write(place.path().join("program.sh"), program).unwrap();
    for signal in ["TERM", "INT"] {
        let mut serve = serve_tiny(place.path());
        assert_eq!(serve.line().await, "ready\n");
        serve.signal(signal).await;
        assert_eq!(serve.line().await, "goodbye\n");
        assert_eq!(serve.ends().await, (Some(0), String::new()));
    }
}

#[tokio::test]
async fn a_build_does_not_keep_a_program_from_being_told_to_end() {
    let place = tempfile::tempdir().unwrap();
    tiny_program(place.path(), "one");
    let mut serve = serve_tiny(place.path());
    assert_eq!(serve.line().await, "one\n");
    // A build that goes on for as long as this test holds its connection.
    let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gate.local_addr().unwrap();
    let script = format!(
        "fn main() {{\n    let gate = std::net::TcpStream::connect(\"{address}\").unwrap();\n    std::io::copy(&mut &gate, &mut std::io::sink()).unwrap();\n}}\n"
    );
    fs::write(place.path().join("build.rs"), script).unwrap();
    tiny_program(place.path(), "two");
    let (_building, _) = timeout(LIMIT, gate.accept()).await.unwrap().unwrap();
    serve.signal("INT").await;
    assert_eq!(serve.ends().await, (Some(0), String::new()));
}
