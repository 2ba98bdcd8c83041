//! A real Redis of the test's own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::child::{self, Output};
use crate::{TIMEOUT, free_port};

/// A `redis-server` on a free port that keeps nothing on disk, killed on drop.
///
/// It listens on 127.0.0.1 and on a Unix socket. [`stop`](Self::stop) and [`start`](Self::start) play an outage: what was
/// in it is lost, the port stays the same. [`freeze`](Self::freeze) and [`thaw`](Self::thaw) play one that nobody is told
/// of.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    password: Option<String>,
    tls: Option<Tls>,
    child: Option<Child>,
}

/// The Unix socket, in its folder.
const SOCKET: &str = "redis.sock";

/// The name that [`Sentinel`](crate::Sentinel)s know the server by.
pub(crate) const SERVICE: &str = "mymaster";

/// How it listens with TLS; its files are in the folder.
#[derive(Debug)]
struct Tls {
    port: u16,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    pub async fn spawn() -> Self {
        Self::stopped().spawned().await
    }

    /// Starts a server that wants this password.
    pub async fn spawn_with_password(password: &str) -> Self {
        let mut server = Self::stopped();
        server.password = Some(password.to_owned());
        server.spawned().await
    }

    /// Starts a server that listens with TLS too, see [`tls_url`](Self::tls_url).
    pub async fn spawn_with_tls() -> Self {
        let mut server = Self::stopped();
        server.make_certificates().await;
        server.tls = Some(Tls { port: free_port() });
        server.spawned().await
    }

    /// Its URL, with its password if there is one, database 0.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// Its URL at another port, where a [`Proxy`](crate::Proxy) is in front of it.
    pub fn url_at(&self, port: u16) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{port}/0"),
            None => format!("redis://127.0.0.1:{port}/0"),
        }
    }

    /// The URL of its Unix socket.
    pub fn unix_url(&self) -> String {
        format!("unix://{}", self.folder.path().join(SOCKET).display())
    }

    /// The URL of its TLS port. Clients must trust [`ca_certificate`](Self::ca_certificate).
    pub fn tls_url(&self) -> String {
        let tls = self.tls.as_ref().expect("it was spawned with TLS");
        format!("rediss://localhost:{}/0", tls.port)
    }

    /// The certificate, in PEM, of the authority that signed the server's for `localhost`.
    pub fn ca_certificate(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it and waits for its end; every connection to it is lost.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().expect("redis runs before stop()");
        child.kill().await.expect("a child can be killed");
    }

    /// Starts it again on the same port, empty, and waits until it answers.
    pub async fn start(&mut self) {
        assert!(self.child.is_none(), "redis is stopped before start()");
        if let Err(output) = self.try_start().await {
            panic!("redis-server does not start again:\n{output}");
        }
    }

    /// Stops the process where it is: connections stay, and nothing answers.
    pub async fn freeze(&self) {
        self.signal("STOP").await;
    }

    /// Lets a frozen process go on.
    pub async fn thaw(&self) {
        self.signal("CONT").await;
    }

    /// Wants another password from new connections; the old ones may stay.
    pub async fn set_password(&mut self, password: &str) {
        let set = self.cli(&["CONFIG", "SET", "requirepass", password]).await;
        assert_eq!(set, "OK");
        self.password = Some(password.to_owned());
    }

    /// Becomes a replica of another one, and has what is in it.
    pub async fn follow(&self, master: &Self) {
        let port = master.port.to_string();
        let followed = self.cli(&["REPLICAOF", "127.0.0.1", &port]).await;
        assert_eq!(followed, "OK");
        let deadline = Instant::now() + 2 * TIMEOUT;
        loop {
            let info = self.cli(&["INFO", "replication"]).await;
            if info.contains("master_link_status:up") {
                return;
            }
            assert!(Instant::now() < deadline, "no replica yet:\n{info}");
        }
    }

    /// How many connections have subscribed to a channel.
    pub async fn subscribers(&self, channel: &str) -> usize {
        let answer = self.cli(&["PUBSUB", "NUMSUB", channel]).await;
        let count = answer.lines().last().and_then(|count| count.parse().ok());
        count.unwrap_or_else(|| panic!("PUBSUB NUMSUB answered {answer}"))
    }

    /// Waits [`TIMEOUT`] until so many connections have subscribed to a channel.
    pub async fn until_subscribers(&self, channel: &str, count: usize) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let now = self.subscribers(channel).await;
            if now == count {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{now} subscribers of {channel}, expected {count}"
            );
        }
    }

    /// Runs `redis-cli` with these arguments and gives what it prints, without the line end.
    pub async fn cli(&self, args: &[&str]) -> String {
        let output = child::spawn(self.cli_command().args(args))
            .wait_with_output()
            .await
            .expect("redis-cli can be waited for");
        let text = String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned();
        assert!(
            output.status.success(),
            "redis-cli {args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    fn stopped() -> Self {
        Self {
            port: free_port(),
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            password: None,
            tls: None,
            child: None,
        }
    }

    async fn spawned(mut self) -> Self {
        // Another process may take the port between its choice and its use.
        while let Err(output) = self.try_start().await {
            assert!(
                output.contains("Address already in use"),
                "redis-server does not start:\n{output}"
            );
            self.port = free_port();
            self.tls = self.tls.map(|_| Tls { port: free_port() });
        }
        self
    }

    /// `Err` is what the server wrote before it ended.
    async fn try_start(&mut self) -> Result<(), String> {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string()])
            .args(["--bind", "127.0.0.1", "--unixsocket", SOCKET])
            .args(["--save", "", "--appendonly", "no"])
            // A replica would wait 5 s for others.
            .args(["--repl-diskless-sync-delay", "0"]);
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        if let Some(tls) = &self.tls {
            command
                .args(["--tls-port", &tls.port.to_string()])
                .args(["--tls-cert-file", "server.crt"])
                .args(["--tls-key-file", "server.key"])
                .args(["--tls-ca-cert-file", "ca.crt", "--tls-auth-clients", "no"]);
        }
        let mut child = child::spawn(
            command
                .current_dir(self.folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let pid = child
            .id()
            .expect("a child that was not waited for has its id");
        let output = Output::collect(child.stdout.take().expect("stdout is piped"));
        let deadline = Instant::now() + TIMEOUT;
        while !self.answers_as(pid).await {
            if child.try_wait().expect("a child can be asked").is_some() {
                return Err(output.text());
            }
            assert!(
                Instant::now() < deadline,
                "redis-server is silent:\n{}",
                output.text()
            );
            sleep(Duration::from_millis(10)).await;
        }
        self.child = Some(child);
        Ok(())
    }

    /// Whether this process answers on the port: a foreign Redis there would answer a PING as well.
    async fn answers_as(&self, pid: u32) -> bool {
        let output = child::spawn(self.cli_command().args(["INFO", "server"]))
            .wait_with_output()
            .await
            .expect("redis-cli can be waited for");
        String::from_utf8_lossy(&output.stdout).contains(&format!("process_id:{pid}\r"))
    }

    fn cli_command(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .envs(self.password.iter().map(|word| ("REDISCLI_AUTH", word)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    async fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("redis runs");
        child::signal(child, name).await;
    }

    /// An authority of its own, and a certificate for `localhost` that it signed.
    async fn make_certificates(&self) {
        let script = "set -e
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=testkit -keyout ca.key -out ca.crt
            openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr
            printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > server.ext
            openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext \
                -out server.crt";
        let output = child::spawn(
            Command::new("sh")
                .args(["-c", script])
                .current_dir(self.folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped()),
        )
        .wait_with_output()
        .await
        .expect("openssl can be waited for");
        assert!(
            output.status.success(),
            "openssl made no certificates:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
