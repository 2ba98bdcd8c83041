//! Who hears what is published, and says nothing.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::{RedisServer, TIMEOUT, child};

/// A `redis-cli` that has subscribed to a channel: to Redis one more who listens. Killed on drop.
#[derive(Debug)]
pub struct RedisSpy {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl RedisSpy {
    /// Subscribes to the channel, and waits until Redis counts it.
    pub async fn start(redis: &RedisServer, channel: &str) -> Self {
        let listeners = redis.subscribers(channel).await;
        let mut child = child::spawn(
            Command::new("redis-cli")
                .args(["-u", &redis.url(), "SUBSCRIBE", channel])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        redis.until_subscribers(channel, listeners + 1).await;
        let stdout = child.stdout.take().expect("stdout is piped");
        Self {
            lines: BufReader::new(stdout).lines(),
            _child: child,
        }
    }

    /// Waits [`TIMEOUT`] for the next message with this in it.
    pub async fn expect(&mut self, part: &str) -> String {
        let found = async {
            loop {
                let line = self.line().await;
                if line.contains(part) {
                    return line;
                }
            }
        };
        let found = timeout(TIMEOUT, found).await;
        found.unwrap_or_else(|_| panic!("no message with {part}"))
    }

    /// The next line: a message, or what is said around it.
    pub async fn line(&mut self) -> String {
        let line = self.lines.next_line().await.expect("redis-cli can be read");
        line.expect("redis-cli goes on")
    }
}
