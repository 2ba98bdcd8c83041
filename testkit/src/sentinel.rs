//! Who knows where the master is.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::child::{self, Output};
use crate::redis_server::SERVICE;
use crate::{RedisServer, TIMEOUT, free_port};

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
            "port {port}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {} 1\n",
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
        sentinel.until_it_names(redis.port()).await;
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

    async fn until_it_names(&self, port: u16) {
        let expected = format!("127.0.0.1\n{port}\n");
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let asked = child::spawn(
                Command::new("redis-cli")
                    .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
                    .args(["SENTINEL", "get-master-addr-by-name", SERVICE])
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null()),
            );
            let answer = asked
                .wait_with_output()
                .await
                .expect("redis-cli can be waited for");
            if answer.stdout == expected.as_bytes() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the sentinel does not name the server:\n{}",
                self.output.text()
            );
        }
    }
}
