//! Who knows where the master is.

use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::child::{self, Output};
use crate::redis_server::SERVICE;
use crate::{RedisServer, free_port};

/// How long a server may be silent before another takes its place.
const DOWN_AFTER_MS: u64 = 1_000;

/// How long it may take until it answers as it should: it asks servers every 10 s, and does nothing for 30 s when its clock
/// tells it that it has stood still.
const LIMIT: Duration = Duration::from_secs(45);

/// A Redis sentinel on a free port that watches one server as `mymaster`, killed on drop.
#[derive(Debug)]
pub struct Sentinel {
    port: u16,
    password: Option<String>,
    output: Output,
    _child: Child,
    _folder: TempDir,
}

impl Sentinel {
    /// Starts a sentinel and waits until it names the server.
    pub async fn spawn(redis: &RedisServer) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let port = free_port();
        let mut config = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n",
            redis.port()
        );
        if let Some(password) = redis.password() {
            config += &format!("sentinel auth-pass {SERVICE} {password}\n");
        }
        // It keeps what it knows in the file that it was started with.
        std::fs::write(folder.path().join("sentinel.conf"), config)
            .expect("a temporary folder can be written to");
        let mut child = child::spawn(
            Command::new("redis-server")
                .args(["sentinel.conf", "--sentinel"])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let output = Output::collect(child.stdout.take().expect("stdout is piped"));
        let sentinel = Self {
            port,
            password: redis.password().map(str::to_owned),
            output,
            _child: child,
            _folder: folder,
        };
        sentinel.until_it_names(redis).await;
        sentinel
    }

    /// The URL by which the server is found, with the server's password if there is one, database 0.
    pub fn url(&self) -> String {
        let password = self.password.iter().map(|password| format!(":{password}@"));
        let password: String = password.collect();
        format!(
            "redis+sentinel://{password}127.0.0.1:{}/0/{SERVICE}",
            self.port
        )
    }

    /// Waits until it names this server.
    pub async fn until_it_names(&self, redis: &RedisServer) {
        let address = format!("127.0.0.1\n{}\n", redis.port());
        let named = |answer: &str| answer == address;
        self.until("get-master-addr-by-name", named).await;
    }

    /// Waits until it would let this replica take the server's place.
    pub async fn until_it_can_choose(&self, replica: &RedisServer) {
        let port = format!("\nport\n{}\n", replica.port());
        let known =
            |answer: &str| answer.contains(&port) && answer.contains("\nmaster-link-status\nok\n");
        self.until("replicas", known).await;
    }

    async fn until(&self, question: &str, is: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let asked = child::spawn(
                Command::new("redis-cli")
                    .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
                    .args(["SENTINEL", question, SERVICE])
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null()),
            );
            let answer = asked
                .wait_with_output()
                .await
                .expect("redis-cli can be waited for");
            let answer = String::from_utf8_lossy(&answer.stdout);
            if is(&answer) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "SENTINEL {question} answers {answer}\n{}",
                self.output.text()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}
